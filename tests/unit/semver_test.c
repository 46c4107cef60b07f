#include "storage/memory/semver.h"

#include "storage/memory/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Each is less than the next: item 11's own example, and where bytewise order would be wrong. */
static const char *const ascending[] = {
    "0.0.0-0",
    "0.0.0",
    "0.0.9",
    "0.0.10",
    "0.9.0",
    "0.10.0",
    "1.0.0-0",
    "1.0.0-2",
    "1.0.0-10",
    "1.0.0--",
    "1.0.0-10a",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-alpha-b",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.0+1",
    "1.0.1-a",
    "2.0.0",
    "10.0.0",
    "99999999999999999999.0.0",
    "100000000000000000000.0.0",
};

/* semver.org's own lists, shortened. */
static const struct {
    const char *text;
    bool is_version;
} texts[] = {
    {"0.0.4",                                         true },
    {"1.1.2-prerelease+meta",                         true },
    {"1.0.0-alpha.0valid",                            true },
    {"1.0.0-alpha-a.b-c-somethinglong+build.1-aef.1", true },
    {"1.2.3----RC-SNAPSHOT.12.9.1--.12+788",          true },
    {"1.0.0+0.build.1-rc.10000aaa-kk-0.1",            true },
    {"1.0.0+001",                                     true },
    {"1.0.0-0A.is.legal",                             true },
    {"",                                              false},
    {"1",                                             false},
    {"1.2",                                           false},
    {"1.2.3.4",                                       false},
    {"v1.2.3",                                        false},
    {"01.1.1",                                        false},
    {"1.01.1",                                        false},
    {"1.2.3-01",                                      false},
    {"1.2.3-a..b",                                    false},
    {"1.2.3-",                                        false},
    {"1.2.3+",                                        false},
    {"1.2.3+a+b",                                     false},
    {"1.2.3-a_b",                                     false},
    {" 1.2.3",                                        false},
    {"1.2.3 ",                                        false},
    {"-1.2.3",                                        false},
    {"1.2.3-\xc3\xa9",                                false},
};

static void only_a_semantic_version_parses(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(texts); row++) {
        struct semver version;

        if (semver_parse(texts[row].text, &version) != texts[row].is_version)
            fail_msg("row %zu: %s", row, texts[row].text);
    }
}

static void make_key(const char *text, struct strbuf *key)
{
    struct semver version;

    strbuf_init(key, NULL, 1000);
    assert_true(semver_parse(text, &version));
    semver_sort_key(&version, key);
    assert_false(strbuf_failed(key));
}

static int compare(const struct strbuf *a, const struct strbuf *b)
{
    int order = memcmp(a->data, b->data, a->length < b->length ? a->length : b->length);

    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static void bytes_of_keys_are_in_the_order_of_versions(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ascending); i++)
        for (size_t j = i + 1; j < COUNT(ascending); j++) {
            struct strbuf less, greater;

            make_key(ascending[i], &less);
            make_key(ascending[j], &greater);
            if (compare(&less, &greater) >= 0)
                fail_msg("%s is not below %s", ascending[i], ascending[j]);
            strbuf_free(&less);
            strbuf_free(&greater);
        }
}

static void a_very_long_version_is_refused(void **state)
{
    char text[SEMVER_LENGTH_MAX + 2];
    struct semver version;

    (void)state;
    memset(text, '1', sizeof text);
    memcpy(text, "1.2.", 4);
    text[SEMVER_LENGTH_MAX] = '\0';
    assert_true(semver_parse(text, &version));
    text[SEMVER_LENGTH_MAX] = '1';
    text[SEMVER_LENGTH_MAX + 1] = '\0';
    assert_false(semver_parse(text, &version));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_semantic_version_parses),
        cmocka_unit_test(bytes_of_keys_are_in_the_order_of_versions),
        cmocka_unit_test(a_very_long_version_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

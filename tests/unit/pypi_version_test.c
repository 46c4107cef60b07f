#include "storage/memory/pypi_version.h"

#include "storage/memory/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Each is less than the next, by PEP 440 and by the Python library packaging 26.3. */
static const char *const ascending[] = {
    "0.dev0",
    "0a0.dev0",
    "0",
    "0.post1",
    "0.0.1",
    "0.9",
    "0.10",
    "1.dev0",
    "1.0.dev456",
    "1.0a1.dev1",
    "1.0a1",
    "1.0a1.post1.dev2",
    "1.0a1.post1",
    "1.0a2.dev456",
    "1.0a12.dev456",
    "1.0a12",
    "1.0b1.dev456",
    "1.0b2",
    "1.0b2.post345.dev456",
    "1.0b2.post345",
    "1.0c1.dev456",
    "1.0rc1",
    "1.0rc10",
    "1.0",
    "1.0+abc.5",
    "1.0+abc.7",
    "1.0+abc.7.1",
    "1.0+abcd",
    "1.0+b.1",
    "1.0+5",
    "1.0+5.a",
    "1.0+5.0",
    "1.0+10",
    "1.0.post0.dev1",
    "1.0.post0",
    "1.0.post456.dev34",
    "1.0.post456.dev34+l",
    "1.0.post456",
    "1.0.post1000",
    "1.0.0.1.dev1",
    "1.0.0.1",
    "1.1.dev1",
    "1.1",
    "1.1.1",
    "1.2+123abc",
    "1.2+123abc456",
    "1.2+abc",
    "1.2+abc123",
    "1.2+abc123def",
    "1.2+1234.abc",
    "1.2+123456",
    "1.2.r32+123456",
    "1.2.rev33+123456",
    "1.10",
    "2",
    "2012.4",
    "20240101",
    "99999999999999999999999999",
    "100000000000000000000000000",
    "1!0.dev1",
    "1!0.1",
    "1!2",
    "2!0a1",
    "10!0",
};

/* As packaging 26.3 spells them: str(), canonicalize_version(). */
static const struct {
    const char *given, *canonical, *identity;
} spellings[] = {
    {"1.0",                     "1.0",                     "1"                  },
    {" 1.0\n",                  "1.0",                     "1"                  },
    {"v1.0",                    "1.0",                     "1"                  },
    {"V1.0",                    "1.0",                     "1"                  },
    {"1.0.0",                   "1.0.0",                   "1"                  },
    {"01.002",                  "1.2",                     "1.2"                },
    {"1.0A1",                   "1.0a1",                   "1a1"                },
    {"1.0.a.1",                 "1.0a1",                   "1a1"                },
    {"1.0-alpha_1",             "1.0a1",                   "1a1"                },
    {"1.0_Beta",                "1.0b0",                   "1b0"                },
    {"1.0b-",                   "1.0b0",                   "1b0"                },
    {"1.0c1",                   "1.0rc1",                  "1rc1"               },
    {"1.0-PREVIEW_1",           "1.0rc1",                  "1rc1"               },
    {"1.0pre",                  "1.0rc0",                  "1rc0"               },
    {"1.0.RC.02",               "1.0rc2",                  "1rc2"               },
    {"1.0-1",                   "1.0.post1",               "1.post1"            },
    {"1.0-0",                   "1.0.post0",               "1.post0"            },
    {"1.0.post",                "1.0.post0",               "1.post0"            },
    {"1.0-r4",                  "1.0.post4",               "1.post4"            },
    {"1.0_rev.5",               "1.0.post5",               "1.post5"            },
    {"1.0POST6",                "1.0.post6",               "1.post6"            },
    {"1.0a1-2",                 "1.0a1.post2",             "1a1.post2"          },
    {"1.0a--2",                 "1.0a0.post2",             "1a0.post2"          },
    {"1.0dev",                  "1.0.dev0",                "1.dev0"             },
    {"1.0.DEV3",                "1.0.dev3",                "1.dev3"             },
    {"1.0-dev_4",               "1.0.dev4",                "1.dev4"             },
    {"1.0.post.dev",            "1.0.post0.dev0",          "1.post0.dev0"       },
    {"0!1.0",                   "1.0",                     "1"                  },
    {"00!1",                    "1",                       "1"                  },
    {"1!1.0.0",                 "1!1.0.0",                 "1!1"                },
    {"0",                       "0",                       "0"                  },
    {"0.0.0",                   "0.0.0",                   "0"                  },
    {"00.0",                    "0.0",                     "0"                  },
    {"0a0",                     "0a0",                     "0a0"                },
    {"1.0+Ubuntu-1",            "1.0+ubuntu.1",            "1+ubuntu.1"         },
    {"1.0+a_B.c-D",             "1.0+a.b.c.d",             "1+a.b.c.d"          },
    {"1.0+001.0a",              "1.0+1.0a",                "1+1.0a"             },
    {"1.0+0",                   "1.0+0",                   "1+0"                },
    {"1.0.0.post0+0",           "1.0.0.post0+0",           "1.post0+0"          },
    {"1.2.3.4.5.6.7.8.0",       "1.2.3.4.5.6.7.8.0",       "1.2.3.4.5.6.7.8"    },
    {"1.0.0rc1.post2.dev3+x.1", "1.0.0rc1.post2.dev3+x.1", "1rc1.post2.dev3+x.1"},
};

static const char *const no_versions[] = {
    "",
    "v",
    " ",
    "1.",
    "1..2",
    ".1",
    "1.0.",
    "1.0-",
    "1.0+",
    "1.0+a.",
    "1.0+.a",
    "1.0+a..b",
    "1.0+a+b",
    "1.0+a!",
    "1.0 1",
    "1. 0",
    "1!",
    "!1",
    "1!2!3",
    "-1",
    "+1",
    "1.0a1b2",
    "1.0rc1a",
    "1.0.post1.post2",
    "1.0.dev1.dev2",
    "1.0.dev1.post2",
    "1.0.dev1a1",
    "1.0x1",
    "1.0-1-2",
    "vv1",
    "1.0+\xc3\xa9",
    "\xd9\xa1",
    "1,0",
    "1.0\x01",
    "latest",
    "1.0.*",
    "1e5x",
    "0x10",
    "1.0-foo",
};

static const struct {
    const char *text;
    bool is_prerelease;
} stages[] = {
    {"1.0",            false},
    {"1.0.post1",      false},
    {"1.0+local",      false},
    {"1.0a1",          true },
    {"1.0rc1.post2",   true },
    {"1.0.post1.dev0", true },
};

static void text_of(const char *given, void (*spell)(const struct pypi_version *, struct strbuf *),
                    struct strbuf *out)
{
    struct pypi_version version;

    strbuf_init(out, NULL, 1000);
    if (!pypi_version_parse(given, &version))
        fail_msg("%s is no version", given);
    spell(&version, out);
    assert_false(strbuf_failed(out));
}

static void assert_spelling(const char *given, const char *expected,
                            void (*spell)(const struct pypi_version *, struct strbuf *))
{
    struct strbuf text;

    text_of(given, spell, &text);
    if (strcmp(text.data, expected))
        fail_msg("%s: %s, not %s", given, text.data, expected);
    strbuf_free(&text);
}

static void every_spelling_has_one_canonical_form(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(spellings); row++) {
        assert_spelling(spellings[row].given, spellings[row].canonical, pypi_version_text);
        assert_spelling(spellings[row].given, spellings[row].identity, pypi_version_identity);
        assert_spelling(spellings[row].canonical, spellings[row].canonical, pypi_version_text);
    }
}

static void what_pep_440_does_not_read_is_no_version(void **state)
{
    struct pypi_version version;

    (void)state;
    for (size_t row = 0; row < COUNT(no_versions); row++)
        if (pypi_version_parse(no_versions[row], &version))
            fail_msg("row %zu: %s", row, no_versions[row]);
}

static void a_very_long_version_is_refused(void **state)
{
    char text[PYPI_VERSION_LENGTH_MAX + 2];
    struct pypi_version version;

    (void)state;
    memset(text, '1', sizeof text);
    text[PYPI_VERSION_LENGTH_MAX] = '\0';
    assert_true(pypi_version_parse(text, &version));
    text[PYPI_VERSION_LENGTH_MAX] = '1';
    text[PYPI_VERSION_LENGTH_MAX + 1] = '\0';
    assert_false(pypi_version_parse(text, &version));
}

static int compare_bytes(const struct strbuf *a, const struct strbuf *b)
{
    int order = memcmp(a->data, b->data, a->length < b->length ? a->length : b->length);

    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static void bytes_of_keys_are_in_the_order_of_versions(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ascending); i++)
        for (size_t j = i + 1; j < COUNT(ascending); j++) {
            struct pypi_version a, b;
            struct strbuf less, greater;

            text_of(ascending[i], pypi_version_sort_key, &less);
            text_of(ascending[j], pypi_version_sort_key, &greater);
            assert_true(pypi_version_parse(ascending[i], &a));
            assert_true(pypi_version_parse(ascending[j], &b));
            if (compare_bytes(&less, &greater) >= 0 || pypi_version_compare(&a, &b) >= 0 ||
                pypi_version_compare(&b, &a) <= 0)
                fail_msg("%s is not below %s", ascending[i], ascending[j]);
            strbuf_free(&less);
            strbuf_free(&greater);
        }
}

static void equal_versions_have_equal_keys(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(spellings); row++) {
        struct strbuf given, identity;

        text_of(spellings[row].given, pypi_version_sort_key, &given);
        text_of(spellings[row].identity, pypi_version_sort_key, &identity);
        if (compare_bytes(&given, &identity))
            fail_msg("%s is not equal to %s", spellings[row].given, spellings[row].identity);
        strbuf_free(&given);
        strbuf_free(&identity);
    }
}

static void alphas_candidates_and_dev_releases_are_prereleases(void **state)
{
    struct pypi_version version;

    (void)state;
    for (size_t row = 0; row < COUNT(stages); row++) {
        assert_true(pypi_version_parse(stages[row].text, &version));
        if (pypi_version_is_prerelease(&version) != stages[row].is_prerelease)
            fail_msg("%s", stages[row].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_has_one_canonical_form),
        cmocka_unit_test(what_pep_440_does_not_read_is_no_version),
        cmocka_unit_test(a_very_long_version_is_refused),
        cmocka_unit_test(bytes_of_keys_are_in_the_order_of_versions),
        cmocka_unit_test(equal_versions_have_equal_keys),
        cmocka_unit_test(alphas_candidates_and_dev_releases_are_prereleases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* policy/pattern.h: which packages an entry of a policy names. */
#include "policy/pattern_set.h"
#include "storage/memory/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct {
    const char *pattern;
    enum format format;
    const char *name, *version;
    bool expected;
} rows[] = {
    {"npm:lodash",                 FORMAT_NPM,      "lodash",     "4.17.21",    true },
    {"npm:lodash",                 FORMAT_PYPI,     "lodash",     "4.17.21",    false},
    {"npm:lodash",                 FORMAT_NPM,      "lodash2",    "4.17.21",    false},
    {"npm:lodash",                 FORMAT_NPM,      "Lodash",     "4.17.21",    false},
    {"npm:lodash@^4",              FORMAT_NPM,      "lodash",     "4.17.21",    true },
    {"npm:lodash@^4",              FORMAT_NPM,      "lodash",     "5.0.0",      false},
    {"npm:lodash@^4",              FORMAT_NPM,      "lodash",     "4.18.0-rc.1", false},
    {"npm:lodash@^4.18.0-rc.0",    FORMAT_NPM,      "lodash",     "4.18.0-rc.1", true },
    {"npm:lodash@1.2.3",           FORMAT_NPM,      "lodash",     "1.2.3",      true },
    {"npm:lodash@1.2.3 || 2.x",    FORMAT_NPM,      "lodash",     "2.9.0",      true },
    {"npm:lodash@*",               FORMAT_NPM,      "lodash",     "1.0.0",      true },
    {"npm:lodash@1.2.3",           FORMAT_NPM,      "lodash",     "none",       false},
    {"npm:@types/*",               FORMAT_NPM,      "@types/node", "20.0.0",    true },
    {"npm:@types/*",               FORMAT_NPM,      "@typesx/node", "20.0.0",   false},
    {"npm:@types/node@>=20",       FORMAT_NPM,      "@types/node", "20.0.0",    true },
    {"npm:@types/node@>=20",       FORMAT_NPM,      "@types/node", "19.0.0",    false},
    {"npm:*",                      FORMAT_NPM,      "@types/node", "20.0.0",    false},
    {"npm:**",                     FORMAT_NPM,      "@types/node", "20.0.0",    true },
    {"npm:@acme/**@^1",            FORMAT_NPM,      "@acme/ui",   "1.1.0",      true },
    {"pypi:requests>=2.31",        FORMAT_PYPI,     "requests",   "2.31.0",     true },
    {"pypi:requests>=2.31",        FORMAT_PYPI,     "requests",   "2.30.0",     false},
    {"pypi:requests>=2.31",        FORMAT_PYPI,     "requests",   "3.0rc1",     false},
    {"pypi:requests>=3.0rc1",      FORMAT_PYPI,     "requests",   "3.0rc1",     true },
    {"pypi:requests @ >=2,<3",     FORMAT_PYPI,     "requests",   "2.5",        false},
    {"pypi:requests@>=2,<3",       FORMAT_PYPI,     "requests",   "2.5",        true },
    {"pypi:requests >=2,<3",       FORMAT_PYPI,     "requests",   "2.5",        true },
    {"pypi:requests@2.31",         FORMAT_PYPI,     "requests",   "2.31.0",     true },
    {"pypi:requests==2.31.*",      FORMAT_PYPI,     "requests",   "2.31.7",     true },
    {"pypi:Ruamel.Yaml",           FORMAT_PYPI,     "ruamel-yaml", "1.0",       true },
    {"pypi:types_*",               FORMAT_PYPI,     "types-six",  "1.0",        true },
    {"artifact:web@^1.4",          FORMAT_ARTIFACT, "web",        "1.5.0",      true },
    {"artifact:web@nightly",       FORMAT_ARTIFACT, "web",        "nightly",    true },
    {"artifact:web@nightly",       FORMAT_ARTIFACT, "web",        "nightly2",   false},
    {"artifact:web",               FORMAT_ARTIFACT, "web",        "whatever",   true },
};

static void a_pattern_names_what_it_says_and_no_more(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t row = 0; row < COUNT(rows); row++) {
        const struct package_pattern *pattern;
        struct error err = {0};
        bool matches = false;

        if (!package_pattern_parse(rows[row].pattern, arena, &pattern, &err))
            matches = package_pattern_matches(pattern, rows[row].format, rows[row].name, rows[row].version);
        else if (rows[row].expected)
            fail_msg("row %zu: %s", row, err.message);
        if (matches != rows[row].expected)
            fail_msg("row %zu: %s and %s@%s", row, rows[row].pattern, rows[row].name, rows[row].version);
    }
    arena_free(arena);
}

static const char *const wrong[] = {
    "",           "lodash",       "gem:x",         "npm:",           "npm:@types",      "npm:@/x",
    "npm:x@",     "npm:x@latest", "npm:x@>2 <1",   "npm:a/b",        "npm:@a/b/c",      "npm:a b",
    "npm:a:b",    "npm:x@1@2",    "pypi:",         "pypi:x@latest",  "pypi:x>=2,<1",    "pypi:x[socks]>=1",
    "pypi:a/b",   "pypi:x^1",     "pypi:x>=",      "artifact:",      "artifact:a/b",    "npm:\xc3\xa4",
    "pypi:x>=1;python_version<'3'", ":x",          "npm:x@>=2 <2",   "pypi:x==1,==2",   "npm:x@<0.0.0-0",
};

static void what_names_nothing_is_refused(void **state)
{
    struct arena *arena = arena_new();
    char text[PACKAGE_PATTERN_MAX + 2] = "npm:";

    (void)state;
    for (size_t row = 0; row < COUNT(wrong); row++) {
        const struct package_pattern *pattern;
        struct error err = {0};

        if (package_pattern_parse(wrong[row], arena, &pattern, &err) != STATUS_INVALID)
            fail_msg("%s is taken", wrong[row]);
        assert_string_equal(err.code, "pattern-invalid");
        assert_null(pattern);
    }
    memset(text + 4, 'a', sizeof text - 5);
    assert_int_equal(package_pattern_parse(text, arena, &(const struct package_pattern *){0}, NULL),
                     STATUS_INVALID);
    arena_free(arena);
}

static void a_set_finds_what_any_of_its_patterns_names(void **state)
{
    static const char *const texts[] = {"npm:b@^2", "pypi:a", "npm:b@^1", "npm:@x/*", "npm:a", "pypi:b*"};
    struct arena *arena = arena_new();
    const struct package_pattern *patterns[COUNT(texts)];
    struct pattern_set set;

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_int_equal(package_pattern_parse(texts[i], arena, &patterns[i], NULL), STATUS_OK);
    pattern_set_init(&set, patterns, COUNT(patterns));
    assert_int_equal(set.exact_count, 4);
    assert_true(pattern_set_matches(&set, FORMAT_NPM, "b", "1.0.0"));
    assert_true(pattern_set_matches(&set, FORMAT_NPM, "b", "2.0.0"));
    assert_false(pattern_set_matches(&set, FORMAT_NPM, "b", "3.0.0"));
    assert_true(pattern_set_matches(&set, FORMAT_PYPI, "a", "3.0"));
    assert_true(pattern_set_matches(&set, FORMAT_PYPI, "bc", "3.0"));
    assert_true(pattern_set_matches(&set, FORMAT_NPM, "@x/y", "3.0.0"));
    assert_false(pattern_set_matches(&set, FORMAT_ARTIFACT, "a", "3.0.0"));
    assert_false(pattern_set_matches(&set, FORMAT_NPM, "c", "3.0.0"));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_names_what_it_says_and_no_more),
        cmocka_unit_test(what_names_nothing_is_refused),
        cmocka_unit_test(a_set_finds_what_any_of_its_patterns_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

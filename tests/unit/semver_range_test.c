#include "storage/memory/arena.h"
#include "storage/memory/semver_range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct arena *arena;

static int make_arena(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int free_arena(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* Answers of node-semver 7; NULL versions end a row. */
static const struct {
    const char *range, *inside[5], *outside[5];
} ranges[] = {
    {"",                                {"0.0.0", "1.2.3"},                         {"1.0.0-a"}                             },
    {"*",                               {"0.0.0", "9.9.9"},                         {"1.0.0-a"}                             },
    {"1.2.3",                           {"1.2.3"},                                  {"1.2.4", "1.2.3-a"}                    },
    {"=v1.2.3",                         {"1.2.3", "1.2.3+b"},                       {"1.2.4"}                               },
    {"1",                               {"1.0.0", "1.9.9"},                         {"2.0.0", "0.9.9", "2.0.0-0"}           },
    {"1.x",                             {"1.0.0", "1.9.9"},                         {"2.0.0"}                               },
    {"1.2.*",                           {"1.2.0", "1.2.9"},                         {"1.3.0", "1.3.0-0"}                    },
    {"^1.2.3",                          {"1.2.3", "1.9.0"},                         {"2.0.0", "1.2.2", "2.0.0-a", "1.3.0-a"}},
    {"^0.2.3",                          {"0.2.3", "0.2.9"},                         {"0.3.0", "0.2.2"}                      },
    {"^0.0.3",                          {"0.0.3"},                                  {"0.0.4", "0.0.2"}                      },
    {"^0.0",                            {"0.0.0", "0.0.9"},                         {"0.1.0"}                               },
    {"^0.x",                            {"0.0.0", "0.9.9"},                         {"1.0.0"}                               },
    {"^1.2.3-beta.2",                   {"1.2.3-beta.2", "1.2.3-beta.10", "1.2.3"}, {"1.2.3-beta.1", "1.2.4-beta.2"}        },
    {"~1.2.3",                          {"1.2.3", "1.2.9"},                         {"1.3.0"}                               },
    {"~>1.2",                           {"1.2.0", "1.2.9"},                         {"1.3.0"}                               },
    {"~1",                              {"1.0.0", "1.9.9"},                         {"2.0.0"}                               },
    {">1",                              {"2.0.0"},                                  {"1.9.9"}                               },
    {">1.2",                            {"1.3.0"},                                  {"1.2.9"}                               },
    {">=1.2 <2",                        {"1.2.0", "1.9.9"},                         {"2.0.0", "1.1.9", "2.0.0-a"}           },
    {"<=1.2",                           {"1.2.9", "0.0.1"},                         {"1.3.0", "1.3.0-0"}                    },
    {"<1",                              {"0.9.9"},                                  {"1.0.0", "1.0.0-0"}                    },
    {"<*",                              {NULL},                                     {"0.0.0", "1.0.0"}                      },
    {">= 1.2.3",                        {"1.2.3"},                                  {"1.2.2"}                               },
    {"1.2 - 2.3",                       {"1.2.0", "2.3.9"},                         {"2.4.0", "1.1.9"}                      },
    {"1.2.3 - 2.3.4",                   {"1.2.3", "2.3.4"},                         {"2.3.5"}                               },
    {"1.x || >=2.5.0 || 5.0.0 - 7.2.3", {"1.0.0", "2.5.0", "8.0.0"},                {"2.4.9"}                               },
    {"1 || ",                           {"1.0.0", "3.0.0"},                         {"1.0.0-a"}                             },
    {">=1.0.0-rc.1",                    {"1.0.0-rc.1", "1.0.0", "2.0.0"},           {"1.0.0-beta", "2.0.0-rc.1"}            },
};

static bool satisfies(const char *text, const char *range)
{
    struct semver version;
    const struct semver_range *parsed = semver_range_parse(range, arena);

    assert_true(semver_parse(text, &version));
    assert_non_null(parsed);
    return semver_satisfies(&version, parsed);
}

static void a_range_holds_what_node_semver_says(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(ranges); row++) {
        for (size_t i = 0; i < 5 && ranges[row].inside[i]; i++)
            if (!satisfies(ranges[row].inside[i], ranges[row].range))
                fail_msg("\"%s\" is not in \"%s\"", ranges[row].inside[i], ranges[row].range);
        for (size_t i = 0; i < 5 && ranges[row].outside[i]; i++)
            if (satisfies(ranges[row].outside[i], ranges[row].range))
                fail_msg("\"%s\" is in \"%s\"", ranges[row].outside[i], ranges[row].range);
    }
}

static const char *const words[] = {
    "latest",
    "next",
    "v",
    "beta-1",
    "1.2.3.4",
    "01",
    "1.02",
    ">",
    "^",
    "=>1",
    "1 |2",
    "1 | 2",
    "x.01",
    "1.2.3-01",
    "1.2-beta",
    "vv",
    "1.2.3 - ",
    "x.2",
    "9007199254740992",
};

static void words_are_no_ranges(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(words); row++)
        if (semver_range_parse(words[row], arena))
            fail_msg("\"%s\" is a range", words[row]);
}

static void what_javascript_cannot_count_satisfies_nothing(void **state)
{
    (void)state;
    assert_true(satisfies("9007199254740991.0.0", "*"));
    assert_false(satisfies("9007199254740992.0.0", "*"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_holds_what_node_semver_says),
        cmocka_unit_test(words_are_no_ranges),
        cmocka_unit_test(what_javascript_cannot_count_satisfies_nothing),
    };

    return cmocka_run_group_tests(tests, make_arena, free_arena);
}

/* policy/spdx.h: licence expressions, and what a list makes of them. */
#include "policy/spdx.h"
#include "storage/memory/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The list is MIT, BSD-*, GPL-2.0+ and Apache-2.0 WITH LLVM-exception. */
static const struct {
    const char *text;
    bool is_valid, is_allowed, avoids;
} expressions[] = {
    {"MIT",                                  true,  true,  false},
    {"mit",                                  true,  true,  false},
    {" MIT ",                                true,  true,  false},
    {"ISC",                                  true,  false, true },
    {"BSD-3-Clause",                         true,  true,  false},
    {"MIT OR ISC",                           true,  true,  true },
    {"MIT AND ISC",                          true,  false, false},
    {"MIT AND BSD-2-Clause",                 true,  true,  false},
    {"ISC AND MIT OR BSD-2-Clause",          true,  true,  false},
    {"ISC AND (MIT OR BSD-2-Clause)",        true,  false, false},
    {"(MIT)",                                true,  true,  false},
    {"(MIT or ISC) and (BSD-4-Clause)",      true,  true,  false},
    {"MIT+",                                 true,  true,  false},
    {"MIT WITH some-exception",              true,  true,  false},
    {"Apache-2.0",                           true,  false, true },
    {"Apache-2.0 WITH LLVM-exception",       true,  true,  false},
    {"Apache-2.0 WITH Swift-exception",      true,  false, true },
    {"GPL-2.0+",                             true,  true,  false},
    {"GPL-2.0-or-later",                     true,  true,  false},
    {"GPL-2.0",                              true,  false, true },
    {"GPL-2.0-only",                         true,  false, true },
    {"GPL-3.0-or-later",                     true,  false, true },
    {"LicenseRef-ours",                      true,  false, true },
    {"DocumentRef-x:LicenseRef-ours AND MIT", true, false, false},
    {"UNLICENSED",                           true,  false, true },
    {"",                                     false, false, false},
    {"MIT License",                          false, false, false},
    {"SEE LICENSE IN LICENSE.md",            false, false, false},
    {"MIT OR",                               false, false, false},
    {"OR MIT",                               false, false, false},
    {"AND",                                  false, false, false},
    {"MIT WITH",                             false, false, false},
    {"MIT WITH OR",                          false, false, false},
    {"(MIT",                                 false, false, false},
    {"MIT)",                                 false, false, false},
    {"()",                                   false, false, false},
    {"MIT/ISC",                              false, false, false},
    {"MIT, ISC",                             false, false, false},
    {"MIT ++",                               false, false, false},
    {"MIT++",                                false, false, false},
    {"BSD-*",                                false, false, false},
    {"\xc3\xa4",                             false, false, false},
};

static void or_needs_one_branch_and_all(void **state)
{
    struct arena *arena = arena_new();
    const char *list[] = {"MIT", "BSD-*", "GPL-2.0+", "Apache-2.0 WITH LLVM-exception"};

    (void)state;
    for (size_t i = 0; i < COUNT(list); i++)
        assert_non_null(list[i] = spdx_list_entry(list[i], arena));
    for (size_t row = 0; row < COUNT(expressions); row++)
        if (spdx_is_valid(expressions[row].text) != expressions[row].is_valid ||
            spdx_is_allowed(expressions[row].text, list, COUNT(list)) != expressions[row].is_allowed ||
            spdx_avoids(expressions[row].text, list, COUNT(list)) != expressions[row].avoids)
            fail_msg("row %zu: %s", row, expressions[row].text);
    arena_free(arena);
}

static void an_expression_has_limits(void **state)
{
    char text[2 * SPDX_LENGTH_MAX + 8];
    size_t length = 0;

    (void)state;
    for (int i = 0; i < SPDX_DEPTH_MAX; i++)
        text[length++] = '(';
    length += (size_t)snprintf(text + length, 8, "MIT");
    for (int i = 0; i < SPDX_DEPTH_MAX; i++)
        text[length++] = ')';
    text[length] = '\0';
    assert_true(spdx_is_valid(text));
    memmove(text + 1, text, length + 1);
    *text = '(';
    text[length + 1] = ')';
    text[length + 2] = '\0';
    assert_false(spdx_is_valid(text));
    memset(text, 'a', SPDX_LENGTH_MAX);
    text[SPDX_LENGTH_MAX] = '\0';
    assert_true(spdx_is_valid(text));
    text[SPDX_LENGTH_MAX] = 'a';
    text[SPDX_LENGTH_MAX + 1] = '\0';
    assert_false(spdx_is_valid(text));
}

static const struct {
    const char *text, *entry;
} entries[] = {
    {"MIT",                    "mit"                   },
    {"GPL-2.0",                "gpl-2.0-only"          },
    {"LGPL-2.1+",              "lgpl-2.1-or-later"     },
    {"GPL-*",                  "gpl-*"                 },
    {"*",                      "*"                     },
    {"A WITH B",               "a with b"              },
    {"GPL-2.0 with Classpath*", "gpl-2.0-only with classpath*"},
    {"",                       NULL                    },
    {"MIT OR ISC",             NULL                    },
    {"OR",                     NULL                    },
    {"MIT ",                   NULL                    },
    {"MIT WITH ",              NULL                    },
    {"MIT  WITH A",            NULL                    },
    {"(MIT)",                  NULL                    },
    {"M/T",                    NULL                    },
};

static void an_entry_of_a_list_is_one_licence(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t row = 0; row < COUNT(entries); row++) {
        const char *entry = spdx_list_entry(entries[row].text, arena);

        if (!entry != !entries[row].entry || (entry && strcmp(entry, entries[row].entry)))
            fail_msg("row %zu: %s", row, entry ? entry : "none");
    }
    arena_free(arena);
}

static void classifiers_name_licences(void **state)
{
    static const char *const both[] = {"Programming Language :: Python", "License :: OSI Approved",
                                       "License :: OSI Approved :: MIT License",
                                       "License :: OSI Approved :: BSD License"};
    static const char *const vague[] = {"License :: OSI Approved :: MIT License",
                                        "License :: Other/Proprietary License"};
    static const char *const none[] = {"Programming Language :: Python", "License :: OSI Approved"};
    static const char *const allowed[] = {"mit", "bsd-3-clause"};
    struct arena *arena = arena_new();
    const char *expression = spdx_from_classifiers(both, COUNT(both), arena);

    (void)state;
    assert_string_equal(expression, "MIT AND BSD-2-Clause AND BSD-3-Clause");
    assert_true(spdx_is_valid(expression));
    assert_false(spdx_is_allowed(expression, allowed, COUNT(allowed)));
    assert_null(spdx_from_classifiers(vague, COUNT(vague), arena));
    assert_null(spdx_from_classifiers(none, COUNT(none), arena));
    assert_null(spdx_from_classifiers(NULL, 0, arena));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(or_needs_one_branch_and_all),
        cmocka_unit_test(an_expression_has_limits),
        cmocka_unit_test(an_entry_of_a_list_is_one_licence),
        cmocka_unit_test(classifiers_name_licences),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

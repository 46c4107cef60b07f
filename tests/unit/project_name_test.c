#include "storage/memory/project_name.h"

#include "storage/memory/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Spellings that pip takes for one project must reach one page; what is no name reaches none. */
static const struct {
    const char *given, *normalized, *in_files;
} names[] = {
    {"hello",          "hello",          "hello"         },
    {"ruamel.yaml",    "ruamel-yaml",    "ruamel_yaml"   },
    {"a__b.-c",        "a-b-c",          "a_b_c"         },
    {"Demo-_.-Pkg",    "demo-pkg",       "demo_pkg"      },
    {"2to3",           "2to3",           "2to3"          },
    {"A",              "a",              "a"             },
    {"zope.interface", "zope-interface", "zope_interface"},
    {"",               NULL,             NULL            },
    {"-leading",       NULL,             NULL            },
    {"trailing_",      NULL,             NULL            },
    {".",              NULL,             NULL            },
    {"..",             NULL,             NULL            },
    {"a b",            NULL,             NULL            },
    {"a\n",            NULL,             NULL            },
    {"a/b",            NULL,             NULL            },
    {"a\\b",           NULL,             NULL            },
    {"caf\xc3\xa9",    NULL,             NULL            },
    {"a\xe2\x80\x8b",  NULL,             NULL            },
    {"a+b",            NULL,             NULL            },
};

static void one_project_has_one_name(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t row = 0; row < COUNT(names); row++) {
        const char *normalized = project_name_normalize(arena, names[row].given);

        if (project_name_is_valid(names[row].given) != !!names[row].normalized)
            fail_msg("row %zu: %s", row, names[row].given);
        if (!names[row].normalized) {
            assert_null(normalized);
            continue;
        }
        assert_string_equal(normalized, names[row].normalized);
        assert_string_equal(project_name_normalize(arena, normalized), normalized);
        assert_string_equal(project_name_in_files(arena, normalized), names[row].in_files);
    }
    arena_free(arena);
}

static void a_very_long_name_is_refused(void **state)
{
    char text[PROJECT_NAME_LENGTH_MAX + 2] = "";

    (void)state;
    memset(text, 'a', PROJECT_NAME_LENGTH_MAX);
    assert_true(project_name_is_valid(text));
    text[PROJECT_NAME_LENGTH_MAX] = 'a';
    assert_false(project_name_is_valid(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_project_has_one_name),
        cmocka_unit_test(a_very_long_name_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

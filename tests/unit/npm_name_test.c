#include "protocols/npm/name.h"
#include "storage/memory/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

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

static void assert_text_row(size_t row, const char *expected, const char *got)
{
    if (expected && got ? strcmp(expected, got) : expected != got)
        fail_msg("row %zu: expected %s, got %s", row, expected ? expected : "NULL",
                 got ? got : "NULL");
}

/* NULL: may be published; else a piece of the sentence that says why not. */
static const struct {
    const char *name, *refusal;
} names[] = {
    {"hello",               NULL         },
    {"@scope/hello",        NULL         },
    {"lodash.get",          NULL         },
    {"under_score",         NULL         },
    {"3d",                  NULL         },
    {"constructor",         NULL         },
    {"hasownproperty",      NULL         },
    {"@scope/node_modules", NULL         },
    {"@scope/http",         NULL         },
    {"@scope/-x",           NULL         },
    {"a@b",                 "encoding"   },
    {"",                    "empty"      },
    {".x",                  "begin with" },
    {"_x",                  "begin with" },
    {"-x",                  "begin with" },
    {"__proto__",           "begin with" },
    {"@scope/.x",           "dot"        },
    {"@../x",               "dot"        },
    {" hello",              "encoding"   },
    {"hello ",              "encoding"   },
    {"hel lo",              "encoding"   },
    {"a/b",                 "encoding"   },
    {"@scope/a/b",          "encoding"   },
    {"@scope/",             "encoding"   },
    {"@/hello",             "encoding"   },
    {"@scope",              "encoding"   },
    {"h\xc3\xa9llo",        "encoding"   },
    {"node_modules",        "reserved"   },
    {"Node_Modules",        "reserved"   },
    {"favicon.ico",         "reserved"   },
    {"Hello",               "capital"    },
    {"@Scope/hello",        "capital"    },
    {"crazy!",              "~'!()*"     },
    {"@scope/what*",        "~'!()*"     },
    {"http",                "core module"},
    {"worker_threads",      "core module"},
};

static void only_npms_own_names_are_published(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(names); row++) {
        struct error err = {0};
        enum status rc = npm_name_check_publish(names[row].name, &err);

        if (!names[row].refusal ? rc != STATUS_OK
                                : rc != STATUS_INVALID || !strstr(err.message, names[row].refusal))
            fail_msg("row %zu: %s: %s", row, names[row].name, err.message);
    }
}

static void a_name_has_at_most_214_characters(void **state)
{
    char name[NPM_NAME_MAX + 2];

    (void)state;
    memset(name, 'a', sizeof name - 1);
    name[NPM_NAME_MAX + 1] = '\0';
    assert_int_equal(npm_name_check_publish(name, NULL), STATUS_INVALID);
    name[NPM_NAME_MAX] = '\0';
    assert_int_equal(npm_name_check_publish(name, NULL), STATUS_OK);
}

static const struct {
    const char *name;
    bool is_readable;
} readable[] = {
    {"hello",        true },
    {"JSONStream",   true },
    {"@Scope/Hello", true },
    {"http",         true },
    {"_old",         true },
    {"crazy!",       true },
    {"@s/-x",        true },
    {"-",            false},
    {"",             false},
    {".",            false},
    {"..",           false},
    {".x",           false},
    {"@s/..",        false},
    {"@s/",          false},
    {"@/x",          false},
    {"a/b",          false},
    {"@s/a/b",       false},
    {"@",            false},
    {"@s",           false},
};

static void old_names_are_read_and_odd_paths_are_not(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(readable); row++)
        if (npm_name_is_readable(readable[row].name) != readable[row].is_readable)
            fail_msg("row %zu: %s", row, readable[row].name);
}

static const struct {
    const char *name, *scope, *base;
} parts[] = {
    {"hello",        NULL,     "hello"},
    {"@scope/hello", "@scope", "hello"},
    {"@s/n-1",       "@s",     "n-1"  },
};

static void a_scope_and_a_base_make_a_name(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(parts); row++) {
        assert_text_row(row, parts[row].scope, npm_name_scope(parts[row].name, arena));
        assert_text_row(row, parts[row].base, npm_name_base(parts[row].name));
    }
}

static const struct {
    const char *name, *file, *version;
} tarballs[] = {
    {"hello",    "hello-1.0.0.tgz",        "1.0.0"       },
    {"@s/hello", "hello-1.0.0.tgz",        "1.0.0"       },
    {"hello",    "hello-1.0.0-rc.1-2.tgz", "1.0.0-rc.1-2"},
    {"a-1",      "a-1-2.0.0.tgz",          "2.0.0"       },
    {"a",        "a-1-2.0.0.tgz",          NULL          },
    {"hello",    "hello-1.0.0+build.tgz",  "1.0.0"       },
    {"hello",    "help-1.0.0.tgz",         NULL          },
    {"hello",    "hello-1.0.0.tar",        NULL          },
    {"hello",    "hello-.tgz",             NULL          },
    {"hello",    "hello.tgz",              NULL          },
    {"hello",    "hello1.0.0.tgz",         NULL          },
    {"hello",    "hello-1.0.tgz",          NULL          },
    {"hello",    "",                       NULL          },
};

static void a_tarball_is_named_after_its_version(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(tarballs); row++)
        assert_text_row(row, tarballs[row].version,
                        npm_tarball_version(tarballs[row].name, tarballs[row].file, arena));
    assert_string_equal(npm_tarball_name("@s/hello", "1.0.0-a-b", arena), "hello-1.0.0-a-b.tgz");
}

static const struct {
    const char *given, *clean;
} versions[] = {
    {"1.0.0",                 "1.0.0"               },
    {"v1.0.0",                "1.0.0"               },
    {"=1.0.0",                "1.0.0"               },
    {" =v1.0.0 ",             "1.0.0"               },
    {"1.0.0+build.7",         "1.0.0"               },
    {"1.0.0-rc.1+build",      "1.0.0-rc.1"          },
    {"9007199254740991.0.0",  "9007199254740991.0.0"},
    {"9007199254740992.0.0",  NULL                  },
    {"1.0.99999999999999999", NULL                  },
    {"1.0",                   NULL                  },
    {"1.0.0.0",               NULL                  },
    {"01.0.0",                NULL                  },
    {"1.0.0-01",              NULL                  },
    {"latest",                NULL                  },
    {"1.0.0 beta",            NULL                  },
    {"",                      NULL                  },
};

static void a_version_has_one_spelling(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(versions); row++)
        assert_text_row(row, versions[row].clean, npm_version_clean(versions[row].given, arena));
}

static const struct {
    const char *tag;
    bool is_legal;
} tags[] = {
    {"latest",   true },
    {"next",     true },
    {"beta-1",   true },
    {"v-next",   true },
    {"lts.1",    true },
    {"x1",       true },
    {"vNext",    true },
    {"1",        false},
    {"v1.2",     false},
    {"x",        false},
    {"*",        false},
    {"1.x",      false},
    {"1.2.3",    false},
    {"^1",       false},
    {"~1",       false},
    {"",         false},
    {"a b",      false},
    {"a/b",      false},
    {"\xc3\xa9", false},
};

static void a_tag_is_never_a_range(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(tags); row++)
        if ((npm_tag_check(tags[row].tag, arena, NULL) == STATUS_OK) != tags[row].is_legal)
            fail_msg("row %zu: %s", row, tags[row].tag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_npms_own_names_are_published),
        cmocka_unit_test(a_name_has_at_most_214_characters),
        cmocka_unit_test(old_names_are_read_and_odd_paths_are_not),
        cmocka_unit_test(a_scope_and_a_base_make_a_name),
        cmocka_unit_test(a_tarball_is_named_after_its_version),
        cmocka_unit_test(a_version_has_one_spelling),
        cmocka_unit_test(a_tag_is_never_a_range),
    };

    return cmocka_run_group_tests(tests, make_arena, free_arena);
}

#include "protocols/pypi/wheel_name.h"

#include "storage/memory/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct {
    const char *file, *project, *version, *build, *python, *abi, *platform;
} wheels[] = {
    {"hello-1.0-py3-none-any.whl",                                                    "hello",    "1.0",       NULL,   "py3",     "none",  "any"                                       },
    {"demo_pkg-1.0.post1-2-py2.py3-none-any.whl",                                     "demo_pkg", "1.0.post1", "2",    "py2.py3", "none",
     "any"                                                                                                                                                                             },
    {"a-1!2.0+cu121-1abc-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "a",
     "1!2.0+cu121",                                                                                            "1abc", "cp312",   "cp312", "manylinux_2_17_x86_64.manylinux2014_x86_64"},
    {"Demo.Pkg-1-py3-none-any.whl",                                                   "Demo.Pkg", "1",         NULL,   "py3",     "none",  "any"                                       },
};

static const char *const no_wheels[] = {
    "",
    ".whl",
    "hello.whl",
    "hello-1.0.whl",
    "hello-1.0-py3-none.whl",
    "hello-1.0-1-py3-none-any-x.whl",
    "hello-1.0-1-2-3-4-py3-none-any.whl",
    "hello-1.0-py3-none-any.WHL",
    "hello-1.0-py3-none-any.whl ",
    "hello-1.0-py3-none-any.zip",
    "-1.0-py3-none-any.whl",
    "he__llo-1.0-py3-none-any.whl",
    "_hello-1.0-py3-none-any.whl",
    "hel lo-1.0-py3-none-any.whl",
    "../x-1.0-py3-none-any.whl",
    "hello--py3-none-any.whl",
    "hello-latest-py3-none-any.whl",
    "hello-1.0-x1-py3-none-any.whl",
    "hello-1.0--py3-none-any.whl",
    "hello-1.0--none-any.whl",
    "hello-1.0-py3--any.whl",
    "hello-1.0-py3-none-.whl",
    "hello-1.0-py2..py3-none-any.whl",
    "hello-1.0-.py3-none-any.whl",
    "hello-1.0-py3.-none-any.whl",
    "hello-1.0-py3-none-a/b.whl",
};

static const struct {
    const char *file, *project, *version;
} sdists[] = {
    {"hello-1.0.tar.gz",        "hello",    "1.0"    },
    {"demo_pkg-1.0+l.1.tar.gz", "demo_pkg", "1.0+l.1"},
    {"demo-pkg-1.1.tar.gz",     "demo-pkg", "1.1"    },
    {"hello-1.0.tar.bz2",       NULL,       NULL     },
    {"hello-1.0.zip",           NULL,       NULL     },
    {"hello-1.0.TAR.GZ",        NULL,       NULL     },
    {".tar.gz",                 NULL,       NULL     },
    {"hello.tar.gz",            NULL,       NULL     },
    {"hello-.tar.gz",           NULL,       NULL     },
    {"-1.0.tar.gz",             NULL,       NULL     },
    {"hello-new.tar.gz",        NULL,       NULL     },
    {"hello-1.0/../x-1.tar.gz", NULL,       NULL     },
};

/* Whether a file may belong to project "demo-pkg" in this version; what the refusal names. */
static const struct {
    const char *file, *version, *refusal;
} owners[] = {
    {"demo_pkg-1.0-py3-none-any.whl",    "1.0",     NULL                },
    {"demo_pkg-1.0.0-py3-none-any.whl",  "1.0",     NULL                },
    {"demo_pkg-1.0rc1-py3-none-any.whl", "1.0.RC1", NULL                },
    {"Demo_Pkg-1.0-py3-none-any.whl",    "1.0",     "'demo_pkg-'"       },
    {"demo.pkg-1.0-py3-none-any.whl",    "1.0",     "'demo_pkg-'"       },
    {"demo-1.0-py3-none-any.whl",        "1.0",     "'demo_pkg-'"       },
    {"demo_pkg-1.1-py3-none-any.whl",    "1.0",     "'1.1'"             },
    {"demo_pkg-1.0+a-py3-none-any.whl",  "1.0",     "'1.0+a'"           },
    {"demo_pkg-1.0.tar.gz",              "1.0",     NULL                },
    {"demo_pkg-1.0.0.tar.gz",            "1.0",     NULL                },
    {"demo_pkg-1.0rc1.tar.gz",           "1.0-c1",  NULL                },
    {"demo-pkg-1.0.tar.gz",              "1.0",     "'demo_pkg-'"       },
    {"demo_pkg-1.0.RC1.tar.gz",          "1.0rc1",  "'demo_pkg-1.0rc1.'"},
    {"demo_pkg-1.1.tar.gz",              "1.0",     "'1.1'"             },
};

static void assert_part(const char *file, const char *part, const char *expected)
{
    if (!part != !expected || (part && strcmp(part, expected)))
        fail_msg("%s: '%s', not '%s'", file, part ? part : "(none)",
                 expected ? expected : "(none)");
}

static void a_wheels_name_tells_its_parts(void **state)
{
    struct arena *arena = arena_new();
    struct wheel_name name;
    struct error err;

    (void)state;
    for (size_t row = 0; row < COUNT(wheels); row++) {
        const char *file = wheels[row].file;

        if (wheel_name_parse(file, arena, &name, &err))
            fail_msg("%s: %s", file, err.message);
        assert_part(file, name.project, wheels[row].project);
        assert_part(file, name.version, wheels[row].version);
        assert_part(file, name.build, wheels[row].build);
        assert_part(file, name.python, wheels[row].python);
        assert_part(file, name.abi, wheels[row].abi);
        assert_part(file, name.platform, wheels[row].platform);
    }
    arena_free(arena);
}

static void what_pep_427_does_not_name_is_no_wheel(void **state)
{
    struct arena *arena = arena_new();
    struct wheel_name name;
    struct error err;

    (void)state;
    for (size_t row = 0; row < COUNT(no_wheels); row++)
        if (wheel_name_parse(no_wheels[row], arena, &name, &err) != STATUS_INVALID)
            fail_msg("%s", no_wheels[row]);
    arena_free(arena);
}

static void an_sdists_name_tells_project_and_version(void **state)
{
    struct arena *arena = arena_new();
    struct sdist_name name;
    struct error err;

    (void)state;
    for (size_t row = 0; row < COUNT(sdists); row++) {
        enum status rc = sdist_name_parse(sdists[row].file, arena, &name, &err);

        if (!rc != !!sdists[row].project)
            fail_msg("%s: %s", sdists[row].file, rc ? err.message : "accepted");
        if (rc)
            continue;
        assert_part(sdists[row].file, name.project, sdists[row].project);
        assert_part(sdists[row].file, name.version, sdists[row].version);
    }
    arena_free(arena);
}

static enum status check(struct arena *arena, const char *file, const char *version,
                         struct error *err)
{
    struct wheel_name wheel;
    struct sdist_name sdist;

    if (file_name_is_wheel(file)) {
        assert_int_equal(wheel_name_parse(file, arena, &wheel, err), STATUS_OK);
        return wheel_name_check(&wheel, "demo-pkg", version, arena, err);
    }
    assert_true(file_name_is_sdist(file));
    assert_int_equal(sdist_name_parse(file, arena, &sdist, err), STATUS_OK);
    return sdist_name_check(&sdist, "demo-pkg", version, arena, err);
}

static void a_file_is_named_after_its_project_and_version(void **state)
{
    struct arena *arena = arena_new();
    struct error err;

    (void)state;
    for (size_t row = 0; row < COUNT(owners); row++) {
        enum status rc = check(arena, owners[row].file, owners[row].version, &err);

        if (rc != (owners[row].refusal ? STATUS_INVALID : STATUS_OK))
            fail_msg("%s: %s", owners[row].file, rc ? err.message : "accepted");
        if (rc && !strstr(err.message, owners[row].refusal))
            fail_msg("%s: '%s' does not name %s", owners[row].file, err.message,
                     owners[row].refusal);
    }
    arena_free(arena);
}

static void a_very_long_name_is_refused(void **state)
{
    struct arena *arena = arena_new();
    char file[DISTRIBUTION_NAME_LENGTH_MAX + 2] = "";
    struct wheel_name name;
    struct error err;

    (void)state;
    memset(file, 'a', sizeof file - 1);
    memcpy(file, "a-1-py3-none-", strlen("a-1-py3-none-"));
    memcpy(file + sizeof file - 5, ".whl", 4);
    assert_int_equal(wheel_name_parse(file, arena, &name, &err), STATUS_INVALID);
    memmove(file + 20, file + 21, sizeof file - 21);
    assert_int_equal(wheel_name_parse(file, arena, &name, &err), STATUS_OK);
    arena_free(arena);
}

/* NULL: no distribution of the project that a client could install. */
static const struct {
    const char *file, *project, *version;
} foreign[] = {
    {"demo_pkg-1.0-py3-none-any.whl",          "demo-pkg", "1.0"    },
    {"Demo.Pkg-1.0-1-py2.py3-none-any.whl",    "demo-pkg", "1.0"    },
    {"demo-pkg-1.0.tar.gz",                    "demo-pkg", "1.0"    },
    {"demo-pkg-1.0-1.zip",                     "demo-pkg", "1.0-1"  },
    {"demo_pkg-1.0rc1.tar.bz2",                "demo-pkg", "1.0rc1" },
    {"demo_pkg-1.0.tgz",                       "demo-pkg", "1.0"    },
    {"demo-1.0+l_1-py3-none-any.whl",          "demo",     "1.0+l_1"},
    {"demo-1.0_1-py3-none-any.whl",            "demo",     "1.0-1"  },
    {"demo-2-1.0.tar.gz",                      "demo-2",   "1.0"    },
    {"demo-pkg-1.0.tar.gz",                    "demo",     NULL     },
    {"demo_pkg-1.0.tar.gz",                    "other",    NULL     },
    {"demo_pkg-2004d.tar.gz",                  "demo-pkg", NULL     },
    {"demo_pkg-1.0-py2.7.egg",                 "demo-pkg", NULL     },
    {"demo_pkg-1.0.win32.exe",                 "demo-pkg", NULL     },
    {"demo_pkg-1.0.tar.gz.asc",                "demo-pkg", NULL     },
    {"demo_pkg-1.0-py3-none-any.whl.metadata", "demo-pkg", NULL     },
    {"demo_pkg-1.0.whl",                       "demo-pkg", NULL     },
    {"../demo_pkg-1.0.tar.gz",                 "demo-pkg", NULL     },
    {"demo_pkg-1.0.tar.gz\\",                  "demo-pkg", NULL     },
    {"",                                       "demo-pkg", NULL     },
    {"-1.0.tar.gz",                            "demo-pkg", NULL     },
};

static void a_foreign_file_is_known_by_its_name(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t row = 0; row < COUNT(foreign); row++) {
        const char *got = file_name_version(foreign[row].file, foreign[row].project, arena);

        if (!got != !foreign[row].version || (got && strcmp(got, foreign[row].version)))
            fail_msg("row %zu, %s: %s", row, foreign[row].file, got ? got : "none");
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_foreign_file_is_known_by_its_name),
        cmocka_unit_test(a_wheels_name_tells_its_parts),
        cmocka_unit_test(what_pep_427_does_not_name_is_no_wheel),
        cmocka_unit_test(an_sdists_name_tells_project_and_version),
        cmocka_unit_test(a_file_is_named_after_its_project_and_version),
        cmocka_unit_test(a_very_long_name_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "protocols/pypi/core_metadata.h"
#include "storage/memory/specifier.h"

#include "storage/memory/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define HEAD "Metadata-Version: 2.1\nName: Demo-Pkg\nVersion: 1.0\n"

/* What a METADATA file says; name NULL: it is refused. */
static const struct {
    const char *text, *name, *version, *requires_python;
} files[] = {
    {HEAD,                                                                            "Demo-Pkg", "1.0", NULL        },
    {HEAD "Requires-Python: >=3.8,<4\n\nDescription\nName: other\n",                  "Demo-Pkg", "1.0", ">=3.8,<4"  },
    {"metadata-version:2.4\r\nNAME:  a \r\nversion:\t1\r\n\r\nName: b\r\n",           "a",        "1",   NULL        },
    {HEAD "Description: one\n  Name: folded\n\ttwo\nRequires-Python: >=3.8,\n  <4\n", "Demo-Pkg",
     "1.0",                                                                                              ">=3.8,  <4"},
    {HEAD "Requires-Python:\n",                                                       "Demo-Pkg", "1.0", NULL        },
    {HEAD "Classifier: a\nClassifier: b\nX-New: 1\n",                                 "Demo-Pkg", "1.0", NULL        },
    {"Metadata-Version: 1.0\nName: a\nVersion: 1",                                    "a",        "1",   NULL        },
    {"Metadata-Version: 1.2\nName: a\nVersion: 1",                                    "a",        "1",   NULL        },
    {"Metadata-Version: 2.6\nName: a\nVersion: 1",                                    "a",        "1",   NULL        },
    {"Metadata-Version: 2.10\nName: a\nVersion: 1",                                   "a",        "1",   NULL        },
    {"",                                                                              NULL,       NULL,  NULL        },
    {"\n" HEAD,                                                                       NULL,       NULL,  NULL        },
    {"not a field\n" HEAD,                                                            NULL,       NULL,  NULL        },
    {"Name: a\nVersion: 1\n",                                                         NULL,       NULL,  NULL        },
    {"Metadata-Version: 2.1\nVersion: 1\n",                                           NULL,       NULL,  NULL        },
    {"Metadata-Version: 2.1\nName: a\n\nVersion: 1\n",                                NULL,       NULL,  NULL        },
    {"Metadata-Version: 2.1\nName: -a\nVersion: 1\n",                                 NULL,       NULL,  NULL        },
    {"Metadata-Version: 2.1\nName: a\nVersion: new\n",                                NULL,       NULL,  NULL        },
    {"Metadata-Version: 2\nName: a\nVersion: 1\n",                                    NULL,       NULL,  NULL        },
    {"Metadata-Version: 2.0\nName: a\nVersion: 1\n",                                  NULL,       NULL,  NULL        },
    {"Metadata-Version: 1.3\nName: a\nVersion: 1\n",                                  NULL,       NULL,  NULL        },
    {"Metadata-Version: 3.0\nName: a\nVersion: 1\n",                                  NULL,       NULL,  NULL        },
    {"Metadata-Version: 2.1x\nName: a\nVersion: 1\n",                                 NULL,       NULL,  NULL        },
    {HEAD "name: other\n",                                                            NULL,       NULL,  NULL        },
    {HEAD "Requires-Python: >=3.8\nRequires-Python: >=3.9\n",                         NULL,       NULL,  NULL        },
    {HEAD "Requires-Python: 3.8\n",                                                   NULL,       NULL,  NULL        },
    {HEAD "Author: caf\xe9\n",                                                        NULL,       NULL,  NULL        },
    {HEAD "\nDescription \xff\n",                                                     NULL,       NULL,  NULL        },
};

static const struct {
    const char *text;
    bool is_valid;
} specifiers[] = {
    {"",                 true },
    {">=3.8",            true },
    {" >= 3.8 , < 4 ",   true },
    {">=3.8,",           true },
    {"==3.*,!=3.1.*",    true },
    {"~=3.8",            true },
    {"==1.0+local",      true },
    {"===anything-else", true },
    {">3.9.dev0",        true },
    {"3.8",              false},
    {"=3.8",             false},
    {"=>3.8",            false},
    {">=3.8 <4",         false},
    {">=3.*",            false},
    {"~=3",              false},
    {"~=3.*",            false},
    {"==3.8a1.*",        false},
    {"== 3 .*",          false},
    {">=1.0+local",      false},
    {">=three",          false},
    {"===a b",           false},
    {"===",              false},
    {">=",               false},
};

static void assert_text(const char *text, const char *expected)
{
    if (expected)
        assert_string_equal(text, expected);
    else
        assert_null(text);
}

static void metadata_tells_name_version_and_python(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t row = 0; row < COUNT(files); row++) {
        const char *text = files[row].text;
        struct core_metadata metadata;
        struct error err;
        enum status rc = core_metadata_parse(text, strlen(text), arena, &metadata, &err);

        if (rc != (files[row].name ? STATUS_OK : STATUS_INVALID))
            fail_msg("row %zu: %s", row, rc ? err.message : "accepted");
        if (rc)
            continue;
        assert_text(metadata.name, files[row].name);
        assert_text(metadata.version, files[row].version);
        assert_text(metadata.requires_python, files[row].requires_python);
    }
    arena_free(arena);
}

static void a_nul_byte_is_refused(void **state)
{
    static const char text[] = HEAD "\n\0hidden";
    struct arena *arena = arena_new();
    struct core_metadata metadata;
    struct error err;

    (void)state;
    assert_int_equal(core_metadata_parse(text, sizeof text - 1, arena, &metadata, &err),
                     STATUS_INVALID);
    arena_free(arena);
}

static void only_what_clients_understand_is_a_specifier(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(specifiers); row++)
        if (specifier_set_is_valid(specifiers[row].text) != specifiers[row].is_valid)
            fail_msg("'%s'", specifiers[row].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_tells_name_version_and_python),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(only_what_clients_understand_is_a_specifier),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

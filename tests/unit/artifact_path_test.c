#include "protocols/artifacts/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEN "aaaaaaaaaa"
#define FIFTY TEN TEN TEN TEN TEN
#define BYTES_255 FIFTY FIFTY FIFTY FIFTY FIFTY "aaaaa"

/* Access spec A1: what a path may be. NULL: it is one; else a word of the rule that it breaks. */
static const struct {
    const char *path, *broken_rule;
} paths[] = {
    {"web.tgz",                                                NULL                 },
    {"dist/linux/amd64/web",                                   NULL                 },
    {"a b+c~d@e:f,g;h=i?j#k%l",                                NULL                 },
    {".hidden/...",                                            NULL                 },
    {"..a/a../a..b",                                           NULL                 },
    {"--/-x",                                                  NULL                 },
    {"x/-",                                                    NULL                 },
    {"1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16",                 NULL                 },
    {BYTES_255,                                                NULL                 },
    {BYTES_255 "/" BYTES_255 "/" BYTES_255 "/" BYTES_255,      NULL                 },
    {"gr\xc3\xbc\xc3\x9f"
     "e.txt",                                             NULL                 }, /* ü composed */
    {"\xe6\x97\xa5\xe6\x9c\xac/\xf0\x9f\x9a\xa2",              NULL                 },
    {"",                                                       "empty segment"      },
    {"/a",                                                     "empty segment"      },
    {"a/",                                                     "empty segment"      },
    {"a//b",                                                   "empty segment"      },
    {".",                                                      "\"..\""             },
    {"..",                                                     "\"..\""             },
    {"../a",                                                   "\"..\""             },
    {"a/./b",                                                  "\"..\""             },
    {"a/..",                                                   "\"..\""             },
    {"a/../../b",                                              "\"..\""             },
    {"a\\b",                                                   "backslash"          },
    {"..\\..\\b",                                              "backslash"          },
    {"a\x01",                                                  "control"            },
    {"a\nb",                                                   "control"            },
    {"a\x7f",                                                  "control"            },
    {"a\xc2\x85",                                              "control"            }, /* U+0085, next line */
    {"1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17",              "16 segments"        },
    {BYTES_255 "a",                                            "255 bytes"          },
    {BYTES_255 "/" BYTES_255 "/" BYTES_255 "/" BYTES_255 "/b", "1024 bytes"         },
    {"a\xff",                                                  "UTF-8"              },
    {"a\xc0\xae",                                              "UTF-8"              }, /* '.' in two bytes */
    {"a\xc3",                                                  "UTF-8"              },
    {"\xed\xa0\x80",                                           "UTF-8"              }, /* half a surrogate pair */
    {"\xf4\x90\x80\x80",                                       "UTF-8"              }, /* above U+10FFFF */
    {"gru\xcc\x88"
     "n",                                                 "normal form C"      }, /* ü decomposed */
    {"\xe2\x84\xab",                                           "normal form C"      }, /* U+212B, the ångström sign */
    {"a\xcc\xa7\xcc\x88",                                      "normal form C"      }, /* ä, with a cedilla between its parts */
    {"-",                                                      "kept for the server"},
    {"-/seal",                                                 "kept for the server"},
};

static void a_path_keeps_every_rule(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(paths); row++) {
        struct error err = {0};
        enum status rc = artifact_path_check(paths[row].path, &err);

        if (!paths[row].broken_rule ? rc != STATUS_OK
                                    : rc != STATUS_INVALID || strcmp(err.code, "invalid-path") ||
                                          !strstr(err.message, paths[row].broken_rule))
            fail_msg("row %zu: %s: %d %s", row, paths[row].path, rc, err.message);
    }
}

static const struct {
    const char *name;
    bool is_package, is_version;
} names[] = {
    {"web",                                                       true,  true },
    {"1.4.2",                                                     true,  true },
    {"Web_2+gcc-12",                                              true,  true },
    {"1.0.0-rc.1+build",                                          true,  true },
    {"2024-11-25T10.00",                                          true,  true },
    {"1.0~rc1",                                                   false, true },
    {"a..b",                                                      true,  true },
    {"",                                                          false, false},
    {"@latest",                                                   false, false},
    {"-1",                                                        false, false},
    {".",                                                         false, false},
    {"..",                                                        false, false},
    {".hidden",                                                   false, false},
    {"_x",                                                        false, false},
    {"a/b",                                                       false, false},
    {"a b",                                                       false, false},
    {"a%2f",                                                      false, false},
    {"gr\xc3\xbcn",                                               false, false},
    {"1.0\n",                                                     false, false},
    {TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "12345678",  true,  true },
    {TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "123456789", false, false},
};

static void packages_and_versions_have_plain_names(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(names); row++)
        if (artifact_package_is_valid(names[row].name) != names[row].is_package ||
            artifact_version_is_valid(names[row].name) != names[row].is_version)
            fail_msg("row %zu: %s", row, names[row].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_keeps_every_rule),
        cmocka_unit_test(packages_and_versions_have_plain_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* policy/purl.h: what names a package, and how it is written back. */
#include "policy/purl.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct {
    const char *given, *purl, *brief; /* purl NULL: names no package */
} rows[] = {
    {"npm:left-pad@1.3.1",                "pkg:npm/left-pad@1.3.1",             "npm:left-pad@1.3.1"    },
    {"npm:left-pad",                      "pkg:npm/left-pad",                   "npm:left-pad"          },
    {"npm:@acme/ui@1.0.0-rc.1",           "pkg:npm/%40acme/ui@1.0.0-rc.1",      "npm:@acme/ui@1.0.0-rc.1"},
    {"npm:@acme/ui",                      "pkg:npm/%40acme/ui",                 "npm:@acme/ui"          },
    {"npm:x@v1.0.0+build.1",              "pkg:npm/x@1.0.0",                    "npm:x@1.0.0"           },
    {"npm:JSONStream@1.0.0",              "pkg:npm/JSONStream@1.0.0",           "npm:JSONStream@1.0.0"  },
    {"pypi:Ruamel.YAML@1.0-RC1",          "pkg:pypi/ruamel-yaml@1.0rc1",        "pypi:ruamel-yaml@1.0rc1"},
    {"pypi:requests==2.31.0",             "pkg:pypi/requests@2.31.0",           "pypi:requests@2.31.0"  },
    {"pypi:x@1!2.0+local.1",              "pkg:pypi/x@1%212.0%2Blocal.1",       "pypi:x@1!2.0+local.1"  },
    {"artifact:web@1.4.2",                "pkg:generic/web@1.4.2",              "artifact:web@1.4.2"    },
    {"artifact:web@nightly",              "pkg:generic/web@nightly",            "artifact:web@nightly"  },
    {"pkg:npm/%40acme/ui@1.0.0",          "pkg:npm/%40acme/ui@1.0.0",           "npm:@acme/ui@1.0.0"    },
    {"pkg:npm/@acme/ui@1.0.0",            "pkg:npm/%40acme/ui@1.0.0",           "npm:@acme/ui@1.0.0"    },
    {"pkg:npm/@acme/ui",                  "pkg:npm/%40acme/ui",                 "npm:@acme/ui"          },
    {"PKG:NPM/x@1.0.0",                   "pkg:npm/x@1.0.0",                    "npm:x@1.0.0"           },
    {"pkg://npm//x@1.0.0",                "pkg:npm/x@1.0.0",                    "npm:x@1.0.0"           },
    {"pkg:npm/x@1.0.0%2Bbuild",           "pkg:npm/x@1.0.0",                    "npm:x@1.0.0"           },
    {"pkg:pypi/Django@1.11",              "pkg:pypi/django@1.11",               "pypi:django@1.11"      },
    {"pkg:generic/web@1.4.2",             "pkg:generic/web@1.4.2",              "artifact:web@1.4.2"    },
    {"pkg:pypi/x@1.0?file_name=x-1.0.tar.gz&repository_url=https://a.example/",
     "pkg:pypi/x@1.0?file_name=x-1.0.tar.gz",                                   "pypi:x@1.0"            },
    {"pkg:pypi/x@1.0?checksum=sha256:00", "pkg:pypi/x@1.0",                     "pypi:x@1.0"            },
    {"",                                  NULL,                                 NULL                    },
    {"left-pad@1.3.1",                    NULL,                                 NULL                    },
    {"npm:",                              NULL,                                 NULL                    },
    {"npm:@1.0.0",                        NULL,                                 NULL                    },
    {"npm:@acme@1.0.0",                   NULL,                                 NULL                    },
    {"npm:@acme/",                        NULL,                                 NULL                    },
    {"npm:@/ui",                          NULL,                                 NULL                    },
    {"npm:acme/ui",                       NULL,                                 NULL                    },
    {"npm:@acme/ui/x",                    NULL,                                 NULL                    },
    {"npm:..",                            NULL,                                 NULL                    },
    {"npm:a b@1.0.0",                     NULL,                                 NULL                    },
    {"npm:x@latest",                      NULL,                                 NULL                    },
    {"npm:x@^1.0.0",                      NULL,                                 NULL                    },
    {"npm:x@1.0",                         NULL,                                 NULL                    },
    {"npm:x@",                            NULL,                                 NULL                    },
    {"npm:x@1.0.0@2.0.0",                 NULL,                                 NULL                    },
    {"npm:\xc3\xa4@1.0.0",                NULL,                                 NULL                    },
    {"pypi:-x@1.0",                       NULL,                                 NULL                    },
    {"pypi:x@one",                        NULL,                                 NULL                    },
    {"pypi:x>=1.0",                       NULL,                                 NULL                    },
    {"gem:x@1.0.0",                       NULL,                                 NULL                    },
    {"NPM:x@1.0.0",                       NULL,                                 NULL                    },
    {"pkg:npm",                           NULL,                                 NULL                    },
    {"pkg:npm/",                          NULL,                                 NULL                    },
    {"pkg:gem/x@1.0.0",                   NULL,                                 NULL                    },
    {"pkg:npm/acme/ui@1.0.0",             NULL,                                 NULL                    },
    {"pkg:npm/%40acme%2Fui@1.0.0",        "pkg:npm/%40acme/ui@1.0.0",           "npm:@acme/ui@1.0.0"    },
    {"pkg:npm/%40acme/u%2Fi@1.0.0",       NULL,                                 NULL                    },
    {"pkg:npm/x@1.0.0#lib",               NULL,                                 NULL                    },
    {"pkg:npm/x%",                        NULL,                                 NULL                    },
    {"pkg:npm/x%4",                       NULL,                                 NULL                    },
    {"pkg:npm/x%zz",                      NULL,                                 NULL                    },
    {"pkg:npm/x%00",                      NULL,                                 NULL                    },
    {"pkg:npm/x%ff",                      NULL,                                 NULL                    },
    {"pkg:npm/x%0a@1.0.0",                NULL,                                 NULL                    },
    {"pkg:pypi/acme/x@1.0",               NULL,                                 NULL                    },
    {"pkg:pypi/x@1.0?file_name",          NULL,                                 NULL                    },
    {"pkg:pypi/x@1.0?=a",                 NULL,                                 NULL                    },
    {"pkg:pypi/x@1.0?file_name=a&file_name=b", NULL,                            NULL                    },
};

static const char *written(const struct purl *purl, void (*write)(const struct purl *, struct strbuf *),
                           struct arena *arena)
{
    struct strbuf out;

    strbuf_init(&out, arena, 8 * PURL_MAX);
    write(purl, &out);
    return out.data;
}

static void check(const char *given, const char *url, const char *brief, struct arena *arena)
{
    struct error err = {0};
    struct purl purl;
    enum status rc = purl_parse(given, arena, &purl, &err);

    if (!rc != !!url)
        fail_msg("%s: %s", given, rc ? err.message : "names a package");
    if (rc) {
        assert_string_equal(err.code, "purl-invalid");
        return;
    }
    assert_string_equal(written(&purl, purl_write, arena), url);
    assert_string_equal(written(&purl, purl_write_short, arena), brief);
}

static void both_spellings_name_one_package(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t row = 0; row < COUNT(rows); row++) {
        check(rows[row].given, rows[row].purl, rows[row].brief, arena);
        if (!rows[row].purl)
            continue;
        check(rows[row].purl, rows[row].purl, rows[row].brief, arena);
        if (!strchr(rows[row].purl, '?'))
            check(rows[row].brief, rows[row].purl, rows[row].brief, arena);
    }
    arena_free(arena);
}

static void a_name_has_limits(void **state)
{
    struct arena *arena = arena_new();
    char text[2 * PURL_MAX] = "npm:";
    struct purl purl;

    (void)state;
    memset(text + 4, 'a', 214);
    assert_int_equal(purl_parse(text, arena, &purl, NULL), STATUS_OK);
    text[4 + 214] = 'a';
    assert_int_equal(purl_parse(text, arena, &purl, NULL), STATUS_INVALID);
    memset(text + 4, 'a', PURL_MAX);
    assert_int_equal(purl_parse(text, arena, &purl, NULL), STATUS_INVALID);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_spellings_name_one_package),
        cmocka_unit_test(a_name_has_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

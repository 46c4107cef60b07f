#include "storage/remote/url.h"

#include "storage/memory/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define RFC "http://a/b/c/d;p?q"
#define PAGE "https://index.example/simple/demo/"

/* RFC 3986 5.4, and what pages really have. NULL: no URL of the web. */
static const struct {
    const char *base, *reference, *expected;
} rows[] = {
    {RFC,             "g",                                     "http://a/b/c/g"                                     },
    {RFC,             "./g",                                   "http://a/b/c/g"                                     },
    {RFC,             "g/",                                    "http://a/b/c/g/"                                    },
    {RFC,             "/g",                                    "http://a/g"                                         },
    {RFC,             "//g",                                   "http://g/"                                          },
    {RFC,             "?y",                                    "http://a/b/c/d;p?y"                                 },
    {RFC,             "g?y",                                   "http://a/b/c/g?y"                                   },
    {RFC,             "#s",                                    "http://a/b/c/d;p?q"                                 },
    {RFC,             "g#s",                                   "http://a/b/c/g"                                     },
    {RFC,             ";x",                                    "http://a/b/c/;x"                                    },
    {RFC,             "",                                      "http://a/b/c/d;p?q"                                 },
    {RFC,             ".",                                     "http://a/b/c/"                                      },
    {RFC,             "./",                                    "http://a/b/c/"                                      },
    {RFC,             "..",                                    "http://a/b/"                                        },
    {RFC,             "../g",                                  "http://a/b/g"                                       },
    {RFC,             "../..",                                 "http://a/"                                          },
    {RFC,             "../../g",                               "http://a/g"                                         },
    {RFC,             "../../../g",                            "http://a/g"                                         },
    {RFC,             "/./g",                                  "http://a/g"                                         },
    {RFC,             "/../g",                                 "http://a/g"                                         },
    {RFC,             "g.",                                    "http://a/b/c/g."                                    },
    {RFC,             "..g",                                   "http://a/b/c/..g"                                   },
    {RFC,             "./g/.",                                 "http://a/b/c/g/"                                    },
    {RFC,             "g/../h",                                "http://a/b/c/h"                                     },
    {RFC,             "g;x=1/../y",                            "http://a/b/c/y"                                     },
    {RFC,             "g?y/../x",                              "http://a/b/c/g?y/../x"                              },
    {RFC,             "http:g",                                NULL                                                 },
    {RFC,             "g:h",                                   NULL                                                 },
    {PAGE,            "../../files/demo-1.0.tar.gz#sha256=00", "https://index.example/files/demo-1.0.tar.gz"        },
    {PAGE,            "//files.example/demo-1.0.tar.gz",       "https://files.example/demo-1.0.tar.gz"              },
    {PAGE,            "HTTPS://Files.Example:8443/x",          "https://Files.Example:8443/x"                       },
    {PAGE,            "http://[::1]:80/x",                     "http://[::1]:80/x"                                  },
    {PAGE,            "  demo 1.0.tar.gz\n",                   "https://index.example/simple/demo/demo%201.0.tar.gz"},
    {PAGE,            "demo%2B1.tar.gz",                       "https://index.example/simple/demo/demo%2B1.tar.gz"  },
    {PAGE,            "d\xc3\xa9",                             "https://index.example/simple/demo/d%C3%A9"          },
    {PAGE,            "1:2",                                   "https://index.example/simple/demo/1:2"              },
    {"https://h",     "x",                                     "https://h/x"                                        },
    {"https://h",     "..",                                    "https://h/"                                         },
    {"https://h",     "",                                      "https://h/"                                         },
    {"https://h/a?q", "",                                      "https://h/a?q"                                      },
    {PAGE,            "https://user:secret@files.example/x",   NULL                                                 },
    {PAGE,            "file:///etc/passwd",                    NULL                                                 },
    {PAGE,            "javascript:alert(1)",                   NULL                                                 },
    {PAGE,            "https://",                              NULL                                                 },
    {PAGE,            "https:///x",                            NULL                                                 },
    {PAGE,            "https://:80/x",                         NULL                                                 },
    {PAGE,            "a\nb",                                  NULL                                                 },
    {PAGE,            "a\x7f",                                 NULL                                                 },
    {"ftp://h/",      "x",                                     NULL                                                 },
    {"",              "x",                                     NULL                                                 },
};

static void a_link_means_what_browsers_make_of_it(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t row = 0; row < COUNT(rows); row++) {
        const char *got = url_resolve(arena, rows[row].base, rows[row].reference);

        if (!got != !rows[row].expected || (got && strcmp(got, rows[row].expected)))
            fail_msg("row %zu, %s: %s", row, rows[row].reference, got ? got : "none");
    }
    arena_free(arena);
}

static void a_link_has_a_length_that_ends(void **state)
{
    struct arena *arena = arena_new();
    char *text = arena_alloc(arena, URL_LENGTH_MAX + 2);

    (void)state;
    memset(text, 'a', URL_LENGTH_MAX + 1);
    assert_null(url_resolve(arena, PAGE, text));
    memset(text + 4000, 0, 10);
    memset(text, ' ', 1);
    assert_non_null(url_resolve(arena, PAGE, text));
    memset(text + 1, '\xc3', 3999);
    assert_null(url_resolve(arena, PAGE, text));
    arena_free(arena);
}

static const struct {
    const char *url;
    bool is_https;
    int port; /* 0: it has no origin */
    const char *host;
} origins[] = {
    {"http://a.test",             false, 80,   "a.test"          },
    {"https://A.Test/x@y",        true,  443,  "a.test"          },
    {"http://a.test:8080?x",      false, 8080, "a.test"          },
    {"http://a.test:",            false, 80,   "a.test"          },
    {"HTTPS://a_b-c.test.:1/",    true,  1,    "a_b-c.test"      },
    {"http://[::1]:8080/",        false, 8080, "::1"             },
    {"http://[::FFFF:127.0.0.1]", false, 80,   "::ffff:127.0.0.1"},
    {"http://a:b@c.test/",        false, 0,    NULL              },
    {"http://a.test\\@b.test/",   false, 0,    NULL              },
    {"http://a%2etest/",          false, 0,    NULL              },
    {"http://a.test:0/",          false, 0,    NULL              },
    {"http://a.test:65536/",      false, 0,    NULL              },
    {"http://a.test:1x/",         false, 0,    NULL              },
    {"http://[::1/",              false, 0,    NULL              },
    {"http://[::1]x/",            false, 0,    NULL              },
    {"http://[fe80::1%25lo]/",    false, 0,    NULL              },
    {"http:///",                  false, 0,    NULL              },
    {"http:a.test",               false, 0,    NULL              },
    {"ftp://a.test/",             false, 0,    NULL              },
    {"",                          false, 0,    NULL              },
};

static void a_url_has_one_origin_or_none(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof origins / sizeof *origins; row++) {
        struct url_origin origin;
        bool is_there = url_origin(origins[row].url, &origin);

        if (is_there != (origins[row].port != 0) ||
            (is_there &&
             (origin.is_https != origins[row].is_https || origin.port != origins[row].port ||
              strcmp(origin.host, origins[row].host))))
            fail_msg("row %zu: %s", row, origins[row].url);
    }
    assert_true(url_same_origin("http://A.test/x", "http://a.test:80"));
    assert_false(url_same_origin("http://a.test", "https://a.test"));
    assert_false(url_same_origin("http://a.test", "http://a.test:81"));
    assert_false(url_same_origin("http://a.test", "http://b.test"));
    assert_false(url_same_origin("http://", "http://"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_means_what_browsers_make_of_it),
        cmocka_unit_test(a_link_has_a_length_that_ends),
        cmocka_unit_test(a_url_has_one_origin_or_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

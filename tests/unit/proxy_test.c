#include "storage/remote/proxy.h"
#include "storage/remote/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {"http_proxy", "https_proxy", "all_proxy", "no_proxy",
                                    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"};

static const struct {
    const char *variables[4][2], *url, *expected;
} rows[] = {
    {{{0}},                                                       "http://a.test/",     NULL      },
    {{{"http_proxy", "http://p"}},                                "http://a.test/",     "http://p"},
    {{{"http_proxy", "http://p"}},                                "https://a.test/",    NULL      },
    {{{"HTTP_PROXY", "http://p"}},                                "http://a.test/",     NULL      },
    {{{"https_proxy", ""}, {"ALL_PROXY", "http://p"}},            "https://a.test/",    "http://p"},
    {{{"HTTPS_PROXY", "http://p"}},                               "https://a.test/",    "http://p"},
    {{{"all_proxy", "http://p"}},                                 "http://127.0.0.1/",  NULL      },
    {{{"all_proxy", "http://p"}},                                 "http://127.9.9.9/",  NULL      },
    {{{"all_proxy", "http://p"}},                                 "http://[::1]:80/",   NULL      },
    {{{"all_proxy", "http://p"}},                                 "http://LocalHost./", NULL      },
    {{{"all_proxy", "http://p"}, {"no_proxy", "*"}},              "http://a.test/",     NULL      },
    {{{"all_proxy", "http://p"}, {"NO_PROXY", "b.test, a.test"}}, "http://a.test/",     NULL      },
    {{{"all_proxy", "http://p"}, {"no_proxy", "a.test"}},         "http://x.A.test/",   NULL      },
    {{{"all_proxy", "http://p"}, {"no_proxy", ".a.test"}},        "http://a.test/",     NULL      },
    {{{"all_proxy", "http://p"}, {"no_proxy", "a.test"}},         "http://ba.test/",    "http://p"},
    {{{"all_proxy", "http://p"}, {"no_proxy", "10.0.0.0/8"}},     "http://10.1.2.3/",   NULL      },
    {{{"all_proxy", "http://p"}, {"no_proxy", "10.0.0.0/8"}},     "http://11.1.2.3/",   "http://p"},
};

static void the_environment_names_the_proxy(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct url_origin origin;
        const char *proxy;

        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            unsetenv(names[i]);
        for (size_t i = 0; i < 4 && rows[row].variables[i][0]; i++)
            setenv(rows[row].variables[i][0], rows[row].variables[i][1], 1);
        assert_true(url_origin(rows[row].url, &origin));
        proxy = proxy_for(&origin);
        if ((proxy != NULL) != (rows[row].expected != NULL) ||
            (proxy && strcmp(proxy, rows[row].expected)))
            fail_msg("row %zu: %s by %s", row, rows[row].url, proxy ? proxy : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_names_the_proxy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* storage/memory/specifier.h: what is in a set of PEP 440's specifiers. */
#include "storage/memory/specifier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { NEVER, IF_ASKED, ALWAYS }; /* whether a resolver takes it */

/* As the packaging library of pip decides them. */
static const struct {
    const char *set, *version;
    int expected;
} rows[] = {
    {"",                "1.0",         ALWAYS  },
    {"",                "1.0rc1",      IF_ASKED},
    {"==1.0",           "1",           ALWAYS  },
    {"==1.0",           "1.0+local",   ALWAYS  },
    {"==1.0+local",     "1.0",         NEVER   },
    {"==1.0+local",     "1.0+LOCAL",   ALWAYS  },
    {"==1.0",           "1.0.post1",   NEVER   },
    {"==1.*",           "1.9.3",       ALWAYS  },
    {"==1.*",           "1",           ALWAYS  },
    {"==1.*",           "1!1.0",       NEVER   },
    {"==1.0.*",         "1",           ALWAYS  },
    {"==1.1.*",         "1.10",        NEVER   },
    {"==1.1.*",         "1.1rc1",      IF_ASKED},
    {"!=1.1.*",         "1.2",         ALWAYS  },
    {"!=1.1.*",         "1.1.post1",   NEVER   },
    {"~=2.2",           "2.9",         ALWAYS  },
    {"~=2.2",           "3.0",         NEVER   },
    {"~=2.2.0",         "2.3",         NEVER   },
    {"~=2.2.post3",     "2.2",         NEVER   },
    {">=1.0",           "1.0.dev1",    NEVER   },
    {">=1.0.dev1",      "1.0.dev1",    ALWAYS  },
    {">=1.0",           "2.0rc1",      IF_ASKED},
    {"<2",              "2.0rc1",      NEVER   },
    {"<2",              "1.9rc1",      IF_ASKED},
    {"<2.0rc2",         "2.0rc1",      ALWAYS  },
    {"<1",              "1rc1.post1",  NEVER   },
    {"<1.post1",        "1rc1",        IF_ASKED},
    {"<=2",             "2.0+local",   ALWAYS  },
    {">1.0",            "1.0.post1",   NEVER   },
    {">1.0",            "1.0+local",   NEVER   },
    {">1.0.dev1",       "1.0.post1",   ALWAYS  },
    {">1.0.post1",      "1.0.post2",   ALWAYS  },
    {">=1,<2,!=1.5",    "1.5",         NEVER   },
    {">=1 , <2, ,",     "1.6",         ALWAYS  },
    {"===1.0",          "1.0",         ALWAYS  },
    {"===1.0",          "1",           NEVER   },
    {"===1.0rc1",       "1.0RC1",      ALWAYS  },
    {">=1",             "none",        NEVER   },
};

static void a_version_is_in_a_set_as_pip_decides(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(rows); row++)
        if (!specifier_set_is_valid(rows[row].set) ||
            specifier_set_allows(rows[row].set, rows[row].version, false) != (rows[row].expected == ALWAYS) ||
            specifier_set_allows(rows[row].set, rows[row].version, true) != (rows[row].expected != NEVER))
            fail_msg("row %zu: '%s' and %s", row, rows[row].set, rows[row].version);
}

static void a_set_that_excludes_all_is_impossible(void **state)
{
    static const char *const possible[] = {"", "==1", ">=1,<=1", ">1,<2", "==1.*,>2", "!=1,>=1"};
    static const char *const impossible[] = {">2,<1", ">1,<1", ">=1,<1", "==1,==2", "==2,<2", "~=3.1,<3"};

    (void)state;
    for (size_t i = 0; i < COUNT(possible); i++)
        if (!specifier_set_is_possible(possible[i]))
            fail_msg("%s", possible[i]);
    for (size_t i = 0; i < COUNT(impossible); i++)
        if (specifier_set_is_possible(impossible[i]))
            fail_msg("%s", impossible[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_is_in_a_set_as_pip_decides),
        cmocka_unit_test(a_set_that_excludes_all_is_impossible),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

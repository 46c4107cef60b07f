#include "config/quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct {
    const char *given;
    int64_t expected; /* -1: refused */
} sizes[] =
    {
        {"0",                   0                     },
        {"512",                 512                   },
        {"512B",                512                   },
        {"64 KiB",              64 << 10              },
        {"1GiB",                1 << 30               },
        {"8388607TiB",          INT64_C(8388607) << 40},
        {"8388608TiB",          -1                    }, /* 2^63 */
        {"9223372036854775808", -1                    },
        {"",                    -1                    },
        {"MiB",                 -1                    },
        {"1MB",                 -1                    },
        {"1 mib",               -1                    },
        {"1.5MiB",              -1                    },
        {"-1",                  -1                    },
        {"+1",                  -1                    },
        {"1 MiB ",              -1                    },
        {" 1",                  -1                    },
},
  durations[] =
      {
          {"0", 0},
          {"15s", 15000},
          {"30d", INT64_C(2592000000)},
          {"250 ms", 250},
          {"2h", 7200000},
          {"5m", 300000},
          {"15", -1}, /* seconds or milliseconds? */
          {"s", -1},
          {"1w", -1},
          {"-1s", -1},
          {"106751991168d", -1},
},
  integers[] = {
      {"0", 0},
      {"1280", 1280},
      {"007", 7},
      {"", -1},
      {"-", -1},
      {"1k", -1},
      {"0x10", -1},
      {"9223372036854775807", INT64_MAX},
      {"9223372036854775808", -1},
};

#define CHECK_ROWS(rows, parse)                                                                    \
    for (size_t row = 0; row < COUNT(rows); row++) {                                               \
        struct error err = {0};                                                                    \
        int64_t value = -1;                                                                        \
        enum status rc = parse((rows)[row].given, &value, &err);                                   \
                                                                                                   \
        if (((rows)[row].expected < 0) != (rc != STATUS_OK) ||                                     \
            (!rc && value != (rows)[row].expected) || (rc && !err.message[0]))                     \
            fail_msg("'%s' gave %lld: %s", (rows)[row].given, (long long)value, err.message);      \
    }

static void a_quantity_means_what_it_says_or_nothing(void **state)
{
    (void)state;
    CHECK_ROWS(sizes, quantity_parse_size)
    CHECK_ROWS(durations, quantity_parse_duration)
    CHECK_ROWS(integers, quantity_parse_integer)
}

static void what_is_written_reads_back_as_the_same(void **state)
{
    static const int64_t values[] = {0, 1, 999, 1024, 1536, 65536, 86400000, 86400001, INT64_MAX};
    char text[QUANTITY_TEXT_SIZE];
    int64_t back;

    (void)state;
    for (size_t row = 0; row < COUNT(values); row++) {
        quantity_format_size(values[row], text);
        assert_int_equal(quantity_parse_size(text, &back, NULL), STATUS_OK);
        assert_int_equal(back, values[row]);
        quantity_format_duration(values[row], text);
        assert_int_equal(quantity_parse_duration(text, &back, NULL), STATUS_OK);
        assert_int_equal(back, values[row]);
    }
    quantity_format_size(INT64_C(64) << 20, text);
    assert_string_equal(text, "64 MiB");
    quantity_format_duration(65000, text);
    assert_string_equal(text, "65s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quantity_means_what_it_says_or_nothing),
        cmocka_unit_test(what_is_written_reads_back_as_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

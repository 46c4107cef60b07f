#include "protocols/http/chunks.h"

#include "storage/memory/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* RFC 9112 7.1. body NULL: not to be taken; "…": more is to come. */
static const struct {
    const char *raw, *body, *trailers;
} bodies[] = {
    {"5\r\nhello\r\n0\r\n\r\n",                             "hello",      ""                        },
    {"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",                    "hello",      ""                        },
    {"0005\r\nhello\r\n000\r\n\r\n",                        "hello",      ""                        },
    {"A\r\n0123456789\r\n0\r\n\r\n",                        "0123456789", ""                        },
    {"a\r\n0123456789\r\n0\r\n\r\n",                        "0123456789", ""                        },
    {"0\r\n\r\n",                                           "",           ""                        },
    {"5;x\r\nhello\r\n0\r\n\r\n",                           "hello",      ""                        },
    {"5;x=\"a;\\\"b\"\r\nhello\r\n0;y=1\r\n\r\n",           "hello",      ""                        },
    {"2\r\n\r\n\r\n0\r\n\r\n",                              "\r\n",       ""                        },
    {"5\r\nhello\r\n0\r\nRepr-Digest: sha-256=:x:\r\n\r\n", "hello",      "Repr-Digest=sha-256=:x:;"},
    {"0\r\na:\r\nB: \t c d \t\r\n\r\n",                     "",           "a=;B=c d;"               },
    {"0\r\n\r\nGET / HTTP/1.1\r\n",                         "",           ""                        },
    {"5\r\nhello\r\n0\r\n\r",                               "...",        ""                        },
    {"5\r\nhello\r\n",                                      "...",        ""                        },
    {"5\r\nhel",                                            "...",        ""                        },
    {"",                                                    "...",        ""                        },
    {"\r\n",                                                NULL,         NULL                      },
    {"5\nhello\r\n0\r\n\r\n",                               NULL,         NULL                      },
    {"5\rhello\r\n0\r\n\r\n",                               NULL,         NULL                      },
    {"5\r\r\nhello\r\n0\r\n\r\n",                           NULL,         NULL                      },
    {"5 \r\nhello\r\n0\r\n\r\n",                            NULL,         NULL                      },
    {" 5\r\nhello\r\n0\r\n\r\n",                            NULL,         NULL                      },
    {"0x5\r\nhello\r\n0\r\n\r\n",                           NULL,         NULL                      },
    {"+5\r\nhello\r\n0\r\n\r\n",                            NULL,         NULL                      },
    {"-5\r\nhello\r\n0\r\n\r\n",                            NULL,         NULL                      },
    {"5\r\nhello!\r\n0\r\n\r\n",                            NULL,         NULL                      },
    {"5\r\nhello\n0\r\n\r\n",                               NULL,         NULL                      },
    {"4\r\nhello\r\n0\r\n\r\n",                             NULL,         NULL                      },
    {"ffffffffffffffff\r\n",                                NULL,         NULL                      },
    {"1000000000000000\r\n",                                NULL,         NULL                      },
    {"5;\n\r\nhello\r\n0\r\n\r\n",                          NULL,         NULL                      },
    {"0\r\n\n",                                             NULL,         NULL                      },
    {"0\r\nno colon\r\n\r\n",                               NULL,         NULL                      },
    {"0\r\n: x\r\n\r\n",                                    NULL,         NULL                      },
    {"0\r\na : x\r\n\r\n",                                  NULL,         NULL                      },
    {"0\r\na: x\r\n folded\r\n\r\n",                        NULL,         NULL                      },
    {"0\r\na: x\x01\r\n\r\n",                               NULL,         NULL                      },
    {"0\r\na: x\n\r\n",                                     NULL,         NULL                      },
};

/* Takes raw in pieces of at most step bytes. */
static enum status take(const char *raw, size_t step, struct chunks *chunks, char *body)
{
    size_t length = strlen(raw), at = 0, total = 0;
    enum status rc = STATUS_OK;

    while (at < length && !chunks_are_over(chunks) && !rc) {
        char piece[256];
        size_t size = length - at < step ? length - at : step, got;

        memcpy(piece, raw + at, size);
        at += size;
        rc = chunks_take(chunks, piece, size, &got, NULL);
        memcpy(body + total, piece, got);
        total += rc ? 0 : got;
    }
    body[total] = '\0';
    return rc;
}

static void check(struct arena *arena, size_t row, size_t step)
{
    const char *raw = bodies[row].raw, *expected = bodies[row].body;
    char body[256], trailers[256] = "";
    struct chunks chunks;
    enum status rc;

    chunks_init(&chunks, arena);
    rc = take(raw, step, &chunks, body);
    for (size_t i = 0; i < chunks.trailer_count; i++)
        snprintf(trailers + strlen(trailers), sizeof trailers - strlen(trailers), "%s=%s;",
                 chunks.trailers[i].name, chunks.trailers[i].value);
    if (!expected ? rc != STATUS_INVALID
                  : rc || chunks_are_over(&chunks) != !!strcmp(expected, "...") ||
                        (chunks_are_over(&chunks) &&
                         (strcmp(body, expected) || strcmp(trailers, bodies[row].trailers))))
        fail_msg("row %zu, step %zu: %s: %d %s %s", row, step, raw, rc, body, trailers);
}

static void a_chunked_body_is_read_in_one_way_however_it_arrives(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t row = 0; row < COUNT(bodies); row++)
        for (size_t step = 1; step < 60; step++) {
            check(arena, row, step);
            arena_reset(arena);
        }
    arena_free(arena);
}

static void trailers_and_extensions_have_limits(void **state)
{
    struct arena *arena = arena_new();
    const char *const endless[] = {"0\r\nx: y", "5;x", "0\r\na:1\r\n"};

    (void)state;
    for (size_t row = 0; row < COUNT(endless); row++) {
        struct chunks chunks;
        enum status rc = STATUS_OK;
        size_t got, fed = 0;
        char piece[16];

        chunks_init(&chunks, arena);
        for (; !rc && fed < 100000; fed++) {
            const char *text = fed ? (row == 2 ? "a:1\r\n" : "y") : endless[row];

            memcpy(piece, text, strlen(text));
            rc = chunks_take(&chunks, piece, strlen(text), &got, NULL);
        }
        assert_int_equal(rc, STATUS_INVALID);
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chunked_body_is_read_in_one_way_however_it_arrives),
        cmocka_unit_test(trailers_and_extensions_have_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

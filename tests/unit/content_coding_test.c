#include "protocols/http/content_coding.h"
#include "storage/memory/gzip.h"
#include "tests/support/made_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* Reads the body, of which plain (or its gzip) is what comes; the text that was read. */
static enum status decode(const char *coding, const char *plain, size_t length, bool compress,
                          int64_t limit, char **text, size_t *text_length)
{
    size_t sent_length = length;
    void *gzip = compress ? gzip_compress(plain, length, &sent_length) : NULL;
    struct reader *opened;
    struct made made;
    enum status rc;

    made_request(&made, arena, METHOD_PUT, "/");
    made_header(&made, "Content-Encoding", coding);
    memory_reader_init(&made.body, gzip ? gzip : plain, sent_length);
    made.req.content_length = (int64_t)sent_length;
    if (!(rc = request_decode_body(&made.req, limit, &opened)))
        rc = request_body_text(&made.req, 1 << 20, text, text_length);
    reader_close(opened);
    free(gzip);
    return rc;
}

static const struct {
    const char *coding, *plain;
    bool compress;
    enum status expected;
} bodies[] = {
    {NULL,           "{\"a\":1}", false, STATUS_OK         },
    {NULL,           "{",         false, STATUS_OK         },
    {NULL,           "",          false, STATUS_OK         },
    {NULL,           "{\"a\":1}", true,  STATUS_OK         }, /* the header was stripped on the way */
    {"gzip",         "{\"a\":1}", true,  STATUS_OK         },
    {"GZIP",         "{\"a\":1}", true,  STATUS_OK         },
    {"identity",     "{\"a\":1}", false, STATUS_OK         },
    {"",             "{\"a\":1}", false, STATUS_OK         },
    {"gzip",         "{\"a\":1}", false, STATUS_INVALID    },
    {"br",           "x",         false, STATUS_UNSUPPORTED},
    {"gzip/deflate", "x",         false, STATUS_UNSUPPORTED},
};

static void a_body_is_read_as_it_was_before_it_was_compressed(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(bodies); row++) {
        char *text = NULL;
        size_t length;
        enum status rc = decode(bodies[row].coding, bodies[row].plain, strlen(bodies[row].plain),
                                bodies[row].compress, -1, &text, &length);

        if (rc != bodies[row].expected || (!rc && strcmp(text, bodies[row].plain)))
            fail_msg("row %zu: %s", row, status_word(rc));
    }
}

static void a_bomb_ends_at_its_limit(void **state)
{
    enum { PLAIN = 8 << 20 };
    char *zeros = calloc(1, PLAIN), *text;
    size_t length;

    (void)state;
    assert_int_equal(decode("gzip", zeros, 4096, true, 4096, &text, &length), STATUS_OK);
    assert_int_equal(decode("gzip", zeros, 4097, true, 4096, &text, &length), STATUS_TOO_LARGE);
    assert_int_equal(decode(NULL, zeros, PLAIN, true, -1, &text, &length), STATUS_TOO_LARGE);
    free(zeros);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_read_as_it_was_before_it_was_compressed),
        cmocka_unit_test(a_bomb_ends_at_its_limit),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

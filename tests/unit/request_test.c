#include "tests/support/made_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

/* What clients really send, and what they get of these three. */
static const char *const offers[] = {"application/vnd.pypi.simple.v1+html",
                                     "application/vnd.pypi.simple.v1+json", "text/html"};
/* clang-format off */
static const struct {
    const char *accept;
    int expected;
} accepts[] = {
    {NULL, 0},
    {"", 0},
    {"*/*", 0},
    {"*", 0},
    {"text/html", 2},
    {"TEXT/HTML", 2},
    {"text/*", 2},
    {"application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, "
     "text/html; q=0.01", 1},
    {"application/vnd.pypi.simple.v1+json;q=0.2,text/html;q=0.3", 2},
    {"text/html;q=0.5, */*;q=0.1", 2},
    {"text/html;q=0, */*", 0},
    {"*/*;q=0.5, text/html;q=0", 0},
    {"text/html;q=0", -1},
    {"application/json", -1},
    {"application/vnd.pypi.simple.v1+json;q=0.9999999999", 1},
    {"application/*, text/html", 0},
    {"application/vnd.pypi.simple.v1+html;q=0.001, text/html;q=0.002", 2},
    {",,, text/html ,", 2},
};
/* clang-format on */

static void accept_picks_what_the_client_likes_best(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof accepts / sizeof *accepts; row++) {
        struct made made;

        made_request(&made, arena, METHOD_GET, "/");
        made_header(&made, "accept", accepts[row].accept);
        if (request_accept(&made.req, offers, 3) != accepts[row].expected)
            fail_msg("row %zu: %s", row, accepts[row].accept);
    }
}

static void several_accept_lines_are_one_list(void **state)
{
    struct made made;

    (void)state;
    made_request(&made, arena, METHOD_GET, "/");
    made_header(&made, "Accept", "text/html;q=0.1");
    made_header(&made, "Accept", "application/vnd.pypi.simple.v1+json");
    assert_int_equal(request_accept(&made.req, offers, 3), 1);
}

/* clang-format off */
static const struct {
    const char *accept_encoding;
    bool expected;
} codings[] = {
    {NULL, false},
    {"", false},
    {"gzip", true},
    {"x-gzip", true},
    {"gzip, deflate, br", true},
    {"br;q=1.0, gzip;q=0.8, *;q=0.1", true},
    {"gzip;q=0", false},
    {"gzip;q=0.000", false},
    {"gzip;q=0, *", false},
    {"*", true},
    {"*;q=0", false},
    {"identity", false},
    {"gzipped", false},
};
/* clang-format on */

static void gzip_is_sent_only_to_those_who_take_it(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof codings / sizeof *codings; row++) {
        struct made made;

        made_request(&made, arena, METHOD_GET, "/");
        made_header(&made, "Accept-Encoding", codings[row].accept_encoding);
        if (request_accepts_gzip(&made.req) != codings[row].expected)
            fail_msg("row %zu: %s", row, codings[row].accept_encoding);
    }
}

static void a_query_is_decoded_by_name(void **state)
{
    struct made made;

    (void)state;
    made_request(&made, arena, METHOD_GET, "/x?a=1&b+c=d%2Fe+f&flag&a=2&bad=%zz&nul=a%00b&empty=");
    assert_string_equal(request_query(&made.req, "a"), "1");
    assert_string_equal(request_query(&made.req, "b c"), "d/e f");
    assert_string_equal(request_query(&made.req, "flag"), "");
    assert_string_equal(request_query(&made.req, "empty"), "");
    assert_string_equal(request_query(&made.req, "bad"), "%zz");
    assert_string_equal(request_query(&made.req, "nul"), "a%00b");
    assert_null(request_query(&made.req, "A"));
}

static void a_header_list_is_looked_at_by_element(void **state)
{
    struct made made;

    (void)state;
    made_request(&made, arena, METHOD_GET, "/");
    made_header(&made, "Connection", "keep-alive , Upgrade");
    made_header(&made, "connection", "TE");
    assert_true(request_header_has(&made.req, "CONNECTION", "upgrade"));
    assert_true(request_header_has(&made.req, "Connection", "Keep-Alive"));
    assert_true(request_header_has(&made.req, "Connection", "te"));
    assert_false(request_header_has(&made.req, "Connection", "up"));
    assert_false(request_header_has(&made.req, "Upgrade", "websocket"));
}

/* Around every size at which the buffer grows. */
static void a_body_is_read_whole_or_refused(void **state)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 8192, 20000, 40000};
    char *text = arena_alloc(arena, 40001);

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int is_chunked = 0; is_chunked < 2; is_chunked++)
            for (size_t less = 0; less < 2 && less <= sizes[i]; less++) {
                struct made made;
                enum status expected = less ? STATUS_TOO_LARGE : STATUS_OK;
                size_t length = 99;
                char *got = NULL;

                memset(text, 'x', sizes[i]);
                text[sizes[i]] = '\0';
                made_request(&made, arena, METHOD_PUT, "/");
                made_body(&made, text, is_chunked);
                assert_int_equal(request_body_text(&made.req, sizes[i] - less, &got, &length),
                                 expected);
                if (expected)
                    continue;
                assert_int_equal(length, sizes[i]);
                assert_string_equal(got, text);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accept_picks_what_the_client_likes_best),
        cmocka_unit_test(several_accept_lines_are_one_list),
        cmocka_unit_test(gzip_is_sent_only_to_those_who_take_it),
        cmocka_unit_test(a_query_is_decoded_by_name),
        cmocka_unit_test(a_header_list_is_looked_at_by_element),
        cmocka_unit_test(a_body_is_read_whole_or_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}

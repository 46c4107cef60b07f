#include "tests/support/told_sink.h"

/* What an upstream says, and what comes of it. */
static const struct {
    const char *answers[4];
    enum status expected;
    const char *sentence; /* or the body, of STATUS_OK */
    int requests;
} scripts[] = {
    {{HELLO},                                                                                       STATUS_OK,           "hello",                1},
    {{"", "", HELLO},                                                                               STATUS_OK,           "hello",                3},
    {{"", "", "", HELLO},                                                                           STATUS_BAD_UPSTREAM, "without an answer",    3},
    {{EMPTY("503"), HELLO},                                                                         STATUS_OK,           "hello",                2},
    {{EMPTY("429"), EMPTY("502"), HELLO},                                                           STATUS_OK,           "hello",                3},
    {{"HTTP/1.1 429 x\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", HELLO},
     STATUS_OK,                                                                                                          "hello",
     2                                                                                                                                            },
    {{"HTTP/1.1 503 x\r\nRetry-After: 86400\r\nContent-Length: 4\r\n\r\nlong", HELLO},
     STATUS_OK,                                                                                                          "long",
     1                                                                                                                                            },
    {{"HTTP/1.1 404 x\r\nContent-Length: 4\r\n\r\nnone", HELLO},                                    STATUS_OK,           "none",                 1},
    {{"HTTP/1.1 100 x\r\n\r\nHTTP/1.1 103 x\r\nLink: a\r\n\r\n" HELLO},                             STATUS_OK,           "hello",                1},
    {{"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nETag: late\r\n\r\n"},
     STATUS_OK,                                                                                                          "hello",
     1                                                                                                                                            },
    {{"HTTP/1.1 200 x\r\n\r\nhello"},                                                               STATUS_OK,           "hello",                1},
    {{"HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\nhel", HELLO},                                     STATUS_OK,           "hello",                2},
    {{"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", HELLO},
     STATUS_OK,                                                                                                          "hello",
     2                                                                                                                                            },
    {{"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhel"},
     STATUS_BAD_UPSTREAM,                                                                                                "broke off",
     3                                                                                                                                            },
    {{"HTTP/1.1 200 x\r\nContent-Length: 1001\r\n\r\n", HELLO},
     STATUS_BAD_UPSTREAM,                                                                                                "larger than allowed",
     1                                                                                                                                            },
    {{"SSH-2.0-x\r\n\r\n"},                                                                         STATUS_BAD_UPSTREAM, "is not HTTP",          3},
    {{EMPTY("200\r\nVia: 1.0 a, 1.1 packhouse-test (x)")},
     STATUS_BAD_UPSTREAM,                                                                                                "this server itself",
     1                                                                                                                                            },
    {{EMPTY("502\r\nVia: 1.1 a\r\nVia: HTTP/1.1 Packhouse-Test")},
     STATUS_BAD_UPSTREAM,                                                                                                "this server itself",
     1                                                                                                                                            },
    {{EMPTY("200\r\nVia: 1.1 packhouse-test-2")},                                                   STATUS_OK,           "",                     1},
    {{EMPTY("302")},                                                                                STATUS_BAD_UPSTREAM, "redirects to nowhere", 1},
    {{EMPTY("302\r\nLocation: file:///etc/passwd")},
     STATUS_BAD_UPSTREAM,                                                                                                "no http or https URL",
     1                                                                                                                                            },
    {{EMPTY("302\r\nLocation: http://a:b@127.0.0.1/")},
     STATUS_BAD_UPSTREAM,                                                                                                "no http or https URL",
     1                                                                                                                                            },
    {{EMPTY("302\r\nLocation: gopher://127.0.0.1:70/")},
     STATUS_BAD_UPSTREAM,                                                                                                "no http or https URL",
     1                                                                                                                                            },
    {{EMPTY("302\r\nLocation: http://elsewhere.test/")},                                            STATUS_BAD_UPSTREAM, "not listed",           1},
    {{EMPTY("302\r\nLocation: /again")},                                                            STATUS_BAD_UPSTREAM, "again and again",      6},
    {{EMPTY("301\r\nLocation: ../b?c#d"), HELLO},                                                   STATUS_OK,           "hello",                2},
    {{EMPTY("304\r\nETag: \"1\""), HELLO},                                                          STATUS_OK,           "hello",                2},
    {{EMPTY("304\r\nETag: \"1\"")},                                                                 STATUS_BAD_UPSTREAM, "not conditional",      3},
};

static void each_answer_has_its_outcome(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof scripts / sizeof *scripts; row++) {
        struct script script = {scripts[row].answers, 0};
        struct upstream_server server;
        struct told told;
        enum status rc;

        while (script.count < 4 && scripts[row].answers[script.count])
            script.count++;
        upstream_start(&server, follows_script, &script);
        rc =
            run(&usual,
                &(struct transfer_request){
                    .method = "GET", .url = server.url, .bytes_max = 1000, .authorization = "hush"},
                &told);
        upstream_stop(&server);
        if (rc != scripts[row].expected || atomic_load(&server.requests) != scripts[row].requests ||
            (rc ? !strstr(told.error.message, scripts[row].sentence)
                : strcmp(told.bytes.data, scripts[row].sentence) != 0))
            fail_msg("row %zu: %s: %s, %d requests, \"%s\"", row, status_word(rc),
                     told.error.message, atomic_load(&server.requests), told.bytes.data);
        assert_null(strstr(told.error.message, "hush"));
        strbuf_free(&told.bytes);
    }
}

static bool is_endless(struct exchange *exchange)
{
    static const char chunk[] = "8\r\nabcdefgh\r\n", field[] = "X-A: b\r\n";
    bool is_head = !strcmp(exchange->path, "/head");

    upstream_say(exchange, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n");
    if (!is_head)
        upstream_say(exchange, "\r\n");
    while (upstream_say(exchange, is_head ? field : chunk))
        ;
    return false;
}

static void what_does_not_end_is_cut(void **state)
{
    static const char *const rows[][2] = {
        {"/head", "too many header fields"},
        {"/body", "larger than allowed"   },
    };
    struct upstream_server server;

    (void)state;
    upstream_start(&server, is_endless, NULL);
    for (size_t row = 0; row < 2; row++) {
        struct told told;
        char url[128];
        enum status rc;

        snprintf(url, sizeof url, "%s%s", server.url, rows[row][0]);
        rc = run(&usual,
                 &(struct transfer_request){.method = "GET", .url = url, .bytes_max = 100000},
                 &told);
        if (rc != STATUS_BAD_UPSTREAM || !strstr(told.error.message, rows[row][1]))
            fail_msg("row %zu: %s: %s", row, status_word(rc), told.error.message);
        assert_true(told.bytes.length <= 100000);
        strbuf_free(&told.bytes);
    }
    upstream_stop(&server);
}

/* Half of a file, and then what it is told to do about the rest. */
struct half {
    const char *validators;
    const char *second; /* the second answer's head; NULL: as RFC 9110 14 wants it */
    bool second_is_whole;
};

enum { FILE_SIZE = 300000, FILE_HALF = 100000 };
static char file_bytes[FILE_SIZE];

static bool breaks_in_the_middle(struct exchange *exchange)
{
    const struct half *half = exchange->context;
    char head[512], range[64];
    long long from = 0;

    if (exchange->number == 1) {
        snprintf(head, sizeof head, "HTTP/1.1 200 x\r\nContent-Length: %d\r\n%s\r\n", FILE_SIZE,
                 half->validators);
        upstream_say(exchange, head);
        upstream_send(exchange, file_bytes, FILE_HALF);
        return false;
    }
    if (upstream_field(exchange, "Range", range, sizeof range))
        sscanf(range, "bytes=%lld-", &from);
    if (half->second && exchange->number == 2) {
        upstream_say(exchange, half->second);
        if (half->second_is_whole)
            upstream_send(exchange, file_bytes, FILE_SIZE);
        return false;
    }
    snprintf(head, sizeof head,
             "HTTP/1.1 %d x\r\nContent-Length: %lld\r\n%sContent-Range: bytes %lld-%d/%d\r\n\r\n",
             from ? 206 : 200, FILE_SIZE - from, half->validators, from, FILE_SIZE - 1, FILE_SIZE);
    upstream_say(exchange, head);
    upstream_send(exchange, file_bytes + from, (size_t)(FILE_SIZE - from));
    return false;
}

#define WHOLE "HTTP/1.1 200 x\r\nContent-Length: 300000\r\n"
#define PART(range, more)                                                                          \
    "HTTP/1.1 206 x\r\nContent-Length: 200000\r\nContent-Range: bytes " range "\r\n" more "\r\n"
static const struct {
    struct half half;
    int requests, heads, restarts;
    const char *if_range; /* of the second request, when it is the last one */
    enum status expected;
} halves[] = {
    {{"ETag: \"a\"\r\n", NULL, false},                                            2, 1, 0, "\"a\"",                         STATUS_OK          },
    {{"ETag: W/\"a\"\r\n", NULL, false},                                          2, 1, 0, NULL,                            STATUS_OK          },
    {{"Last-Modified: Sun, 22 Nov 2026 19:00:00 GMT\r\n", NULL, false},
     2,                                                                              1,
     0,                                                                                    "Sun, 22 Nov 2026 19:00:00 GMT",
     STATUS_OK                                                                                                                                 },
    {{"", NULL, false},                                                           2, 1, 0, NULL,                            STATUS_OK          },
    {{"ETag: \"a\"\r\n", WHOLE "ETag: \"b\"\r\n\r\n", true},                      2, 2, 1, "\"a\"",                         STATUS_OK          },
    {{"", EMPTY("416"), false},                                                   3, 2, 1, NULL,                            STATUS_OK          },
    {{"", EMPTY("503"), false},                                                   3, 1, 0, NULL,                            STATUS_OK          },
    {{"", "", false},                                                             3, 1, 0, NULL,                            STATUS_OK          },
    {{"", EMPTY("404"), false},                                                   2, 1, 0, NULL,                            STATUS_BAD_UPSTREAM},
    {{"", PART("0-199999/200000", ""), false},                                    3, 2, 1, NULL,                            STATUS_OK          },
    {{"", PART("100000-299999/300001", ""), false},                               3, 2, 1, NULL,                            STATUS_OK          },
    {{"", PART("100000-199999/300000", ""), false},                               3, 2, 1, NULL,                            STATUS_OK          },
    {{"", PART("100000-299999/300000", "Content-Encoding: gzip\r\n"), false},
     3,                                                                              2,
     1,                                                                                    NULL,
     STATUS_OK                                                                                                                                 },
    {{"ETag: \"a\"\r\n", PART("100000-299999/300000", "ETag: \"b\"\r\n"), false},
     3,                                                                              2,
     1,                                                                                    NULL,
     STATUS_OK                                                                                                                                 },
};

static void a_file_that_breaks_off_is_resumed_or_sent_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < FILE_SIZE; i++)
        file_bytes[i] = (char)(i * 2654435761u >> 13);
    for (size_t row = 0; row < sizeof halves / sizeof *halves; row++) {
        struct upstream_server server;
        struct told told;
        char value[64] = "", *if_range;
        struct exchange last = {.head = NULL};
        enum status rc;

        upstream_start(&server, breaks_in_the_middle, (void *)&halves[row].half);
        rc = run(
            &usual,
            &(struct transfer_request){.method = "GET", .url = server.url, .is_resumable = true},
            &told);
        upstream_stop(&server);
        if (rc != halves[row].expected || told.heads != halves[row].heads ||
            told.restarts != halves[row].restarts ||
            atomic_load(&server.requests) != halves[row].requests)
            fail_msg("row %zu: %s: %s, %d heads, %d restarts, %d requests", row, status_word(rc),
                     told.error.message, told.heads, told.restarts, atomic_load(&server.requests));
        if (!rc &&
            (told.bytes.length != FILE_SIZE || memcmp(told.bytes.data, file_bytes, FILE_SIZE)))
            fail_msg("row %zu: other bytes", row);
        last.head = server.last_head;
        if_range = upstream_field(&last, "If-Range", value, sizeof value);
        if (halves[row].requests == 2 && ((if_range != NULL) != (halves[row].if_range != NULL) ||
                                          (if_range && strcmp(if_range, halves[row].if_range))))
            fail_msg("row %zu: If-Range %s", row, value);
        strbuf_free(&told.bytes);
    }
}

static void without_start_again_nothing_is_sent_twice(void **state)
{
    struct half half = {"", WHOLE "\r\n", true};
    struct upstream_server server;
    struct transfer_sink sink;
    struct fetcher *fetcher;
    struct told told;

    (void)state;
    told_init(&told);
    sink = sink_of(&told);
    sink.start_again = NULL;
    upstream_start(&server, breaks_in_the_middle, &half);
    assert_int_equal(fetcher_start(&usual, &fetcher, NULL), STATUS_OK);
    fetcher_submit(
        fetcher,
        &(struct transfer_request){.method = "GET", .url = server.url, .is_resumable = true},
        &sink);
    wait_for_end(&told);
    fetcher_stop(fetcher);
    upstream_stop(&server);
    assert_int_equal(told.rc, STATUS_BAD_UPSTREAM);
    assert_int_equal(told.bytes.length, FILE_HALF);
    strbuf_free(&told.bytes);
}

static bool begins_and_breaks_off(struct exchange *exchange)
{
    static char half[2 * 1024 * 1024];

    upstream_say(exchange, "HTTP/1.1 200 x\r\nETag: \"1\"\r\nContent-Length: 4194304\r\n\r\n");
    upstream_send(exchange, half, sizeof half);
    return false;
}

static void what_never_gets_further_is_not_tried_for_ever(void **state)
{
    struct upstream_server server;
    struct told told;
    enum status rc;

    (void)state;
    upstream_start(&server, begins_and_breaks_off, NULL);
    rc = run(&usual,
             &(struct transfer_request){.method = "GET", .url = server.url, .is_resumable = true},
             &told);
    upstream_stop(&server);
    strbuf_free(&told.bytes);
    assert_int_equal(rc, STATUS_BAD_UPSTREAM);
    assert_int_equal(server.requests, usual.retries + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer_has_its_outcome),
        cmocka_unit_test(what_does_not_end_is_cut),
        cmocka_unit_test(a_file_that_breaks_off_is_resumed_or_sent_again),
        cmocka_unit_test(without_start_again_nothing_is_sent_twice),
        cmocka_unit_test(what_never_gets_further_is_not_tried_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

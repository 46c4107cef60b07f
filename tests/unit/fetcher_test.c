#include "tests/support/told_sink.h"

static void what_is_asked_arrives_and_so_does_the_answer(void **state)
{
    static const char *const headers[] = {"Accept: application/json", NULL};
    struct upstream_server server;
    struct told told;
    char url[128];

    (void)state;
    upstream_start(&server, says_hello, NULL);
    snprintf(url, sizeof url, "%s/@acme%%2fui?x=1", server.url);
    if (run(&usual,
            &(struct transfer_request){
                .method = "GET", .url = url, .headers = headers, .authorization = "Bearer t"},
            &told))
        fail_msg("%s", told.error.message);
    assert_int_equal(told.heads, 1);
    assert_int_equal(told.codes[0], 200);
    assert_string_equal(told.bytes.data, "hello");
    assert_string_equal(told.etag, "\"1\"");
    assert_string_equal(told.type, "text/plain");
    assert_string_equal(told.url, url);
    assert_true(upstream_saw(&server, "GET /@acme%2fui?x=1 HTTP/1.1\r\n"));
    assert_true(upstream_saw(&server, "\r\nAccept: application/json\r\n"));
    assert_true(upstream_saw(&server, "\r\nAuthorization: Bearer t\r\n"));
    assert_true(upstream_saw(&server, "\r\nUser-Agent: packhouse/test\r\n"));
    assert_true(upstream_saw(&server, "\r\nVia: 1.1 packhouse-test\r\n"));
    upstream_stop(&server);
    strbuf_free(&told.bytes);
}

/* What it waits for, and in which phase. */
static bool goes_silent(struct exchange *exchange)
{
    if (!strcmp(exchange->path, "/head"))
        upstream_say(exchange, "HTTP/1.1 200 OK\r\n");
    if (!strcmp(exchange->path, "/body"))
        upstream_say(exchange, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel");
    upstream_wait_for_end(exchange);
    return false;
}

static void each_phase_has_its_limit_of_time(void **state)
{
    static const char *const rows[][2] = {
        {"/nothing", "gave no answer in time"           },
        {"/head",    "became too slow in the middle"    },
        {"/body",    "became too slow in the middle"    },
        {"/total",   "did not finish its answer in time"},
    };
    struct fetcher_options options = usual;
    struct upstream_server server;

    (void)state;
    options.retries = 0;
    upstream_start(&server, goes_silent, NULL);
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct transfer_request request = {.method = "GET"};
        struct told told;
        char url[128];
        enum status rc;

        snprintf(url, sizeof url, "%s%s", server.url, rows[row][0]);
        request.url = url;
        options.first_byte_timeout_ms = row == 0 ? 300 : 60000;
        options.stall_timeout_ms = row == 1 || row == 2 ? 300 : 60000;
        request.total_timeout_ms = row == 3 ? 300 : 0;
        rc = run(&options, &request, &told);
        if (rc != STATUS_UPSTREAM_TIMEOUT || !strstr(told.error.message, rows[row][1]))
            fail_msg("row %zu: %s: %s", row, status_word(rc), told.error.message);
        strbuf_free(&told.bytes);
    }
    upstream_stop(&server);
}

static void a_post_is_sent_once(void **state)
{
    static const char *const answers[] = {EMPTY("503"), EMPTY("307\r\nLocation: /b"), "", HELLO};
    struct script script = {answers, 4};
    struct upstream_server server;

    (void)state;
    upstream_start(&server, follows_script, &script);
    for (int row = 0; row < 3; row++) {
        struct told told;
        enum status rc =
            run(&usual,
                &(struct transfer_request){
                    .method = "POST", .url = server.url, .body = "{}", .body_length = 2},
                &told);

        assert_int_equal(rc, row ? STATUS_BAD_UPSTREAM : STATUS_OK);
        assert_int_equal(atomic_load(&server.requests), row + 1);
        assert_true(upstream_saw(&server, "POST / HTTP/1.1\r\n"));
        assert_true(upstream_saw(&server, "Content-Length: 2\r\n"));
        assert_false(upstream_saw(&server, "Expect:"));
        strbuf_free(&told.bytes);
    }
    upstream_stop(&server);
}

static void the_sink_may_refuse(void **state)
{
    struct upstream_server server;
    struct transfer_sink sink;
    struct fetcher *fetcher;
    struct told told;

    (void)state;
    told_init(&told);
    told.refuses_bytes = true;
    sink = sink_of(&told);
    upstream_start(&server, says_hello, NULL);
    assert_int_equal(fetcher_start(&usual, &fetcher, NULL), STATUS_OK);
    fetcher_submit(fetcher, &(struct transfer_request){.method = "GET", .url = server.url}, &sink);
    wait_for_end(&told);
    fetcher_stop(fetcher);
    upstream_stop(&server);
    assert_int_equal(told.rc, STATUS_FULL);
    assert_string_equal(told.error.message, "the disk is full");
    assert_int_equal(atomic_load(&server.requests), 1);
    strbuf_free(&told.bytes);
}

static const struct breaker_options two_failures = {
    .failures = 2, .open_us = 3600000000, .open_max_us = 3600000000};

static struct breaker_view view_of(struct breaker_set *breakers, const char *url)
{
    struct breaker_view view;
    struct url_origin origin;

    assert_true(url_origin(url, &origin));
    breaker_view(breaker_set_find(breakers, &origin), &view);
    return view;
}

static void an_upstream_that_fails_is_left_alone(void **state)
{
    static const char *const answers[] = {""};
    struct script script = {answers, 1};
    struct breaker_set *breakers = breaker_set_new(&two_failures);
    struct fetcher_options options = usual;
    struct breaker_view view;
    struct upstream_server server;

    (void)state;
    options.retries = 0;
    upstream_start(&server, follows_script, &script);
    for (int row = 0; row < 4; row++) {
        struct told told;
        enum status rc =
            run(&options,
                &(struct transfer_request){.method = "GET", .url = server.url, .breakers = breakers},
                &told);

        assert_int_equal(rc, row < 2 ? STATUS_BAD_UPSTREAM : STATUS_UPSTREAM_AWAY);
        strbuf_free(&told.bytes);
    }
    upstream_stop(&server);
    view = view_of(breakers, server.url);
    breaker_set_free(breakers);
    assert_int_equal(atomic_load(&server.requests), 2);
    assert_int_equal(view.state, BREAKER_OPEN);
    assert_int_equal(view.requests, 2);
    assert_non_null(strstr(view.last_error, "without an answer"));
}

/* Where it sends us; NULL: it hangs up. */
static bool sends_on_or_hangs_up(struct exchange *exchange)
{
    const char *elsewhere = exchange->context;
    char fields[128];

    if (!elsewhere)
        return false;
    snprintf(fields, sizeof fields, "Location: %s/\r\n", elsewhere);
    return upstream_answer(exchange, 302, fields, "", 0);
}

static void a_host_that_fails_is_left_alone_for_itself(void **state)
{
    struct breaker_set *breakers = breaker_set_new(&two_failures);
    struct fetcher_options options = usual;
    struct upstream_server own, files;

    (void)state;
    options.retries = 0;
    upstream_start(&files, sends_on_or_hangs_up, NULL);
    upstream_start(&own, sends_on_or_hangs_up, files.url);
    for (int row = 0; row < 4; row++) {
        struct told told;
        enum status rc =
            run(&options,
                &(struct transfer_request){.method = "GET", .url = own.url, .breakers = breakers}, &told);

        assert_int_equal(rc, row < 2 ? STATUS_BAD_UPSTREAM : STATUS_UPSTREAM_AWAY);
        strbuf_free(&told.bytes);
    }
    upstream_stop(&own);
    upstream_stop(&files);
    assert_int_equal(atomic_load(&own.requests), 4);
    assert_int_equal(atomic_load(&files.requests), 2);
    assert_int_equal(view_of(breakers, own.url).state, BREAKER_CLOSED);
    assert_int_equal(view_of(breakers, own.url).failures, 0);
    assert_int_equal(view_of(breakers, files.url).state, BREAKER_OPEN);
    breaker_set_close(breakers);
    assert_int_equal(view_of(breakers, files.url).state, BREAKER_CLOSED);
    breaker_set_free(breakers);
}

static void one_silence_is_enough(void **state)
{
    struct breaker_set *breakers = breaker_set_new(&two_failures);
    struct fetcher_options options = usual;
    struct upstream_server server;
    struct told told;

    (void)state;
    options.first_byte_timeout_ms = 100;
    upstream_start(&server, goes_silent, NULL);
    assert_int_equal(
        run(&options, &(struct transfer_request){.method = "GET", .url = server.url, .breakers = breakers}, &told),
        STATUS_UPSTREAM_TIMEOUT);
    upstream_stop(&server);
    strbuf_free(&told.bytes);
    assert_int_equal(view_of(breakers, server.url).state, BREAKER_OPEN);
    breaker_set_free(breakers);
}

enum { MANY = 2000, AT_ONCE = 32 };

static void many_small_ones_share_few_connections(void **state)
{
    struct told *told = calloc(MANY, sizeof *told);
    struct upstream_server server;
    struct fetcher *fetcher;

    (void)state;
    upstream_start(&server, says_hello, NULL);
    assert_int_equal(fetcher_start(&usual, &fetcher, NULL), STATUS_OK);
    for (int i = 0; i < MANY; i++) {
        struct transfer_sink sink;

        told_init(&told[i]);
        sink = sink_of(&told[i]);
        fetcher_submit(fetcher, &(struct transfer_request){.method = "GET", .url = server.url},
                       &sink);
    }
    for (int i = 0; i < MANY; i++) {
        wait_for_end(&told[i]);
        if (told[i].rc || strcmp(told[i].bytes.data, "hello"))
            fail_msg("%d: %s", i, told[i].error.message);
        strbuf_free(&told[i].bytes);
    }
    fetcher_stop(fetcher);
    upstream_stop(&server);
    assert_int_equal(atomic_load(&server.requests), MANY);
    assert_in_range(server.connections, 1, AT_ONCE);
    free(told);
}

enum { STOPPED = 40 };

static void stopping_ends_what_runs_and_what_waits(void **state)
{
    static struct told told[STOPPED];
    struct fetcher_options options = usual;
    struct upstream_server server;
    struct fetcher *fetcher;
    char url[128];

    (void)state;
    options.connections_per_host = 8;
    upstream_start(&server, goes_silent, NULL);
    snprintf(url, sizeof url, "%s/body", server.url);
    assert_int_equal(fetcher_start(&options, &fetcher, NULL), STATUS_OK);
    for (int i = 0; i < STOPPED; i++) {
        struct transfer_sink sink;

        told_init(&told[i]);
        sink = sink_of(&told[i]);
        fetcher_submit(fetcher, &(struct transfer_request){.method = "GET", .url = url}, &sink);
    }
    pthread_mutex_lock(&told[0].lock);
    while (!told[0].bytes.length)
        pthread_cond_wait(&told[0].has_changed, &told[0].lock);
    pthread_mutex_unlock(&told[0].lock);
    fetcher_stop(fetcher);
    for (int i = 0; i < STOPPED; i++) {
        assert_true(told[i].has_ended);
        assert_int_equal(told[i].rc, STATUS_UPSTREAM_AWAY);
        strbuf_free(&told[i].bytes);
    }
    upstream_stop(&server);
    assert_in_range(server.connections, 1, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_arrives_and_so_does_the_answer),
        cmocka_unit_test(each_phase_has_its_limit_of_time),
        cmocka_unit_test(a_post_is_sent_once),
        cmocka_unit_test(the_sink_may_refuse),
        cmocka_unit_test(an_upstream_that_fails_is_left_alone),
        cmocka_unit_test(a_host_that_fails_is_left_alone_for_itself),
        cmocka_unit_test(one_silence_is_enough),
        cmocka_unit_test(many_small_ones_share_few_connections),
        cmocka_unit_test(stopping_ends_what_runs_and_what_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/remote/fetcher.h"
#include "tests/support/scripted_upstream.h"

#include <netdb.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

enum { BODY_MAX = 8 * 1024 * 1024 };

static const struct fetcher_options usual = {
    .allow_addresses = "127.0.0.0/8",
    .user_agent = "packhouse/test",
    .via = "packhouse-test",
    .ca_file = "",
    .connections_per_host = 32,
    .connect_timeout_ms = 60000,
    .first_byte_timeout_ms = 60000,
    .stall_timeout_ms = 60000,
    .retries = 2,
};

/* What a sink was told. */
struct told {
    pthread_mutex_t lock;
    pthread_cond_t has_changed;
    struct strbuf bytes;
    int heads, codes[4], restarts;
    char etag[64], type[64], url[256];
    bool refuses_bytes, has_ended;
    enum status rc;
    struct error error;
};

static enum status told_head(void *context, const struct transfer_head *head, struct error *err)
{
    struct told *told = context;

    (void)err;
    if (told->heads < 4)
        told->codes[told->heads] = head->code;
    told->heads++;
    snprintf(told->etag, sizeof told->etag, "%s", head->etag ? head->etag : "");
    snprintf(told->type, sizeof told->type, "%s", head->content_type ? head->content_type : "");
    snprintf(told->url, sizeof told->url, "%s", head->url);
    return STATUS_OK;
}

static enum status told_bytes(void *context, const void *bytes, size_t length, struct error *err)
{
    struct told *told = context;

    if (told->refuses_bytes)
        return (fail)(err, STATUS_FULL, "", "the disk is full");
    pthread_mutex_lock(&told->lock);
    strbuf_bytes(&told->bytes, bytes, length);
    pthread_cond_broadcast(&told->has_changed);
    pthread_mutex_unlock(&told->lock);
    return STATUS_OK;
}

static enum status told_start_again(void *context, struct error *err)
{
    struct told *told = context;

    (void)err;
    told->restarts++;
    strbuf_clear(&told->bytes);
    return STATUS_OK;
}

static void told_end(void *context, enum status rc, const struct error *err)
{
    struct told *told = context;

    pthread_mutex_lock(&told->lock);
    told->rc = rc;
    told->error = *err;
    told->has_ended = true;
    pthread_cond_broadcast(&told->has_changed);
    pthread_mutex_unlock(&told->lock);
}

static void told_init(struct told *told)
{
    *told =
        (struct told){.lock = PTHREAD_MUTEX_INITIALIZER, .has_changed = PTHREAD_COND_INITIALIZER};
    strbuf_init(&told->bytes, NULL, BODY_MAX);
}

static struct transfer_sink sink_of(struct told *told)
{
    return (struct transfer_sink){told, told_head, told_bytes, told_start_again, told_end};
}

static void wait_for_end(struct told *told)
{
    pthread_mutex_lock(&told->lock);
    while (!told->has_ended)
        pthread_cond_wait(&told->has_changed, &told->lock);
    pthread_mutex_unlock(&told->lock);
}

/* One transfer from its beginning to its end. The caller frees told->bytes. */
static enum status run(const struct fetcher_options *options,
                       const struct transfer_request *request, struct told *told)
{
    struct fetcher *fetcher;
    struct transfer_sink sink = sink_of(told);
    struct error err = {0};

    told_init(told);
    if (fetcher_start(options, &fetcher, &err))
        fail_msg("%s", err.message);
    fetcher_submit(fetcher, request, &sink);
    wait_for_end(told);
    fetcher_stop(fetcher);
    return told->rc;
}

static bool says_hello(struct exchange *exchange)
{
    return upstream_answer(exchange, 200, "ETag: \"1\"\r\nContent-Type: text/plain\r\n", "hello",
                           5);
}

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
    upstream_stop(&server);
    assert_int_equal(told.heads, 1);
    assert_int_equal(told.codes[0], 200);
    assert_string_equal(told.bytes.data, "hello");
    assert_string_equal(told.etag, "\"1\"");
    assert_string_equal(told.type, "text/plain");
    assert_string_equal(told.url, url);
    assert_non_null(strstr(server.last_head, "GET /@acme%2fui?x=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(server.last_head, "\r\nAccept: application/json\r\n"));
    assert_non_null(strstr(server.last_head, "\r\nAuthorization: Bearer t\r\n"));
    assert_non_null(strstr(server.last_head, "\r\nUser-Agent: packhouse/test\r\n"));
    assert_non_null(strstr(server.last_head, "\r\nVia: 1.1 packhouse-test\r\n"));
    strbuf_free(&told.bytes);
}

/* The mapped, short, numeric and zero forms of this machine, and what they may not be followed by.
 */
static void private_addresses_are_refused_in_every_form(void **state)
{
    static const char *const hosts[] = {
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0x7f.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::1]",
        "[::]",
        "0.0.0.0",
        "0",
    };
    struct fetcher_options options = usual;
    struct upstream_server server;

    (void)state;
    options.allow_addresses = "10.0.0.0/8";
    upstream_start(&server, says_hello, NULL);
    for (size_t row = 0; row < sizeof hosts / sizeof *hosts; row++) {
        struct told told;
        char url[128];
        enum status rc;

        snprintf(url, sizeof url, "http://%s:%d/", hosts[row], server.port);
        rc = run(&options, &(struct transfer_request){.method = "GET", .url = url}, &told);
        if (rc != STATUS_BAD_UPSTREAM || !strstr(told.error.message, "private address"))
            fail_msg("row %zu %s: %s: %s", row, hosts[row], status_word(rc), told.error.message);
        strbuf_free(&told.bytes);
    }
    upstream_stop(&server);
    assert_int_equal(server.connections, 0);
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
        cmocka_unit_test(what_is_asked_arrives_and_so_does_the_answer),
        cmocka_unit_test(private_addresses_are_refused_in_every_form),
        cmocka_unit_test(what_never_gets_further_is_not_tried_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

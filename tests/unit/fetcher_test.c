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

/* A script: what the n-th request gets; the last row also answers those behind it. */
struct script {
    const char *const *answers;
    int count;
};

/* Says it as it stands, and closes; "" closes without a word. */
static bool follows_script(struct exchange *exchange)
{
    const struct script *script = exchange->context;
    int number = exchange->number <= script->count ? exchange->number : script->count;

    upstream_say(exchange, script->answers[number - 1]);
    return false;
}

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define EMPTY(code) "HTTP/1.1 " code " x\r\nContent-Length: 0\r\n\r\n"

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
    {{EMPTY("304\r\nETag: \"1\"")},                                                                 STATUS_OK,           "",                     1},
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

/* Names that only this test knows; libcurl asks here instead of the system. */
static atomic_int rebound;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    static const char v4[] = "127.0.0.1";
    struct {
        struct addrinfo info;
        struct sockaddr_in address;
    } * made;
    bool is_ours = !strcmp(name, "mirror.test") || !strcmp(name, "files.test") ||
                   !strcmp(name, "rebind.test") || !strcmp(name, "localhost") ||
                   !strncmp(name, "127.", 4);

    (void)hints;
    if (!is_ours || !(made = calloc(1, sizeof *made)))
        return EAI_NONAME;
    made->address.sin_family = AF_INET;
    made->address.sin_port = htons((uint16_t)(service ? atoi(service) : 0));
    inet_pton(AF_INET, v4, &made->address.sin_addr);
    if (!strcmp(name, "rebind.test"))
        atomic_fetch_add(&rebound, 1);
    made->info = (struct addrinfo){.ai_family = AF_INET,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_protocol = IPPROTO_TCP,
                                   .ai_addrlen = sizeof made->address,
                                   .ai_addr = (struct sockaddr *)&made->address};
    *out = &made->info;
    return 0;
}

void freeaddrinfo(struct addrinfo *info)
{
    free(info); /* it stands first in what was made */
}

/* Redirects to where the query says. */
static bool redirects(struct exchange *exchange)
{
    const char *to = strchr(exchange->path, '?');
    char fields[600];

    if (!to)
        return says_hello(exchange);
    snprintf(fields, sizeof fields, "Location: %s\r\n", to + 1);
    return upstream_answer(exchange, 302, fields, "moved", 5);
}

/* Where redirects lead from http://mirror.test, which a person named and which is private. */
static const struct {
    const char *to; /* %d is the server's port, %o another server's */
    bool may_be_private, any_host, is_listed;
    const char *allowed, *sentence; /* NULL: it arrives */
} places[] = {
    {"/own",                          true,  false, false, "",            NULL                  },
    {"/own",                          false, false, false, "",            "private address"     },
    {"/own",                          false, false, false, "127.0.0.0/8", NULL                  },
    {"http://mirror.test:%d/own",     true,  false, false, "",            NULL                  },
    {"http://MIRROR.test:%d/own",     true,  false, false, "",            NULL                  },
    {"http://mirror.test:%o/own",     true,  false, false, "",            "private address"     },
    {"http://mirror.test:%o/own",     true,  false, false, "127.0.0.1",   NULL                  },
    {"http://files.test:%d/",         true,  false, false, "127.0.0.0/8", "not listed"          },
    {"http://files.test:%d/",         true,  false, true,  "",            "private address"     },
    {"http://files.test:%d/",         true,  false, true,  "127.0.0.0/8", NULL                  },
    {"http://files.test:%d/",         true,  true,  false, "127.0.0.0/8", "without https"       },
    {"https://files.test:%d/",        true,  true,  false, "",            "private address"     },
    {"http://127.0.0.1:%d/",          true,  false, false, "127.0.0.0/8", "not listed"          },
    {"http://mirror.test.evil:%d/",   true,  false, false, "127.0.0.0/8", "not listed"          },
    {"http://mirror.test%2eevil:%d/", true,  false, false, "127.0.0.0/8", "no http or https URL"},
};

static void place(char *out, size_t size, const char *pattern, int port, int other)
{
    const char *sign = strstr(pattern, ":%");

    if (!sign)
        snprintf(out, size, "%s", pattern);
    else
        snprintf(out, size, "%.*s:%d%s", (int)(sign - pattern), pattern,
                 sign[2] == 'o' ? other : port, sign + 3);
}

static void a_redirect_leads_only_where_it_may(void **state)
{
    static const char *const hosts[] = {"files.test", NULL};
    struct upstream_server server, other;

    (void)state;
    upstream_start(&server, redirects, NULL);
    upstream_start(&other, says_hello, NULL);
    for (size_t row = 0; row < sizeof places / sizeof *places; row++) {
        struct fetcher_options options = usual;
        struct told told;
        char to[128], url[256];
        bool has_arrived;

        options.allow_addresses = places[row].allowed;
        place(to, sizeof to, places[row].to, server.port, other.port);
        snprintf(url, sizeof url, "http://mirror.test:%d/?%s", server.port, to);
        has_arrived =
            !run(&options,
                 &(struct transfer_request){.method = "GET",
                                            .url = url,
                                            .any_host = places[row].any_host,
                                            .may_be_private = places[row].may_be_private,
                                            .hosts = places[row].is_listed ? hosts : NULL},
                 &told);
        if (has_arrived != !places[row].sentence ||
            (!has_arrived && !strstr(told.error.message, places[row].sentence)))
            fail_msg("row %zu: %s: %s", row, to, told.error.message);
        if (has_arrived)
            assert_string_equal(told.bytes.data, "hello");
        strbuf_free(&told.bytes);
    }
    upstream_stop(&other);
    upstream_stop(&server);
}

/* A connection that was opened for an upstream that may be private serves no other transfer. */
static void a_private_connection_is_not_lent(void **state)
{
    struct fetcher_options options = usual;
    struct transfer_request request = {.method = "GET", .may_be_private = true};
    struct upstream_server server;
    struct fetcher *fetcher;
    struct error err = {0};
    struct strbuf out;
    char url[128];
    int code;

    (void)state;
    options.allow_addresses = "";
    upstream_start(&server, says_hello, NULL);
    snprintf(url, sizeof url, "http://rebind.test:%d/", server.port);
    request.url = url;
    strbuf_init(&out, NULL, 100);
    assert_int_equal(fetcher_start(&options, &fetcher, NULL), STATUS_OK);
    assert_int_equal(fetcher_get(fetcher, &request, &out, &code, &err), STATUS_OK);
    request.may_be_private = false;
    assert_int_equal(fetcher_get(fetcher, &request, &out, &code, &err), STATUS_BAD_UPSTREAM);
    assert_non_null(strstr(err.message, "private address"));
    fetcher_stop(fetcher);
    upstream_stop(&server);
    assert_int_equal(atomic_load(&server.requests), 1);
    assert_true(atomic_load(&rebound) > 0); /* or this test would know nothing of names */
    strbuf_free(&out);
}

static void credentials_go_to_their_own_origin_only(void **state)
{
    static const char *const hosts[] = {"files.test", NULL};
    struct upstream_server server, other;
    struct told told;
    char url[256];

    (void)state;
    upstream_start(&server, redirects, NULL);
    upstream_start(&other, says_hello, NULL);
    for (int row = 0; row < 3; row++) {
        const char *host = row == 1 ? "files.test" : "mirror.test";
        int port = row == 2 ? server.port : other.port;

        snprintf(url, sizeof url, "http://mirror.test:%d/?http://%s:%d/own", server.port, host,
                 port);
        if (run(&usual,
                &(struct transfer_request){
                    .method = "GET", .url = url, .authorization = "Bearer hush", .hosts = hosts},
                &told))
            fail_msg("%s", told.error.message);
        assert_non_null(strstr(server.last_head, "Bearer hush"));
        assert_null(strstr(other.last_head, "hush"));
        strbuf_free(&told.bytes);
    }
    assert_int_equal(atomic_load(&other.requests), 2);
    assert_int_equal(atomic_load(&server.requests), 4);
    upstream_stop(&other);
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
        assert_non_null(strstr(server.last_head, "POST / HTTP/1.1\r\n"));
        assert_non_null(strstr(server.last_head, "Content-Length: 2\r\n"));
        assert_null(strstr(server.last_head, "Expect:"));
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

static void what_cannot_be_asked_says_why(void **state)
{
    static const struct {
        const char *url, *header;
        enum status expected;
        const char *sentence;
    } rows[] = {
        {"file:///etc/passwd",    "A: b",         STATUS_INVALID,      "no http or https" },
        {"ftp://127.0.0.1/",      "A: b",         STATUS_INVALID,      "no http or https" },
        {"",                      "A: b",         STATUS_INVALID,      "no http or https" },
        {"http://u:p@127.0.0.1/", "A: b",         STATUS_INVALID,      "no http or https" },
        {"http://127.0.0.1/",     "A: b\r\nC: d", STATUS_INVALID,      "header"           },
        {"http://nowhere.test/",  "A: b",         STATUS_BAD_UPSTREAM,
         "could not resolve the upstream's host"                                          },
        {"http://127.0.0.1:1/",   "A: b",         STATUS_BAD_UPSTREAM, "could not connect"},
    };
    struct fetcher_options options = usual;

    (void)state;
    options.retries = 1;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        const char *headers[] = {rows[row].header, NULL};
        struct told told;
        enum status rc = run(
            &options,
            &(struct transfer_request){.method = "GET", .url = rows[row].url, .headers = headers},
            &told);

        if (rc != rows[row].expected || !strstr(told.error.message, rows[row].sentence))
            fail_msg("row %zu: %s: %s", row, status_word(rc), told.error.message);
        assert_int_equal(told.heads, 0);
        strbuf_free(&told.bytes);
    }
    options.allow_addresses = "10.0.0.0/8,nonsense";
    assert_int_equal(fetcher_start(&options, &(struct fetcher *){NULL}, NULL), STATUS_INVALID);
}

static void an_upstream_that_fails_is_left_alone(void **state)
{
    static const char *const answers[] = {""};
    struct script script = {answers, 1};
    struct breaker *breaker = breaker_new(
        &(struct breaker_options){.failures = 2, .open_us = 3600000000, .open_max_us = 3600000000});
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
                &(struct transfer_request){.method = "GET", .url = server.url, .breaker = breaker},
                &told);

        assert_int_equal(rc, row < 2 ? STATUS_BAD_UPSTREAM : STATUS_UPSTREAM_AWAY);
        strbuf_free(&told.bytes);
    }
    upstream_stop(&server);
    breaker_view(breaker, &view);
    breaker_free(breaker);
    assert_int_equal(atomic_load(&server.requests), 2);
    assert_int_equal(view.state, BREAKER_OPEN);
    assert_int_equal(view.requests, 2);
    assert_non_null(strstr(view.last_error, "without an answer"));
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
        cmocka_unit_test(private_addresses_are_refused_in_every_form),
        cmocka_unit_test(each_answer_has_its_outcome),
        cmocka_unit_test(what_does_not_end_is_cut),
        cmocka_unit_test(a_file_that_breaks_off_is_resumed_or_sent_again),
        cmocka_unit_test(without_start_again_nothing_is_sent_twice),
        cmocka_unit_test(what_never_gets_further_is_not_tried_for_ever),
        cmocka_unit_test(each_phase_has_its_limit_of_time),
        cmocka_unit_test(a_redirect_leads_only_where_it_may),
        cmocka_unit_test(a_private_connection_is_not_lent),
        cmocka_unit_test(credentials_go_to_their_own_origin_only),
        cmocka_unit_test(a_post_is_sent_once),
        cmocka_unit_test(the_sink_may_refuse),
        cmocka_unit_test(what_cannot_be_asked_says_why),
        cmocka_unit_test(an_upstream_that_fails_is_left_alone),
        cmocka_unit_test(many_small_ones_share_few_connections),
        cmocka_unit_test(stopping_ends_what_runs_and_what_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

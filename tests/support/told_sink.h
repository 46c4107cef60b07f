/* A sink that keeps what it is told, and fetchers for tests to run it with. */
#pragma once
#include "storage/memory/strbuf.h"
#include "storage/remote/fetcher.h"
#include "tests/support/scripted_upstream.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

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

static inline enum status told_head(void *context, const struct transfer_head *head,
                                    struct error *err)
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

static inline enum status told_bytes(void *context, const void *bytes, size_t length,
                                     struct error *err)
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

static inline enum status told_start_again(void *context, struct error *err)
{
    struct told *told = context;

    (void)err;
    told->restarts++;
    strbuf_clear(&told->bytes);
    return STATUS_OK;
}

static inline void told_end(void *context, enum status rc, const struct error *err)
{
    struct told *told = context;

    pthread_mutex_lock(&told->lock);
    told->rc = rc;
    told->error = *err;
    told->has_ended = true;
    pthread_cond_broadcast(&told->has_changed);
    pthread_mutex_unlock(&told->lock);
}

static inline void told_init(struct told *told)
{
    *told =
        (struct told){.lock = PTHREAD_MUTEX_INITIALIZER, .has_changed = PTHREAD_COND_INITIALIZER};
    strbuf_init(&told->bytes, NULL, BODY_MAX);
}

static inline struct transfer_sink sink_of(struct told *told)
{
    return (struct transfer_sink){told, told_head, told_bytes, told_start_again, told_end};
}

static inline void wait_for_end(struct told *told)
{
    pthread_mutex_lock(&told->lock);
    while (!told->has_ended)
        pthread_cond_wait(&told->has_changed, &told->lock);
    pthread_mutex_unlock(&told->lock);
}

/* One transfer from its beginning to its end. The caller frees told->bytes. */
static inline enum status run(const struct fetcher_options *options,
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

static inline bool says_hello(struct exchange *exchange)
{
    return upstream_answer(exchange, 200, "ETag: \"1\"\r\nContent-Type: text/plain\r\n", "hello",
                           5);
}

/* A script: what the n-th request gets; the last row also answers those behind it. */
struct script {
    const char *const *answers;
    int count;
};

/* Says it as it stands, and closes; "" closes without a word. */
static inline bool follows_script(struct exchange *exchange)
{
    const struct script *script = exchange->context;
    int number = exchange->number <= script->count ? exchange->number : script->count;

    upstream_say(exchange, script->answers[number - 1]);
    return false;
}

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define EMPTY(code) "HTTP/1.1 " code " x\r\nContent-Length: 0\r\n\r\n"

/* A mirror with a catalog of its own and an upstream on loopback that does what the test says. */
#pragma once
#include "config/clock.h"
#include "storage/mirror/mirror.h"
#include "storage/remote/fetcher.h"
#include "tests/support/catalog_fixture.h"
#include "tests/support/scripted_upstream.h"

#include <time.h>

#define MINUTE INT64_C(60000000)

static inline const char *document_path(struct arena *arena, const char *name)
{
    return arena_format(arena, "/%s", name);
}

/* A document begins with its package's name. */
static inline enum status check(struct reader *document, const char *content_type, const char *name,
                         struct arena *arena, struct error *err)
{
    char *text = arena_alloc(arena, 1 << 16);
    size_t got = 0, piece;
    enum status rc;

    (void)content_type;
    if ((rc = reader_read_all(document, text, 1 << 16, &got, err)))
        return rc;
    if (got < strlen(name) || memcmp(text, name, strlen(name)))
        return (fail)(err, STATUS_BAD_UPSTREAM, "bad-document", "no document of %s", name);
    do
        rc = reader_read_all(document, text, 1 << 16, &piece, err);
    while (!rc && piece);
    return rc;
}

static const struct mirror_format test_format = {FORMAT_NPM, "text/plain", document_path, check, NULL};
static const struct mirror_format *const formats[] = {&test_format, NULL};

struct house {
    struct fixture fixture;
    struct upstream_server server;
    struct upstream upstream;
    struct mirror *mirror;
    struct mirror_options options;
    int64_t first_byte_timeout_ms; /* 0: a minute */

    /* What the server does; under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int code;              /* of answers; 0: hangs up */
    const char *fields;    /* besides the length */
    const char *body;
    size_t length;
    size_t cut_at;         /* hangs up after so many bytes, the first time; 0: no */
    bool holds;            /* waits before answering */
    size_t hold_at;        /* waits after so many bytes; 0: no */
    int conditional;       /* requests that came with If-None-Match */
};

static inline bool answer(struct exchange *exchange)
{
    struct house *house = exchange->context;
    char match[64], head[512];
    size_t held_at;
    bool goes_on;

    pthread_mutex_lock(&house->lock);
    house->conditional += upstream_field(exchange, "If-None-Match", match, sizeof match) != NULL;
    pthread_cond_broadcast(&house->changed);
    while (house->holds)
        pthread_cond_wait(&house->changed, &house->lock);
    goes_on = house->code != 0;
    if (goes_on && house->cut_at) {
        snprintf(head, sizeof head, "HTTP/1.1 %d x\r\nContent-Length: %zu\r\n%s\r\n", house->code, house->length,
                 house->fields);
        upstream_say(exchange, head);
        upstream_send(exchange, house->body, house->cut_at);
        house->cut_at = 0;
        goes_on = false;
    } else if (goes_on && (held_at = house->hold_at)) {
        const char *body = house->body;
        size_t length = house->length;

        snprintf(head, sizeof head, "HTTP/1.1 %d x\r\nContent-Length: %zu\r\n%s\r\n", house->code, length,
                 house->fields);
        pthread_mutex_unlock(&house->lock);
        goes_on = upstream_say(exchange, head) && upstream_send(exchange, body, held_at);
        pthread_mutex_lock(&house->lock);
        while (house->hold_at)
            pthread_cond_wait(&house->changed, &house->lock);
        pthread_mutex_unlock(&house->lock);
        goes_on = goes_on && upstream_send(exchange, body + held_at, length - held_at);
        pthread_mutex_lock(&house->lock);
    } else if (goes_on) {
        goes_on = upstream_answer(exchange, house->code, house->fields, house->body, house->length);
    }
    pthread_mutex_unlock(&house->lock);
    return goes_on;
}

static inline void say_bytes(struct house *house, int code, const char *fields, const char *body, size_t length)
{
    pthread_mutex_lock(&house->lock);
    house->code = code;
    house->fields = fields;
    house->body = body;
    house->length = length;
    pthread_cond_broadcast(&house->changed);
    pthread_mutex_unlock(&house->lock);
}

static inline void say(struct house *house, int code, const char *fields, const char *body)
{
    say_bytes(house, code, fields, body, strlen(body));
}

static inline void hold(struct house *house, bool *what, bool on)
{
    pthread_mutex_lock(&house->lock);
    *what = on;
    pthread_cond_broadcast(&house->changed);
    pthread_mutex_unlock(&house->lock);
}

static inline void start_mirror(struct house *house)
{
    const struct fetcher_options fetching = {
        .allow_addresses = "127.0.0.0/8",
        .user_agent = "packhouse/test",
        .via = "packhouse-test",
        .ca_file = "",
        .connections_per_host = 32,
        .connect_timeout_ms = 60000,
        .first_byte_timeout_ms = house->first_byte_timeout_ms ? house->first_byte_timeout_ms : 60000,
        .stall_timeout_ms = 60000,
        .retries = 1,
    };
    struct error err;

    house->options = (struct mirror_options){
        .catalog = house->fixture.catalog,
        .formats = formats,
        .fresh_us = 5 * MINUTE,
        .stale_us = 60 * MINUTE,
        .stale_if_error_us = 600 * MINUTE,
        .document_max = 64 << 20,
        .document_ratio_max = 200,
        .verify_first_max = 1 << 20,
    };
    fixture_must(fetcher_start(&fetching, &house->options.fetcher, &err), &err);
    fixture_must(mirror_start(&house->options, &house->mirror, &err), &err);
}

static inline void open_house(struct house *house)
{
    struct upstream_change change = {.format = FORMAT_NPM, .may_be_private = true};
    struct error err;

    *house = (struct house){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    say(house, 200, "", "");
    fixture_setup(&house->fixture);
    upstream_start(&house->server, answer, house);
    change.url = house->server.url;
    fixture_must(catalog_add_upstream(house->fixture.catalog, &house->fixture.actor, &house->fixture.repository,
                                      &change, &house->upstream, house->fixture.arena, &err), &err);
    start_mirror(house);
}

static inline void close_house(struct house *house)
{
    pthread_mutex_lock(&house->lock);
    house->holds = false;
    house->hold_at = 0;
    pthread_cond_broadcast(&house->changed);
    pthread_mutex_unlock(&house->lock);
    mirror_stop(house->mirror);
    upstream_stop(&house->server);
    fixture_teardown(&house->fixture);
    pthread_mutex_destroy(&house->lock);
    pthread_cond_destroy(&house->changed);
}

/* As after the server was started again. */
static inline void restart(struct house *house)
{
    mirror_stop(house->mirror);
    catalog_close(house->fixture.catalog);
    fixture_open(&house->fixture);
    start_mirror(house);
}

static inline int requests(struct house *house)
{
    return atomic_load(&house->server.requests);
}

/* One file of the package pkg, with these bytes, at the server of the house. */
static inline struct mirror_wish wish_for(struct house *house, const char *body, size_t length)
{
    static char url[128];
    struct mirror_wish wish = {
        .upstream = &house->upstream,
        .name = "pkg",
        .name_norm = "pkg",
        .version = "1.0.0",
        .file = "pkg-1.0.0.tgz",
        .sort_key = "1",
        .sort_key_length = 1,
        .url = url,
        .size = -1,
        .expected.kinds = DIGEST_SHA256,
    };

    snprintf(url, sizeof url, "%s/pkg-1.0.0.tgz", house->server.url);
    digest_sha256(body, length, wish.expected.sha256);
    return wish;
}

static inline enum status get_file(struct house *house, const struct mirror_wish *wish, char *code)
{
    struct mirror_file *file;
    struct error err = {0};
    enum status rc = mirror_get_file(house->mirror, wish, &file, &err);

    if (!rc)
        mirror_file_close(file);
    if (code)
        snprintf(code, sizeof err.code, "%s", err.code);
    return rc;
}

static inline enum status get_document(struct house *house, const char *name)
{
    const struct mirror_document *document;
    struct error err;
    enum status rc = mirror_get_document(house->mirror, &house->upstream, name, name, &document, &err);

    if (!rc)
        mirror_release_document(document);
    return rc;
}

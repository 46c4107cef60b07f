#include "server/exchange.h"

#include "config/clock.h"
#include "protocols/http/response.h"
#include "server/access_log.h"
#include "server/body_reader.h"
#include "server/connection.h"
#include "server/dispatch.h"
#include "server/metrics.h"
#include "server/request_head.h"
#include "server/watchdog.h"
#include "storage/catalog/access.h"
#include "storage/memory/arena.h"
#include "storage/memory/secret.h"
#include "storage/memory/strbuf.h"
#include "storage/mirror/mirror.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD_MAX = 64 * 1024,   /* of an answer */
    REST_MAX = 1024 * 1024, /* of a body that nobody wanted: read, and the connection kept */
    REST_MS = 2000,
    REFUSED_MS = 120 * 1000, /* and where the client reads no answer before it has sent all */
};
static const int64_t refused_max = (int64_t)2 << 30;

/* What one request uses; the last one used is the next one taken, for its memory is warm. */
struct exchange {
    struct exchange *next;
    struct arena *arena;
    struct request req;
    struct response res;
    struct body_reader body;
    int64_t began_us, sent_bytes;
    bool keep_alive;
    bool is_refused; /* the head: nobody knows what the client goes on to send */
    char date[CLOCK_TEXT_SIZE];
    int64_t date_second;
};

struct exchanges {
    struct exchange_options options;
    pthread_mutex_t lock; /* of unused */
    struct exchange *unused;
    atomic_bool draining;
    uint64_t id_prefix, id_key;
    _Atomic uint64_t id_count;
};

struct exchanges *exchanges_new(const struct exchange_options *options)
{
    struct exchanges *exchanges = calloc(1, sizeof *exchanges);

    if (!exchanges) {
        fputs("packhouse: out of memory\n", stderr);
        abort();
    }
    exchanges->options = *options;
    exchanges->id_prefix = secret_random_u64();
    exchanges->id_key = secret_random_u64();
    pthread_mutex_init(&exchanges->lock, NULL);
    return exchanges;
}

void exchanges_free(struct exchanges *exchanges)
{
    struct exchange *exchange;

    if (!exchanges)
        return;
    while ((exchange = exchanges->unused)) {
        exchanges->unused = exchange->next;
        arena_free(exchange->arena);
        free(exchange);
    }
    pthread_mutex_destroy(&exchanges->lock);
    free(exchanges);
}

void exchanges_drain(struct exchanges *exchanges)
{
    atomic_store(&exchanges->draining, true);
}

static struct exchange *take(struct exchanges *exchanges)
{
    struct exchange *exchange;

    pthread_mutex_lock(&exchanges->lock);
    if ((exchange = exchanges->unused))
        exchanges->unused = exchange->next;
    pthread_mutex_unlock(&exchanges->lock);
    if (exchange)
        return exchange;
    if (!(exchange = calloc(1, sizeof *exchange))) {
        fputs("packhouse: out of memory\n", stderr);
        abort();
    }
    exchange->arena = arena_new();
    return exchange;
}

static void give_back(struct exchanges *exchanges, struct exchange *exchange)
{
    response_release(&exchange->res);
    arena_reset(exchange->arena);
    pthread_mutex_lock(&exchanges->lock);
    exchange->next = exchanges->unused;
    exchanges->unused = exchange;
    pthread_mutex_unlock(&exchanges->lock);
}

/* An id must be new, not a secret: random for this process, then a count through a mixer that gives
 * no number twice (splitmix64). Asking for random bytes would cost each thread a generator. */
static void make_id(struct exchanges *exchanges, char id[REQUEST_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t mixed = exchanges->id_key + atomic_fetch_add(&exchanges->id_count, 1);

    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
    for (int i = 0; i < 16; i++) {
        id[i] = digits[exchanges->id_prefix >> (60 - 4 * i) & 15];
        id[16 + i] = digits[mixed >> (60 - 4 * i) & 15];
    }
    id[32] = '\0';
}

static struct exchange *begin(struct exchanges *exchanges, struct connection *connection)
{
    struct exchange *exchange = take(exchanges);
    struct request *req = &exchange->req;

    metrics_request_begins(exchanges->options.metrics);
    exchange->began_us = clock_now_us();
    exchange->sent_bytes = 0;
    exchange->keep_alive = exchange->is_refused = false;
    *req = (struct request){
        .service = exchanges->options.service,
        .arena = exchange->arena,
        .method = METHOD_COUNT,
        .target = "",
        .query = "",
        .body = &exchange->body.reader,
        .peer = connection->peer,
        .principal = &principal_anonymous,
    };
    make_id(exchanges, req->id);
    response_init(&exchange->res);
    return exchange;
}

static bool has_content(int code)
{
    return code >= 200 && code != 204 && code != 304; /* RFC 9110 8.6, 15.4.5 */
}

static int64_t body_length(const struct response *res)
{
    return res->fd >= 0 ? res->file_length : (int64_t)res->length;
}

static void write_head(struct exchange *exchange, struct strbuf *head)
{
    const struct request *req = &exchange->req;
    const struct response *res = &exchange->res;
    int64_t second = exchange->began_us / 1000000;
    bool is_head = req->method == METHOD_HEAD;

    if (second != exchange->date_second) {
        clock_format_http(exchange->began_us, exchange->date);
        exchange->date_second = second;
    }
    strbuf_format(head, "HTTP/1.1 %d %s\r\nDate: ", res->code,
                  res->reason ? res->reason : response_phrase(res->code));
    strbuf_text(head, exchange->date);
    for (size_t i = 0; i < res->header_count; i++) {
        strbuf_bytes(head, "\r\n", 2);
        strbuf_text(head, res->headers[i].name);
        strbuf_bytes(head, ": ", 2);
        strbuf_text(head, res->headers[i].value);
    }
    if (has_content(res->code))
        strbuf_format(head, "\r\nContent-Length: %lld",
                      (long long)(is_head && res->announced_length >= 0 ? res->announced_length
                                                                        : body_length(res)));
    strbuf_text(head, exchange->keep_alive ? "\r\nConnection: keep-alive\r\nX-Request-Id: "
                                           : "\r\nConnection: close\r\nX-Request-Id: ");
    strbuf_text(head, req->id);
    strbuf_bytes(head, "\r\n\r\n", 4);
}

/* As it comes in; the promised length is kept only by what is verified. */
static bool send_arriving(struct connection *connection, const struct strbuf *head,
                          const struct response *res)
{
    int64_t at = res->offset, end = res->offset + res->file_length, available;
    size_t head_length = head->length;

    while (at < end) {
        if (mirror_file_wait(res->arriving, at, &available, NULL))
            return false;
        available = available < end ? available : end;
        if (available == end && res->may_end && !res->may_end(res->may_end_context))
            return false;
        if (!connection_send_file(connection, head->data, head_length, res->fd, at, available - at))
            return false;
        head_length = 0;
        at = available;
    }
    return !head_length || connection_send(connection, head->data, head_length, NULL, 0);
}

/* Whether the answer is on its way, whole. */
static bool send_answer(struct exchange *exchange, struct connection *connection)
{
    const struct response *res = &exchange->res;
    bool has_body = exchange->req.method != METHOD_HEAD && has_content(res->code);
    struct strbuf head;
    bool is_sent;

    strbuf_init(&head, exchange->arena, HEAD_MAX);
    write_head(exchange, &head);
    if (strbuf_failed(&head))
        return false;
    if (has_body && res->arriving)
        is_sent = send_arriving(connection, &head, res);
    else if (has_body && res->fd >= 0)
        is_sent = connection_send_file(connection, head.data, head.length, res->fd, res->offset,
                                       res->file_length);
    else
        is_sent = connection_send(connection, head.data, head.length, res->bytes,
                                  has_body ? res->length : 0);
    if (is_sent)
        exchange->sent_bytes = (int64_t)head.length + (has_body ? body_length(res) : 0);
    return is_sent;
}

static void record(struct exchanges *exchanges, struct exchange *exchange, const char *method)
{
    const struct request *req = &exchange->req;
    int64_t now_us = clock_now_us();

    metrics_request(exchanges->options.metrics, &(struct metrics_sample){
                                                    .mount = req->mount,
                                                    .method = req->method,
                                                    .code = exchange->res.code,
                                                    .took_us = now_us - exchange->began_us,
                                                    .received_bytes = exchange->body.received,
                                                    .sent_bytes = exchange->sent_bytes,
                                                });
    metrics_request_ends(exchanges->options.metrics);
    access_log_write(exchanges->options.access_log,
                     &(struct access_entry){
                         .time_us = now_us,
                         .took_us = now_us - exchange->began_us,
                         .sent_bytes = exchange->sent_bytes,
                         .peer = req->peer,
                         .account = req->principal ? req->principal->name : "",
                         .method = method,
                         .path = req->target,
                         .id = req->id,
                         .code = exchange->res.code,
                     });
}

/* Whether another request may follow on this connection, for which it must be sure where it begins.
 * A client that waits for "100 Continue" and gets an answer may send the body, or may not. */
static bool can_go_on(const struct exchanges *exchanges, const struct exchange *exchange,
                      const struct connection *connection, const struct request_framing *framing)
{
    return framing->keep_alive && !framing->is_chunked && !exchange->res.close_connection &&
           !(exchange->body.awaits_continue && !exchange->body.is_over) &&
           body_reader_rest(&exchange->body) <= REST_MAX && !atomic_load(&exchanges->draining) &&
           !watchdog_is_crowded(connection->watchdog);
}

/* Sends what the response says and brings the connection to its next state. */
static bool finish(struct exchanges *exchanges, struct exchange *exchange,
                   struct connection *connection, const char *method)
{
    bool goes_on = exchange->keep_alive, is_sent = send_answer(exchange, connection);

    record(exchanges, exchange, method);
    if (!is_sent) {
        connection_cut(connection);
        goes_on = false;
    } else if (goes_on && body_reader_rest(&exchange->body)) {
        goes_on = body_reader_drop(&exchange->body, REST_MAX, REST_MS);
    }
    if (is_sent && !goes_on && (exchange->is_refused || !exchange->body.is_over))
        connection_linger(connection);
    give_back(exchanges, exchange);
    return goes_on;
}

bool exchange_run(struct exchanges *exchanges, struct connection *connection,
                  const struct request_head *head)
{
    struct exchange *exchange = begin(exchanges, connection);
    struct request *req = &exchange->req;
    struct request_framing framing;
    enum status rc = request_head_check(head, &framing, &req->error);

    body_reader_init(&exchange->body, connection, &framing, exchanges->options.body_timeout_ms,
                     req->arena);
    req->target = head->target;
    req->query = head->query ? head->query : "";
    req->method = framing.method;
    if (rc) {
        exchange->is_refused = true;
        dispatch_failure(req, &exchange->res, rc);
        return finish(exchanges, exchange, connection, head->method);
    }
    req->headers = head->fields;
    req->header_count = head->field_count;
    req->content_length = framing.content_length;
    req->chunks = exchange->body.takes_chunks ? &exchange->body.chunks : NULL;
    exchanges->options.answer(exchanges->options.context, req, &exchange->res);
    if (exchange->res.read_body_first && !exchange->body.awaits_continue)
        body_reader_drop(&exchange->body, refused_max, REFUSED_MS);
    exchange->keep_alive = can_go_on(exchanges, exchange, connection, &framing);
    return finish(exchanges, exchange, connection, head->method);
}

void exchange_refuse(struct exchanges *exchanges, struct connection *connection,
                     const struct error *error)
{
    struct exchange *exchange = begin(exchanges, connection);

    exchange->req.error = *error;
    exchange->body = (struct body_reader){.connection = connection, .is_over = true};
    exchange->is_refused = true;
    dispatch_failure(&exchange->req, &exchange->res, error->status);
    finish(exchanges, exchange, connection, "");
}

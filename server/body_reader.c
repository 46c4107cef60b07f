#include "server/body_reader.h"

#include "config/clock.h"
#include "server/connection.h"
#include "server/request_head.h"
#include "server/watchdog.h"

#include <string.h>

enum { WINDOW_BYTES = 64 * 1024 };

static bool send_continue(struct body_reader *body)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

    body->awaits_continue = false;
    return connection_send(body->connection, text, strlen(text), NULL, 0);
}

/* One read under the time limit of the present window, which only runs while we wait. */
static int timed_read(struct body_reader *body, void *buffer, size_t size)
{
    struct connection *connection = body->connection;
    int64_t began_ms = clock_monotonic_ms();
    int got;

    if (body->received >= body->window_end) {
        body->window_end = body->received + WINDOW_BYTES;
        body->spent_ms = 0;
    }
    watchdog_deadline(connection->watchdog, connection->fd, body->timeout_ms - body->spent_ms);
    got = body->takes_chunks ? connection_receive(connection, buffer, size)
                             : connection->read(connection->library, buffer, size);
    watchdog_busy(connection->watchdog, connection->fd);
    body->spent_ms += clock_monotonic_ms() - began_ms;
    return got;
}

static enum status broken(struct body_reader *body, struct error *err)
{
    body->is_broken = true;
    if (watchdog_expired(body->connection->watchdog, body->connection->fd))
        return fail(err, STATUS_TIMEOUT, "body-too-slow",
                    "the body came too slowly: 64 KiB may take %lld seconds",
                    (long long)body->timeout_ms / 1000);
    if (body->length < 0)
        return fail(err, STATUS_INVALID, "body-truncated",
                    "the chunked body broke off after %lld bytes", (long long)body->received);
    return fail(err, STATUS_INVALID, "body-truncated",
                "the body broke off after %lld of %lld bytes", (long long)body->received,
                (long long)body->length);
}

/* The library's own reading of chunks is lenient, stops at extensions and swallows trailers. */
static enum status read_chunks(struct body_reader *body, void *buffer, size_t size, size_t *got,
                               struct error *err)
{
    enum status rc;

    while (!*got && !chunks_are_over(&body->chunks)) {
        int count = timed_read(body, buffer, size);

        if (count <= 0)
            return broken(body, err);
        body->received += count;
        if ((rc = chunks_take(&body->chunks, buffer, (size_t)count, got, err))) {
            body->is_broken = true;
            return rc;
        }
    }
    body->is_over = chunks_are_over(&body->chunks);
    return STATUS_OK;
}

static enum status read_body(struct reader *reader, void *buffer, size_t size, size_t *got,
                             struct error *err)
{
    struct body_reader *body = (struct body_reader *)reader;
    int count;

    *got = 0;
    if (body->is_broken)
        return broken(body, err);
    if (body->is_over || !size)
        return STATUS_OK;
    if (body->awaits_continue && !send_continue(body))
        return broken(body, err);
    if (size > WINDOW_BYTES)
        size = WINDOW_BYTES;
    if (body->takes_chunks)
        return read_chunks(body, buffer, size, got, err);
    if (body->length >= 0 && (int64_t)size > body->length - body->received)
        size = (size_t)(body->length - body->received);
    /* The library gives nothing also when the client pauses, which is no end. */
    do
        count = timed_read(body, buffer, size);
    while (count == 0 && body->length >= 0 && !connection_is_at_end(body->connection));
    if (count < 0 || (count == 0 && body->length >= 0))
        return broken(body, err);
    *got = (size_t)count;
    body->received += count;
    body->is_over = body->length < 0 ? count == 0 : body->received == body->length;
    return STATUS_OK;
}

void body_reader_init(struct body_reader *body, struct connection *connection,
                      const struct request_framing *framing, int64_t timeout_ms,
                      struct arena *arena)
{
    *body = (struct body_reader){
        .reader = {read_body, NULL},
        .connection = connection,
        .length = framing->content_length,
        .timeout_ms = timeout_ms,
        .awaits_continue = framing->expects_continue,
        .is_over = framing->content_length == 0,
    };
    body->takes_chunks =
        framing->is_chunked && connection_take_over(connection, framing->behind_head);
    chunks_init(&body->chunks, arena);
}

int64_t body_reader_rest(const struct body_reader *body)
{
    if (body->is_over)
        return 0;
    return body->length < 0 || body->is_broken ? INT64_MAX : body->length - body->received;
}

bool body_reader_drop(struct body_reader *body, int64_t limit, int64_t timeout_ms)
{
    int64_t end_ms = clock_monotonic_ms() + timeout_ms;
    char dropped[8192];
    size_t got;

    body->awaits_continue = false;
    body->window_end = 0;
    while (!body->is_over && !body->is_broken && limit > 0) {
        int64_t left_ms = end_ms - clock_monotonic_ms();

        if (left_ms <= 0)
            break;
        if (left_ms < body->timeout_ms)
            body->timeout_ms = left_ms;
        if (read_body(&body->reader, dropped, sizeof dropped, &got, NULL))
            break;
        limit -= (int64_t)got;
    }
    return body->is_over;
}

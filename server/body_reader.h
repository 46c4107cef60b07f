/* A request's body as it comes from the client: bounded in time, and never taken for whole when it
 * has been cut short. Sends "100 Continue" when it is first read, so that a client which waits for
 * it is answered only after the gate has let it in (RFC 9110 10.1.1). */
#pragma once
#include "protocols/http/chunks.h"
#include "storage/memory/stream.h"
#include <stdbool.h>

struct connection;
struct request_framing;

struct body_reader {
    struct reader reader; /* for the handler: what it gives for a broken body is an error */
    struct connection *connection;
    int64_t length, received; /* length -1: chunked; then received counts its framing too */
    struct chunks chunks;     /* where they are taken apart here, not by the library */
    int64_t timeout_ms;       /* for each 64 KiB */
    int64_t spent_ms, window_end;
    bool takes_chunks, awaits_continue, is_over, is_broken;
};

/* Trailers live in the arena. */
void body_reader_init(struct body_reader *body, struct connection *connection,
                      const struct request_framing *framing, int64_t timeout_ms,
                      struct arena *arena);
/* Bytes that are yet to come; INT64_MAX where only the client knows. */
int64_t body_reader_rest(const struct body_reader *body);
/* Reads and drops up to limit bytes for at most timeout_ms; true where that was all of the body. */
bool body_reader_drop(struct body_reader *body, int64_t limit, int64_t timeout_ms);

/* The strict reading of a request's head. The library's parser is lenient where smugglers live
 * (bare LF, folded lines, two lengths), but it cuts its receive buffer in place: the gaps between
 * the pieces tell what stood there. RFC 9112 2–6, 11.2. */
#pragma once
#include "protocols/http/request.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REQUEST_FIELDS_MAX = 63 };

/* Pieces of one buffer, each ended by a NUL where a separator was. */
struct request_head {
    const char *method;
    const char *uri;     /* as sent, without "?" and what follows */
    const char *target;  /* the path in it, where it is in absolute form */
    const char *query;   /* NULL without '?' */
    const char *version; /* "1.1" */
    const struct header *fields;
    size_t field_count;
    bool line_ends_well; /* the request line, with CRLF: its end is cut beyond recognition */
};

/* What follows the head, and how the connection goes on. */
struct request_framing {
    enum method method;     /* METHOD_COUNT: one that no route has */
    int64_t content_length; /* -1: chunked */
    bool is_chunked;
    const char *behind_head; /* where the body begins; NULL: not known */
    bool expects_continue;
    bool keep_alive; /* the client allows another request */
};

/* Whether the head is one; nothing after a refused one can be trusted, so its connection must
 * close. */
enum status request_head_check(const struct request_head *head, struct request_framing *framing,
                               struct error *err);

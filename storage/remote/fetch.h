/* Asking another server over HTTP: the door to libcurl. One request, one answer, in memory; any
 * number of threads may ask at once. */
#pragma once
#include "config/error.h"
#include <stdint.h>

struct strbuf;

/* Connections that outlive a request, for one thread that asks the same server often. */
struct fetch_connection;
struct fetch_connection *fetch_connection_new(void); /* NULL: out of memory */
void fetch_connection_free(struct fetch_connection *connection);

struct fetch_request {
    const char *method;         /* "GET", "POST", … */
    const char *url;            /* http or https; a redirect is an answer, and not followed */
    const char *const *headers; /* "Name: value"; ends with NULL; NULL: none */
    const void *body;           /* NULL: none */
    size_t body_length;
    int64_t connect_timeout_ms;          /* 0: 10 s */
    int64_t timeout_ms;                  /* for all of it; 0: 60 s */
    struct fetch_connection *connection; /* NULL: one for this request */
};

struct fetch_answer {
    int code; /* HTTP status */
    char content_type[128];
};

/* Sends the request and appends the answer's body to out, at most out->cap bytes at once. STATUS_OK
 * says that there is an answer, of any code. Else: STATUS_TIMEOUT none in time, STATUS_BUSY no
 * connection or one that broke, STATUS_TOO_LARGE over the cap, STATUS_INVALID a URL or header that
 * cannot be sent. */
enum status fetch(const struct fetch_request *request, struct strbuf *out,
                  struct fetch_answer *answer, struct error *err);

void fetch_library_start(void); /* once for all, before libcurl is used elsewhere */
const char *fetch_library_version(void);

/* Fetching from upstreams: one thread, one libcurl multi handle, connections reused. Answers go to
 * a sink as they arrive. Redirects, hosts and addresses are judged here; retries happen before the
 * first byte, a transfer that breaks in the middle is resumed. civetweb-notes 7, storage spec 7.3.
 */
#pragma once
#include "config/error.h"
#include "storage/remote/breaker_set.h"
#include "storage/remote/url.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fetcher;
struct strbuf;

struct fetcher_options {
    const char *allow_addresses; /* private networks that may be connected to: CIDRs with commas */
    const char *user_agent;      /* "packhouse/VERSION" */
    const char *via;             /* this server's pseudonym: sent as Via; its return is a loop */
    const char *ca_file;         /* "": the system's */
    int connections_per_host;
    int64_t connect_timeout_ms;
    int64_t first_byte_timeout_ms;
    int64_t stall_timeout_ms; /* below 1 KiB/s for this long */
    int retries;              /* before the first byte; and resumes after it */
};

enum status fetcher_start(const struct fetcher_options *options, struct fetcher **out,
                          struct error *err);
/* Ends running transfers with STATUS_UPSTREAM_AWAY, then the thread. */
void fetcher_stop(struct fetcher *fetcher);

/* What an answer's head says; texts live during the call. NULL: no such field. */
struct transfer_head {
    int code;
    const char *url; /* after redirects */
    const char *content_type, *content_encoding, *etag, *last_modified, *serial, *retry_after, *via;
    int64_t content_length; /* -1: not said */
};

/* Called on the fetcher's thread: must not wait for anything but the disk. */
struct transfer_sink {
    void *context;
    /* Each final answer's head, of any code: once, and once more after start_again(). A failure
     * ends the transfer with it. */
    enum status (*head)(void *context, const struct transfer_head *head, struct error *err);
    enum status (*bytes)(void *context, const void *bytes, size_t length, struct error *err);
    /* What came so far is void: the upstream would not resume, and sends all of it again. NULL:
     * such a transfer fails. */
    enum status (*start_again)(void *context, struct error *err);
    /* The last call. STATUS_OK: a whole answer of any code, its length as announced. Else
     * STATUS_UPSTREAM_TIMEOUT (none in time), STATUS_UPSTREAM_AWAY (breaker open, or stopped),
     * STATUS_BAD_UPSTREAM (no connection, a broken, oversized or forbidden answer), or the sink's
     * own. */
    void (*end)(void *context, enum status rc, const struct error *err);
};

struct transfer_request {
    const char *method; /* "GET" or "POST" */
    const char *url;
    const char *const *headers; /* "Name: value", ends with NULL; NULL: none */
    const void *body;           /* of a POST */
    size_t body_length;
    const char *authorization; /* value; only ever sent to url's own scheme, host and port */
    const char *const *hosts;  /* besides url's own, where redirects may lead; ends with NULL */
    bool any_host;             /* or anywhere, over https; private addresses stay refused */
    bool may_be_private;       /* url's own host may have a private address */
    int64_t bytes_max;         /* of the body as received */
    int64_t total_timeout_ms;  /* 0: none */
    bool is_resumable;         /* a file: resumed with Range after a break */
    struct breaker_set *breakers; /* of the upstream; NULL: none */
};

/* Begins; the request is copied. The sink is called from now on, perhaps before this returns. */
void fetcher_submit(struct fetcher *fetcher, const struct transfer_request *request,
                    const struct transfer_sink *sink);
/* The same into memory, waiting for the end: for small answers. */
enum status fetcher_get(struct fetcher *fetcher, const struct transfer_request *request,
                        struct strbuf *out, int *code, struct error *err);

/* Whether a Via field, RFC 9110 7.6.3, names this pseudonym: the message has been here before. */
bool via_names(const char *via, const char *pseudonym);

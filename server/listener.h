/* The listening socket and the workers behind it. What stands in this header keeps the HTTP library
 * replaceable: nothing else in the house knows which one it is. */
#pragma once
#include "server/exchange.h"
#include <stddef.h>

struct listener;

struct listener_options {
    const char *address; /* "127.0.0.1:8080", "localhost:0"; port 0: a free one. IPv4 */
    size_t workers;      /* one for each open connection */
    int64_t head_max;    /* bytes of request line and headers */
    int64_t head_timeout_ms, keep_alive_timeout_ms, send_timeout_ms;
    struct exchange_options exchange;
};

/* Binds, starts the workers and checks that they behave. Requests wait until listener_serve(). One
 * listener in a process at a time. */
enum status listener_start(const struct listener_options *options, struct listener **out,
                           struct error *err);
/* "http://127.0.0.1:41234", with the port that the listener got. */
const char *listener_url(const struct listener *listener);
/* Lets requests through. */
void listener_serve(struct listener *listener);
/* Accepts no more, lets requests finish for at most grace_ms, then ends every connection. NULL does
 * nothing. */
void listener_stop(struct listener *listener, int64_t grace_ms);

/* Whether the worker's sockets are known, so that files are sent by the kernel and time is bounded.
 */
bool listener_knows_sockets(const struct listener *listener);
bool listener_has_stacks(const struct listener *listener);
/* "1.15" */
const char *listener_library_version(void);

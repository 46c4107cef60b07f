/* Time limits for connections, and room for new ones: a thread that looks at every connection ten
 * times a second, ends the reading side of those past their time, and closes the longest idle where
 * nearly all workers are taken. Connections are named by their descriptor; the marks cost an atomic
 * operation each and no system call. Nothing of the HTTP library is known here. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watchdog;

struct watchdog_limits {
    size_t connections; /* that can be served at once: one a worker */
    int64_t
        head_timeout_ms; /* from a request's first byte, or from accept, to the end of its head */
};

struct watchdog *watchdog_start(const struct watchdog_limits *limits);
void watchdog_stop(struct watchdog *watchdog);

/* The life of a connection. All but watchdog_accepted() do nothing for a descriptor that is none.
 */

/* False where there is no room for such a descriptor: the caller closes it. */
bool watchdog_accepted(struct watchdog *watchdog, int fd);
/* A worker waits for the first head: its time begins. */
void watchdog_waiting(struct watchdog *watchdog, int fd);
/* Bytes have come on an idle connection: the time of the next head begins. */
void watchdog_arrived(struct watchdog *watchdog, int fd);
/* The head is whole; without a deadline the request may take its time. */
void watchdog_busy(struct watchdog *watchdog, int fd);
/* From now on the client must have sent what is awaited within this time. */
void watchdog_deadline(struct watchdog *watchdog, int fd, int64_t timeout_ms);
/* The answer is sent, and the client may ask again. */
void watchdog_idle(struct watchdog *watchdog, int fd);
/* Before the descriptor is closed: it is not touched after this has returned. */
void watchdog_closed(struct watchdog *watchdog, int fd);

/* Whether the client's time has run out: reading gives no more bytes. */
bool watchdog_expired(const struct watchdog *watchdog, int fd);
/* Above 80 % of the connections: answers should close theirs. */
bool watchdog_is_crowded(const struct watchdog *watchdog);
/* Connections that are open. */
size_t watchdog_open(const struct watchdog *watchdog);
/* Closes every connection that waits for a next request. */
void watchdog_close_idle(struct watchdog *watchdog);
/* Closes every connection, whatever it is about. */
void watchdog_close_all(struct watchdog *watchdog);

struct watchdog_count {
    size_t open, idle;
    size_t unsettled; /* accepted, or within a head */
};
struct watchdog_count watchdog_count(const struct watchdog *watchdog);

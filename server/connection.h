/* One client's connection as the server uses it, whichever library accepted it. A worker's alone.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watchdog;

struct connection {
    int fd; /* -1: not known; then only read() and write() work, and time is not bounded */
    const char *peer;
    struct watchdog *watchdog;
    int64_t send_timeout_ms; /* without a byte taken by the client */
    const char *received_end; /* of what the library has read behind the head; NULL: not known */
    const char *early;        /* what of that is still to be received */
    size_t early_length;

    /* The library's own. read() gives fewer bytes than asked for, or none, at the end of the body
     * and when the client pauses; a negative count is an error. */
    void *library;
    int (*read)(void *library, void *buffer, size_t size);
    bool (*write)(void *library, const void *bytes, size_t size);
};

/* Sends both as one; false where the client has gone or takes nothing. */
bool connection_send(struct connection *connection, const void *head, size_t head_length,
                     const void *body, size_t body_length);
/* Sends the head and a range of a file. */
bool connection_send_file(struct connection *connection, const void *head, size_t head_length,
                          int file, int64_t offset, int64_t length);
/* From now on the bytes that follow the head are received here and not through the library, for which
 * this must be its last request. False where it is not known how many of them it has. */
bool connection_take_over(struct connection *connection, const char *behind_head);
/* Waits for bytes; 0 where the client has closed its side, negative for an error. */
int connection_receive(struct connection *connection, void *buffer, size_t size);
/* Whether the client has closed its side, or can send no more in time. */
bool connection_is_at_end(const struct connection *connection);
/* Ends a connection whose client may still be sending: closing at once would reset it and lose the
 * answer on the way. Reads and drops for a moment (RFC 9112 9.6). */
void connection_linger(struct connection *connection);
/* A promised length cannot be kept: the client must not take what it has for the whole. */
void connection_cut(struct connection *connection);

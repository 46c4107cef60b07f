/* One line for each request, gathered in memory and written by a thread of its own, so that no
 * request waits for a disk or makes a system call for its line. At most a second of lines is lost
 * when the process dies; where the disk cannot keep up, lines are dropped and counted, never waited
 * for.
 *
 *     2026-11-25T09:00:00.123Z 127.0.0.1 alice GET /npm/acme/main/hello 200 1234 0.8 4bf92f3577b3…
 *
 * The time of the answer's end, peer, account, method, path without its query, status, bytes sent,
 * milliseconds, request id. What could be a token in the path is not written. */
#pragma once
#include "config/error.h"
#include <stdint.h>

struct access_log;

struct access_entry {
    int64_t time_us, took_us, sent_bytes;
    const char *peer, *account, *method, *path, *id;
    int code;
};

/* target is "off", "stderr" or a path, which is appended to. *out is NULL for "off". */
enum status access_log_open(const char *target, struct access_log **out, struct error *err);
/* Writes what is left. NULL does nothing. */
void access_log_close(struct access_log *log);
/* NULL does nothing. Any thread. */
void access_log_write(struct access_log *log, const struct access_entry *entry);
/* Opens the path anew, after another program has moved the file away. */
void access_log_reopen(struct access_log *log);

#include "server/access_log.h"

#include "config/clock.h"
#include "config/log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1024 * 1024, LINE_MAX_BYTES = 1024, PATH_MAX_BYTES = 512, WAIT_MS = 1000 };

struct access_log {
    char *path; /* NULL: standard error */
    int fd;     /* the thread's, but for the start */
    pthread_t thread;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t wake;
    char *filling, *writing;
    size_t filled;
    uint64_t dropped;
    bool stopping, reopening;
};

static void write_all(int fd, const char *bytes, size_t length)
{
    while (length) {
        ssize_t count = write(fd, bytes, length);

        if (count < 0 && errno != EINTR)
            return; /* the next lines may find room again */
        if (count > 0) {
            bytes += count;
            length -= (size_t)count;
        }
    }
}

static void reopen(struct access_log *log)
{
    int fd = log->path ? open(log->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640) : -1;

    if (fd >= 0) {
        close(log->fd);
        log->fd = fd;
    } else if (log->path) {
        log_event(LOG_WARN, "access_log.reopen", "path=%s errno=%d", log->path, errno);
    }
}

/* With the lock: swaps the buffers and writes without it. */
static void flush(struct access_log *log)
{
    char *full = log->filling;
    size_t length = log->filled;
    uint64_t dropped = log->dropped;
    bool reopening = log->reopening;

    log->filling = log->writing;
    log->writing = full;
    log->filled = 0;
    log->dropped = 0;
    log->reopening = false;
    pthread_mutex_unlock(&log->lock);
    write_all(log->fd, full, length);
    if (dropped)
        log_event(LOG_WARN, "access_log.dropped", "lines=%llu", (unsigned long long)dropped);
    if (reopening)
        reopen(log);
    pthread_mutex_lock(&log->lock);
}

static void *run(void *argument)
{
    struct access_log *log = argument;
    struct timespec next;

    pthread_mutex_lock(&log->lock);
    while (!log->stopping) {
        clock_gettime(CLOCK_MONOTONIC, &next);
        next.tv_sec += WAIT_MS / 1000;
        pthread_cond_timedwait(&log->wake, &log->lock, &next);
        if (log->filled || log->reopening)
            flush(log);
    }
    if (log->filled)
        flush(log);
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

enum status access_log_open(const char *target, struct access_log **out, struct error *err)
{
    struct access_log *log;
    pthread_condattr_t attributes;
    int fd = STDERR_FILENO;

    *out = NULL;
    if (!strcmp(target, "off"))
        return STATUS_OK;
    if (strcmp(target, "stderr") &&
        (fd = open(target, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640)) < 0)
        return fail_errno(err, "could not open the access log %s", target);
    log = calloc(1, sizeof *log);
    if (!log || !(log->filling = malloc(BUFFER_BYTES)) || !(log->writing = malloc(BUFFER_BYTES)))
        abort();
    log->fd = fd;
    if (fd != STDERR_FILENO && !(log->path = strdup(target)))
        abort();
    pthread_mutex_init(&log->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&log->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&log->thread, NULL, run, log))
        abort();
    *out = log;
    return STATUS_OK;
}

void access_log_close(struct access_log *log)
{
    if (!log)
        return;
    pthread_mutex_lock(&log->lock);
    log->stopping = true;
    pthread_cond_signal(&log->wake);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->thread, NULL);
    if (log->path)
        close(log->fd);
    pthread_cond_destroy(&log->wake);
    pthread_mutex_destroy(&log->lock);
    free(log->filling);
    free(log->writing);
    free(log->path);
    free(log);
}

void access_log_reopen(struct access_log *log)
{
    if (!log)
        return;
    pthread_mutex_lock(&log->lock);
    log->reopening = true;
    pthread_cond_signal(&log->wake);
    pthread_mutex_unlock(&log->lock);
}

/* Appends text as one word of the line: no blank, no control byte, no quote can come from outside.
 */
static size_t put(char *line, size_t used, const char *text, size_t limit)
{
    size_t start = used;

    for (; *text && used - start < limit; text++)
        line[used++] = isgraph((unsigned char)*text) ? *text : '?';
    if (used == start)
        line[used++] = '-';
    line[used++] = ' ';
    return used;
}

/* A token is "pkh", a letter for its kind, '_' and base62. npm logout has it in the path. */
static bool is_token(const char *at)
{
    return !strncmp(at, "pkh", 3) && isalpha((unsigned char)at[3]) && at[4] == '_';
}

static void hide_tokens(const char *path, char out[PATH_MAX_BYTES + 1])
{
    size_t used = 0;

    while (*path && used < PATH_MAX_BYTES) {
        if (!is_token(path)) {
            out[used++] = *path++;
            continue;
        }
        for (int i = 0; i < 5 && used < PATH_MAX_BYTES; i++)
            out[used++] = *path++;
        if (used < PATH_MAX_BYTES)
            out[used++] = '*';
        while (isalnum((unsigned char)*path))
            path++;
    }
    out[used] = '\0';
}

static size_t format(char line[LINE_MAX_BYTES], const struct access_entry *entry)
{
    char path[PATH_MAX_BYTES + 1], time[CLOCK_TEXT_SIZE];
    size_t used;

    clock_format_iso(entry->time_us, time);
    hide_tokens(entry->path, path);
    used = put(line, 0, time, CLOCK_TEXT_SIZE);
    used = put(line, used, entry->peer, 64);
    used = put(line, used, entry->account, 128);
    used = put(line, used, entry->method, 16);
    used = put(line, used, path, PATH_MAX_BYTES);
    used += (size_t)snprintf(line + used, LINE_MAX_BYTES - used, "%d %lld %lld.%lld %.32s\n",
                             entry->code, (long long)entry->sent_bytes,
                             (long long)entry->took_us / 1000,
                             (long long)entry->took_us % 1000 / 100, entry->id);
    return used;
}

void access_log_write(struct access_log *log, const struct access_entry *entry)
{
    char line[LINE_MAX_BYTES];
    size_t length;

    if (!log)
        return;
    length = format(line, entry);
    pthread_mutex_lock(&log->lock);
    if (length > BUFFER_BYTES - log->filled) {
        log->dropped++;
    } else {
        memcpy(log->filling + log->filled, line, length);
        log->filled += length;
        /* Once a buffer, not once a line. */
        if (log->filled > BUFFER_BYTES / 2 && log->filled - length <= BUFFER_BYTES / 2)
            pthread_cond_signal(&log->wake);
    }
    pthread_mutex_unlock(&log->lock);
}

/* A real listener with a small answerer, and a client that says bytes to it and hears what comes. */
#pragma once
#include "server/listener.h"

#include "config/clock.h"
#include "config/log.h"
#include "protocols/http/response.h"
#include "server/dispatch.h"
#include "server/metrics.h"
#include "storage/memory/arena.h"
#include "storage/memory/stream.h"

#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* The machine may be slow: what must come is waited for until LONG_MS, and a time limit of the
 * server is LONG_MS but in the tests of that limit. */
enum { FILE_BYTES = 8 * 1024 * 1024, LONG_MS = 600000, QUIET_MS = 40, TRIES = 100 };

/* The answers. */

static int stored_fd = -1;

/* Requests for /held have no answer before they are let go. */
static atomic_int held;
static atomic_bool let_go;

static enum status swallow(struct request *req, int64_t *total)
{
    char *buffer = arena_alloc(req->arena, 65536);
    size_t got;
    enum status rc;

    for (*total = 0; !(rc = reader_read(req->body, buffer, 65536, &got, &req->error)) && got;)
        *total += (int64_t)got;
    return rc;
}

static void answer(void *context, struct request *req, struct response *res)
{
    int64_t total = 0;
    enum status rc = STATUS_OK;

    (void)context;
    if (!strcmp(req->target, "/hello")) {
        respond_text(req, res, 200, "text/plain", "hello\n");
    } else if (!strcmp(req->target, "/sink") && !(rc = swallow(req, &total))) {
        respond_text(req, res, 201, "text/plain",
                     arena_format(req->arena, "got %lld\n", (long long)total));
    } else if (!strcmp(req->target, "/refuse")) {
        respond_text(req, res, 403, "text/plain", "no\n");
    } else if (!strcmp(req->target, "/refuse-late")) {
        respond_text(req, res, 403, "text/plain", "no\n");
        res->read_body_first = true;
    } else if (!strcmp(req->target, "/file")) {
        res->code = 200;
        res->fd = dup(stored_fd);
        res->file_length = FILE_BYTES;
    } else if (!strcmp(req->target, "/held")) {
        atomic_fetch_add(&held, 1);
        while (!atomic_load(&let_go))
            poll(NULL, 0, 5);
        respond_text(req, res, 200, "text/plain", "held\n");
    } else if (!strcmp(req->target, "/nothing")) {
        respond_empty(req, res, 204);
    } else {
        dispatch_failure(req, res, rc ? rc : STATUS_NOT_FOUND);
    }
}

/* The server. */

static struct listener *listener;
static struct metrics *metrics;
static int port;

/* Limits in milliseconds; 0 is LONG_MS. */
struct limits {
    int head, keep_alive, send, body;
};

static void start_with(size_t workers, struct limits limits)
{
    struct listener_options options = {
        .address = "127.0.0.1:0",
        .workers = workers,
        .head_max = 16384,
        .head_timeout_ms = limits.head ? limits.head : LONG_MS,
        .keep_alive_timeout_ms = limits.keep_alive ? limits.keep_alive : LONG_MS,
        .send_timeout_ms = limits.send ? limits.send : LONG_MS,
    };
    static const struct service service = {.public_url = "http://here"};
    struct error error = {0};

    metrics = metrics_new(NULL, 0);
    options.exchange =
        (struct exchange_options){.service = &service,
                                  .metrics = metrics,
                                  .body_timeout_ms = limits.body ? limits.body : LONG_MS,
                                  .answer = answer};
    if (listener_start(&options, &listener, &error))
        fail_msg("%s", error.message);
    port = atoi(strrchr(listener_url(listener), ':') + 1);
    listener_serve(listener);
}

static int start(void **state)
{
    (void)state;
    start_with(32, (struct limits){0});
    return 0;
}

static int stop(void **state)
{
    (void)state;
    listener_stop(listener, 2000);
    metrics_free(metrics);
    return 0;
}

static void start_again(size_t workers, struct limits limits)
{
    stop(NULL);
    start_with(workers, limits);
}

/* The client. */

static int dial(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say_bytes(int fd, const void *bytes, size_t length)
{
    while (length) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

        if (sent < 0)
            return; /* the server may well have closed: the answer tells */
        bytes = (const char *)bytes + sent;
        length -= (size_t)sent;
    }
}

static void say(int fd, const char *text)
{
    say_bytes(fd, text, strlen(text));
}

/* What came. */
struct heard {
    char text[8192];
    size_t length; /* of text, which is cut */
    bool is_closed;
};

/* How many answers there are in what was heard. */
static int answers_in(const struct heard *heard)
{
    int count = 0;

    for (const char *at = heard->text; (at = strstr(at, "HTTP/1.1 ")); at++)
        count += at[9] >= '1' && at[9] <= '5';
    return count;
}

/* Listens until the server closes, or has been quiet after that many answers. */
static struct heard *hear_answers(int fd, int answers)
{
    static struct heard heard;
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    char more[4096];

    heard = (struct heard){0};
    while (poll(&waiting, 1, answers_in(&heard) < answers ? LONG_MS : QUIET_MS) > 0) {
        ssize_t got = recv(fd, more, sizeof more, 0);
        size_t room = sizeof heard.text - 1 - heard.length;

        if (got <= 0) {
            heard.is_closed = true;
            break;
        }
        memcpy(heard.text + heard.length, more, (size_t)got < room ? (size_t)got : room);
        heard.length += (size_t)got < room ? (size_t)got : room;
    }
    return &heard;
}

static struct heard *hear_all(int fd)
{
    return hear_answers(fd, INT_MAX);
}

static int code_of(const char *text)
{
    return strncmp(text, "HTTP/1.1 ", 9) ? 0 : atoi(text + 9);
}

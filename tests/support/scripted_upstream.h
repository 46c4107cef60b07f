/* An upstream on loopback that does what a test tells it, on as many connections as come. */
#pragma once
#include <arpa/inet.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { UPSTREAM_CONNECTIONS_MAX = 256, UPSTREAM_HEAD_MAX = 2048 };

struct upstream_server;

/* One request and how to answer it. */
struct exchange {
    struct upstream_server *server;
    void *context;
    int fd;
    int number;       /* of the request, from 1 on, over all connections */
    const char *head; /* request line and fields */
    char path[512];
};

struct upstream_server {
    bool (*answer)(struct exchange *exchange); /* false: the connection is closed */
    void *context;
    int listener, port;
    char url[64]; /* without a final slash */
    pthread_t thread;
    pthread_mutex_t lock;
    int fds[UPSTREAM_CONNECTIONS_MAX];
    pthread_t threads[UPSTREAM_CONNECTIONS_MAX];
    int connections;
    bool is_stopping;
    atomic_int requests;
    char last_head[UPSTREAM_HEAD_MAX];
};

struct upstream_connection {
    struct upstream_server *server;
    int fd;
};

static inline bool upstream_send(const struct exchange *exchange, const void *bytes, size_t length)
{
    const char *at = bytes;

    while (length) {
        ssize_t sent = send(exchange->fd, at, length, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        at += sent;
        length -= (size_t)sent;
    }
    return true;
}

static inline bool upstream_say(const struct exchange *exchange, const char *text)
{
    return upstream_send(exchange, text, strlen(text));
}

/* A whole answer with its length; fields: lines with their ends, or "". */
static inline bool upstream_answer(const struct exchange *exchange, int code, const char *fields,
                                   const void *body, size_t length)
{
    char head[4096];

    snprintf(head, sizeof head, "HTTP/1.1 %d x\r\nContent-Length: %zu\r\n%s\r\n", code, length,
             fields);
    return upstream_say(exchange, head) && upstream_send(exchange, body, length);
}

/* The value of a request's field, copied; NULL without it. */
static inline char *upstream_field(const struct exchange *exchange, const char *name, char *out,
                                   size_t size)
{
    char wanted[64];
    const char *at;

    snprintf(wanted, sizeof wanted, "\r\n%s: ", name);
    if (!(at = strcasestr(exchange->head, wanted)))
        return NULL;
    at += strlen(wanted);
    snprintf(out, size, "%.*s", (int)strcspn(at, "\r\n"), at);
    return out;
}

/* Whether the last request's head has this text. */
static inline bool upstream_saw(struct upstream_server *server, const char *text)
{
    bool is_there;

    pthread_mutex_lock(&server->lock);
    is_there = strstr(server->last_head, text) != NULL;
    pthread_mutex_unlock(&server->lock);
    return is_there;
}

/* Waits until the client has hung up. */
static inline void upstream_wait_for_end(const struct exchange *exchange)
{
    char rest[256];

    while (read(exchange->fd, rest, sizeof rest) > 0)
        ;
}

static inline bool upstream_read_head(int fd, char *head, size_t size)
{
    size_t length = 0;

    while (length + 1 < size && recv(fd, head + length, 1, 0) == 1) {
        head[++length] = '\0';
        if (length >= 4 && !memcmp(head + length - 4, "\r\n\r\n", 4))
            return true;
    }
    return false;
}

static inline void *upstream_serve(void *context)
{
    struct upstream_connection connection = *(struct upstream_connection *)context;
    struct upstream_server *server = connection.server;
    char head[UPSTREAM_HEAD_MAX];
    bool goes_on = true;

    free(context);
    while (goes_on && upstream_read_head(connection.fd, head, sizeof head)) {
        struct exchange exchange = {
            .server = server, .context = server->context, .fd = connection.fd, .head = head};

        sscanf(head, "%*s %511s", exchange.path);
        exchange.number = atomic_fetch_add(&server->requests, 1) + 1;
        pthread_mutex_lock(&server->lock);
        memcpy(server->last_head, head, sizeof head);
        pthread_mutex_unlock(&server->lock);
        goes_on = server->answer(&exchange);
    }
    shutdown(connection.fd, SHUT_RDWR);
    return NULL;
}

static inline void *upstream_accept(void *context)
{
    struct upstream_server *server = context;
    int fd;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        struct upstream_connection *connection = malloc(sizeof *connection);

        pthread_mutex_lock(&server->lock);
        if (!connection || server->is_stopping || server->connections == UPSTREAM_CONNECTIONS_MAX) {
            pthread_mutex_unlock(&server->lock);
            free(connection);
            close(fd);
            continue;
        }
        *connection = (struct upstream_connection){server, fd};
        server->fds[server->connections] = fd;
        if (pthread_create(&server->threads[server->connections], NULL, upstream_serve, connection))
            abort();
        server->connections++;
        pthread_mutex_unlock(&server->lock);
    }
    return NULL;
}

static inline void upstream_start(struct upstream_server *server,
                                  bool (*answer)(struct exchange *exchange), void *context)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;

    *server = (struct upstream_server){.answer = answer, .context = context};
    pthread_mutex_init(&server->lock, NULL);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server->listener, (struct sockaddr *)&address, sizeof address) ||
        listen(server->listener, 128) ||
        getsockname(server->listener, (struct sockaddr *)&address, &length))
        abort();
    server->port = ntohs(address.sin_port);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d", server->port);
    if (pthread_create(&server->thread, NULL, upstream_accept, server))
        abort();
}

/* Cuts what is open, and waits for all its threads. */
static inline void upstream_stop(struct upstream_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->is_stopping = true;
    pthread_mutex_unlock(&server->lock);
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    for (int i = 0; i < server->connections; i++)
        shutdown(server->fds[i], SHUT_RDWR);
    for (int i = 0; i < server->connections; i++) {
        pthread_join(server->threads[i], NULL);
        close(server->fds[i]);
    }
    close(server->listener);
    pthread_mutex_destroy(&server->lock);
}

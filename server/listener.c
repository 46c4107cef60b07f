#include "server/listener.h"

#include "config/clock.h"
#include "config/log.h"
#include "server/civetweb_shim.h"
#include "server/civetweb_workers.h"
#include "server/connection.h"
#include "server/metrics.h"
#include "server/request_head.h"
#include "server/watchdog.h"
#include "storage/memory/secret.h"

#include <arpa/inet.h>
#include <civetweb.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PROBE_SIZE = 41, PROBE_MS = 5000, SETTLE_MS = 1000 };

struct listener {
    struct listener_options options;
    struct mg_context *library;
    struct exchanges *exchanges;
    struct watchdog *watchdog;
    struct sockaddr_in address;
    char url[64];

    /* The check at start, and the door until listener_serve(). */
    char probe[PROBE_SIZE];
    pthread_mutex_t lock; /* for waiting until serving */
    pthread_cond_t opened;
    atomic_bool serving, knows_sockets, has_stacks;
};

static struct listener *owner_of(const struct mg_connection *library)
{
    return mg_get_user_data(mg_get_context(library));
}

/* The socket of the connection, -1 where it cannot be known. Found by the port of its peer and
 * remembered with the connection as the descriptor and one. */
static int socket_of(const struct listener *listener, const struct mg_connection *library)
{
    const struct mg_request_info *info = mg_get_request_info(library);
    intptr_t known = (intptr_t)mg_get_user_connection_data(library);
    struct sockaddr_in peer = {0};
    socklen_t length = sizeof peer;
    int fd = civetweb_shim_socket();

    if (known)
        return (int)known - 1;
    if (!atomic_load_explicit(&listener->knows_sockets, memory_order_relaxed) || fd < 0)
        return -1;
    if (!info) /* not before a first head is whole */
        return fd;
    if (getpeername(fd, (struct sockaddr *)&peer, &length) ||
        ntohs(peer.sin_port) != info->remote_port)
        return -1;
    mg_set_user_connection_data(library, (void *)(intptr_t)(fd + 1));
    return fd;
}

static int library_read(void *library, void *buffer, size_t size)
{
    return mg_read(library, buffer, size);
}

static bool library_write(void *library, const void *bytes, size_t size)
{
    return mg_write(library, bytes, size) == (int)size;
}

static struct connection connect_to(const struct listener *listener, struct mg_connection *library)
{
    const struct mg_request_info *info = mg_get_request_info(library);

    return (struct connection){
        .fd = socket_of(listener, library),
        .peer = info ? info->remote_addr : "",
        .watchdog = listener->watchdog,
        .send_timeout_ms = listener->options.send_timeout_ms,
        .received_end = civetweb_shim_received_end(),
        .library = library,
        .read = library_read,
        .write = library_write,
    };
}

/* The check's own request: what this worker finds here, every worker will find. */
static int answer_probe(struct listener *listener, struct mg_connection *library)
{
    static const char answer[] = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

    atomic_store(&listener->knows_sockets, civetweb_shim_accepts());
    if (socket_of(listener, library) < 0)
        atomic_store(&listener->knows_sockets, false);
    atomic_store(&listener->has_stacks, civetweb_shim_has_stack());
    mg_disable_connection_keep_alive(library);
    mg_write(library, answer, strlen(answer));
    return 204;
}

static void wait_until_open(struct listener *listener)
{
    pthread_mutex_lock(&listener->lock);
    while (!atomic_load(&listener->serving))
        pthread_cond_wait(&listener->opened, &listener->lock);
    pthread_mutex_unlock(&listener->lock);
}

static int begin_request(struct mg_connection *library)
{
    const struct mg_request_info *info = mg_get_request_info(library);
    struct listener *listener = owner_of(library);
    struct header fields[MG_MAX_HEADERS];
    struct request_head head = {
        .method = info->request_method,
        .uri = info->request_uri,
        .target = info->local_uri_raw,
        .query = info->query_string,
        .version = info->http_version,
        .fields = fields,
        .field_count = (size_t)info->num_headers,
        .line_ends_well = !listener_knows_sockets(listener) ||
                          civetweb_shim_had_crlf(info->http_version + strlen(info->http_version)),
    };
    struct connection connection;

    if (!atomic_load_explicit(&listener->serving, memory_order_acquire)) {
        if (!strcmp(info->local_uri_raw, listener->probe))
            return answer_probe(listener, library);
        wait_until_open(listener);
    }
    civetweb_shim_enter();
    connection = connect_to(listener, library);
    watchdog_busy(listener->watchdog, connection.fd);
    for (int i = 0; i < info->num_headers; i++)
        fields[i] = (struct header){info->http_headers[i].name, info->http_headers[i].value};
    if (exchange_run(listener->exchanges, &connection, &head))
        watchdog_idle(listener->watchdog, connection.fd);
    else
        mg_disable_connection_keep_alive(library);
    civetweb_shim_leave();
    return 200; /* all that matters is that it is answered */
}

/* The library could not read a head, and does not tell a large one from a bad one. What it would
 * say itself, it would say in a page of its own. */
static int http_error(struct mg_connection *library, int code, const char *message)
{
    struct listener *listener = owner_of(library);
    struct connection connection;
    struct sockaddr_in peer = {0};
    socklen_t length = sizeof peer;
    char text[INET_ADDRSTRLEN];
    struct error error;

    (void)message;
    civetweb_shim_enter();
    connection = connect_to(listener, library);
    if (connection.fd >= 0 && !getpeername(connection.fd, (struct sockaddr *)&peer, &length))
        connection.peer = inet_ntop(AF_INET, &peer.sin_addr, text, sizeof text);
    if (code == 408 || watchdog_expired(listener->watchdog, connection.fd))
        fail(&error, STATUS_TIMEOUT, "head-too-slow", "the request's head came too slowly");
    else if (civetweb_shim_received() >= (size_t)listener->options.head_max)
        fail(&error, STATUS_HEAD_TOO_LARGE, "", "the request's head is over %lld bytes",
             (long long)listener->options.head_max);
    else if (code == 505)
        fail(&error, STATUS_INVALID, "bad-head", "this server speaks HTTP/1.0 and HTTP/1.1");
    else
        fail(&error, STATUS_INVALID, "bad-head", "the request's head is not as RFC 9112 has it");
    exchange_refuse(listener->exchanges, &connection, &error);
    mg_disable_connection_keep_alive(library);
    civetweb_shim_leave();
    return 0;
}

static int init_connection(const struct mg_connection *library, void **data)
{
    struct listener *listener = owner_of(library);

    (void)data;
    civetweb_shim_connection_begins();
    metrics_connection_opens(listener->options.exchange.metrics);
    return 0;
}

/* The library closes the descriptor after this. By then the client has been given its time to read,
 * or has none to get: nothing more is waited for. */
static void connection_close(const struct mg_connection *library)
{
    struct listener *listener = owner_of(library);
    intptr_t known = (intptr_t)mg_get_user_connection_data(library);
    int fd = known ? (int)known - 1 : civetweb_shim_socket();

    watchdog_closed(listener->watchdog, fd);
    if (known)
        shutdown(fd, SHUT_RDWR);
    metrics_connection_closes(listener->options.exchange.metrics);
}

static int log_message(const struct mg_connection *library, const char *message)
{
    (void)library;
    log_event(LOG_WARN, "http.library", "message=\"%s\"", message);
    return 1;
}

static enum status resolve(const char *address, struct sockaddr_in *out, struct error *err)
{
    const char *colon = strrchr(address, ':');
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
    char host[256], *end;
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
    size_t length = colon ? (size_t)(colon - address) : 0;

    if (!colon || length >= sizeof host || colon[1] < '0' || colon[1] > '9' || *end || port > 65535)
        return fail(err, STATUS_INVALID, "bad-address", "%s is no address such as 127.0.0.1:8080",
                    address);
    memcpy(host, address, length);
    host[length] = '\0';
    if (!length || !strcmp(host, "*"))
        snprintf(host, sizeof host, "0.0.0.0");
    if (getaddrinfo(host, NULL, &hints, &found))
        return fail(err, STATUS_INVALID, "bad-address", "%s is no IPv4 address or known host",
                    host);
    memcpy(out, found->ai_addr, sizeof *out);
    freeaddrinfo(found);
    out->sin_port = htons((uint16_t)port);
    return STATUS_OK;
}

static enum status start_library(struct listener *listener, struct error *err)
{
    const struct listener_options *options = &listener->options;
    struct mg_callbacks callbacks = {
        .begin_request = begin_request,
        .http_error = http_error,
        .init_connection = init_connection,
        .connection_close = connection_close,
        .log_message = log_message,
    };
    char host[INET_ADDRSTRLEN], ports[64], threads[24], head[24], head_ms[24], idle_ms[24];
    /* decode_url spoils the raw target; the check of authentication domains spoils Host. */
    const char *values[] = {
        "listening_ports",
        ports,
        "num_threads",
        threads,
        "max_request_size",
        head,
        "request_timeout_ms",
        head_ms,
        "keep_alive_timeout_ms",
        idle_ms,
        "enable_keep_alive",
        "yes",
        "tcp_nodelay",
        "1",
        "connection_queue",
        "1024",
        "listen_backlog",
        "4096",
        "decode_url",
        "no",
        "enable_auth_domain_check",
        "no",
        NULL,
    };
    char text[256] = "";
    struct mg_error_data failure = {.text = text, .text_buffer_size = sizeof text};
    struct mg_init_data init = {&callbacks, listener, values};
    struct mg_server_port port = {0};

    inet_ntop(AF_INET, &listener->address.sin_addr, host, sizeof host);
    snprintf(ports, sizeof ports, "%s:%u", host, ntohs(listener->address.sin_port));
    snprintf(threads, sizeof threads, "%zu", options->workers);
    snprintf(head, sizeof head, "%lld", (long long)options->head_max);
    /* The watchdog keeps the time of heads; to the library this is also how long a body may pause.
     */
    snprintf(head_ms, sizeof head_ms, "%lld", (long long)options->exchange.body_timeout_ms);
    snprintf(idle_ms, sizeof idle_ms, "%lld", (long long)options->keep_alive_timeout_ms);
    mg_init_library(0);
    civetweb_workers_hold(options->workers);
    listener->library = mg_start2(&init, &failure);
    civetweb_workers_held();
    if (!listener->library || mg_get_server_ports(listener->library, 1, &port) != 1)
        return fail(err, STATUS_INTERNAL, "cannot-listen", "could not listen on %s: %s",
                    options->address, text);
    listener->address.sin_port = htons((uint16_t)port.port);
    snprintf(listener->url, sizeof listener->url, "http://%s:%d",
             listener->address.sin_addr.s_addr == htonl(INADDR_ANY) ? "127.0.0.1" : host,
             port.port);
    return STATUS_OK;
}

/* Asks the workers, over a connection like any other, whether they know their socket. */
static bool run_probe(const struct listener *listener)
{
    struct sockaddr_in address = listener->address;
    struct timeval limit = {PROBE_MS / 1000, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char text[128], answer[64] = "";
    bool is_answered;

    if (address.sin_addr.s_addr == htonl(INADDR_ANY))
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: check\r\n\r\n", listener->probe);
    is_answered = fd >= 0 && !connect(fd, (struct sockaddr *)&address, sizeof address) &&
                  send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text) &&
                  recv(fd, answer, sizeof answer - 1, 0) > 0 &&
                  !strncmp(answer, "HTTP/1.1 204 ", strlen("HTTP/1.1 204 "));
    if (fd >= 0)
        close(fd);
    return is_answered;
}

static void check_library(struct listener *listener)
{
    if (!run_probe(listener)) {
        atomic_store(&listener->knows_sockets, false);
        log_event(LOG_WARN, "listener.check", "reason=\"the check got no answer\"");
    }
    if (!listener_knows_sockets(listener))
        log_event(
            LOG_WARN, "listener.fallback",
            "library=%s reason=\"sockets are not known: files are copied, and slow clients are "
            "not cut\"",
            mg_version());
    if (!listener_has_stacks(listener))
        log_event(LOG_WARN, "listener.fallback", "library=%s reason=\"threads have small stacks\"",
                  mg_version());
}

enum status listener_start(const struct listener_options *options, struct listener **out,
                           struct error *err)
{
    struct listener *listener = calloc(1, sizeof *listener);
    char random[33];
    enum status rc;

    if (!listener)
        return fail_errno(err, "could not start the listener");
    listener->options = *options;
    pthread_mutex_init(&listener->lock, NULL);
    pthread_cond_init(&listener->opened, NULL);
    secret_base62(random, 32);
    snprintf(listener->probe, sizeof listener->probe, "/check/%s", random);
    if ((rc = resolve(options->address, &listener->address, err)))
        goto done;
    listener->exchanges = exchanges_new(&options->exchange);
    listener->watchdog = watchdog_start(&(struct watchdog_limits){
        .connections = options->workers, .head_timeout_ms = options->head_timeout_ms});
    civetweb_shim_attach(listener->watchdog);
    if ((rc = start_library(listener, err)))
        goto done;
    check_library(listener);
done:
    if (rc) {
        listener_stop(listener, 0);
        listener = NULL;
    }
    *out = listener;
    return rc;
}

const char *listener_url(const struct listener *listener)
{
    return listener->url;
}

bool listener_knows_sockets(const struct listener *listener)
{
    return atomic_load(&listener->knows_sockets);
}

bool listener_has_stacks(const struct listener *listener)
{
    return atomic_load(&listener->has_stacks);
}

const char *listener_library_version(void)
{
    return mg_version();
}

void listener_serve(struct listener *listener)
{
    pthread_mutex_lock(&listener->lock);
    atomic_store(&listener->serving, true);
    pthread_cond_broadcast(&listener->opened);
    pthread_mutex_unlock(&listener->lock);
}

/* Requests may finish; who has only connected, or sent half a head, gets a moment. */
static void let_finish(const struct listener *listener, int64_t grace_ms)
{
    const struct metrics *metrics = listener->options.exchange.metrics;
    int64_t began_ms = clock_monotonic_ms(), waited_ms = 0;

    while (waited_ms < grace_ms) {
        watchdog_close_idle(listener->watchdog);
        if (!metrics_requests_in_flight(metrics) &&
            (waited_ms > SETTLE_MS || !watchdog_count(listener->watchdog).unsettled))
            break;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        waited_ms = clock_monotonic_ms() - began_ms;
    }
}

void listener_stop(struct listener *listener, int64_t grace_ms)
{
    uint64_t wake = 1;
    int idle = -1;

    if (!listener)
        return;
    if (listener->library) {
        idle = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        civetweb_shim_stop_accepting(idle);
        exchanges_drain(listener->exchanges);
        let_finish(listener, grace_ms);
        watchdog_close_all(listener->watchdog);
        listener_serve(listener);
        /* Wakes the thread that accepts, for good. */
        if (idle >= 0 && write(idle, &wake, sizeof wake) < 0)
            log_event(LOG_WARN, "listener.stop", "errno=%d", errno);
        civetweb_workers_stop();
        mg_stop(listener->library);
        mg_exit_library();
    }
    civetweb_workers_stopped();
    civetweb_shim_attach(NULL);
    watchdog_stop(listener->watchdog);
    exchanges_free(listener->exchanges);
    if (idle >= 0)
        close(idle);
    pthread_cond_destroy(&listener->opened);
    pthread_mutex_destroy(&listener->lock);
    free(listener);
}

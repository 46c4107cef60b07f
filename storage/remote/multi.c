#include "storage/remote/multi.h"

#include "config/clock.h"
#include "storage/remote/fetch.h"

#include <curl/curl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { CONNECTIONS_KEPT = 128, RECEIVE_BUFFER = 256 * 1024, HTTP2_SINCE = 0x080100 };

struct multi {
    CURLM *curlm;
    const struct fetcher_options *options;
    long http_version;
};

/* What an attempt holds besides its transfer. */
struct connection {
    CURL *curl;
    struct curl_slist *headers;
};

struct multi *multi_open(const struct fetcher_options *options, struct error *err)
{
    struct multi *multi = calloc(1, sizeof *multi);

    fetch_library_start();
    if (!multi || !(multi->curlm = curl_multi_init())) {
        free(multi);
        fail(err, STATUS_INTERNAL, "", "libcurl cannot be started");
        return NULL;
    }
    multi->options = options;
    /* Before 8.1 a stream that was reset could count as a whole answer. */
    multi->http_version = curl_version_info(CURLVERSION_NOW)->version_num >= HTTP2_SINCE
                              ? CURL_HTTP_VERSION_2TLS
                              : CURL_HTTP_VERSION_1_1;
    /* Its own default shrinks with the number of transfers, and then connections are closed. */
    curl_multi_setopt(multi->curlm, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
    return multi;
}

void multi_close(struct multi *multi)
{
    if (!multi)
        return;
    curl_multi_cleanup(multi->curlm);
    free(multi);
}

static size_t take_head(char *line, size_t size, size_t count, void *transfer)
{
    size_t length = size * count;

    return transfer_head_line(transfer, line, length, clock_monotonic_ms()) ? length : 0;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *transfer)
{
    size_t length = size * count;

    return !length || transfer_body(transfer, bytes, length) ? length : 0;
}

/* Here, and not at the name: whatever was resolved, redirected or rebound ends in this address. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct transfer *transfer = context;
    struct address address;

    if (purpose != CURLSOCKTYPE_IPCXN || !address_of_socket(&to->addr, &address) ||
        !transfer_may_connect(transfer, &address))
        return CURL_SOCKET_BAD;
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* A connection that is used again was opened for another transfer, perhaps one that may do more. */
static int before_request(void *context, char *primary_ip, char *local_ip, int primary_port,
                          int local_port)
{
    struct transfer *transfer = context;
    struct address address;

    (void)local_ip, (void)primary_port, (void)local_port;
    if (!address_parse(primary_ip, &address) || !transfer_may_connect(transfer, &address))
        return CURL_PREREQFUNC_ABORT;
    transfer_asks(transfer, clock_monotonic_ms());
    return CURL_PREREQFUNC_OK;
}

static void set_callbacks(CURL *curl, struct transfer *transfer)
{
    curl_easy_setopt(curl, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_head);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, before_request);
    curl_easy_setopt(curl, CURLOPT_PREREQDATA, transfer);
}

/* Redirects are followed by the transfer, and its phases have their own limits of time. */
static void set_options(struct multi *multi, CURL *curl, const struct transfer *transfer)
{
    curl_easy_setopt(curl, CURLOPT_URL, transfer->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, multi->http_version);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)INT_MAX);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
    curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, transfer->proxy ? transfer->proxy : "");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, multi->options->user_agent);
    if (multi->options->ca_file && *multi->options->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, multi->options->ca_file);
    if (strcmp(transfer->request.method, "POST"))
        return;
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                     transfer->request.body ? transfer->request.body : "");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->request.body_length);
}

static void connection_free(struct connection *connection)
{
    if (!connection)
        return;
    curl_easy_cleanup(connection->curl);
    curl_slist_free_all(connection->headers);
    free(connection);
}

static bool add_headers(struct connection *connection, struct transfer *transfer)
{
    for (const char *const *line = transfer_headers(transfer); *line; line++) {
        struct curl_slist *longer = curl_slist_append(connection->headers, *line);

        if (!longer)
            return false;
        connection->headers = longer;
    }
    return true;
}

bool multi_begin(struct multi *multi, struct transfer *transfer)
{
    struct connection *connection = calloc(1, sizeof *connection);

    if (!connection || !(connection->curl = curl_easy_init()) ||
        !add_headers(connection, transfer)) {
        connection_free(connection);
        return false;
    }
    set_options(multi, connection->curl, transfer);
    set_callbacks(connection->curl, transfer);
    curl_easy_setopt(connection->curl, CURLOPT_HTTPHEADER, connection->headers);
    if (curl_multi_add_handle(multi->curlm, connection->curl)) {
        connection_free(connection);
        return false;
    }
    transfer->connection = connection;
    return true;
}

void multi_move(struct multi *multi)
{
    int running;

    curl_multi_perform(multi->curlm, &running);
}

static enum attempt_end meaning(CURLcode code)
{
    switch (code) {
    case CURLE_OK: return ATTEMPT_DONE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return ATTEMPT_UNRESOLVED;
    case CURLE_COULDNT_CONNECT: return ATTEMPT_UNCONNECTED;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR: return ATTEMPT_UNTRUSTED;
    case CURLE_SSL_CONNECT_ERROR: return ATTEMPT_NO_TLS;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY: return ATTEMPT_NOT_HTTP;
    case CURLE_WRITE_ERROR:
    case CURLE_ABORTED_BY_CALLBACK: return ATTEMPT_STOPPED;
    case CURLE_OUT_OF_MEMORY: return ATTEMPT_NOT_HTTP; /* a header field longer than libcurl takes */
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT: return ATTEMPT_IMPOSSIBLE;
    default: return ATTEMPT_BROKEN;
    }
}

struct transfer *multi_next(struct multi *multi, enum attempt_end *end)
{
    struct transfer *transfer = NULL;
    struct CURLMsg *message;
    int left;

    do {
        if (!(message = curl_multi_info_read(multi->curlm, &left)))
            return NULL;
    } while (message->msg != CURLMSG_DONE);
    *end = meaning(message->data.result);
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
    multi_drop(multi, transfer);
    return transfer;
}

void multi_drop(struct multi *multi, struct transfer *transfer)
{
    struct connection *connection = transfer->connection;

    transfer->connection = NULL;
    curl_multi_remove_handle(multi->curlm, connection->curl);
    connection_free(connection);
}

void multi_wait(struct multi *multi, int64_t timeout_ms)
{
    curl_multi_poll(multi->curlm, NULL, 0, (int)timeout_ms, NULL);
}

void multi_wake(struct multi *multi)
{
    curl_multi_wakeup(multi->curlm);
}

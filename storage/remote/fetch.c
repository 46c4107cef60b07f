#include "storage/remote/fetch.h"

#include "storage/memory/strbuf.h"
#include "storage/remote/proxy.h"
#include "storage/remote/url.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CONNECT_TIMEOUT_MS = 10000, TIMEOUT_MS = 60000 };

static pthread_once_t started = PTHREAD_ONCE_INIT;

static void start(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

void fetch_library_start(void)
{
    pthread_once(&started, start);
}

static size_t receive(char *bytes, size_t size, size_t count, void *context)
{
    struct strbuf *out = context;

    strbuf_bytes(out, bytes, size * count);
    return strbuf_failed(out) ? 0 : size * count;
}

/* What curl leaves out or takes apart itself must not come in by a header's value. */
static enum status add_headers(const struct fetch_request *request, struct curl_slist **list,
                               struct error *err)
{
    const char *const *header = request->headers;

    for (; header && *header; header++) {
        struct curl_slist *longer;

        if (strpbrk(*header, "\r\n") || !strchr(*header, ':'))
            return fail(err, STATUS_INVALID, "", "a header cannot be sent");
        if (!(longer = curl_slist_append(*list, *header)))
            return fail(err, STATUS_INTERNAL, "", "out of memory");
        *list = longer;
    }
    return STATUS_OK;
}

static void set_body(CURL *curl, const struct fetch_request *request)
{
    if (!strcmp(request->method, "HEAD"))
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (!request->body)
        return;
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
}

static void prepare(CURL *curl, const struct fetch_request *request, struct curl_slist *headers,
                    struct strbuf *out, char *reason)
{
    int64_t connect_ms =
        request->connect_timeout_ms ? request->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    int64_t all_ms = request->timeout_ms ? request->timeout_ms : TIMEOUT_MS;
    struct url_origin origin;
    const char *proxy = url_origin(request->url, &origin) ? proxy_for(&origin) : NULL;

    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "packhouse");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)all_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    curl_easy_setopt(curl, CURLOPT_PROXY, proxy ? proxy : "");
    set_body(curl, request);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
}

/* scheme://host:port, without what may be secret behind it */
static int origin_length(const char *url)
{
    const char *host = strstr(url, "://");

    return (int)(host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : strlen(url));
}

static bool is_http(const char *url)
{
    return !strncasecmp(url, "http://", 7) || !strncasecmp(url, "https://", 8);
}

static enum status explain(const struct fetch_request *request, CURLcode code, const char *reason,
                           const struct strbuf *out, struct error *err)
{
    int length = origin_length(request->url);

    if (!*reason)
        reason = curl_easy_strerror(code);
    switch (code) {
    case CURLE_OK: return STATUS_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return fail(err, STATUS_TIMEOUT, "", "%.*s gave no answer in time", length, request->url);
    case CURLE_UNSUPPORTED_PROTOCOL:
        if (is_http(request->url))
            break; /* the answer is not HTTP */
        __attribute__((fallthrough));
    case CURLE_URL_MALFORMAT:
        return fail(err, STATUS_INVALID, "", "%.80s is no http or https URL", request->url);
    case CURLE_OUT_OF_MEMORY: return fail(err, STATUS_INTERNAL, "", "out of memory");
    case CURLE_WRITE_ERROR:
        if (strbuf_failed(out))
            return fail(err, STATUS_TOO_LARGE, "", "%.*s answered with more than %zu bytes", length,
                        request->url, out->cap);
        break;
    default: break;
    }
    return fail(err, STATUS_BUSY, "", "cannot reach %.*s: %s", length, request->url, reason);
}

static void read_answer(CURL *curl, struct fetch_answer *answer)
{
    const char *type = NULL;
    long code = 0;

    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
    answer->code = (int)code;
    snprintf(answer->content_type, sizeof answer->content_type, "%s", type ? type : "");
}

struct fetch_connection *fetch_connection_new(void)
{
    fetch_library_start();
    return (struct fetch_connection *)curl_easy_init();
}

void fetch_connection_free(struct fetch_connection *connection)
{
    curl_easy_cleanup((CURL *)connection);
}

enum status fetch(const struct fetch_request *request, struct strbuf *out,
                  struct fetch_answer *answer, struct error *err)
{
    struct fetch_connection *own = NULL;
    char reason[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    CURL *curl = NULL;
    enum status rc;

    fetch_library_start();
    if ((rc = add_headers(request, &headers, err)))
        goto done;
    if (!(curl = (CURL *)request->connection) && !(curl = (CURL *)(own = fetch_connection_new()))) {
        rc = fail(err, STATUS_INTERNAL, "", "out of memory");
        goto done;
    }
    prepare(curl, request, headers, out, reason);
    if ((rc = explain(request, curl_easy_perform(curl), reason, out, err)))
        goto done;
    read_answer(curl, answer);
done:
    if (curl)
        curl_easy_reset(curl); /* what is on this stack is forgotten, connections are not */
    fetch_connection_free(own);
    curl_slist_free_all(headers);
    return rc;
}

const char *fetch_library_version(void)
{
    return curl_version_info(CURLVERSION_NOW)->version;
}

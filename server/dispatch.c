#include "server/dispatch.h"

#include "config/log.h"
#include "protocols/http/response.h"
#include "server/auth/gate.h"
#include "server/router.h"
#include "storage/catalog/access.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/remote/fetcher.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct dispatcher {
    const struct service *service;
    struct router *router;
};

/* The one table from status to HTTP. */
static const struct {
    int code;
    const char *title;
    const char *retry_after; /* seconds, where trying again makes sense */
} answers[STATUS_COUNT] = {
    [STATUS_OK] = {500, "Internal error",         NULL}, /* a failure without a status is ours */
    [STATUS_INVALID] = {400, "Bad request",            NULL},
    [STATUS_UNAUTHENTICATED] = {401, "Not signed in",          NULL},
    [STATUS_FORBIDDEN] = {403, "Not allowed",            NULL},
    [STATUS_NOT_FOUND] = {404, "Not found",              NULL},
    [STATUS_NOT_ALLOWED] = {405, "Method not allowed",     NULL},
    [STATUS_TIMEOUT] = {408, "Too slow",               NULL},
    [STATUS_CONFLICT] = {409, "Taken already",          NULL},
    [STATUS_GONE] = {410, "Gone",                   NULL},
    [STATUS_LENGTH_REQUIRED] = {411, "Length required",        NULL},
    [STATUS_PRECONDITION] = {412, "Precondition failed",    NULL},
    [STATUS_TOO_LARGE] = {413, "Too large",              NULL},
    [STATUS_UNSUPPORTED] = {415, "Not a supported type",   NULL},
    [STATUS_RANGE] = {416, "Range not satisfiable",  NULL},
    [STATUS_EXPECTATION] = {417, "Expectation failed",     NULL},
    [STATUS_UNPROCESSABLE] = {422, "Contradicts itself",     NULL},
    [STATUS_HEAD_TOO_LARGE] = {431, "Request head too large", NULL},
    [STATUS_BUSY] = {503, "Busy",                   "1" },
    [STATUS_READ_ONLY] = {503, "Writing has stopped",    "60"},
    [STATUS_FULL] = {507, "Out of space",           NULL},
    [STATUS_BAD_UPSTREAM] = {502, "Bad answer of an upstream", NULL},
    [STATUS_UPSTREAM_TIMEOUT] = {504, "No answer of an upstream", NULL},
    [STATUS_UPSTREAM_AWAY] = {503, "Upstream is away", "5"},
    [STATUS_INTERNAL] = {500, "Internal error",         NULL},
};

/* Headers that a failure keeps from what the handler had set; the others describe an answer that
 * is not sent. */
static const char *const kept_headers[] = {"Allow",       "Content-Range", "WWW-Authenticate",
                                           "Retry-After", "Upload-Limit",  "npm-notice"};

enum { PROBLEM_MAX = 16 * 1024, REASON_MAX = 160 };

enum status dispatcher_new(const struct service *service, const struct mount *const *mounts,
                           size_t count, struct dispatcher **out, struct error *err)
{
    struct dispatcher *made = calloc(1, sizeof *made);
    enum status rc;

    if (!made)
        return fail_errno(err, "could not make the dispatcher");
    made->service = service;
    if ((rc = router_new(mounts, count, &made->router, err))) {
        dispatcher_free(made);
        return rc;
    }
    *out = made;
    return STATUS_OK;
}

void dispatcher_free(struct dispatcher *dispatcher)
{
    if (!dispatcher)
        return;
    router_free(dispatcher->router);
    free(dispatcher);
}

static void forget_answer(struct response *res)
{
    bool close_connection = res->close_connection;
    size_t kept = 0;
    struct header headers[RESPONSE_HEADERS_MAX];

    for (size_t i = 0; i < res->header_count; i++)
        for (size_t k = 0; k < sizeof kept_headers / sizeof *kept_headers; k++)
            if (!strcasecmp(res->headers[i].name, kept_headers[k]))
                headers[kept++] = res->headers[i];
    response_release(res);
    res->close_connection = close_connection;
    memcpy(res->headers, headers, kept * sizeof *headers);
    res->header_count = kept;
}

/* "code: sentence" in printable ASCII: what pip, twine and npm show to their users. */
static const char *reason_phrase(struct request *req, const char *code, const char *message)
{
    char *reason = arena_format(req->arena, "%s: %.*s", code, REASON_MAX, message);

    for (char *at = reason; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
    if (strlen(reason) > REASON_MAX) /* a command that lost its end does not look whole */
        memcpy(reason + REASON_MAX - 3, "...", 4);
    return reason;
}

static void member(struct strbuf *body, const char *name, const char *value)
{
    strbuf_json(body, name);
    strbuf_char(body, ':');
    strbuf_json(body, value);
    strbuf_char(body, ',');
}

/* Access spec A9: RFC 9457's members, then each client's own word for the same sentence. */
static void problem_body(struct request *req, struct strbuf *body, enum status status,
                         const char *code, const char *message)
{
    const char *base = req->service && req->service->public_url ? req->service->public_url : "";

    strbuf_char(body, '{');
    member(body, "type", arena_format(req->arena, "%s/docs/errors#%s", base, code));
    member(body, "title", answers[status].title);
    strbuf_format(body, "\"status\":%d,", answers[status].code);
    member(body, "code", code);
    member(body, "detail", message);
    member(body, "error", message);
    member(body, "message", message);
    for (size_t i = 0; i < req->fact_count; i++)
        member(body, req->facts[i].name, req->facts[i].value);
    member(body, "instance", arena_format(req->arena, "/requests/%s", req->id));
    strbuf_text(body, "\"errors\":[{\"code\":");
    strbuf_json(body, code);
    strbuf_text(body, ",\"description\":");
    strbuf_json(body, message);
    strbuf_text(body, "}]}\n");
}

/* An org that is full is its own affair, and hears how much is left; a disk that is, the operator's. */
static bool is_quota(const struct request *req)
{
    return !strcmp(req->error.code, "quota-full");
}

/* What a client is told where the failure's own words are for whoever runs the server. */
static const char *outward_message(struct request *req, enum status status)
{
    switch (status) {
    case STATUS_INTERNAL:
        return arena_format(req->arena,
                            "something failed here; the log says what, under request %s", req->id);
    case STATUS_READ_ONLY:
        return "writing has stopped until this server's operator has looked; reading goes on";
    case STATUS_FULL:
        if (is_quota(req))
            return req->error.message;
        return "this server is out of space: nothing was stored";
    default: return *req->error.message ? req->error.message : answers[status].title;
    }
}

/* Someone must act on the first three; the others are the clients' affair. */
static void log_failure(const struct request *req, enum status status)
{
    bool is_ours = status == STATUS_INTERNAL || status == STATUS_READ_ONLY ||
                   (status == STATUS_FULL && !is_quota(req));

    log_event(is_ours ? LOG_ERROR : LOG_DEBUG, is_ours ? "request.failed" : "request.refused",
              "request=%s path=%s status=%s reason=\"%s\"", req->id, req->target ? req->target : "",
              status_word(status), req->error.message);
}

/* The Python index's page that is not there: its readers are scripts more often than people. */
static bool is_plain_not_found(const struct request *req, enum status status)
{
    return status == STATUS_NOT_FOUND && req->mount && req->mount->plain_not_found &&
           (req->method == METHOD_GET || req->method == METHOD_HEAD);
}

void dispatch_failure(struct request *req, struct response *res, enum status status)
{
    const char *code, *message;
    struct strbuf body;

    if (status == STATUS_OK || status >= STATUS_COUNT)
        status = STATUS_INTERNAL;
    forget_answer(res);
    code = *req->error.code && req->error.status == status ? req->error.code : status_word(status);
    log_failure(req, status);
    message = outward_message(req, status);
    strbuf_init(&body, req->arena, PROBLEM_MAX);
    problem_body(req, &body, status, code, message);
    /* uv compares the type as a whole, so it has no parameters. */
    respond_strbuf(req, res, answers[status].code, "application/problem+json", &body);
    res->reason = reason_phrase(req, code, message);
    response_header(req, res, "Cache-Control", "no-store");
    if (is_plain_not_found(req, status)) {
        respond_text(req, res, answers[status].code, "text/plain; charset=utf-8",
                     arena_format(req->arena, "%s\n", message));
        response_header(req, res, "Cache-Control", "no-cache");
    }
    if (answers[status].retry_after)
        response_header(req, res, "Retry-After", answers[status].retry_after);
    res->read_body_first = req->mount && req->mount->reads_refused_body;
}

/* RFC 9110 7.6.3: what has been here before would go round until somebody's patience ends. */
static enum status check_loop(struct request *req)
{
    const char *pseudonym = req->service->pseudonym;

    for (size_t i = 0; pseudonym && i < req->header_count; i++)
        if (!strcasecmp(req->headers[i].name, "Via") && via_names(req->headers[i].value, pseudonym))
            return fail(&req->error, STATUS_BAD_UPSTREAM, "upstream-loop",
                        "this request has come round to the server that sent it: an upstream leads back here");
    return STATUS_OK;
}

void dispatch(struct dispatcher *dispatcher, struct request *req, struct response *res)
{
    enum status rc;

    req->service = dispatcher->service;
    req->principal = &principal_anonymous;
    if ((rc = router_find(dispatcher->router, req, res)) || (rc = check_loop(req)) ||
        (rc = gate_check(req, res)) || (rc = req->route->run(req, res))) {
        dispatch_failure(req, res, rc);
    } else if (!res->code) {
        fail(&req->error, STATUS_INTERNAL, "", "the handler gave no answer");
        dispatch_failure(req, res, STATUS_INTERNAL);
    }
    response_header(req, res, "X-Content-Type-Options", "nosniff");
}

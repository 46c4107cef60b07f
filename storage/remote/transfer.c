#include "storage/remote/transfer.h"

#include "config/clock.h"
#include "config/log.h"
#include "storage/memory/arena.h"
#include "storage/memory/secret.h"
#include "storage/remote/proxy.h"

#include <stdlib.h>
#include <string.h>

enum {
    HEAD_MAX = 64 * 1024,
    RETRY_FIRST_MS = 200,
    RETRY_MOST_MS = 5000,
    SLOWEST_BYTES_PER_S = 1024,
    PROGRESS_BYTES = 1024 * 1024, /* after which a break counts as the first again */
};

static const char *const *copy_texts(struct arena *arena, const char *const *texts)
{
    const char **copy;
    size_t count = 0;

    while (texts && texts[count])
        count++;
    copy = arena_array(arena, count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_copy(arena, texts[i]);
    return copy;
}

struct transfer *transfer_new(const struct transfer_rules *rules,
                              const struct transfer_request *request,
                              const struct transfer_sink *sink)
{
    struct arena *arena = arena_new();
    struct transfer *transfer = arena_alloc(arena, sizeof *transfer);

    *transfer = (struct transfer){.rules = rules,
                                  .request = *request,
                                  .sink = *sink,
                                  .arena = arena,
                                  .attempt_arena = arena_new(),
                                  .total = -1};
    transfer->request.method = arena_copy(arena, request->method);
    transfer->request.url = arena_copy(arena, request->url);
    transfer->request.headers = copy_texts(arena, request->headers);
    transfer->request.hosts = copy_texts(arena, request->hosts);
    transfer->request.authorization = arena_copy(arena, request->authorization);
    if (request->body)
        transfer->request.body = arena_copy_bytes(arena, request->body, request->body_length);
    strbuf_init(&transfer->head, NULL, HEAD_MAX);
    return transfer;
}

static void report(struct transfer *transfer)
{
    struct breaker *breaker = transfer->breaker;

    transfer->breaker = NULL;
    if (breaker && transfer->is_breaker_failure && transfer->is_silent)
        breaker_report_silence(breaker, transfer->admitted_us, transfer->error.message);
    else if (breaker)
        breaker_report(breaker, transfer->is_breaker_failure, transfer->error.message);
}

void transfer_end(struct transfer *transfer)
{
    report(transfer);
    transfer->sink.end(transfer->sink.context, transfer->rc, &transfer->error);
    strbuf_free(&transfer->head);
    arena_free(transfer->attempt_arena);
    arena_free(transfer->arena);
}

void transfer_fail(struct transfer *transfer, enum status rc, const char *code,
                   const char *sentence)
{
    transfer->rc = fail(&transfer->error, rc, code, "%s", sentence);
}

/* Line breaks would smuggle in more fields than the caller meant. */
static bool can_be_sent(const struct transfer_request *request)
{
    for (const char *const *line = request->headers; *line; line++)
        if (strpbrk(*line, "\r\n") || !strchr(*line, ':'))
            return false;
    return !request->authorization || !strpbrk(request->authorization, "\r\n");
}

static enum status begin_first(struct transfer *transfer, int64_t now_ms)
{
    const struct transfer_request *request = &transfer->request;

    transfer->url = url_resolve(transfer->arena, request->url, request->url);
    if (!transfer->url || !url_origin(transfer->url, &transfer->own))
        transfer_fail(transfer, STATUS_INVALID, "", "the upstream's URL is no http or https one");
    else if (!can_be_sent(request))
        transfer_fail(transfer, STATUS_INVALID, "", "a header cannot be sent");
    transfer->current = transfer->own;
    if (request->total_timeout_ms && !transfer->ends_ms)
        transfer->ends_ms = now_ms + request->total_timeout_ms;
    return transfer->rc;
}

/* Each host that it is sent to may be left alone for itself. */
static enum status ask_breaker(struct transfer *transfer)
{
    struct breaker *breaker = breaker_set_find(transfer->request.breakers, &transfer->current);

    if (!breaker_admits(breaker)) {
        transfer_fail(transfer, STATUS_UPSTREAM_AWAY, "",
                      "the upstream failed again and again, and is left alone for a while");
    } else {
        transfer->breaker = breaker;
        transfer->admitted_us = clock_now_us();
    }
    return transfer->rc;
}

/* The host that a person named may be private; so may its https twin, but none of its other ports.
 */
static bool is_own_place(const struct transfer *transfer)
{
    const struct url_origin *own = &transfer->own, *current = &transfer->current;

    return !strcmp(own->host, current->host) &&
           (own->port == current->port ||
            (own->port == 80 && current->port == 443 && current->is_https));
}

static bool is_same_origin(const struct transfer *transfer)
{
    return url_is_origin(&transfer->own, &transfer->current);
}

static bool is_allowed(struct transfer *transfer, const struct address *address)
{
    if (!address_is_private(address) || address_list_has(&transfer->rules->allowed, address) ||
        (transfer->request.may_be_private && is_own_place(transfer)))
        return true;
    transfer->is_private_refused = true;
    return false;
}

bool transfer_may_connect(struct transfer *transfer, const struct address *address)
{
    return transfer->proxy || is_allowed(transfer, address);
}

static void refuse_private(struct transfer *transfer)
{
    transfer_fail(transfer, STATUS_BAD_UPSTREAM, "upstream-private",
                  "the upstream's host has a private address, which only the setting "
                  "upstream_allow_addresses lets in");
}

enum status transfer_begin(struct transfer *transfer, int64_t now_ms)
{
    struct address literal;

    if (!transfer->url && begin_first(transfer, now_ms))
        return transfer->rc;
    if (transfer->request.breakers && !transfer->breaker && ask_breaker(transfer))
        return transfer->rc;
    arena_reset(transfer->attempt_arena);
    strbuf_clear(&transfer->head);
    transfer->phase = TRANSFER_CONNECTING;
    transfer->deadline_ms = now_ms + transfer->rules->options.connect_timeout_ms;
    transfer->verdict = VERDICT_NONE;
    transfer->head_lines = transfer->code = 0;
    transfer->head_is_read = transfer->is_private_refused = transfer->is_passed_on = false;
    transfer->wait_ms = transfer->discarded = 0;
    transfer->is_ranged = transfer->received > 0 && !transfer->must_restart;
    if (transfer->received > transfer->furthest)
        transfer->furthest = transfer->received;
    transfer->proxy = proxy_for(&transfer->current);
    /* Behind a proxy only an address that stands in the URL can be judged. */
    if (transfer->proxy && address_parse(transfer->current.host, &literal) &&
        !is_allowed(transfer, &literal)) {
        refuse_private(transfer);
        transfer->is_breaker_failure = true;
    }
    return transfer->rc;
}

const char *const *transfer_headers(struct transfer *transfer)
{
    const struct transfer_request *request = &transfer->request;
    struct arena *arena = transfer->attempt_arena;
    const char **lines;
    size_t count = 0;

    while (request->headers[count])
        count++;
    lines = arena_array(arena, count + 6, sizeof *lines);
    memcpy(lines, request->headers, count * sizeof *lines);
    if (transfer->rules->options.via)
        lines[count++] = arena_format(arena, "Via: 1.1 %s", transfer->rules->options.via);
    if (request->authorization && is_same_origin(transfer))
        lines[count++] = arena_format(arena, "Authorization: %s", request->authorization);
    if (!strcmp(request->method, "POST"))
        lines[count++] = "Expect:"; /* curl waits a second for those who do not know it */
    if (transfer->is_ranged) {
        const char *validator = transfer->etag ? transfer->etag : transfer->last_modified;

        lines[count++] = arena_format(arena, "Range: bytes=%lld-", (long long)transfer->received);
        if (validator)
            lines[count++] = arena_format(arena, "If-Range: %s", validator);
    }
    return lines;
}

void transfer_asks(struct transfer *transfer, int64_t now_ms)
{
    transfer->phase = TRANSFER_ASKED;
    transfer->is_private_refused = false; /* another of its addresses was a public one */
    transfer->deadline_ms = now_ms + transfer->rules->options.first_byte_timeout_ms;
}

/* Begins another stretch of time in which enough must come. */
static void open_window(struct transfer *transfer, int64_t now_ms)
{
    transfer->phase = TRANSFER_ANSWERING;
    transfer->deadline_ms = now_ms + transfer->rules->options.stall_timeout_ms;
    transfer->window_bytes = 0;
}

int64_t transfer_deadline(const struct transfer *transfer)
{
    if (transfer->phase == TRANSFER_WAITING)
        return transfer->ends_ms ? transfer->ends_ms : INT64_MAX;
    return transfer->ends_ms && transfer->ends_ms < transfer->deadline_ms ? transfer->ends_ms
                                                                          : transfer->deadline_ms;
}

bool transfer_is_overdue(struct transfer *transfer, int64_t now_ms)
{
    int64_t enough = SLOWEST_BYTES_PER_S * transfer->rules->options.stall_timeout_ms / 1000;

    if (now_ms < transfer_deadline(transfer))
        return false;
    if ((transfer->ends_ms && now_ms >= transfer->ends_ms) ||
        transfer->phase != TRANSFER_ANSWERING || transfer->window_bytes < enough)
        return true;
    open_window(transfer, now_ms);
    if (transfer->breaker)
        breaker_heard(transfer->breaker);
    return false;
}

static bool is_get(const struct transfer *transfer)
{
    return !strcmp(transfer->request.method, "GET");
}

static bool has_attempts_left(const struct transfer *transfer)
{
    return is_get(transfer) && transfer->attempts < transfer->rules->options.retries;
}

/* Gives up in the middle of an attempt. */
static bool give_up(struct transfer *transfer)
{
    transfer->verdict = VERDICT_FAIL;
    return false;
}

static bool refuse(struct transfer *transfer, const char *code, const char *sentence)
{
    transfer_fail(transfer, STATUS_BAD_UPSTREAM, code, sentence);
    return give_up(transfer);
}

bool transfer_head_line(struct transfer *transfer, const char *line, size_t length, int64_t now_ms)
{
    bool is_end = length && (*line == '\r' || *line == '\n');

    if (transfer->phase != TRANSFER_ANSWERING)
        open_window(transfer, now_ms);
    transfer->window_bytes += (int64_t)length;
    if (++transfer->head_lines > TRANSFER_HEAD_LINES_MAX)
        return refuse(transfer, "", "the upstream's answer has too many header fields");
    if (transfer->head_is_read)
        return true; /* trailers tell nothing that is wanted */
    strbuf_bytes(&transfer->head, line, length);
    if (strbuf_failed(&transfer->head))
        return refuse(transfer, "", "the head of the upstream's answer is too long");
    if (!is_end || transfer_read_head(transfer))
        return true;
    return transfer->verdict == VERDICT_RETRY ? false : give_up(transfer);
}

bool transfer_body(struct transfer *transfer, const void *bytes, size_t length)
{
    const struct transfer_sink *sink = &transfer->sink;

    transfer->window_bytes += (int64_t)length;
    if (!transfer->is_passed_on) {
        /* Short ones are read, so that the connection can be used again. */
        transfer->discarded += (int64_t)length;
        return transfer->discarded <= HEAD_MAX;
    }
    transfer->received += (int64_t)length;
    if (transfer->request.bytes_max > 0 && transfer->received > transfer->request.bytes_max)
        return refuse(transfer, "", "the upstream's answer is larger than allowed");
    if (transfer->total >= 0 && transfer->received > transfer->total)
        return refuse(transfer, "", "the upstream sent more than it had announced");
    if ((transfer->rc = sink->bytes(sink->context, bytes, length, &transfer->error)))
        return give_up(transfer);
    /* What came before, and comes again, is no progress: it could come again for ever. */
    if (transfer->received - transfer->furthest >= PROGRESS_BYTES)
        transfer->attempts = 0;
    return true;
}

static void explain(struct transfer *transfer, enum attempt_end end)
{
    static const struct {
        enum status rc;
        const char *sentence;
    } reasons[] = {
        [ATTEMPT_UNRESOLVED] = {STATUS_BAD_UPSTREAM, "could not resolve the upstream's host"        },
        [ATTEMPT_UNCONNECTED] = {STATUS_BAD_UPSTREAM, "could not connect to the upstream"            },
        [ATTEMPT_UNTRUSTED] = {STATUS_BAD_UPSTREAM, "the upstream's certificate is not trusted"    },
        [ATTEMPT_NO_TLS] = {STATUS_BAD_UPSTREAM, "no TLS connection to the upstream came about" },
        [ATTEMPT_NOT_HTTP] = {STATUS_BAD_UPSTREAM, "the upstream's answer is not HTTP"            },
        [ATTEMPT_IMPOSSIBLE] = {STATUS_INTERNAL,     "the request to the upstream could not be made"},
    };

    if (end == ATTEMPT_OVERDUE && transfer->phase == TRANSFER_CONNECTING)
        transfer_fail(transfer, STATUS_UPSTREAM_TIMEOUT, "",
                      "no connection to the upstream came about in time");
    else if (end == ATTEMPT_OVERDUE && transfer->phase == TRANSFER_ANSWERING)
        transfer_fail(transfer, STATUS_UPSTREAM_TIMEOUT, "",
                      "the upstream became too slow in the middle of its answer");
    else if (end == ATTEMPT_OVERDUE)
        transfer_fail(transfer, STATUS_UPSTREAM_TIMEOUT, "", "the upstream gave no answer in time");
    else if (end < sizeof reasons / sizeof *reasons && reasons[end].sentence)
        transfer_fail(transfer, reasons[end].rc, "", reasons[end].sentence);
    else
        transfer_fail(transfer, STATUS_BAD_UPSTREAM, "",
                      transfer->sink_code ? "the upstream broke off in the middle of its answer"
                                          : "the upstream closed the connection without an answer");
    if (transfer->is_private_refused && transfer->phase == TRANSFER_CONNECTING &&
        end != ATTEMPT_OVERDUE)
        refuse_private(transfer);
}

/* Full jitter would ask again at once; half of it keeps a herd apart as well. */
static int64_t backoff_ms(const struct transfer *transfer)
{
    int64_t wait = RETRY_FIRST_MS;

    if (transfer->wait_ms)
        return transfer->wait_ms;
    for (int i = 1; i < transfer->attempts && wait < RETRY_MOST_MS; i++)
        wait *= 2;
    return wait / 2 + (int64_t)(secret_random_u64() % (uint64_t)wait);
}

static bool wait_for_another(struct transfer *transfer, int64_t now_ms)
{
    transfer->attempts++;
    transfer->phase = TRANSFER_WAITING;
    transfer->due_ms = now_ms + backoff_ms(transfer);
    log_event(LOG_DEBUG, "fetch.again", "host=%s attempt=%d received=%lld reason=\"%s\"",
              transfer->current.host, transfer->attempts, (long long)transfer->received,
              transfer->error.message);
    transfer->rc = STATUS_OK;
    transfer->error = (struct error){0};
    return true;
}

static bool follow(struct transfer *transfer, int64_t now_ms)
{
    struct url_origin before = transfer->current;

    transfer->url = transfer->next_url;
    url_origin(transfer->url, &transfer->current);
    if (!url_is_origin(&before, &transfer->current))
        report(transfer); /* that it answered; what follows is another's */
    transfer->redirects++;
    transfer->phase = TRANSFER_WAITING;
    transfer->due_ms = now_ms;
    return true;
}

/* Whether what has come can be completed, or sent again from its beginning. */
static bool can_go_on(struct transfer *transfer, enum attempt_end end)
{
    if (!has_attempts_left(transfer) || transfer->is_private_refused || end == ATTEMPT_UNTRUSTED ||
        end == ATTEMPT_NO_TLS || end == ATTEMPT_IMPOSSIBLE)
        return false;
    if (!transfer->sink_code) /* an upstream that is too slow would be so again */
        return end != ATTEMPT_OVERDUE || transfer->phase == TRANSFER_CONNECTING;
    if (transfer->request.is_resumable && transfer->sink_code == 200 && !transfer->is_encoded)
        return true;
    transfer->must_restart = true;
    return transfer->sink.start_again;
}

static bool end_failed(struct transfer *transfer, enum attempt_end end)
{
    explain(transfer, end);
    transfer->is_breaker_failure = true;
    transfer->is_silent = end == ATTEMPT_OVERDUE;
    return false;
}

/* Whole, as far as lengths can tell: an answer that ends with its connection has none. */
static bool is_whole(const struct transfer *transfer, enum attempt_end end)
{
    if (!transfer->is_passed_on)
        return false;
    return transfer->total >= 0 ? transfer->received == transfer->total : end == ATTEMPT_DONE;
}

bool transfer_goes_on(struct transfer *transfer, enum attempt_end end, int64_t now_ms)
{
    if (transfer->ends_ms && now_ms >= transfer->ends_ms && end == ATTEMPT_OVERDUE) {
        transfer->is_breaker_failure = true;
        transfer_fail(transfer, STATUS_UPSTREAM_TIMEOUT, "",
                      "the upstream did not finish its answer in time");
        return false;
    }
    switch (transfer->verdict) {
    case VERDICT_FAIL: transfer->is_breaker_failure = transfer->code >= 500; return false;
    case VERDICT_FOLLOW: return follow(transfer, now_ms);
    case VERDICT_RESTART: transfer->must_restart = true; __attribute__((fallthrough));
    case VERDICT_RETRY: return wait_for_another(transfer, now_ms);
    case VERDICT_NONE: break;
    }
    if (is_whole(transfer, end)) {
        transfer->is_breaker_failure = transfer->sink_code >= 500;
        if (transfer->is_breaker_failure)
            fail(&transfer->error, STATUS_OK, "", "upstream answered %d", transfer->sink_code);
        return false;
    }
    if (!can_go_on(transfer, end))
        return end_failed(transfer, end);
    explain(transfer, end);
    return wait_for_another(transfer, now_ms);
}

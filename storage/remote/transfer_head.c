#include "storage/memory/arena.h"
#include "storage/remote/transfer.h"

#include "config/clock.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { REDIRECTS_MAX = 5, RETRY_AFTER_MOST_MS = 5000 };

/* The fields that are looked at. */
struct fields {
    struct transfer_head head;
    const char *location, *content_range, *transfer_encoding;
};

static bool fail_head(struct transfer *transfer, const char *code, const char *sentence)
{
    transfer_fail(transfer, STATUS_BAD_UPSTREAM, code, sentence);
    return false;
}

/* The value without the blanks around it; NULL where it has control bytes. */
static const char *value_of(struct arena *arena, const char *start, size_t length)
{
    while (length && (*start == ' ' || *start == '\t')) {
        start++;
        length--;
    }
    while (length && strchr(" \t\r\n", start[length - 1]))
        length--;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)start[i] < ' ' && start[i] != '\t')
            return NULL;
    return arena_copy_bytes(arena, start, length);
}

static int64_t read_length(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits && digits < 19 && !text[digits] ? strtoll(text, NULL, 10) : -1;
}

/* The first of several counts; a proxy that adds its own puts it behind. */
static void read_field(struct arena *arena, const char *line, size_t length, struct fields *fields)
{
    struct transfer_head *head = &fields->head;
    const struct {
        const char *name, **value;
    } wanted[] = {
        {"Content-Type",       &head->content_type       },
        {"Content-Encoding",   &head->content_encoding   },
        {"ETag",               &head->etag               },
        {"Last-Modified",      &head->last_modified      },
        {"X-PyPI-Last-Serial", &head->serial             },
        {"Retry-After",        &head->retry_after        },
        {"Via",                &head->via                },
        {"Location",           &fields->location         },
        {"Content-Range",      &fields->content_range    },
        {"Transfer-Encoding",  &fields->transfer_encoding},
    };
    const char *colon = memchr(line, ':', length), *text;
    size_t name = colon ? (size_t)(colon - line) : 0;

    if (!name || !(text = value_of(arena, colon + 1, length - name - 1)))
        return;
    if (name == 14 && !strncasecmp(line, "Content-Length", name) && head->content_length < 0)
        head->content_length = read_length(text);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (strlen(wanted[i].name) == name && !strncasecmp(line, wanted[i].name, name) &&
            !*wanted[i].value)
            *wanted[i].value = text;
    /* Several Via fields are one list, RFC 9110 5.3. */
    if (name == 3 && !strncasecmp(line, "Via", name) && head->via != text)
        head->via = arena_format(arena, "%s, %s", head->via, text);
}

static void read_fields(struct transfer *transfer, struct fields *fields)
{
    const char *at = transfer->head.data, *end = at + transfer->head.length;
    const char *code = memchr(at, ' ', (size_t)(end - at));

    *fields = (struct fields){
        .head = {.url = transfer->url, .content_length = -1}
    };
    fields->head.code = code ? atoi(code) : 0;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = newline ? (size_t)(newline + 1 - at) : (size_t)(end - at);

        if (at != transfer->head.data)
            read_field(transfer->attempt_arena, at, length, fields);
        at += length;
    }
    if (fields->transfer_encoding)
        fields->head.content_length = -1; /* RFC 9112 6.3 */
}

bool via_names(const char *via, const char *pseudonym)
{
    size_t wanted = strlen(pseudonym);

    /* protocol, blanks, pseudonym, perhaps a comment; commas between the members */
    while (via && *via) {
        const char *member = via + strspn(via, ", \t");
        const char *name = member + strcspn(member, ", \t");
        size_t length;

        name += strspn(name, " \t");
        length = strcspn(name, ", \t");
        if (length == wanted && !strncasecmp(name, pseudonym, length))
            return true;
        via = name + strcspn(name, ",");
    }
    return false;
}

/* An entry is "host" or "host:port". */
static bool is_listed(const struct transfer *transfer, const struct url_origin *to)
{
    for (const char *const *entry = transfer->request.hosts; *entry; entry++) {
        struct url_origin listed;
        char url[URL_HOST_SIZE + 32];
        bool has_port =
            strchr(*entry, ']') ? strstr(*entry, "]:") != NULL : strchr(*entry, ':') != NULL;

        snprintf(url, sizeof url, "https://%s/", *entry);
        if (url_origin(url, &listed) && !strcmp(listed.host, to->host) &&
            (!has_port || listed.port == to->port))
            return true;
    }
    return false;
}

/* Why a redirect may not be followed; NULL: it may. */
static const char *objection(const struct transfer *transfer, const struct url_origin *to)
{
    if (transfer->redirects >= REDIRECTS_MAX)
        return "the upstream redirects again and again";
    if (transfer->current.is_https && !to->is_https)
        return "the upstream redirects from https to http";
    if (!strcmp(transfer->own.host, to->host) || is_listed(transfer, to))
        return NULL;
    if (!transfer->request.any_host)
        return "the upstream redirects to a host that is not listed for it";
    return to->is_https ? NULL : "the upstream redirects to another host without https";
}

static bool judge_redirect(struct transfer *transfer, const struct fields *fields)
{
    struct url_origin to;
    const char *reason;

    if (!fields->location)
        return fail_head(transfer, "upstream-redirect", "the upstream redirects to nowhere");
    transfer->next_url = url_resolve(transfer->arena, transfer->url, fields->location);
    if (!transfer->next_url || !url_origin(transfer->next_url, &to))
        return fail_head(transfer, "upstream-redirect",
                         "the upstream redirects to what is no http or https URL");
    if ((reason = objection(transfer, &to)))
        return fail_head(transfer, "upstream-redirect", reason);
    transfer->verdict = VERDICT_FOLLOW;
    return true;
}

static bool is_redirect(int code)
{
    return code == 301 || code == 302 || code == 303 || code == 307 || code == 308;
}

/* How long the upstream wants to be left alone; -1: longer than anybody can wait here. */
static int64_t wait_ms(const char *retry_after)
{
    int64_t seconds, date;

    if (!retry_after)
        return 0;
    if ((seconds = read_length(retry_after)) >= 0)
        return seconds > RETRY_AFTER_MOST_MS / 1000 ? -1 : seconds * 1000;
    if ((date = clock_parse_http(retry_after)) < 0)
        return 0;
    date = (date - clock_now_us()) / 1000;
    if (date < 0)
        return 0;
    return date > RETRY_AFTER_MOST_MS ? -1 : date;
}

static bool wants_retry(struct transfer *transfer, const struct transfer_head *head)
{
    int code = head->code;

    if (code != 429 && code != 500 && code != 502 && code != 503 && code != 504)
        return false;
    if (strcmp(transfer->request.method, "GET") ||
        transfer->attempts >= transfer->rules->options.retries ||
        (transfer->wait_ms = wait_ms(head->retry_after)) < 0)
        return false;
    fail(&transfer->error, STATUS_OK, "", "upstream answered %d", code);
    transfer->verdict = VERDICT_RETRY;
    return true;
}

/* RFC 9110 14.4: whether it is what was asked for, of the same file. */
static bool continues(struct transfer *transfer, const struct fields *fields)
{
    long long from, to, total;
    const char *etag = fields->head.etag;

    if (!fields->content_range ||
        sscanf(fields->content_range, "bytes %lld-%lld/%lld", &from, &to, &total) != 3)
        return false;
    if (from != transfer->received || to != total - 1 || fields->head.content_encoding ||
        (transfer->total >= 0 && transfer->total != total) ||
        (etag && transfer->etag && strcmp(etag, transfer->etag)))
        return false;
    transfer->total = total;
    return true;
}

static bool restart_later(struct transfer *transfer)
{
    if (!transfer->sink.start_again || transfer->attempts >= transfer->rules->options.retries)
        return fail_head(transfer, "", "the upstream would not go on where it broke off");
    transfer->verdict = VERDICT_RESTART;
    return true;
}

/* What a request with a Range got. */
static bool judge_rest(struct transfer *transfer, const struct fields *fields)
{
    switch (fields->head.code) {
    case 206:
        transfer->is_passed_on = continues(transfer, fields);
        return transfer->is_passed_on || restart_later(transfer);
    case 416: return restart_later(transfer);
    default:
        transfer->rc = fail(&transfer->error, STATUS_BAD_UPSTREAM, "",
                            "upstream answered %d in the middle of a file", fields->head.code);
        return false;
    }
}

static bool pass_on(struct transfer *transfer, const struct transfer_head *head)
{
    const struct transfer_sink *sink = &transfer->sink;

    if (transfer->sink_code) {
        if (!sink->start_again)
            return fail_head(transfer, "", "the upstream would not go on where it broke off");
        if ((transfer->rc = sink->start_again(sink->context, &transfer->error)))
            return false;
    }
    if (transfer->request.bytes_max > 0 && head->content_length > transfer->request.bytes_max)
        return fail_head(transfer, "", "the upstream's answer is larger than allowed");
    transfer->must_restart = false;
    transfer->received = 0;
    transfer->sink_code = head->code;
    transfer->is_encoded = head->content_encoding && strcasecmp(head->content_encoding, "identity");
    /* 304 may say the length of what it does not send, RFC 9110 8.6. */
    transfer->total = head->code == 304 || head->code == 204 ? -1 : head->content_length;
    transfer->etag =
        head->etag && *head->etag == '"' ? arena_copy(transfer->arena, head->etag) : NULL;
    transfer->last_modified = arena_copy(transfer->arena, head->last_modified);
    transfer->rc = sink->head(sink->context, head, &transfer->error);
    transfer->is_passed_on = !transfer->rc;
    return transfer->is_passed_on;
}

static bool is_conditional(const struct transfer_request *request)
{
    for (const char *const *line = request->headers; *line; line++)
        if (!strncasecmp(*line, "If-", 3))
            return true;
    return false;
}

/* An answer to something else: the upstream said more on this connection than it was asked, and
 * from then on each answer would be that of the request before. Another connection is asked. */
static bool leave_connection(struct transfer *transfer)
{
    if (transfer->attempts >= transfer->rules->options.retries)
        return fail_head(transfer, "", "the upstream answered 304 to what was not conditional");
    fail(&transfer->error, STATUS_OK, "", "upstream answered 304 unasked");
    transfer->verdict = VERDICT_RETRY;
    return false;
}

bool transfer_read_head(struct transfer *transfer)
{
    struct fields fields;

    read_fields(transfer, &fields);
    transfer->code = fields.head.code;
    if (transfer->code < 200) { /* RFC 9110 15.2: another one follows */
        strbuf_clear(&transfer->head);
        return true;
    }
    transfer->head_is_read = true;
    if (transfer->rules->options.via && via_names(fields.head.via, transfer->rules->options.via))
        return fail_head(transfer, "upstream-loop",
                         "the upstream is this server itself, perhaps by way of another");
    if (is_redirect(transfer->code)) {
        if (!strcmp(transfer->request.method, "GET"))
            return judge_redirect(transfer, &fields);
        return fail_head(transfer, "upstream-redirect", "the upstream redirects a POST");
    }
    if (wants_retry(transfer, &fields.head))
        return true;
    if (transfer->code == 304 && !is_conditional(&transfer->request))
        return leave_connection(transfer);
    if (transfer->is_ranged && transfer->code != 200)
        return judge_rest(transfer, &fields);
    return pass_on(transfer, &fields.head);
}

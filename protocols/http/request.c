#include "protocols/http/request.h"

#include "storage/memory/arena.h"
#include "storage/memory/stream.h"

#include <string.h>
#include <strings.h>

const char *request_header(const struct request *req, const char *name)
{
    for (size_t i = 0; i < req->header_count; i++)
        if (!strcasecmp(req->headers[i].name, name))
            return req->headers[i].value;
    return NULL;
}

const char *request_param(const struct request *req, const char *name)
{
    for (size_t i = 0; i < req->param_count; i++)
        if (!strcmp(req->params[i].name, name))
            return req->params[i].value;
    return NULL;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes a form's text; a '%' without two digits stays as it is, and so does %00, which would end
 * the text early. */
static char *decode_form(struct arena *arena, const char *text, size_t length)
{
    char *out = arena_copy_bytes(arena, text, length), *to = out;

    for (size_t i = 0; i < length; i++) {
        int high = -1, low = -1;

        if (text[i] == '%' && length - i > 2) {
            high = hex_value(text[i + 1]);
            low = hex_value(text[i + 2]);
        }
        if (high >= 0 && low >= 0 && high + low > 0) {
            *to++ = (char)(high << 4 | low);
            i += 2;
        } else {
            *to++ = text[i] == '+' ? ' ' : text[i];
        }
    }
    *to = '\0';
    return out;
}

const char *request_query(const struct request *req, const char *name)
{
    const char *at = req->query, *end;

    for (; *at; at = *end ? end + 1 : end) {
        const char *equals;
        size_t length;

        end = at + strcspn(at, "&");
        equals = memchr(at, '=', (size_t)(end - at));
        length = (size_t)((equals ? equals : end) - at);
        if (strcmp(decode_form(req->arena, at, length), name))
            continue;
        if (!equals)
            return "";
        return decode_form(req->arena, equals + 1, (size_t)(end - equals - 1));
    }
    return NULL;
}

bool request_header_has(const struct request *req, const char *name, const char *token)
{
    size_t wanted = strlen(token);

    for (size_t i = 0; i < req->header_count; i++) {
        if (strcasecmp(req->headers[i].name, name))
            continue;
        for (const char *at = req->headers[i].value; *at;) {
            size_t length;

            at += strspn(at, ", \t");
            length = strcspn(at, ",");
            while (length && strchr(" \t", at[length - 1]))
                length--;
            if (length == wanted && !strncasecmp(at, token, wanted))
                return true;
            at += strcspn(at, ",");
        }
    }
    return false;
}

enum status request_no_package(struct request *req)
{
    return fail(&req->error, STATUS_NOT_FOUND, "no-such-package", "there is no package %s here",
                request_param(req, "package"));
}

static enum status body_too_large(struct request *req, size_t limit)
{
    return fail(&req->error, STATUS_TOO_LARGE, "", "the body is larger than %zu bytes", limit);
}

enum status request_body_text(struct request *req, size_t limit, char **text, size_t *length)
{
    size_t capacity = 4096, used = 0, got;
    enum status rc;
    char *data;

    if (req->content_length > (int64_t)limit)
        return body_too_large(req, limit);
    if (req->content_length >= 0)
        capacity = (size_t)req->content_length;
    data = arena_alloc(req->arena, capacity + 1);
    for (;;) { /* the byte behind the capacity is there to see whether more comes, then for the NUL
                */
        rc = reader_read_all(req->body, data + used, capacity + 1 - used, &got, &req->error);
        if (rc)
            return rc;
        used += got;
        if (used > limit)
            return body_too_large(req, limit);
        if (used <= capacity)
            break;
        capacity = 2 * capacity + 4096;
        data = memcpy(arena_alloc(req->arena, capacity + 1), data, used);
    }
    data[used] = '\0';
    *text = data;
    *length = used;
    return STATUS_OK;
}

/* A weight in thousandths (RFC 9110 12.4.2); what is no weight counts as 1, as clients mean it. */
static int parse_weight(const char *at)
{
    int weight = 0;

    if (*at != '0' && *at != '1')
        return 1000;
    weight = (*at++ - '0') * 1000;
    if (*at == '.')
        for (int place = 100; at++, place && *at >= '0' && *at <= '9'; place /= 10)
            weight += (*at - '0') * place;
    return weight > 1000 ? 1000 : weight;
}

/* One element of Accept or Accept-Encoding. */
struct choice {
    const char *name; /* "text/html", "gzip", "*" */
    size_t length;
    int parameters; /* besides q */
    int weight;
};

/* Takes the next element off the list at *at; false at its end. */
static bool next_choice(const char **at, struct choice *out)
{
    const char *element = *at + strspn(*at, ", \t"), *end = element + strcspn(element, ",");
    const char *piece = element + strcspn(element, ",;");

    *at = end;
    if (!*element)
        return false;
    *out = (struct choice){.name = element, .length = (size_t)(piece - element), .weight = 1000};
    while (out->length && strchr(" \t", out->name[out->length - 1]))
        out->length--;
    while (piece < end) { /* at a ';' */
        piece += 1 + strspn(piece + 1, " \t");
        if (!strncasecmp(piece, "q=", 2)) {
            out->weight = parse_weight(piece + 2);
            break; /* what follows belongs to the weight */
        }
        out->parameters++;
        piece += strcspn(piece, ",;");
    }
    return true;
}

/* How closely a media range names a type: 0 not at all, then any, any of the type, this one. */
static int closeness(const struct choice *range, const char *type)
{
    size_t length = strcspn(type, "; "), major = strcspn(type, "/");

    if (range->length == 3 && !memcmp(range->name, "*/*", 3))
        return 1;
    if (range->length == 1 && *range->name == '*') /* not in the grammar, yet sent */
        return 1;
    if (range->length == major + 2 && !strncasecmp(range->name, type, major + 1) &&
        range->name[major + 1] == '*')
        return 2;
    if (range->length == length && !strncasecmp(range->name, type, length))
        return 3 + (range->parameters == 0); /* "text/html;level=1" is not quite text/html */
    return 0;
}

/* The weight that a media type has, -1 where Accept does not name it. */
static int media_weight(const struct request *req, const char *type)
{
    int closest = 0, weight = -1;

    for (size_t i = 0; i < req->header_count; i++) {
        const char *at = req->headers[i].value;
        struct choice range;

        if (strcasecmp(req->headers[i].name, "accept"))
            continue;
        while (next_choice(&at, &range)) {
            int close = closeness(&range, type);

            if (close > closest) {
                closest = close;
                weight = range.weight;
            }
        }
    }
    return weight;
}

int request_accept(const struct request *req, const char *const *offers, size_t count)
{
    const char *accept = request_header(req, "accept");
    int best = -1, best_weight = 0;

    if (!accept || !accept[strspn(accept, " \t,")])
        return 0;
    for (size_t i = 0; i < count; i++) {
        int weight = media_weight(req, offers[i]);

        if (weight > best_weight) {
            best_weight = weight;
            best = (int)i;
        }
    }
    return best;
}

bool request_accepts_gzip(const struct request *req)
{
    int any = -1, gzip = -1;

    for (size_t i = 0; i < req->header_count; i++) {
        const char *at = req->headers[i].value;
        struct choice coding;

        if (strcasecmp(req->headers[i].name, "accept-encoding"))
            continue;
        while (next_choice(&at, &coding))
            if (coding.length == 1 && *coding.name == '*')
                any = coding.weight;
            else if ((coding.length == 4 && !strncasecmp(coding.name, "gzip", 4)) ||
                     (coding.length == 6 && !strncasecmp(coding.name, "x-gzip", 6)))
                gzip = coding.weight;
    }
    return gzip >= 0 ? gzip > 0 : any > 0;
}

#include "server/request_head.h"

#include <string.h>
#include <strings.h>

/* What the fields say of framing; each may come once. */
struct found {
    const char *host, *length, *coding, *expect, *connection;
    bool is_twice; /* one of those that must not be */
    bool is_connection_twice;
};

/* RFC 9110 5.6.2 */
static bool is_token(const char *text)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    return *text && !text[strspn(text, token)];
}

static bool is_blank(const char *from, const char *to)
{
    while (from < to)
        if (*from != ' ' && *from != '\t')
            return false;
        else
            from++;
    return true;
}

static void note(const char **place, const char *value, bool *is_twice)
{
    *is_twice |= *place != NULL;
    *place = value;
}

static void note_field(struct found *found, const struct header *field)
{
    if (!strcasecmp(field->name, "Host"))
        note(&found->host, field->value, &found->is_twice);
    else if (!strcasecmp(field->name, "Content-Length"))
        note(&found->length, field->value, &found->is_twice);
    else if (!strcasecmp(field->name, "Transfer-Encoding"))
        note(&found->coding, field->value, &found->is_twice);
    else if (!strcasecmp(field->name, "Expect"))
        note(&found->expect, field->value, &found->is_twice);
    else if (!strcasecmp(field->name, "Connection"))
        note(&found->connection, field->value, &found->is_connection_twice);
}

/* Whether the pieces lie behind one another as "METHOD SP target SP HTTP/x.y CRLF name:…" has them,
 * with nothing between that the parser has passed over. */
static bool is_contiguous(const struct request_head *head, struct found *found)
{
    const char *target = head->query ? head->query : head->uri;
    const char *end = head->version + strlen(head->version);

    if (!head->line_ends_well || head->uri != head->method + strlen(head->method) + 1 ||
        (head->query && head->query != head->uri + strlen(head->uri) + 1) ||
        head->version != target + strlen(target) + strlen(" HTTP/"))
        return false;
    for (size_t i = 0; i < head->field_count; i++) {
        const struct header *field = &head->fields[i];

        if (field->name != end + 2 || !is_token(field->name) ||
            !is_blank(field->name + strlen(field->name) + 1, field->value))
            return false;
        end = field->value + strlen(field->value);
        note_field(found, field);
    }
    /* The empty line; a folded or nameless line would have ended the parser's list before it. The
     * last value's CR is cut, the last CR is not. */
    return head->field_count ? end[2] == '\r' && !end[3] : !end[2];
}

/* RFC 9112 6.3: digits only; 18 of them cannot overflow. */
static bool read_length(const char *text, int64_t *length)
{
    size_t digits = strspn(text, "0123456789");

    if (!digits || digits > 18 || text[digits + strspn(text + digits, " \t")])
        return false;
    *length = 0;
    for (size_t i = 0; i < digits; i++)
        *length = *length * 10 + (text[i] - '0');
    return true;
}

static enum method read_method(const char *text)
{
    static const char *const names[METHOD_COUNT] = {
        [METHOD_GET] = "GET",   [METHOD_HEAD] = "HEAD",   [METHOD_PUT] = "PUT",
        [METHOD_POST] = "POST", [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
    };
    int method = 0;

    while (method < METHOD_COUNT && strcmp(text, names[method]) != 0)
        method++;
    return (enum method)method;
}

static enum status check_framing(const struct found *found, bool is_11,
                                 struct request_framing *framing, struct error *err)
{
    bool has_body = framing->method == METHOD_PUT || framing->method == METHOD_POST;

    if (found->is_twice)
        return fail(err, STATUS_INVALID, "bad-head", "a header that may come once came twice");
    if (is_11 && !found->host)
        return fail(err, STATUS_INVALID, "bad-head", "an HTTP/1.1 request needs a Host header");
    if (found->coding && (found->length || !is_11 || strcasecmp(found->coding, "chunked") != 0))
        return fail(err, STATUS_INVALID, "bad-head",
                    "the only transfer coding is chunked, on its own, in HTTP/1.1");
    if (found->length && !read_length(found->length, &framing->content_length))
        return fail(err, STATUS_INVALID, "bad-head", "Content-Length is not a number");
    if (found->expect && strcasecmp(found->expect, "100-continue") != 0)
        return fail(err, STATUS_EXPECTATION, "",
                    "the only expectation that can be met is 100-continue");
    if (has_body && !found->length && !found->coding)
        return fail(err, STATUS_LENGTH_REQUIRED, "",
                    "a body needs a Content-Length, or chunked transfer coding");
    return STATUS_OK;
}

enum status request_head_check(const struct request_head *head, struct request_framing *framing,
                               struct error *err)
{
    bool is_11 = !strcmp(head->version, "1.1");
    struct found found = {0};
    enum status rc;

    *framing = (struct request_framing){.method = read_method(head->method)};
    if (head->field_count > REQUEST_FIELDS_MAX)
        return fail(err, STATUS_HEAD_TOO_LARGE, "", "the request has more than %d header fields",
                    REQUEST_FIELDS_MAX);
    if (!is_contiguous(head, &found))
        return fail(err, STATUS_INVALID, "bad-head",
                    "the request's head is not as RFC 9112 has it");
    if ((rc = check_framing(&found, is_11, framing, err)))
        return rc;
    framing->is_chunked = found.coding != NULL;
    if (framing->is_chunked) {
        const char *value = head->fields[head->field_count - 1].value;

        framing->content_length = -1;
        framing->behind_head = value + strlen(value) + strlen("\r\n\r\n");
    }
    framing->expects_continue = found.expect && is_11;
    /* The library keeps the connection in other cases too; only these two are sure. */
    framing->keep_alive =
        found.connection ? !found.is_connection_twice && !strcasecmp(found.connection, "keep-alive")
                         : is_11;
    return STATUS_OK;
}

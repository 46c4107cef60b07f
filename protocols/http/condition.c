#include "protocols/http/condition.h"

#include "config/clock.h"

#include <string.h>
#include <strings.h>

/* Whether one of the tags of a list is this one; RFC 9110 8.8.3.2. A weak tag never matches
 * strongly. */
static bool list_has_etag(const char *list, const char *etag, bool weakly)
{
    size_t length = strlen(etag);

    for (const char *at = list; *(at += strspn(at, ", \t"));) {
        bool is_weak = !strncmp(at, "W/", 2);
        const char *tag = at + (is_weak ? 2 : 0), *end;

        if (*at == '*')
            return true;
        if (*tag != '"') { /* not a tag: skip it */
            at += strcspn(at, ",");
            continue;
        }
        if (!(end = strchr(tag + 1, '"')))
            return false;
        end++;
        if ((weakly || !is_weak) && (size_t)(end - tag) == length && !memcmp(tag, etag, length))
            return true;
        at = end;
    }
    return false;
}

/* A header may come in several lines, which are one list (RFC 9110 5.2). *present tells whether
 * there is one at all. */
static bool header_has_etag(const struct request *req, const char *name, const char *etag,
                            bool weakly, bool *present)
{
    *present = false;
    for (size_t i = 0; i < req->header_count; i++) {
        if (strcasecmp(req->headers[i].name, name))
            continue;
        *present = true;
        if (list_has_etag(req->headers[i].value, etag, weakly))
            return true;
    }
    return false;
}

/* A date header's time in seconds; -1 where there is none, or none that can be read. */
static int64_t header_seconds(const struct request *req, const char *name)
{
    const char *value = request_header(req, name);
    int64_t time_us = value ? clock_parse_http(value) : -1;

    return time_us < 0 ? -1 : time_us / 1000000;
}

enum condition condition_check(const struct request *req, const char *etag, int64_t modified_us)
{
    bool is_read = req->method == METHOD_GET || req->method == METHOD_HEAD;
    int64_t modified = modified_us / 1000000, since;
    bool present, matches;

    matches = header_has_etag(req, "if-match", etag, false, &present);
    if (present && !matches)
        return CONDITION_FAILED;
    if (!present && modified && (since = header_seconds(req, "if-unmodified-since")) >= 0 &&
        modified > since)
        return CONDITION_FAILED;

    matches = header_has_etag(req, "if-none-match", etag, true, &present);
    if (matches)
        return is_read ? CONDITION_NOT_MODIFIED : CONDITION_FAILED;
    if (!present && is_read && modified &&
        (since = header_seconds(req, "if-modified-since")) >= 0 && modified <= since)
        return CONDITION_NOT_MODIFIED;
    return CONDITION_HOLDS;
}

/* Reads digits; a number beyond any file counts as the largest. false without a digit. */
static bool take_number(const char **at, int64_t *out)
{
    const char *start = *at;

    for (*out = 0; **at >= '0' && **at <= '9'; ++*at)
        *out = *out > INT64_MAX / 10 - 1 ? INT64_MAX / 10 : *out * 10 + (**at - '0');
    return *at != start;
}

enum range_outcome range_of_request(const struct request *req, const char *etag, int64_t size,
                                    struct byte_range *out)
{
    const char *at = request_header(req, "range"), *if_range = request_header(req, "if-range");
    int64_t first = 0, last;
    bool is_suffix;

    *out = (struct byte_range){0, size};
    if (!at || req->method != METHOD_GET || strncasecmp(at, "bytes=", 6))
        return RANGE_WHOLE;
    if (if_range && strcmp(if_range, etag)) /* a date is no strong validator here */
        return RANGE_WHOLE;
    at += 6;
    at += strspn(at, " \t");
    is_suffix = *at == '-';
    if (!is_suffix && !take_number(&at, &first))
        return RANGE_WHOLE;
    if (*at++ != '-')
        return RANGE_WHOLE;
    if (!take_number(&at, &last)) {
        if (is_suffix)
            return RANGE_WHOLE;
        last = INT64_MAX;
    }
    if (at[strspn(at, " \t")])
        return RANGE_WHOLE;
    if (is_suffix) {
        first = last < size ? size - last : 0;
        if (!last || !size)
            return RANGE_UNSATISFIABLE;
        last = size - 1;
    }
    if (last < first)
        return RANGE_WHOLE;
    if (first >= size)
        return RANGE_UNSATISFIABLE;
    if (last >= size)
        last = size - 1;
    *out = (struct byte_range){first, last - first + 1};
    return RANGE_PART;
}

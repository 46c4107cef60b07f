#include "server/path.h"

#include "storage/memory/arena.h"

#include <string.h>

static enum status refuse(struct error *err, const char *why)
{
    return fail(err, STATUS_INVALID, "invalid-path", "the path %s", why);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3629 4, over a text that ends with NUL. */
static bool is_utf8(const unsigned char *at)
{
    while (*at) {
        size_t more = *at < 0x80 ? 0 : *at < 0xc2 ? 4 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;

        if (more == 4 || *at > 0xf4 || (*at == 0xe0 && at[1] < 0xa0) ||
            (*at == 0xed && at[1] > 0x9f) || (*at == 0xf0 && at[1] < 0x90) ||
            (*at == 0xf4 && at[1] > 0x8f))
            return false;
        for (at++; more; more--, at++)
            if ((*at & 0xc0) != 0x80)
                return false;
    }
    return true;
}

static bool is_dots(const char *text, size_t length)
{
    return (length == 1 && text[0] == '.') || (length == 2 && text[0] == '.' && text[1] == '.');
}

/* Decodes length bytes of source into to, which has room for them and a NUL. */
static enum status decode_segment(const char *source, size_t length, char *to, struct segment *out,
                                  struct error *err)
{
    *out = (struct segment){.text = to};
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)source[i];

        if (c == '%') {
            int high = length - i > 2 ? hex_value(source[i + 1]) : -1;
            int low = length - i > 2 ? hex_value(source[i + 2]) : -1;

            if (high < 0 || low < 0)
                return refuse(err, "has a % without two hex digits");
            c = (unsigned char)(high << 4 | low);
            i += 2;
            out->has_slash |= c == '/';
        }
        if (c < ' ' || c == 0x7f || c == '\\')
            return refuse(err, "has a control character or a backslash");
        to[out->length++] = (char)c;
    }
    to[out->length] = '\0';
    if (is_dots(to, out->length))
        return refuse(err, "has a segment of dots");
    if (!is_utf8((const unsigned char *)to))
        return refuse(err, "is not UTF-8");
    return STATUS_OK;
}

enum status path_parse(const char *target, struct arena *arena, struct path *out, struct error *err)
{
    size_t length = strlen(target), slashes = 0;
    enum status rc;
    char *text;

    *out = (struct path){0};
    if (*target != '/')
        return refuse(err, "does not begin with a slash");
    for (const char *at = target; *at; at++)
        slashes += *at == '/';
    if (slashes > PATH_SEGMENTS_MAX || length > PATH_LENGTH_MAX)
        return refuse(err, "is too long");
    out->segments = arena_array(arena, slashes + 1, sizeof *out->segments);
    text = arena_alloc(arena, length + slashes + 1);
    for (const char *at = target; *at;) {
        size_t size = strcspn(++at, "/");

        if (!size && !at[size])
            out->ends_with_slash = true;
        else if (!size)
            out->has_empty = true;
        if (size) {
            struct segment *segment = &out->segments[out->count++];

            if ((rc = decode_segment(at, size, text, segment, err)))
                return rc;
            text += segment->length + 1;
        }
        at += size;
    }
    return STATUS_OK;
}

bool path_segment_is_scoped(const struct segment *segment)
{
    const char *slash = strchr(segment->text, '/');

    if (*segment->text != '@' || !slash || slash == segment->text + 1 || strchr(slash + 1, '/'))
        return false;
    return slash[1] && !is_dots(slash + 1, strlen(slash + 1)) &&
           !is_dots(segment->text + 1, (size_t)(slash - segment->text - 1));
}

char *path_join(const struct path *path, size_t from, bool with_final_slash, struct arena *arena)
{
    size_t length = 1;
    char *text, *to;

    for (size_t i = from; i < path->count; i++)
        length += path->segments[i].length + 1;
    text = to = arena_alloc(arena, length + 1);
    for (size_t i = from; i < path->count; i++) {
        to = mempcpy(to, path->segments[i].text, path->segments[i].length);
        if (i + 1 < path->count || (with_final_slash && path->ends_with_slash))
            *to++ = '/';
    }
    *to = '\0';
    return text;
}

#include "storage/remote/url.h"

#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A piece of a URL. start NULL: the URL has no such part, which is not the same as an empty one. */
struct part {
    const char *start;
    size_t length;
};

/* RFC 3986 3: the parts, without the signs between them. */
struct parts {
    struct part scheme, authority, path, query;
};

/* Takes the longest run without these signs. */
static struct part take_until(const char **at, const char *signs)
{
    struct part part = {*at, strcspn(*at, signs)};

    *at += part.length;
    return part;
}

static bool is_scheme(const struct part *part)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";

    return part->length && strchr(letters, *part->start) &&
           strspn(part->start, more) == part->length;
}

static void cut(const char *text, struct parts *out)
{
    const char *at = text;
    struct part scheme = take_until(&at, ":/?#");

    *out = (struct parts){0};
    if (*at == ':' && is_scheme(&scheme)) {
        out->scheme = scheme;
        at++;
    } else {
        at = text;
    }
    if (!strncmp(at, "//", 2)) {
        at += 2;
        out->authority = take_until(&at, "/?#");
    }
    out->path = take_until(&at, "?#");
    if (*at == '?') {
        at++;
        out->query = take_until(&at, "#");
    }
}

/* RFC 3986 5.2.3: all of the base's path up to its last slash, and the reference behind it. */
static char *join_paths(struct arena *arena, const struct parts *base, const struct part *path)
{
    size_t kept = base->path.length;

    if (base->authority.start && !base->path.length)
        return arena_format(arena, "/%.*s", (int)path->length, path->start);
    while (kept && base->path.start[kept - 1] != '/')
        kept--;
    return arena_format(arena, "%.*s%.*s", (int)kept, base->path.start, (int)path->length,
                        path->start);
}

/* RFC 3986 5.2.4, for paths that begin with a slash. */
static void remove_dots(char *path)
{
    char *in = path, *out = path;

    while (*in) {
        size_t length = 1 + strcspn(in + 1, "/");

        if (length == 3 && !strncmp(in, "/..", 3)) {
            while (out > path && *--out != '/')
                ;
            if (!in[length])
                *out++ = '/';
        } else if (length == 2 && in[1] == '.') {
            if (!in[length])
                *out++ = '/';
        } else {
            memmove(out, in, length);
            out += length;
        }
        in += length;
    }
    *out = '\0';
}

static bool is_web(const struct part *scheme)
{
    return scheme->start && ((scheme->length == 5 && !strncasecmp(scheme->start, "https", 5)) ||
                             (scheme->length == 4 && !strncasecmp(scheme->start, "http", 4)));
}

/* Bytes that may stand in no URL are encoded, as browsers do; what is encoded already stays. */
static void add_bytes(struct strbuf *out, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c <= ' ' || c >= 0x7f || strchr("\"<>\\^`{|}", c))
            strbuf_format(out, "%%%02X", c);
        else
            strbuf_char(out, (char)c);
    }
}

static const char *compose(struct arena *arena, const struct parts *parts, const char *path)
{
    struct strbuf out;

    strbuf_init(&out, arena, URL_LENGTH_MAX);
    strbuf_text(&out, parts->scheme.length == 5 ? "https://" : "http://");
    add_bytes(&out, parts->authority.start, parts->authority.length);
    if (*path != '/')
        strbuf_char(&out, '/');
    add_bytes(&out, path, strlen(path));
    if (parts->query.start) {
        strbuf_char(&out, '?');
        add_bytes(&out, parts->query.start, parts->query.length);
    }
    return strbuf_failed(&out) ? NULL : out.data;
}

/* Blanks around are no part of it; a tab or a line's end within makes it none. */
static char *trim(struct arena *arena, const char *text)
{
    size_t length;

    text += strspn(text, " \t\r\n\f");
    length = strlen(text);
    while (length && strchr(" \t\r\n\f", text[length - 1]))
        length--;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return NULL;
    return length > URL_LENGTH_MAX ? NULL : arena_copy_bytes(arena, text, length);
}

const char *url_resolve(struct arena *arena, const char *base, const char *reference)
{
    const char *trimmed = trim(arena, reference);
    struct parts from, to;
    char *path;

    if (!trimmed || strlen(base) > URL_LENGTH_MAX)
        return NULL;
    cut(base, &from);
    cut(trimmed, &to);
    path = arena_copy_bytes(arena, to.path.start, to.path.length);
    if (!to.scheme.start) {
        to.scheme = from.scheme;
        if (!to.authority.start) {
            to.authority = from.authority;
            if (!to.path.length) {
                path = arena_copy_bytes(arena, from.path.start, from.path.length);
                if (!to.query.start)
                    to.query = from.query;
            } else if (*path != '/') {
                path = join_paths(arena, &from, &to.path);
            }
        }
    }
    if (!is_web(&to.scheme) || !to.authority.start || !to.authority.length ||
        *to.authority.start == ':' || memchr(to.authority.start, '@', to.authority.length))
        return NULL;
    if (*path == '/')
        remove_dots(path);
    return compose(arena, &to, path);
}

/* Takes the host off an authority; what is left must be nothing or a port. */
static bool take_host(struct part *authority, struct part *host)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    static const char digits[] = "0123456789abcdefABCDEF:.";
    bool is_bracketed = authority->length && *authority->start == '[';
    const char *start = authority->start + is_bracketed;
    size_t length = strspn(start, is_bracketed ? digits : letters);
    size_t whole = length + 2 * (size_t)is_bracketed;

    if (whole > authority->length || !length || (is_bracketed && start[length] != ']'))
        return false;
    *host = (struct part){start, length};
    authority->start += whole;
    authority->length -= whole;
    return true;
}

static bool read_port(const struct part *rest, int *port)
{
    if (rest->length <= 1) /* RFC 3986 3.2.3: an empty one is the default */
        return !rest->length || *rest->start == ':';
    if (*rest->start != ':' || rest->length > 6 ||
        strspn(rest->start + 1, "0123456789") < rest->length - 1)
        return false;
    *port = atoi(rest->start + 1);
    return *port > 0 && *port <= 65535;
}

bool url_origin(const char *url, struct url_origin *out)
{
    struct parts parts;
    struct part host;

    cut(url, &parts);
    if (!is_web(&parts.scheme) || !parts.authority.start)
        return false;
    out->is_https = parts.scheme.length == 5;
    out->port = out->is_https ? 443 : 80;
    if (!take_host(&parts.authority, &host) || host.length >= URL_HOST_SIZE ||
        !read_port(&parts.authority, &out->port))
        return false;
    if (host.length > 1 && host.start[host.length - 1] == '.')
        host.length--;
    for (size_t i = 0; i < host.length; i++) {
        char c = host.start[i];

        out->host[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    out->host[host.length] = '\0';
    return true;
}

bool url_is_origin(const struct url_origin *a, const struct url_origin *b)
{
    return a->is_https == b->is_https && a->port == b->port && !strcmp(a->host, b->host);
}

bool url_same_origin(const char *a, const char *b)
{
    struct url_origin first, second;

    return url_origin(a, &first) && url_origin(b, &second) && url_is_origin(&first, &second);
}

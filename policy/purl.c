/* Package URLs as the purl specification has them (ECMA-427), of the types npm, pypi and generic.
 */
#include "policy/purl.h"

#include "storage/memory/arena.h"
#include "storage/memory/project_name.h"
#include "storage/memory/pypi_version.h"
#include "storage/memory/semver.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/utf8.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { NAME_MAX_BYTES = 214, VERSION_MAX_BYTES = 255 };

/* What stands in a package URL for each format. */
static const char *const types[] = {
    [FORMAT_NPM] = "npm",
    [FORMAT_PYPI] = "pypi",
    [FORMAT_ARTIFACT] = "generic",
};

static enum status invalid(struct error *err, const char *text, const char *why)
{
    return fail(err, STATUS_INVALID, "purl-invalid", "'%.200s' names no package: %s", text, why);
}

/* Letters that a name or version in ASCII may have; the rest would have to be quoted somewhere. */
static bool is_plain(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~' || strchr("\\%?#\"<>|^`{}:", *text))
            return false;
    return true;
}

static bool segment_is_plain(const char *text)
{
    return *text && is_plain(text) && !strchr(text, '/') && !strchr(text, '@') &&
           strcmp(text, ".") && strcmp(text, "..");
}

static bool npm_name_is_possible(const char *name)
{
    const char *slash = strchr(name, '/');

    if (*name != '@')
        return segment_is_plain(name);
    return slash && slash > name + 1 && segment_is_plain(slash + 1) && is_plain(name) &&
           !memchr(name + 1, '@', (size_t)(slash - name - 1));
}

static enum status take_name(const char *text, const char *name, struct arena *arena,
                             struct purl *out, struct error *err)
{
    if (!*name)
        return invalid(err, text, "it has no name");
    if (strlen(name) > NAME_MAX_BYTES)
        return invalid(err, text, "its name is too long");
    if (out->format == FORMAT_PYPI)
        out->name = project_name_normalize(arena, name);
    else if (out->format == FORMAT_NPM ? npm_name_is_possible(name) : segment_is_plain(name))
        out->name = name;
    return out->name ? STATUS_OK : invalid(err, text, "no package can have such a name");
}

/* npm keeps versions without what stands behind '+'. */
static const char *npm_version(const char *text, struct arena *arena)
{
    const char *version = text + strspn(text, "v=");
    struct semver semver;

    if (!semver_parse(version, &semver))
        return NULL;
    return arena_copy_bytes(arena, version, strcspn(version, "+"));
}

static const char *pypi_version(const char *text, struct arena *arena)
{
    struct pypi_version version;
    struct strbuf canonical;

    if (!pypi_version_parse(text, &version))
        return NULL;
    strbuf_init(&canonical, arena, 2 * VERSION_MAX_BYTES);
    pypi_version_text(&version, &canonical);
    return canonical.data;
}

static enum status take_version(const char *text, const char *version, struct arena *arena,
                                struct purl *out, struct error *err)
{
    if (strlen(version) > VERSION_MAX_BYTES)
        return invalid(err, text, "its version is too long");
    if (out->format == FORMAT_NPM)
        out->version = npm_version(version, arena);
    else if (out->format == FORMAT_PYPI)
        out->version = pypi_version(version, arena);
    else if (segment_is_plain(version))
        out->version = version;
    return out->version ? STATUS_OK : invalid(err, text, "that is no version of its format");
}

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef", *at;

    at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* NULL where it is wrongly encoded, or hides a control character. */
static const char *decode(const char *text, size_t length, struct arena *arena)
{
    char *decoded = arena_copy_bytes(arena, text, length), *to = decoded;

    for (const char *at = decoded; *at; at++) {
        char c = *at;

        if (c == '%') {
            if (hex_value(at[1]) < 0 || hex_value(at[2]) < 0)
                return NULL;
            c = (char)(hex_value(at[1]) * 16 + hex_value(at[2]));
            at += 2;
        }
        if ((unsigned char)c < ' ' || c == 0x7f)
            return NULL;
        *to++ = c;
    }
    *to = '\0';
    return utf8_is_valid(decoded) ? decoded : NULL;
}

/* "key=value&key=value": only the file's name is ours to know. */
static enum status take_qualifiers(const char *text, const char *qualifiers, struct arena *arena,
                                   struct purl *out, struct error *err)
{
    static const char key_characters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";

    while (*qualifiers) {
        size_t length = strcspn(qualifiers, "&"), key = strspn(qualifiers, key_characters);
        const char *value;

        if (!key || qualifiers[key] != '=')
            return invalid(err, text, "a qualifier is written key=value");
        if (!(value = decode(qualifiers + key + 1, length - key - 1, arena)))
            return invalid(err, text, "a qualifier is wrongly encoded");
        if (key == strlen("file_name") && !strncasecmp(qualifiers, "file_name", key) && *value) {
            if (out->file)
                return invalid(err, text, "file_name is given twice");
            out->file = value;
        }
        qualifiers += length;
        qualifiers += *qualifiers == '&';
    }
    return STATUS_OK;
}

/* Decodes segment for segment: an encoded '/' makes no segments. */
static enum status take_path(const char *text, const char *path, struct arena *arena,
                             struct purl *out, struct error *err)
{
    const char *slash = strchr(path, '/'), *scope, *name;

    if (!slash) {
        if (!(name = decode(path, strlen(path), arena)))
            return invalid(err, text, "its name is wrongly encoded");
        return take_name(text, name, arena, out, err);
    }
    scope = decode(path, (size_t)(slash - path), arena);
    name = decode(slash + 1, strlen(slash + 1), arena);
    if (!scope || !name || strchr(scope, '/') || strchr(name, '/'))
        return invalid(err, text, "its name is wrongly encoded");
    if (out->format != FORMAT_NPM || *scope != '@')
        return invalid(err, text, "only npm's scopes are namespaces here");
    return take_name(text, arena_format(arena, "%s/%s", scope, name), arena, out, err);
}

static enum status parse_url(const char *text, struct arena *arena, struct purl *out,
                             struct error *err)
{
    char *rest = arena_copy(arena, text + strlen("pkg:") + strspn(text + strlen("pkg:"), "/"));
    char *mark, *slash, *at;
    const char *version;
    enum status rc;

    if (strchr(rest, '#'))
        return invalid(err, text, "it names a part of a package");
    if ((mark = strchr(rest, '?')))
        *mark++ = '\0';
    if (!(slash = strchr(rest, '/')))
        return invalid(err, text, "a type and a name are divided by '/'");
    *slash++ = '\0';
    for (enum format format = FORMAT_NPM; format <= FORMAT_ARTIFACT; format++)
        if (!strcasecmp(rest, types[format]))
            out->format = format;
    if (!out->format)
        return invalid(err, text, "its type is none of npm, pypi and generic");
    slash += strspn(slash, "/");
    at = strrchr(slash, '@');
    if (at && (at == slash || at[-1] == '/' || strchr(at, '/')))
        at = NULL; /* a scope that should have been encoded */
    if (at)
        *at++ = '\0';
    if ((rc = take_path(text, slash, arena, out, err)))
        return rc;
    if (at) {
        if (!(version = decode(at, strlen(at), arena)))
            return invalid(err, text, "its version is wrongly encoded");
        if ((rc = take_version(text, version, arena, out, err)))
            return rc;
    }
    return mark ? take_qualifiers(text, mark, arena, out, err) : STATUS_OK;
}

static enum status parse_short(const char *text, struct arena *arena, struct purl *out,
                               struct error *err)
{
    const char *colon = strchr(text, ':'), *rest, *name, *version;
    size_t length;
    enum status rc;

    if (!colon || !(out->format = format_from_name(text, (size_t)(colon - text))))
        return invalid(err, text,
                       "write npm:NAME@VERSION, pypi:NAME@VERSION or artifact:NAME@VERSION");
    rest = colon + 1;
    length = (*rest == '@') + strcspn(rest + (*rest == '@'), "@");
    version = rest[length] ? rest + length + 1 : NULL;
    if (!version && out->format == FORMAT_PYPI && strstr(rest, "==")) {
        length = (size_t)(strstr(rest, "==") - rest);
        version = rest + length + 2;
    }
    name = arena_copy_bytes(arena, rest, length);
    if ((rc = take_name(text, name, arena, out, err)))
        return rc;
    return version ? take_version(text, arena_copy(arena, version), arena, out, err) : STATUS_OK;
}

enum status purl_parse(const char *text, struct arena *arena, struct purl *out, struct error *err)
{
    *out = (struct purl){0};
    if (strnlen(text, PURL_MAX + 1) > PURL_MAX)
        return invalid(err, text, "it is too long");
    return strncasecmp(text, "pkg:", 4) ? parse_short(text, arena, out, err)
                                        : parse_url(text, arena, out, err);
}

void purl_write(const struct purl *purl, struct strbuf *out)
{
    const char *slash = strchr(purl->name, '/');
    char scope[NAME_MAX_BYTES + 1];

    strbuf_format(out, "pkg:%s/", types[purl->format]);
    if (slash) {
        snprintf(scope, sizeof scope, "%.*s", (int)(slash - purl->name), purl->name);
        strbuf_url(out, scope);
        strbuf_char(out, '/');
        strbuf_url(out, slash + 1);
    } else {
        strbuf_url(out, purl->name);
    }
    if (purl->version) {
        strbuf_char(out, '@');
        strbuf_url(out, purl->version);
    }
    if (purl->file) {
        strbuf_text(out, "?file_name=");
        strbuf_url(out, purl->file);
    }
}

void purl_write_short(const struct purl *purl, struct strbuf *out)
{
    strbuf_format(out, "%s:%s", format_name(purl->format), purl->name);
    if (purl->version)
        strbuf_format(out, "@%s", purl->version);
}

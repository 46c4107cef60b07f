/* bun.lock: JSON with comments and commas before closing brackets. Each of "packages" is a list:
 * ["name@version", "URL of the tarball, if it is not the usual one", {…}, "sha512-…"]. */
#include "protocols/lockfile/reading.h"

#include <ctype.h>
#include <string.h>

/* The end of the string or comment that begins at from, which is the text's where it has none;
 * from, if it is neither. */
static size_t past(const char *text, size_t length, size_t from)
{
    size_t at = from + 1;

    if (text[from] == '"') {
        for (; at < length && text[at] != '"'; at++)
            at += text[at] == '\\';
        return at < length ? at + 1 : length;
    }
    if (text[from] != '/' || at >= length)
        return from;
    if (text[at] == '/')
        return from + strcspn(text + from, "\n");
    if (text[at] != '*')
        return from;
    for (at++; at + 1 < length; at++)
        if (text[at] == '*' && text[at + 1] == '/')
            return at + 2;
    return length;
}

/* Blanks out what JSON has not, so that every byte stays where it was. */
static char *plain_json(struct reading *reading)
{
    char *text = reading_copy(reading, reading->text, reading->length);
    size_t comma = SIZE_MAX, end;

    for (size_t at = 0; at < reading->length; at++) {
        if ((end = past(text, reading->length, at)) > at) {
            if (text[at] == '"')
                comma = SIZE_MAX;
            else
                for (size_t i = at; i < end; i++)
                    text[i] = text[i] == '\n' ? '\n' : ' ';
            at = end - 1;
        } else if (text[at] == ',') {
            comma = at;
        } else if (text[at] == '}' || text[at] == ']') {
            if (comma != SIZE_MAX)
                text[comma] = ' ';
            comma = SIZE_MAX;
        } else if (!isspace((unsigned char)text[at])) {
            comma = SIZE_MAX;
        }
    }
    return text;
}

static enum status read_package(struct reading *reading, struct json_cursor *cursor,
                                struct error *err)
{
    struct lockfile_entry entry = {0};
    struct json_range range;
    const char *text, *split;
    bool has;
    enum status rc = json_enter(cursor, TOKEN_ARRAY, err);

    if (rc)
        return rc;
    entry.line = reading_line(reading, (size_t)cursor->range.start);
    for (size_t i = 0; !(rc = json_has_element(cursor, &has, err)) && has; i++) {
        if ((rc = reading_json_text(reading, cursor, &text, &range, err)))
            return rc;
        if (!i && text) {
            split = *text ? strchr(text + 1, '@') : NULL;
            if (!split)
                return reading_fail(reading, entry.line, err, "'%s' is no package@version", text);
            entry.name = reading_copy(reading, text, (size_t)(split - text));
            entry.version = split + 1;
        } else if (i == 1 && text && *text) {
            entry.url = text;
            reading_place(&entry, (size_t)range.start, (size_t)range.end, true);
        } else if (text && *text) {
            entry.digest = text;
        }
    }
    if (!rc && !entry.name)
        return reading_fail(reading, entry.line, err, "a package has no name");
    return rc ? rc : reading_tell_npm(reading, entry, err);
}

static enum status read_packages(struct reading *reading, struct json_cursor *cursor,
                                 struct error *err)
{
    struct strbuf key;
    enum status rc = json_enter(cursor, TOKEN_OBJECT, err);

    strbuf_init(&key, NULL, LOCKFILE_BYTES_MAX);
    while (!rc && !(rc = json_next_key(cursor, &key, err)) && cursor->kind == TOKEN_KEY)
        rc = read_package(reading, cursor, err);
    strbuf_free(&key);
    return rc;
}

static enum status read_document(struct reading *reading, struct json_cursor *cursor,
                                 struct error *err)
{
    int64_t version = -1;
    struct strbuf key;
    enum status rc = json_enter(cursor, TOKEN_OBJECT, err);

    strbuf_init(&key, reading->arena, LOCKFILE_BYTES_MAX);
    while (!rc && !(rc = json_next_key(cursor, &key, err)) && cursor->kind == TOKEN_KEY) {
        if (!strcmp(key.data, "lockfileVersion")) {
            if (!(rc = json_take_int(cursor, &version, err)) && (version < 0 || version > 2))
                return reading_fail(reading, reading_line(reading, (size_t)cursor->range.start),
                                    err, "lockfileVersion %lld is not known; 0 to 2 are",
                                    (long long)version);
        } else if (!strcmp(key.data, "packages")) {
            rc = read_packages(reading, cursor, err);
        } else {
            rc = json_skip_value(cursor, err);
        }
    }
    if (!rc && !(rc = json_finish(cursor, err)) && version < 0)
        return reading_fail(reading, 1, err, "is no lockfile of bun: it has no lockfileVersion");
    return rc;
}

enum status bun_lock_read(struct reading *reading, struct error *err)
{
    struct error own = {0};
    struct json_cursor cursor;

    if (!err)
        err = &own;
    json_cursor_init_text(&cursor, plain_json(reading), reading->length, LOCKFILE_DEPTH_MAX);
    return reading_json_failed(reading, &cursor, read_document(reading, &cursor, err), err);
}

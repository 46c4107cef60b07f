/* yarn.lock of Yarn 1, a format of its own: blocks that begin with the ranges that they answer, and
 * lines of name and value below. */
#include "protocols/lockfile/reading.h"

#include <string.h>

struct line {
    const char *text; /* behind the blanks */
    size_t indent, length, number;
};

struct yarn {
    struct reading *reading;
    struct lockfile_entry entry;
    bool is_open;
};

/* The next line with something on it. */
static bool next_line(struct reading *reading, size_t *at, struct line *out)
{
    while (*at < reading->length) {
        const char *start = reading->text + *at;
        size_t length = strcspn(start, "\n");

        *at += length + 1;
        while (length && strchr("\r \t", start[length - 1]))
            length--;
        out->indent = strspn(start, " ");
        if (length <= out->indent || start[out->indent] == '#')
            continue;
        out->text = start + out->indent;
        out->length = length - out->indent;
        out->number = reading_line(reading, (size_t)(start - reading->text));
        return true;
    }
    return false;
}

/* The word at *at, without its quotes; moves behind it. NULL where there is none. */
static const char *take_word(struct yarn *yarn, const struct line *line, size_t *at, size_t *offset)
{
    const char *text = line->text + *at;
    size_t left = line->length - *at, length;
    const char *end;

    if (!left)
        return NULL;
    if (*text == '"') {
        if (!(end = memchr(text + 1, '"', left - 1)))
            return NULL;
        length = (size_t)(end - text - 1);
        *offset = (size_t)(text + 1 - yarn->reading->text);
        *at += length + 2;
        return reading_copy(yarn->reading, text + 1, length);
    }
    for (length = 0; length < left && !strchr(" ,", text[length]); length++)
        if (text[length] == ':' && length + 1 == left)
            break;
    if (!length)
        return NULL;
    *offset = (size_t)(text - yarn->reading->text);
    *at += length;
    return reading_copy(yarn->reading, text, length);
}

static enum status close_block(struct yarn *yarn, struct error *err)
{
    enum status rc = STATUS_OK;

    if (yarn->is_open) {
        if (!yarn->entry.version)
            return reading_fail(yarn->reading, yarn->entry.line, err, "%s has no version",
                                yarn->entry.name);
        rc = reading_tell_npm(yarn->reading, yarn->entry, err);
    }
    yarn->is_open = false;
    reading_forget(yarn->reading);
    return rc;
}

/* "name@range": the range may be an alias, and the name is then in it. */
static enum status open_block(struct yarn *yarn, const struct line *line, struct error *err)
{
    size_t at = 0, offset;
    const char *pattern = take_word(yarn, line, &at, &offset), *split;

    if (line->text[line->length - 1] != ':' || !pattern || !*pattern ||
        !(split = strchr(pattern + 1, '@')))
        return reading_fail(yarn->reading, line->number, err,
                            "expected the ranges of a package and ':'");
    if (!strncmp(split, "@npm:", 5) && split[5] && strchr(split + 6, '@')) {
        pattern = split + 5;
        split = strchr(pattern + 1, '@');
    }
    yarn->entry = (struct lockfile_entry){
        .name = reading_copy(yarn->reading, pattern, (size_t)(split - pattern)),
        .why = why_not_of_registry(split + 1), /* of folders there is no more than the range */
        .line = line->number,
    };
    yarn->is_open = true;
    return STATUS_OK;
}

static enum status take_field(struct yarn *yarn, const struct line *line, struct error *err)
{
    size_t at = 0, offset;
    const char *key = take_word(yarn, line, &at, &offset), *value;

    if (!yarn->is_open || !key)
        return reading_fail(yarn->reading, line->number, err, "stands below no package");
    if (at < line->length && line->text[at] == ':' && at + 1 == line->length)
        return STATUS_OK; /* "dependencies:", whose lines are further in */
    while (at < line->length && line->text[at] == ' ')
        at++;
    if (!(value = take_word(yarn, line, &at, &offset)) || at != line->length)
        return reading_fail(yarn->reading, line->number, err, "expected a name and a value");
    if (!strcmp(key, "version")) {
        yarn->entry.version = value;
    } else if (!strcmp(key, "integrity")) {
        yarn->entry.digest = value;
    } else if (!strcmp(key, "resolved")) {
        yarn->entry.url = value;
        yarn->entry.url_offset = offset;
        yarn->entry.url_length = strlen(value);
    }
    return STATUS_OK;
}

enum status yarn_lock_read(struct reading *reading, struct error *err)
{
    struct yarn yarn = {.reading = reading};
    struct line line;
    size_t at = 0;
    enum status rc = STATUS_OK;

    while (!rc && next_line(reading, &at, &line))
        if (!line.indent) {
            if (!(rc = close_block(&yarn, err)))
                rc = open_block(&yarn, &line, err);
        } else if (line.indent == 2) {
            rc = take_field(&yarn, &line, err);
        } else if (!yarn.is_open) {
            rc = reading_fail(reading, line.number, err, "stands below no package");
        }
    return rc ? rc : close_block(&yarn, err);
}

#include "server/commands/approved_list.h"

#include "storage/memory/strbuf.h"

#include <stdbool.h>
#include <string.h>

static const char KEY[] = "approved:";

static const char *next_line(const char *line)
{
    line += strcspn(line, "\n");
    return *line ? line + 1 : line;
}

/* The key at the left margin, for nothing else of a policy is called so; NULL without it. */
static const char *find_key(const char *text)
{
    for (const char *line = text; *line; line = next_line(line))
        if (!strncmp(line, KEY, strlen(KEY)))
            return line;
    return NULL;
}

/* Whether the text has the entry as a word of its own. */
static bool has_entry(const char *text, const char *entry)
{
    size_t length = strlen(entry);

    for (const char *at = text; (at = strstr(at, entry)); at++)
        if (at > text && strchr("\"' [,", at[-1]) && strchr("\"' ,]\r\n", at[length]))
            return true;
    return false;
}

/* The entries that are new, each behind before, and with between in front of all but the first. */
static size_t write_entries(const char *text, const char *const *entries, size_t count,
                            const char *between, const char *before, const char *after,
                            struct strbuf *out)
{
    size_t added = 0;

    for (size_t i = 0; i < count; i++) {
        if (has_entry(text, entries[i]))
            continue;
        strbuf_format(out, "%s%s\"%s\"%s", added ? between : "", before, entries[i], after);
        added++;
    }
    return added;
}

/* Behind the text that a quote begins. */
static const char *skip_quoted(const char *at)
{
    char quote = *at++;

    for (; *at; at++)
        if (*at == '\\' && quote == '"' && at[1])
            at++;
        else if (*at == quote)
            return at + 1;
    return at;
}

/* The last letter of a [list], before its ']', that is neither blank nor in a comment; NULL where the
 * list has no end. */
static const char *last_of_flow(const char *open)
{
    const char *last = open, *at = open + 1;

    while (*at && *at != ']') {
        if (*at == '#' && strchr(" \t\n", at[-1])) {
            at += strcspn(at, "\n");
        } else if (*at == '"' || *at == '\'') {
            at = skip_quoted(at);
            last = at - 1;
        } else {
            if (!strchr(" \t\r\n", *at))
                last = at;
            at++;
        }
    }
    return *at ? last : NULL;
}

/* Where the lines of a block list end: behind its last entry. indent is that of its entries. */
static const char *end_of_block(const char *key, size_t *indent)
{
    const char *end = next_line(key);

    *indent = 2;
    for (const char *line = end, *next; *line; line = next) {
        size_t blanks = strspn(line, " ");

        next = next_line(line);
        if (strchr("\r\n#", line[blanks]))
            continue; /* it belongs to what follows, if anything */
        if (line[blanks] == '-')
            *indent = blanks;
        else if (!blanks)
            break;
        end = next;
    }
    return end;
}

static enum status add_to_block(const char *text, const char *key, const char *const *entries,
                                size_t count, const char *whence, struct strbuf *out, size_t *added)
{
    static const char BLANKS[] = "                                ";
    char before[sizeof BLANKS + 2];
    const char *end;
    size_t indent;

    end = end_of_block(key, &indent);
    if (indent > sizeof BLANKS - 1)
        indent = sizeof BLANKS - 1;
    memcpy(before, BLANKS, indent);
    memcpy(before + indent, "- ", 3);
    strbuf_bytes(out, text, (size_t)(end - text));
    if (end > text && end[-1] != '\n')
        strbuf_char(out, '\n');
    strbuf_format(out, "%.*s# From %s.\n", (int)indent, BLANKS, whence);
    *added = write_entries(text, entries, count, "", before, "\n", out);
    strbuf_text(out, end);
    return STATUS_OK;
}

static enum status add_to_flow(const char *text, const char *open, const char *const *entries,
                               size_t count, const char *whence, struct strbuf *out, size_t *added,
                               struct error *err)
{
    const char *last = last_of_flow(open);

    if (!last)
        return fail(err, STATUS_INVALID, "", "the list behind approved: has no end");
    strbuf_bytes(out, text, (size_t)(last + 1 - text));
    strbuf_format(out, "%s\n  # From %s.\n", *last == '[' || *last == ',' ? "" : ",", whence);
    *added = write_entries(text, entries, count, ",\n", "  ", "", out);
    strbuf_text(out, last + 1);
    return STATUS_OK;
}

enum status approved_list_add(const char *text, const char *const *entries, size_t count,
                              const char *whence, struct strbuf *out, size_t *added,
                              struct error *err)
{
    const char *key = find_key(text), *value;
    size_t known = 0;

    *added = 0;
    for (size_t i = 0; i < count; i++)
        known += has_entry(text, entries[i]);
    if (known == count) {
        strbuf_text(out, text);
        return STATUS_OK;
    }
    if (!key) {
        strbuf_format(out, "%s%s\napproved:\n  # From %s.\n", text,
                      *text && text[strlen(text) - 1] != '\n' ? "\n" : "", whence);
        *added = write_entries(text, entries, count, "", "  - ", "\n", out);
        return STATUS_OK;
    }
    value = key + strlen(KEY);
    value += strspn(value, " \t");
    if (*value == '[')
        return add_to_flow(text, value, entries, count, whence, out, added, err);
    if (!strchr("\r\n#", *value))
        return fail(err, STATUS_INVALID, "", "what stands behind approved: is no list that can be added to");
    return add_to_block(text, key, entries, count, whence, out, added);
}

/* TOML: bunfig.toml, uv.toml, pyproject.toml. */
#include "server/commands/config_edit.h"
#include "storage/memory/arena.h"

#include <string.h>

/* One expression: a key with its value, which may go over many lines, a header, or nothing. */
struct toml_line {
    const char *start, *text, *end; /* text is behind the blanks; end is at the newline */
};

/* Behind a string that begins here, or at the text's end. */
static const char *skip_string(const char *at)
{
    char quote = *at;
    bool is_long = at[1] == quote && at[2] == quote;

    if (!is_long && at[1] == quote)
        return at + 2;
    for (at += is_long ? 3 : 1; *at; at++) {
        if (*at == '\\' && quote == '"' && at[1])
            at++;
        else if (!is_long && (*at == quote || *at == '\n'))
            return at + (*at == quote);
        else if (is_long && *at == quote && at[1] == quote && at[2] == quote)
            return at + 3;
    }
    return at;
}

static bool next_line(const char **at, struct toml_line *line)
{
    const char *p = *at;
    int depth = 0;

    if (!*p)
        return false;
    line->start = p;
    line->text = p + strspn(p, " \t\r");
    while (*p && (*p != '\n' || depth > 0)) {
        if (*p == '#') {
            p += strcspn(p, "\n");
            continue;
        }
        if (*p == '"' || *p == '\'') {
            p = skip_string(p);
            continue;
        }
        depth += *p == '[' || *p == '{';
        depth -= *p == ']' || *p == '}';
        p++;
    }
    line->end = p;
    *at = p + (*p == '\n');
    return true;
}

/* Whether the dotted name at *at is this one, in quotes or not; *at is then behind it. */
static bool takes_name(const char **at, const char *name)
{
    const char *p = *at;

    for (;;) {
        p += strspn(p, " \t\"'");
        name += strspn(name, "\"'");
        if (!*name)
            break;
        if (*p != *name)
            return false;
        p++;
        name++;
    }
    *at = p;
    return true;
}

static bool is_header(const struct toml_line *line)
{
    return *line->text == '[';
}

static bool is_header_of(const struct toml_line *line, const char *table, bool is_block)
{
    const char *at = line->text;
    size_t brackets = strspn(at, "[");

    if (brackets != (is_block ? 2 : 1))
        return false;
    at += brackets;
    return takes_name(&at, table) && *at == ']';
}

/* Where the value of the key begins, if the line sets it. */
static const char *value_of(const struct toml_line *line, const char *key)
{
    const char *at = line->text;

    if (is_header(line) || !takes_name(&at, key) || *at != '=')
        return NULL;
    at++;
    return at + strspn(at, " \t");
}

/* Where the value ends: before the comment and the blanks behind it. */
static const char *value_end(const char *value, const struct toml_line *line)
{
    const char *at = value, *end = value;

    while (at < line->end) {
        if (*at == '#' && end > value) {
            at += strcspn(at, "\n");
        } else if (*at == '"' || *at == '\'') {
            end = at = skip_string(at);
        } else {
            at++;
            if (!strchr(" \t\r\n", at[-1]))
                end = at;
        }
    }
    return end;
}

static void splice(struct config_edit *edit, const char *from, const char *to, const char *with)
{
    struct strbuf out;

    strbuf_init(&out, edit->arena, strlen(edit->text) + strlen(with));
    strbuf_bytes(&out, edit->text, (size_t)(from - edit->text));
    strbuf_text(&out, with);
    strbuf_text(&out, to);
    edit->text = out.data;
}

/* Sets the key in the table whose header ends before `from`. */
static void set_within(struct config_edit *edit, const char *from, const char *key, const char *value)
{
    const char *at = from, *old;
    struct toml_line line;

    while (next_line(&at, &line) && !is_header(&line)) {
        if (!(old = value_of(&line, key)))
            continue;
        splice(edit, old, value_end(old, &line), value);
        return;
    }
    splice(edit, from, from,
           arena_format(edit->arena, "%s%s = %s\n",
                        from > edit->text && from[-1] != '\n' ? "\n" : "", key, value));
}

/* A table that is written as a value of its parent, or with dotted keys, has no header to write under. */
static enum status refuse_other_form(const char *text, const char *table, struct arena *arena,
                                     struct error *err)
{
    const char *dot = strrchr(table, '.'), *key = dot ? dot + 1 : table, *at = text;
    char *parent = dot ? arena_copy_bytes(arena, table, (size_t)(dot - table)) : NULL;
    bool is_within = !parent;
    struct toml_line line;

    while (next_line(&at, &line)) {
        const char *after = line.text;

        if (is_header(&line))
            is_within = parent && is_header_of(&line, parent, false);
        else if (is_within && takes_name(&after, key) && (*after == '=' || *after == '.'))
            return fail(err, STATUS_INVALID, "",
                        "it writes %s in a form that is not edited here; write it as [%s] first", table,
                        table);
    }
    return STATUS_OK;
}

static void append(struct config_edit *edit, const char *lines)
{
    const char *end = edit->text + strlen(edit->text);
    const char *gap = end == edit->text ? "" : end[-1] == '\n' ? "\n" : "\n\n";

    splice(edit, end, end, arena_format(edit->arena, "%s%s", gap, lines));
}

enum status toml_put(struct config_edit *edit, const char *table, const char *key, const char *value,
                     struct error *err)
{
    const char *at = edit->text, *within = NULL;
    struct toml_line line;
    char *lines = arena_format(edit->arena, "[%s]\n%s = %s\n", table, key, value);
    enum status rc;

    while (!within && next_line(&at, &line))
        if (is_header_of(&line, table, false))
            within = at;
    if (!within && (rc = refuse_other_form(edit->text, table, edit->arena, err)))
        return rc;
    if (within)
        set_within(edit, within, key, value);
    else
        append(edit, lines);
    strbuf_text(&edit->put, lines);
    return STATUS_OK;
}

/* Behind the header of the count-th block; NULL: there are no more. */
static const char *find_block(const char *text, const char *table, size_t count)
{
    const char *at = text;
    struct toml_line line;

    while (next_line(&at, &line))
        if (is_header_of(&line, table, true) && !count--)
            return at;
    return NULL;
}

enum status toml_block_value(const char *text, const char *table, size_t count, const char *key,
                             struct arena *arena, char **out)
{
    const char *at = find_block(text, table, count), *value;
    struct toml_line line;

    *out = NULL;
    if (!at)
        return STATUS_NOT_FOUND;
    while (!*out && next_line(&at, &line) && !is_header(&line))
        if ((value = value_of(&line, key)))
            *out = arena_copy_bytes(arena, value, (size_t)(value_end(value, &line) - value));
    return STATUS_OK;
}

static bool same_value(const char *a, const char *b)
{
    if (*a == '\'' || *a == '"') { /* a name has no escapes */
        size_t length = strlen(a);

        return length == strlen(b) && !strncmp(a + 1, b + 1, length - 2);
    }
    return !strcmp(a, b);
}

enum status toml_put_block(struct config_edit *edit, const char *table,
                           const struct config_member *members, struct error *err)
{
    struct strbuf lines;
    char *value;
    size_t count = 0;
    enum status rc;

    strbuf_init(&lines, edit->arena, 64 << 10);
    strbuf_format(&lines, "[[%s]]\n", table);
    for (const struct config_member *member = members; member->key; member++)
        strbuf_format(&lines, "%s = %s\n", member->key, member->value);
    strbuf_text(&edit->put, lines.data);
    for (; !toml_block_value(edit->text, table, count, members->key, edit->arena, &value); count++)
        if (value && *value && same_value(value, members->value))
            break;
    if (!find_block(edit->text, table, count)) {
        if (!count && (rc = refuse_other_form(edit->text, table, edit->arena, err)))
            return rc;
        append(edit, lines.data);
        return STATUS_OK;
    }
    for (const struct config_member *member = members; member->key; member++)
        set_within(edit, find_block(edit->text, table, count), member->key, member->value);
    return STATUS_OK;
}

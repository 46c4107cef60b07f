/* TOML: bunfig.toml, uv.toml, pyproject.toml. */
#include "server/commands/config_edit_text.h"
#include "storage/memory/arena.h"

#include <stdio.h>
#include <string.h>

enum { LINES_MAX = 1 << 20 };

/* One expression: a key with its value, which may go over many lines, a header, or nothing. */
struct toml_line {
    const char *start, *text, *end; /* text is behind the blanks; end is at the newline */
};

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
            p = config_edit_skip_string(p);
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
            end = at = config_edit_skip_string(at);
        } else {
            at++;
            if (!strchr(" \t\r\n", at[-1]))
                end = at;
        }
    }
    return end;
}

/* Behind the header of the count-th [[block]], or of the [table]; NULL: there is none. */
static const char *find_header(const char *text, const char *name, bool is_block, size_t count)
{
    struct toml_line line;

    while (next_line(&text, &line))
        if (is_header_of(&line, name, is_block) && !count--)
            return text;
    return NULL;
}

/* "" is the table in which the document begins. */
static const char *find_table(const char *text, const char *table)
{
    return *table ? find_header(text, table, false, 0) : text;
}

/* The value of a key in the table that begins here, and its line; NULL: the table has it not. */
static const char *find_value(const char *from, const char *key, struct toml_line *line)
{
    const char *value;

    while (next_line(&from, line) && !is_header(line))
        if ((value = value_of(line, key)))
            return value;
    return NULL;
}

/* Sets the key in the table whose header ends before `from`. */
static void set_within(struct config_edit *edit, const char *from, const char *key, const char *value)
{
    struct toml_line line;
    const char *old = find_value(from, key, &line);

    if (old)
        config_edit_splice(edit, old, value_end(old, &line), value);
    else
        config_edit_insert(edit, from, arena_format(edit->arena, "%s = %s\n", key, value));
}

/* Behind the name of a table in a line of its parent's that has what is in it: `table = {…}`, or
 * `table.key = …`. Such a table has no header to write under. */
static const char *find_in_parent(const char *text, const char *table, struct arena *arena)
{
    const char *dot = strrchr(table, '.'), *key = dot ? dot + 1 : table;
    const char *at = find_table(
        text, dot ? arena_copy_bytes(arena, table, (size_t)(dot - table)) : ""), *behind;
    struct toml_line line;

    while (at && next_line(&at, &line) && !is_header(&line)) {
        behind = line.text;
        if (takes_name(&behind, key) && (*behind == '=' || *behind == '.'))
            return behind;
    }
    return NULL;
}

static enum status refuse(const char *table, struct error *err)
{
    char form[128];

    snprintf(form, sizeof form, "as [%s]", table);
    return config_edit_refuse(table, form, err);
}

static void append(struct config_edit *edit, const char *lines)
{
    const char *end = edit->text + strlen(edit->text);
    const char *gap = end == edit->text ? "" : end[-1] == '\n' ? "\n" : "\n\n";

    config_edit_splice(edit, end, end, arena_format(edit->arena, "%s%s", gap, lines));
}

/* What is put into one table one after the other is told under one header. */
static void tell(struct config_edit *edit, const char *table, const char *lines)
{
    char *header = arena_format(edit->arena, "[%s]\n", table);
    const char *last = edit->put.data, *at = last;

    while ((at = strstr(at, "\n[")))
        last = ++at;
    strbuf_format(&edit->put, "%s%s", strncmp(last, header, strlen(header)) ? header : "", lines);
}

/* Sets the key where nothing in the way of it is written in another form. */
static enum status put_key(struct config_edit *edit, const char *table, const char *key, const char *value,
                           struct error *err)
{
    const char *within = find_table(edit->text, table);

    if (within)
        set_within(edit, within, key, value);
    else if (find_in_parent(edit->text, table, edit->arena))
        return refuse(table, err);
    else
        append(edit, arena_format(edit->arena, "[%s]\n%s = %s\n", table, key, value));
    return STATUS_OK;
}

enum status toml_put(struct config_edit *edit, const char *table, const char *key, const char *value,
                     struct error *err)
{
    enum status rc = put_key(edit, table, key, value, err);

    if (!rc)
        tell(edit, table, arena_format(edit->arena, "%s = %s\n", key, value));
    return rc;
}

enum status toml_put_items(struct config_edit *edit, const char *table, const char *key,
                           const char *const *items, struct error *err)
{
    const char *within = find_table(edit->text, table), *old = NULL;
    struct toml_line line;
    struct strbuf list;
    enum status rc = STATUS_OK;

    strbuf_init(&list, edit->arena, LINES_MAX);
    for (size_t i = 0; items[i]; i++)
        strbuf_format(&list, "%s\"%s\"", i ? ", " : "[", items[i]);
    strbuf_char(&list, ']');
    if (within)
        old = find_value(within, key, &line);
    if (old && *old != '[')
        return config_edit_refuse(key, "as a list", err);
    if (old)
        config_edit_put_inside(edit, old, items, "\"", "\"");
    else
        rc = put_key(edit, table, key, list.data, err);
    if (!rc)
        tell(edit, table, arena_format(edit->arena, "%s = %s\n", key, list.data));
    return rc;
}

enum status toml_put_keys(struct config_edit *edit, const char *table, const char *const *keys,
                          const char *value, struct error *err)
{
    const char *within = find_table(edit->text, table), *inside = NULL;
    struct strbuf all, missing;
    struct toml_line line;

    strbuf_init(&all, edit->arena, LINES_MAX);
    strbuf_init(&missing, edit->arena, LINES_MAX);
    for (const char *const *key = keys; *key; key++) {
        strbuf_format(&all, "%s = %s\n", *key, value);
        if (within && !find_value(within, *key, &line))
            strbuf_format(&missing, "%s = %s\n", *key, value);
    }
    if (!within && (inside = find_in_parent(edit->text, table, edit->arena))) {
        inside += *inside == '=';
        inside += strspn(inside, " \t");
        if (*inside != '{')
            return refuse(table, err);
        config_edit_put_inside(edit, inside, keys, "", arena_format(edit->arena, " = %s", value));
    } else if (!within) {
        append(edit, arena_format(edit->arena, "[%s]\n%s", table, all.data));
    } else if (missing.length) {
        config_edit_insert(edit, within, missing.data);
    }
    tell(edit, table, all.data);
    return STATUS_OK;
}

enum status toml_block_value(const char *text, const char *table, size_t count, const char *key,
                             struct arena *arena, char **out)
{
    const char *at = find_header(text, table, true, count), *value;
    struct toml_line line;

    *out = NULL;
    if (!at)
        return STATUS_NOT_FOUND;
    if ((value = find_value(at, key, &line)))
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

    strbuf_init(&lines, edit->arena, LINES_MAX);
    strbuf_format(&lines, "[[%s]]\n", table);
    for (const struct config_member *member = members; member->key; member++)
        strbuf_format(&lines, "%s = %s\n", member->key, member->value);
    strbuf_text(&edit->put, lines.data);
    for (; !toml_block_value(edit->text, table, count, members->key, edit->arena, &value); count++)
        if (value && *value && same_value(value, members->value))
            break;
    if (!find_header(edit->text, table, true, count)) {
        if (!count && find_in_parent(edit->text, table, edit->arena))
            return refuse(table, err);
        append(edit, lines.data);
        return STATUS_OK;
    }
    for (const struct config_member *member = members; member->key; member++)
        set_within(edit, find_header(edit->text, table, true, count), member->key, member->value);
    return STATUS_OK;
}

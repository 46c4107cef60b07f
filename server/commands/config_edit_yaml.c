/* YAML in block form, as Yarn writes it: .yarnrc.yml. */
#include "server/commands/config_edit_text.h"
#include "storage/memory/arena.h"

#include <string.h>

enum { LINES_MAX = 1 << 20 };

struct yaml_line {
    const char *start, *text, *end; /* text is behind the indentation, end at the newline */
    size_t indent;
    bool is_empty; /* nothing, or a comment */
};

static bool next_line(const char **at, const char *end, struct yaml_line *line)
{
    if (*at >= end || !**at)
        return false;
    line->start = *at;
    line->end = *at + strcspn(*at, "\n");
    line->indent = strspn(*at, " ");
    line->text = *at + line->indent;
    line->is_empty = line->text == line->end || strchr("#\r", *line->text) || !strncmp(line->text, "---", 3);
    *at = line->end + (*line->end == '\n');
    return true;
}

/* Lines of one mapping or list, from the first to behind the last. */
struct block {
    const char *start, *end;
    size_t indent;
};

static struct block block_from(const char *start, const char *end, size_t least)
{
    struct block block = {.start = start, .end = start, .indent = least};
    const char *at = start;
    struct yaml_line line;
    bool is_first = true;

    while (next_line(&at, end, &line)) {
        if (line.is_empty)
            continue;
        if (line.indent < (is_first ? least : block.indent))
            break;
        if (is_first)
            block.indent = line.indent;
        is_first = false;
        block.end = at;
    }
    return block;
}

/* Behind the colon, if the line is of this key. */
static const char *value_of(const struct yaml_line *line, const char *key)
{
    const char *at = line->text;
    char quote = *at == '"' || *at == '\'' ? *at : '\0';
    size_t length = strlen(key);

    at += quote != '\0';
    if (strncmp(at, key, length))
        return NULL;
    at += length;
    if (quote && *at++ != quote)
        return NULL;
    at += strspn(at, " ");
    return *at == ':' && strchr(" \r\n", at[1]) ? at + 1 : NULL;
}

/* Whether nothing but blanks and a comment follow. */
static bool is_bare(const char *value, const struct yaml_line *line)
{
    value += strspn(value, " \t\r");
    return value >= line->end || *value == '#';
}

static const char *find_key(const struct block *block, const char *key, struct yaml_line *line)
{
    const char *at = block->start, *value;

    while (next_line(&at, block->end, line))
        if (!line->is_empty && line->indent == block->indent && (value = value_of(line, key)))
            return value;
    return NULL;
}

/* A key that no plain scalar could be is written in quotes. */
static void write_key(struct strbuf *out, const char *key)
{
    bool is_plain = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") ==
                    strlen(key);

    strbuf_format(out, is_plain ? "%s" : "\"%s\"", key);
}

/* The mapping's keys, one a line, each further in; then the member. */
static size_t write_path(struct strbuf *out, const char *const *path, size_t indent)
{
    for (; *path; path++, indent += 2) {
        strbuf_format(out, "%*s", (int)indent, "");
        write_key(out, *path);
        strbuf_text(out, ":\n");
    }
    return indent;
}

static void write_member(struct strbuf *out, const struct config_member *member, size_t indent)
{
    strbuf_format(out, "%*s", (int)indent, "");
    write_key(out, member->key);
    strbuf_format(out, ": %s\n", member->value);
}

static void insert(struct config_edit *edit, const char *at, const char *const *path,
                   const struct config_member *member, size_t indent)
{
    struct strbuf lines;

    strbuf_init(&lines, edit->arena, LINES_MAX);
    write_member(&lines, member, write_path(&lines, path, indent));
    config_edit_insert(edit, at, lines.data);
}

static enum status refuse_form(const char *key, struct error *err)
{
    return config_edit_refuse(key, "with one key a line", err);
}

/* A whole document in braces. */
static bool is_flow(const char *text)
{
    text += strspn(text, " \n");
    return *text == '{' || *text == '[';
}

/* What is under the key of this line. */
static struct block under(const struct block *block, const struct yaml_line *line)
{
    struct block inner =
        block_from(line->end + (*line->end == '\n'), block->end, block->indent + 1);

    if (inner.end == inner.start)
        inner.indent = block->indent + 2;
    return inner;
}

static enum status put_member(struct config_edit *edit, const char *const *path,
                              const struct config_member *member, struct error *err)
{
    struct block block = block_from(edit->text, edit->text + strlen(edit->text), 0), inner;
    struct yaml_line line;
    const char *value;

    for (; *path && (value = find_key(&block, *path, &line)); path++) {
        if (!is_bare(value, &line))
            return refuse_form(*path, err);
        block = under(&block, &line);
    }
    if (*path || !(value = find_key(&block, member->key, &line))) {
        insert(edit, block.end, path, member, block.indent);
        return STATUS_OK;
    }
    inner = under(&block, &line);
    if (inner.end > inner.start)
        return refuse_form(member->key, err);
    config_edit_splice(edit, value, line.end, arena_format(edit->arena, " %s", member->value));
    return STATUS_OK;
}

enum status yaml_put(struct config_edit *edit, const char *const *path,
                     const struct config_member *members, struct error *err)
{
    size_t indent = write_path(&edit->put, path, 0);
    enum status rc = STATUS_OK;

    if (is_flow(edit->text))
        return refuse_form(*path ? *path : members->key, err);
    for (; !rc && members->key; members++) {
        write_member(&edit->put, members, indent);
        rc = put_member(edit, path, members, err);
    }
    return rc;
}

/* Whether the line is this item of a list, in quotes or not. */
static bool is_item(const struct yaml_line *line, const char *item)
{
    const char *at = line->text, *end = line->end;

    if (*at != '-')
        return false;
    at++;
    at += strspn(at, " \"'");
    while (end > at && strchr(" \"'\r", end[-1]))
        end--;
    return strlen(item) == (size_t)(end - at) && !memcmp(at, item, strlen(item));
}

/* The items under a key: they may be as far to the left as the key is. */
static struct block items_from(const char *start, const char *end, size_t least)
{
    struct block block = block_from(start, end, least);
    const char *at = start;
    struct yaml_line line;

    block.end = start;
    while (next_line(&at, end, &line)) {
        if (line.is_empty)
            continue;
        if (line.indent < block.indent || (line.indent == block.indent && *line.text != '-'))
            break;
        block.end = at;
    }
    if (block.end == start)
        block.indent = least + 2;
    return block;
}

/* "  - "a"" and so on, for those of the items that are not among the lines of the list. */
static void write_items(struct strbuf *out, const struct block *list, const char *const *items, size_t indent)
{
    for (; *items; items++) {
        const char *at = list->start;
        struct yaml_line line;
        bool is_there = false;

        while (!is_there && next_line(&at, list->end, &line))
            is_there = !line.is_empty && is_item(&line, *items);
        if (!is_there)
            strbuf_format(out, "%*s- \"%s\"\n", (int)indent, "", *items);
    }
}

enum status yaml_put_items(struct config_edit *edit, const char *key, const char *const *items,
                           struct error *err)
{
    struct block document = block_from(edit->text, edit->text + strlen(edit->text), 0), list;
    const char *value, *first;
    struct strbuf all, missing;
    struct yaml_line line;

    if (is_flow(edit->text))
        return refuse_form(key, err);
    strbuf_init(&all, edit->arena, LINES_MAX);
    strbuf_format(&all, "%s:\n", key);
    write_items(&all, &(struct block){0}, items, 2);
    if (!(value = find_key(&document, key, &line))) {
        config_edit_insert(edit, document.end, all.data);
    } else if (is_bare(value, &line)) {
        first = line.end + (*line.end == '\n');
        list = items_from(first, document.end, document.indent);
        strbuf_init(&missing, edit->arena, LINES_MAX);
        write_items(&missing, &list, items, list.indent);
        if (missing.length)
            config_edit_insert(edit, first, missing.data);
    } else if (*(value += strspn(value, " \t")) == '[') {
        config_edit_put_inside(edit, value, items, "\"", "\"");
    } else {
        return refuse_form(key, err);
    }
    strbuf_text(&edit->put, all.data);
    return STATUS_OK;
}

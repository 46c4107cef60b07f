/* `key=value` lines: .npmrc, pip.conf, .yarnrc. */
#include "server/commands/config_edit_text.h"
#include "storage/memory/arena.h"

#include <ctype.h>
#include <string.h>

enum { EDIT_MAX = 256 << 20 };

const struct line_form npmrc_form = {.separators = "=", .written = "="};
const struct line_form pip_conf_form = {.separators = "=:", .written = " = ", .folds = true};
const struct line_form yarnrc_form = {.separators = " \t", .written = " "};

/* One line of a text: what of it counts, without blanks around it, and its ending. */
struct line {
    const char *start, *text, *text_end, *end;
};

static bool next_line(const char **at, struct line *line)
{
    if (!**at)
        return false;
    line->start = *at;
    line->end = *at + strcspn(*at, "\n");
    line->text = line->start + strspn(line->start, " \t\r");
    line->text_end = line->end;
    while (line->text_end > line->text && strchr(" \t\r", line->text_end[-1]))
        line->text_end--;
    *at = line->end + (*line->end == '\n');
    return true;
}

static bool same_letter(const struct line_form *form, char a, char b)
{
    if (!form->folds)
        return a == b;
    a = a == '_' ? '-' : (char)tolower((unsigned char)a);
    b = b == '_' ? '-' : (char)tolower((unsigned char)b);
    return a == b;
}

/* What divides key and value, if the line sets the key. A key in quotes is the key, as .yarnrc has it. */
static const char *find_separator(const struct line_form *form, const struct line *line, const char *key)
{
    const char *at = line->text;
    bool is_quoted = *at == '"' && at < line->text_end;

    at += is_quoted && *key != '"';
    for (; *key; key++, at++)
        if (at == line->text_end || !same_letter(form, *at, *key))
            return NULL;
    at += is_quoted && at < line->text_end && *at == '"';
    if (!strchr(form->separators, ' '))
        while (at < line->text_end && (*at == ' ' || *at == '\t'))
            at++;
    return at < line->text_end && strchr(form->separators, *at) ? at : NULL;
}

static bool is_section(const struct line *line)
{
    return line->text < line->text_end && *line->text == '[' && line->text_end[-1] == ']';
}

static bool is_named(const struct line *line, const char *section)
{
    size_t length = (size_t)(line->text_end - line->text) - 2;

    return strlen(section) == length && !memcmp(line->text + 1, section, length);
}

static void add_setting(struct strbuf *out, const struct line_form *form, const char *key,
                        const char *value)
{
    strbuf_format(out, "%s%s%s", key, form->written, value);
}

/* Behind which byte a new line goes: behind the section's header, or above the first header. */
static const char *place(const char *text, const char *section)
{
    const char *at = text, *header = NULL;
    struct line line;

    while (next_line(&at, &line)) {
        if (!is_section(&line))
            continue;
        if (!section)
            return line.start;
        if (is_named(&line, section))
            header = at;
    }
    return section ? header : at;
}

static void insert(struct strbuf *out, const char *text, const struct line_form *form,
                   const char *section, const char *key, const char *value)
{
    const char *at = place(text, section), *rest = at ? at : text + strlen(text);

    strbuf_bytes(out, text, (size_t)(rest - text));
    if (rest > text && rest[-1] != '\n')
        strbuf_char(out, '\n');
    if (!at) /* a section of ours */
        strbuf_format(out, "%s[%s]\n", rest > text ? "\n" : "", section);
    add_setting(out, form, key, value);
    strbuf_char(out, '\n');
    strbuf_text(out, rest);
}

void lines_put(struct config_edit *edit, const struct line_form *form, const char *section,
               const char *key, const char *value)
{
    const char *at = edit->text;
    bool is_within = !section, found = false;
    struct strbuf out;
    struct line line;

    strbuf_init(&out, edit->arena, EDIT_MAX);
    while (next_line(&at, &line)) {
        if (is_section(&line))
            is_within = section && is_named(&line, section);
        if (!is_within || is_section(&line) || !find_separator(form, &line, key)) {
            strbuf_bytes(&out, line.start, (size_t)(at - line.start));
            continue;
        }
        found = true;
        strbuf_bytes(&out, line.start, (size_t)(line.text - line.start));
        add_setting(&out, form, key, value);
        strbuf_bytes(&out, line.text_end, (size_t)(at - line.text_end));
    }
    if (!found) {
        strbuf_clear(&out);
        insert(&out, edit->text, form, section, key, value);
    }
    edit->text = out.data;
    if (section)
        strbuf_format(&edit->put, "[%s]\n", section);
    add_setting(&edit->put, form, key, value);
    strbuf_char(&edit->put, '\n');
}

static bool has_item(const char *text, const struct line_form *form, const char *const *keys, const char *item)
{
    size_t length = strlen(item);
    struct line line;

    while (next_line(&text, &line) && !is_section(&line))
        for (const char *const *key = keys; *key; key++) {
            const char *at = find_separator(form, &line, *key);

            if (!at)
                continue;
            at++;
            at += strspn(at, " \t\"'");
            if (!strncmp(at, item, length) && at + length <= line.text_end &&
                strspn(at + length, "\"'") == (size_t)(line.text_end - at) - length)
                return true;
        }
    return false;
}

void lines_put_items(struct config_edit *edit, const struct line_form *form, const char *key,
                     const char *const *items)
{
    const char *keys[] = {arena_format(edit->arena, "%s[]", key), key, NULL};
    struct strbuf lines;

    strbuf_init(&lines, edit->arena, EDIT_MAX);
    for (; *items; items++) {
        if (!has_item(edit->text, form, keys, *items)) {
            add_setting(&lines, form, keys[0], *items);
            strbuf_char(&lines, '\n');
        }
        add_setting(&edit->put, form, keys[0], *items);
        strbuf_char(&edit->put, '\n');
    }
    if (lines.length)
        config_edit_insert(edit, place(edit->text, NULL), lines.data);
}

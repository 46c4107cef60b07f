#include "server/commands/config_edit.h"

#include "server/commands/config_edit_text.h"
#include "storage/memory/arena.h"

#include <string.h>

enum { EDIT_MAX = 256 << 20 };

void config_edit_init(struct config_edit *edit, struct arena *arena, const char *text)
{
    *edit = (struct config_edit){.arena = arena, .text = text};
    strbuf_init(&edit->put, arena, EDIT_MAX);
}

void config_edit_splice(struct config_edit *edit, const char *from, const char *to, const char *with)
{
    struct strbuf out;

    strbuf_init(&out, edit->arena, strlen(edit->text) + strlen(with));
    strbuf_bytes(&out, edit->text, (size_t)(from - edit->text));
    strbuf_text(&out, with);
    strbuf_text(&out, to);
    edit->text = out.data;
}

void config_edit_insert(struct config_edit *edit, const char *at, const char *lines)
{
    bool is_behind_a_line = at > edit->text && at[-1] != '\n';

    config_edit_splice(edit, at, at,
                       is_behind_a_line ? arena_format(edit->arena, "\n%s", lines) : lines);
}

enum status config_edit_refuse(const char *key, const char *form, struct error *err)
{
    return fail(err, STATUS_INVALID, "", "it writes %s in a form that is not edited here; write it %s first",
                key, form);
}

const char *config_edit_skip_string(const char *at)
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

/* Whether an entry that begins here is of this name: "name", name, or name = …. */
static bool is_entry(const char *at, const char *name)
{
    size_t length = strlen(name);

    at += *at == '"' || *at == '\'';
    return !strncmp(at, name, length) && strchr("\"' \t\r\n,=:]}#", at[length]);
}

static bool has_entry(const char *brackets, const char *name)
{
    const char *at = brackets + 1;
    bool is_first = true; /* of an entry */
    int depth = 1;

    while (*at && depth > 0) {
        if (*at == '#') {
            at += strcspn(at, "\n");
            continue;
        }
        if (is_first && depth == 1 && !strchr(" \t\r\n", *at)) {
            if (is_entry(at, name))
                return true;
            is_first = false;
        }
        if (*at == '"' || *at == '\'') {
            at = config_edit_skip_string(at);
            continue;
        }
        depth += *at == '[' || *at == '{';
        depth -= *at == ']' || *at == '}';
        is_first = is_first || (depth == 1 && *at == ',');
        at++;
    }
    return false;
}

void config_edit_put_inside(struct config_edit *edit, const char *brackets, const char *const *names,
                            const char *before, const char *behind)
{
    const char *at = brackets + 1, *first = at + strspn(at, " \t\r\n");
    bool is_empty = *first == ']' || *first == '}';
    struct strbuf entries;

    strbuf_init(&entries, edit->arena, EDIT_MAX);
    for (; *names; names++)
        if (!has_entry(brackets, *names))
            strbuf_format(&entries, "%s%s%s%s", entries.length ? ", " : "", before, *names, behind);
    if (!entries.length)
        return;
    if (!is_empty)
        strbuf_text(&entries, first == at ? ", " : ",");
    config_edit_splice(edit, at, at, entries.data);
}

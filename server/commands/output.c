#include "server/commands/output.h"

#include "config/clock.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DOCUMENT_MAX = 64 << 20, CELL_MAX = 4096, COLUMNS_MAX = 8, ROWS_MAX = 1000000 };

static void write_list(struct strbuf *out, const struct json *list)
{
    strbuf_char(out, '[');
    for (size_t i = 0; i < json_count(list); i++) {
        if (i)
            strbuf_char(out, ',');
        output_json(out, json_at(list, i));
    }
    strbuf_char(out, ']');
}

static void write_map(struct strbuf *out, const struct json *map)
{
    const char *key = NULL;

    strbuf_char(out, '{');
    while ((key = json_key_after(map, key))) {
        if (out->data[out->length - 1] != '{')
            strbuf_char(out, ',');
        strbuf_json(out, key);
        strbuf_char(out, ':');
        output_json(out, json_get(map, key));
    }
    strbuf_char(out, '}');
}

static bool is_bool(const struct json *value)
{
    return json_bool(value, true) == json_bool(value, false);
}

static bool is_int(const struct json *value)
{
    return json_int(value, 0) == json_int(value, 1);
}

void output_json(struct strbuf *out, const struct json *value)
{
    if (json_text(value))
        strbuf_json(out, json_text(value));
    else if (json_is_map(value))
        write_map(out, value);
    else if (json_is_list(value))
        write_list(out, value);
    else if (is_bool(value))
        strbuf_text(out, json_bool(value, false) ? "true" : "false");
    else if (is_int(value))
        strbuf_format(out, "%lld", (long long)json_int(value, 0));
    else
        strbuf_text(out, "null");
}

static void write_cell(struct strbuf *out, const struct json *value);

static void write_words(struct strbuf *out, const struct json *list)
{
    for (size_t i = 0; i < json_count(list); i++) {
        if (i)
            strbuf_char(out, ' ');
        write_cell(out, json_at(list, i));
    }
}

static void write_cell(struct strbuf *out, const struct json *value)
{
    if (json_text(value))
        strbuf_text(out, json_text(value));
    else if (json_is_list(value))
        write_words(out, value);
    else if (is_bool(value))
        strbuf_text(out, json_bool(value, false) ? "yes" : "no");
    else if (value)
        output_json(out, value);
}

char *output_cell(const struct command_call *call, const struct json *value)
{
    struct strbuf out;

    strbuf_init(&out, call->arena, CELL_MAX);
    write_cell(&out, value);
    for (size_t i = 0; i < out.length; i++)
        if ((unsigned char)out.data[i] < ' ' || out.data[i] == 0x7f)
            out.data[i] = '?';
    return out.data;
}

/* Characters, not bytes: what continues one in UTF-8 takes no room. */
static size_t width(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

struct table {
    const struct output_column *columns;
    size_t column_count, row_count, capacity;
    char **cells; /* row by row, the titles first */
};

static void add_cell(const struct command_call *call, struct table *table, char *text)
{
    if (table->row_count == table->capacity) {
        size_t capacity = table->capacity ? 2 * table->capacity : 64;
        char **larger = arena_array(call->arena, capacity, sizeof *larger);

        for (size_t i = 0; i < table->row_count; i++)
            larger[i] = table->cells[i];
        table->cells = larger;
        table->capacity = capacity;
    }
    table->cells[table->row_count++] = text;
}

static void add_row(const struct command_call *call, struct table *table, const struct json *item)
{
    for (size_t i = 0; i < table->column_count; i++)
        add_cell(call, table, output_cell(call, json_get(item, table->columns[i].key)));
}

static void print_table(const struct table *table)
{
    size_t widths[COLUMNS_MAX] = {0}, count = table->column_count;

    for (size_t i = 0; i < table->row_count; i++) {
        size_t needed = width(table->cells[i]);

        if (needed > widths[i % count])
            widths[i % count] = needed;
    }
    for (size_t i = 0; i < table->row_count; i++) {
        bool is_last = i % count == count - 1;
        size_t room = is_last ? 0 : widths[i % count] - width(table->cells[i]) + 2;

        printf("%s%*s", table->cells[i], (int)room, "");
        if (is_last)
            putchar('\n');
    }
}

enum status output_each(const struct command_call *call, const char *path, const char *query,
                        void (*visit)(void *context, const struct json *item), void *context,
                        struct error *err)
{
    const char *next = arena_format(call->arena, "%s%s", path, query);
    struct client_answer answer;
    size_t count = 0;
    enum status rc;

    while (next && count < ROWS_MAX) {
        const struct json *items;
        const char *cursor;

        if ((rc = client_ask(call, "GET", next, NULL, &answer, err)))
            goto done;
        items = json_get(answer.json, "items");
        for (size_t i = 0; i < json_count(items); i++, count++)
            visit(context, json_at(items, i));
        cursor = json_text(json_get(answer.json, "next"));
        next = cursor
                   ? arena_format(call->arena, "%s%s%s%s", path, query,
                                  *query ? "&cursor=" : "?cursor=", client_path(call, "%s", cursor))
                   : NULL;
        client_answer_clear(&answer);
    }
    return STATUS_OK;
done:
    client_answer_clear(&answer);
    return rc;
}

struct listing {
    const struct command_call *call;
    struct table table;
    struct strbuf document;
};

static void list_item(void *context, const struct json *item)
{
    struct listing *listing = context;

    if (listing->document.data[listing->document.length - 1] != '[')
        strbuf_char(&listing->document, ',');
    output_json(&listing->document, item);
    add_row(listing->call, &listing->table, item);
}

int output_list(const struct command_call *call, const char *path, const char *query,
                const struct output_column *columns)
{
    struct listing listing = {.call = call, .table = {.columns = columns}};
    struct table *table = &listing.table;
    struct error err = {0};
    enum status rc;

    strbuf_init(&listing.document, NULL, DOCUMENT_MAX);
    strbuf_text(&listing.document, "{\"items\":[");
    while (columns[table->column_count].key)
        table->column_count++;
    for (size_t i = 0; i < table->column_count; i++)
        add_cell(call, table, arena_copy(call->arena, columns[i].title));
    if (!(rc = output_each(call, path, query, list_item, &listing, &err)) && strbuf_failed(&listing.document))
        rc = fail(&err, STATUS_TOO_LARGE, "", "the list is too long");
    strbuf_text(&listing.document, "]}");
    if (!rc && call->json)
        puts(listing.document.data);
    else if (!rc && table->row_count > table->column_count)
        print_table(table);
    else if (!rc)
        puts("There are none.");
    strbuf_free(&listing.document);
    return rc ? command_fail(call, &err) : EXIT_DONE;
}

void output_table(const struct command_call *call, const struct json *const *rows, size_t count,
                  const struct output_column *columns)
{
    struct table table = {.columns = columns};

    while (columns[table.column_count].key)
        table.column_count++;
    for (size_t i = 0; i < table.column_count; i++)
        add_cell(call, &table, arena_copy(call->arena, columns[i].title));
    for (size_t i = 0; i < count; i++)
        add_row(call, &table, rows[i]);
    print_table(&table);
}

static int print_document(const struct json *json)
{
    struct strbuf document;

    strbuf_init(&document, NULL, DOCUMENT_MAX);
    if (json)
        output_json(&document, json);
    else
        strbuf_text(&document, "{}");
    puts(document.data);
    strbuf_free(&document);
    return EXIT_DONE;
}

int output_done(const struct command_call *call, const struct json *json, const char *format, ...)
{
    va_list args;

    if (call->json)
        return print_document(json);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    return EXIT_DONE;
}

static bool has_something(const struct json *value)
{
    return value && !(json_is_list(value) && !json_count(value));
}

/* Some times are kept in microseconds; people read dates. */
static const char *line_text(const struct command_call *call, const char *key, const struct json *value)
{
    size_t length = strlen(key);
    char *time;

    if (length < 3 || strcmp(key + length - 3, "_us") != 0)
        return output_cell(call, value);
    time = arena_alloc(call->arena, CLOCK_TEXT_SIZE);
    clock_format_iso(json_int(value, 0), time);
    return time;
}

int output_object(const struct command_call *call, const struct json *json,
                  const struct output_column *lines)
{
    size_t widest = 0;

    if (call->json)
        return print_document(json);
    for (const struct output_column *line = lines; line->key; line++)
        if (width(line->title) > widest)
            widest = width(line->title);
    for (const struct output_column *line = lines; line->key; line++)
        if (has_something(json_get(json, line->key)))
            printf("%s:%*s %s\n", line->title, (int)(widest - width(line->title)), "",
                   line_text(call, line->key, json_get(json, line->key)));
    return EXIT_DONE;
}

static void member_name(struct strbuf *body, const char *key)
{
    if (body->length && body->data[body->length - 1] != '{')
        strbuf_char(body, ',');
    strbuf_json(body, key);
    strbuf_char(body, ':');
}

void output_member(struct strbuf *body, const char *key, const char *text)
{
    if (!text)
        return;
    member_name(body, key);
    strbuf_json(body, text);
}

void output_member_bool(struct strbuf *body, const char *key, bool value)
{
    member_name(body, key);
    strbuf_text(body, value ? "true" : "false");
}

void output_member_list(struct strbuf *body, const char *key, const char *const *texts)
{
    if (!*texts)
        return;
    member_name(body, key);
    for (size_t i = 0; texts[i]; i++) {
        strbuf_char(body, i ? ',' : '[');
        strbuf_json(body, texts[i]);
    }
    strbuf_char(body, ']');
}

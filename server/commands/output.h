/* What client commands print: a table or lines for a person, one JSON document with --json. */
#pragma once
#include "server/commands/client.h"
#include <stdbool.h>

/* A column of a table, or a line about one thing: what the server calls it, and what a person
 * reads. */
struct output_column {
    const char *key, *title;
};

/* Asks for all pages of a list and prints them; with --json as {"items":[…]}. path has no query but
 * what query gives, which is "" or begins with '?'. Returns the exit code. */
int output_list(const struct command_call *call, const char *path, const char *query,
                const struct output_column *columns);
/* Visits each item of all pages. */
enum status output_each(const struct command_call *call, const char *path, const char *query,
                        void (*visit)(void *context, const struct json *item), void *context,
                        struct error *err);
/* Prints rows of answers that are no list. */
void output_table(const struct command_call *call, const struct json *const *rows, size_t count,
                  const struct output_column *columns);
/* A value as a person reads it, in one line: what others named must not move the cursor. */
char *output_cell(const struct command_call *call, const struct json *value);
/* Adds a value as JSON. */
void output_json(struct strbuf *out, const struct json *value);
/* Prints one thing: the whole document with --json, else the sentence of the format. */
int output_done(const struct command_call *call, const struct json *json, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Prints one thing line by line; members that it has not got, and empty lists,
 * are left out. */
int output_object(const struct command_call *call, const struct json *json,
                  const struct output_column *lines);

/* Adds `,"key":value` to a body, without the comma after a '{'. A NULL text adds nothing. */
void output_member(struct strbuf *body, const char *key, const char *text);
void output_member_bool(struct strbuf *body, const char *key, bool value);
void output_member_list(struct strbuf *body, const char *key, const char *const *texts);

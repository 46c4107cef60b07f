/* YAML from memory, front to back, as settings, policies and lockfiles are written in it: the door
 * to libyaml. Walks like storage/memory/json_cursor.h, and each thing that it takes says where it
 * stood:
 *
 *     if ((rc = yaml_cursor_open("policy.yaml", text, length, &cursor, err)))
 *         return rc;
 *     if ((rc = yaml_next_document(cursor, &has, err)) || !has) // without one: an empty file
 *         goto done;
 *     rc = yaml_enter(cursor, YAML_MAPPING, err);
 *     while (!rc && !(rc = yaml_has_more(cursor, &has, err)) && has)
 *         if ((rc = yaml_take_text(cursor, &key, err)))
 *             break;
 *         else if (!strcmp(key.text, "rules"))
 *             rc = read_rules(cursor, err); // yaml_enter(cursor, YAML_LIST, err), yaml_has_more …
 *         else
 *             rc = yaml_fail(cursor, key.line, err, "unknown key '%s'", key.text);
 *
 * Failures are STATUS_INVALID and read "policy.yaml:7: sentence". Memory grows with the longest
 * text, not with the document. Keys that come twice are the caller's to see; so are anchors and
 * aliases, which nothing expands: an alias is a value that only yaml_skip() takes. */
#pragma once
#include "config/error.h"
#include <stdbool.h>

struct yaml_cursor;

enum yaml_kind {
    YAML_TEXT, /* "key:" with nothing behind it is an empty text */
    YAML_LIST,
    YAML_MAPPING,
    YAML_ALIAS,
};

/* A text without U+0000, and where it stands. */
struct yaml_text {
    const char *text; /* good until the next call of any function here */
    size_t length;
    size_t line, column; /* from 1 */
    size_t offset, end;  /* its bytes in the document, quotes included */
    bool is_quoted;      /* or of another style than plain: "no" quoted is not no */
};

/* name is what failures call the document. name and text stay the caller's and must outlive the
 * cursor. Text that is no UTF-8 is a failure of the call that comes to it. */
enum status yaml_cursor_open(const char *name, const char *text, size_t length,
                             struct yaml_cursor **out, struct error *err);
void yaml_cursor_close(struct yaml_cursor *cursor);

/* From now on anchors, aliases and tags are failures, and each failure names the column behind the
 * line: "policy.yaml:7:3: sentence". */
void yaml_cursor_be_strict(struct yaml_cursor *cursor);

/* Goes to the next document's value, of which a file without "---" has one, and none if it is
 * empty. The one before must have been taken whole. */
enum status yaml_next_document(struct yaml_cursor *cursor, bool *has, struct error *err);

/* What the next value or key is, and the line where it begins, without taking it. */
enum status yaml_peek(struct yaml_cursor *cursor, enum yaml_kind *kind, size_t *line,
                      struct error *err);
/* Begins to take a list or a mapping; anything else is a failure. */
enum status yaml_enter(struct yaml_cursor *cursor, enum yaml_kind list_or_mapping,
                       struct error *err);
/* Whether the list or mapping entered last has another element, or another key with its value;
 * takes its end if not. */
enum status yaml_has_more(struct yaml_cursor *cursor, bool *has, struct error *err);
/* Takes a key or a value that is a text; anything else is a failure. */
enum status yaml_take_text(struct yaml_cursor *cursor, struct yaml_text *out, struct error *err);
/* Takes a value, whatever it is. */
enum status yaml_skip(struct yaml_cursor *cursor, struct error *err);

/* A failure of the caller's own, in the form of those here. */
enum status yaml_fail(const struct yaml_cursor *cursor, size_t line, struct error *err,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same about a text that was taken; its column is named where the cursor is strict. */
enum status yaml_fail_at(const struct yaml_cursor *cursor, const struct yaml_text *text,
                         struct error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

const char *yaml_library_version(void);

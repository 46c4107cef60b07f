/* Walks one JSON document front to back, from memory or from a reader, at constant memory:
 *
 *     json_cursor_init(&cursor, body, buffer, sizeof buffer, 0);
 *     rc = json_enter(&cursor, TOKEN_OBJECT, err);
 *     while (!rc && !(rc = json_next_key(&cursor, &key, err)) && cursor.kind == TOKEN_KEY)
 *         if (!strcmp(key.data, "versions"))
 *             rc = json_copy_value(&cursor, &versions, err);
 *         else
 *             rc = json_skip_value(&cursor, err);
 *     if (!rc)
 *         rc = json_finish(&cursor, err);
 *
 * Each call takes a whole thing: an open bracket, a key, a value. Failures are those of
 * json_tokens.h and of the reader. Whether a key came before is the caller's to ask. */
#pragma once
#include "storage/memory/json_tokens.h"

struct reader;
struct strbuf;

struct json_range {
    uint64_t start, end; /* bytes from the document's first */
};

struct json_cursor {
    struct json_tokens tokens;
    struct reader *source; /* NULL: all of the document is fed already */
    unsigned char *buffer;
    size_t size;
    struct json_token peeked; /* what the next call takes first, if has_peeked */
    bool has_peeked;
    struct strbuf *copy;     /* gets each chunk that is left behind while a value is being copied */
    uint64_t copied;         /* the document's bytes up to here are in copy, or not wanted */
    enum token_kind kind;    /* of what the last call took */
    struct json_range range; /* of what the last call took, quotes and brackets included */
};

/* Reads source through buffer, which should be 16 KiB or more. Both stay the caller's. */
void json_cursor_init(struct json_cursor *cursor, struct reader *source, void *buffer, size_t size,
                      unsigned depth_limit);
/* Over a text in memory, which is not copied: ranges index it. */
void json_cursor_init_text(struct json_cursor *cursor, const char *text, size_t length,
                           unsigned depth_limit);

/* Takes the opening bracket of an object or array; STATUS_INVALID "json-type" for anything else. */
enum status json_enter(struct json_cursor *cursor, enum token_kind object_or_array,
                       struct error *err);
/* Takes the next key of the object entered last into key (cleared first), or its closing bracket:
 * cursor->kind is then TOKEN_OBJECT_END. Keys over key's cap and keys with U+0000 are invalid. */
enum status json_next_key(struct json_cursor *cursor, struct strbuf *key, struct error *err);
/* Whether the array entered last has another element; takes its closing bracket if not. Without
 * another element cursor->kind is TOKEN_ARRAY_END. */
enum status json_has_element(struct json_cursor *cursor, bool *has, struct error *err);
/* What kind the next value is, without taking it. */
enum status json_peek(struct json_cursor *cursor, enum token_kind *kind, struct error *err);

/* Take one value, whatever it is; cursor->kind and range say what it was. */
enum status json_skip_value(struct json_cursor *cursor, struct error *err);
/* Adds its bytes, exactly as they came, to out; over its cap STATUS_TOO_LARGE. */
enum status json_copy_value(struct json_cursor *cursor, struct strbuf *out, struct error *err);

/* Take one value of a kind; STATUS_INVALID "json-type" for another kind. */
/* Adds a string, decoded, to out. U+0000 is invalid; over the cap STATUS_TOO_LARGE. */
enum status json_take_string(struct json_cursor *cursor, struct strbuf *out, struct error *err);
/* Hands on a string of any length, decoded, in pieces; the sink's failure ends it. */
enum status json_stream_string(struct json_cursor *cursor,
                               enum status (*sink)(void *context, const char *bytes, size_t length,
                                                   struct error *err),
                               void *context, struct error *err);
/* Only whole numbers within int64_t, without fraction or exponent. */
enum status json_take_int(struct json_cursor *cursor, int64_t *out, struct error *err);
enum status json_take_bool(struct json_cursor *cursor, bool *out, struct error *err);

/* That nothing but blanks follows. To be called: without it, garbage behind the document passes. */
enum status json_finish(struct json_cursor *cursor, struct error *err);

/* The range of the value of a member of the object at the start of text, the last one where a key
 * comes twice; STATUS_NOT_FOUND without it. text may be a value cut out by its range. */
enum status json_find_member(const char *text, size_t length, const char *key,
                             struct json_range *out, struct error *err);

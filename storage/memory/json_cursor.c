#include "storage/memory/json_cursor.h"

#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
    [TOKEN_OBJECT] = "an object", [TOKEN_OBJECT_END] = "the end of an object",
    [TOKEN_ARRAY] = "an array",   [TOKEN_ARRAY_END] = "the end of an array",
    [TOKEN_KEY] = "a key",        [TOKEN_STRING] = "a string",
    [TOKEN_NUMBER] = "a number",  [TOKEN_TRUE] = "true",
    [TOKEN_FALSE] = "false",      [TOKEN_NULL] = "null",
    [TOKEN_MORE] = "nothing",     [TOKEN_DONE] = "the end of the document",
};

void json_cursor_init(struct json_cursor *cursor, struct reader *source, void *buffer, size_t size,
                      unsigned depth_limit)
{
    *cursor = (struct json_cursor){.source = source, .buffer = buffer, .size = size};
    json_tokens_init(&cursor->tokens, depth_limit);
}

void json_cursor_init_text(struct json_cursor *cursor, const char *text, size_t length,
                           unsigned depth_limit)
{
    *cursor = (struct json_cursor){0};
    json_tokens_init(&cursor->tokens, depth_limit);
    json_tokens_feed(&cursor->tokens, text, length);
}

/* Adds the document's bytes up to end, all within the chunk, to the copy. */
static enum status copy_until(struct json_cursor *cursor, uint64_t end, struct error *err)
{
    const struct json_tokens *tokens = &cursor->tokens;

    strbuf_bytes(cursor->copy, tokens->chunk + (cursor->copied - tokens->chunk_offset),
                 (size_t)(end - cursor->copied));
    cursor->copied = end;
    if (strbuf_failed(cursor->copy))
        return fail(err, STATUS_TOO_LARGE, "json-too-large",
                    "a value of the JSON is larger than %zu bytes", cursor->copy->cap);
    return STATUS_OK;
}

static enum status refill(struct json_cursor *cursor, struct error *err)
{
    struct json_tokens *tokens = &cursor->tokens;
    size_t got = 0;
    enum status rc;

    if (cursor->copy &&
        (rc = copy_until(cursor, tokens->chunk_offset + (uint64_t)(tokens->at - tokens->chunk),
                         err)))
        return rc;
    if (cursor->source &&
        (rc = reader_read(cursor->source, cursor->buffer, cursor->size, &got, err)))
        return rc;
    if (got)
        json_tokens_feed(tokens, cursor->buffer, got);
    else
        json_tokens_finish(tokens);
    return STATUS_OK;
}

static enum status next(struct json_cursor *cursor, struct json_token *out, struct error *err)
{
    enum status rc;

    if (cursor->has_peeked) {
        *out = cursor->peeked;
        cursor->has_peeked = false;
        return STATUS_OK;
    }
    while (!(rc = json_tokens_next(&cursor->tokens, out, err)) && out->kind == TOKEN_MORE)
        if ((rc = refill(cursor, err)))
            return rc;
    return rc;
}

static void took(struct json_cursor *cursor, enum token_kind kind, uint64_t start, uint64_t end)
{
    cursor->kind = kind;
    cursor->range = (struct json_range){start, end};
}

static enum status peek(struct json_cursor *cursor, struct error *err)
{
    enum status rc;

    if (cursor->has_peeked)
        return STATUS_OK;
    if (!(rc = next(cursor, &cursor->peeked, err)))
        cursor->has_peeked = true;
    return rc;
}

enum status json_peek(struct json_cursor *cursor, enum token_kind *kind, struct error *err)
{
    enum status rc = peek(cursor, err);

    if (!rc)
        *kind = cursor->peeked.kind;
    return rc;
}

static enum status wrong_kind(const struct json_token *token, const char *wanted, struct error *err)
{
    return fail(err, STATUS_INVALID, "json-type", "the JSON has %s at byte %llu, where %s belongs",
                kind_names[token->kind], (unsigned long long)token->start, wanted);
}

/* Takes the next token, which must be of this kind. */
static enum status expect(struct json_cursor *cursor, enum token_kind kind,
                          struct json_token *token, struct error *err)
{
    enum status rc;

    if ((rc = next(cursor, token, err)))
        return rc;
    return token->kind == kind ? STATUS_OK : wrong_kind(token, kind_names[kind], err);
}

enum status json_enter(struct json_cursor *cursor, enum token_kind object_or_array,
                       struct error *err)
{
    struct json_token token;
    enum status rc;

    if (!(rc = expect(cursor, object_or_array, &token, err)))
        took(cursor, token.kind, token.start, token.end);
    return rc;
}

/* Takes the pieces behind the first one, handing each to the sink. */
static enum status each_piece(struct json_cursor *cursor, struct json_token *token,
                              enum status (*sink)(void *, const char *, size_t, struct error *),
                              void *context, struct error *err)
{
    enum status rc;

    for (;;) {
        if (token->length && (rc = sink(context, token->text, token->length, err)))
            return rc;
        if (token->last)
            break;
        if ((rc = next(cursor, token, err)))
            return rc;
    }
    took(cursor, token->kind, token->start, token->end);
    return STATUS_OK;
}

static enum status add_text(void *context, const char *bytes, size_t length, struct error *err)
{
    struct strbuf *out = context;

    if (memchr(bytes, '\0', length))
        return fail(err, STATUS_INVALID, "json-nul", "a string of the JSON holds U+0000");
    strbuf_bytes(out, bytes, length);
    if (strbuf_failed(out))
        return fail(err, STATUS_TOO_LARGE, "json-too-large",
                    "a string of the JSON is longer than %zu bytes", out->cap);
    return STATUS_OK;
}

enum status json_next_key(struct json_cursor *cursor, struct strbuf *key, struct error *err)
{
    struct json_token token;
    enum status rc;

    strbuf_clear(key);
    if ((rc = next(cursor, &token, err)))
        return rc;
    if (token.kind == TOKEN_OBJECT_END) {
        took(cursor, token.kind, token.start, token.end);
        return STATUS_OK;
    }
    if (token.kind != TOKEN_KEY)
        return wrong_kind(&token, kind_names[TOKEN_KEY], err);
    rc = each_piece(cursor, &token, add_text, key, err);
    if (rc == STATUS_TOO_LARGE && strbuf_failed(key))
        return fail(err, STATUS_INVALID, "json-key", "a key of the JSON is longer than %zu bytes",
                    key->cap);
    return rc;
}

enum status json_has_element(struct json_cursor *cursor, bool *has, struct error *err)
{
    enum status rc;

    if ((rc = peek(cursor, err)))
        return rc;
    *has = cursor->peeked.kind != TOKEN_ARRAY_END;
    if (!*has) {
        cursor->has_peeked = false;
        took(cursor, TOKEN_ARRAY_END, cursor->peeked.start, cursor->peeked.end);
    }
    return STATUS_OK;
}

/* Takes the rest of the value that begins with first. */
static enum status skip_rest(struct json_cursor *cursor, const struct json_token *first,
                             struct error *err)
{
    struct json_token token = *first;
    bool container = first->kind == TOKEN_OBJECT || first->kind == TOKEN_ARRAY;
    enum status rc;

    if (first->kind == TOKEN_OBJECT_END || first->kind == TOKEN_ARRAY_END ||
        first->kind == TOKEN_KEY || first->kind == TOKEN_DONE)
        return wrong_kind(first, "a value", err);
    /* Whatever lies within is deeper; the end has the depth of the beginning. */
    while (container ? token.depth > first->depth || token.start == first->start : !token.last)
        if ((rc = next(cursor, &token, err)))
            return rc;
    took(cursor, first->kind, first->start, token.end);
    return STATUS_OK;
}

enum status json_skip_value(struct json_cursor *cursor, struct error *err)
{
    struct json_token token;
    enum status rc;

    if ((rc = next(cursor, &token, err)))
        return rc;
    return skip_rest(cursor, &token, err);
}

enum status json_copy_value(struct json_cursor *cursor, struct strbuf *out, struct error *err)
{
    struct json_token token;
    enum status rc;

    if ((rc = next(cursor, &token, err)))
        return rc;
    if (token.kind == TOKEN_TRUE || token.kind == TOKEN_FALSE || token.kind == TOKEN_NULL) {
        /* A literal may have begun in a chunk that is gone, yet its bytes are known. */
        strbuf_text(out, kind_names[token.kind]);
        took(cursor, token.kind, token.start, token.end);
        return strbuf_failed(out) ? fail(err, STATUS_TOO_LARGE, "json-too-large",
                                         "a value of the JSON is larger than %zu bytes", out->cap)
                                  : STATUS_OK;
    }
    cursor->copy = out;
    cursor->copied = token.start;
    if (!(rc = skip_rest(cursor, &token, err)))
        rc = copy_until(cursor, cursor->range.end, err);
    cursor->copy = NULL;
    return rc;
}

enum status json_take_string(struct json_cursor *cursor, struct strbuf *out, struct error *err)
{
    return json_stream_string(cursor, add_text, out, err);
}

enum status json_stream_string(struct json_cursor *cursor,
                               enum status (*sink)(void *context, const char *bytes, size_t length,
                                                   struct error *err),
                               void *context, struct error *err)
{
    struct json_token token;
    enum status rc;

    if ((rc = expect(cursor, TOKEN_STRING, &token, err)))
        return rc;
    return each_piece(cursor, &token, sink, context, err);
}

enum status json_take_int(struct json_cursor *cursor, int64_t *out, struct error *err)
{
    char text[32], *end = text;
    struct strbuf digits;
    struct json_token token;
    bool is_long;
    enum status rc;

    if ((rc = expect(cursor, TOKEN_NUMBER, &token, err)))
        return rc;
    strbuf_init(&digits, NULL, sizeof text - 1);
    rc = each_piece(cursor, &token, add_text, &digits, err);
    is_long = strbuf_failed(&digits);
    memcpy(text, digits.data, digits.length + 1);
    strbuf_free(&digits);
    if (rc && !is_long)
        return rc;
    errno = 0;
    *out = strtoll(text, &end, 10);
    if (rc || errno || *end)
        return fail(err, STATUS_INVALID, "json-type",
                    "the JSON has a number at byte %llu that is not whole or too large",
                    (unsigned long long)token.start);
    return STATUS_OK;
}

enum status json_take_bool(struct json_cursor *cursor, bool *out, struct error *err)
{
    struct json_token token;
    enum status rc;

    if ((rc = next(cursor, &token, err)))
        return rc;
    if (token.kind != TOKEN_TRUE && token.kind != TOKEN_FALSE)
        return wrong_kind(&token, "true or false", err);
    took(cursor, token.kind, token.start, token.end);
    *out = token.kind == TOKEN_TRUE;
    return STATUS_OK;
}

enum status json_finish(struct json_cursor *cursor, struct error *err)
{
    struct json_token token;

    return expect(cursor, TOKEN_DONE, &token, err);
}

struct wanted_key {
    const char *rest; /* what must still come */
    bool differs;
};

static enum status compare_piece(void *context, const char *bytes, size_t length, struct error *err)
{
    struct wanted_key *wanted = context;

    (void)err;
    if (wanted->differs || strlen(wanted->rest) < length || memcmp(wanted->rest, bytes, length))
        wanted->differs = true;
    else
        wanted->rest += length;
    return STATUS_OK;
}

enum status json_find_member(const char *text, size_t length, const char *key,
                             struct json_range *out, struct error *err)
{
    struct json_cursor cursor;
    struct json_token token;
    bool found = false;
    enum status rc;

    json_cursor_init_text(&cursor, text, length, 0);
    if ((rc = json_enter(&cursor, TOKEN_OBJECT, err)))
        return rc;
    while (!(rc = next(&cursor, &token, err)) && token.kind == TOKEN_KEY) {
        struct wanted_key wanted = {.rest = key};

        if ((rc = each_piece(&cursor, &token, compare_piece, &wanted, err)) ||
            (rc = json_skip_value(&cursor, err)))
            return rc;
        if (!wanted.differs && !*wanted.rest) {
            *out = cursor.range;
            found = true;
        }
    }
    if (rc || found)
        return rc;
    return fail(err, STATUS_NOT_FOUND, "json-member", "the JSON has no member \"%s\"", key);
}

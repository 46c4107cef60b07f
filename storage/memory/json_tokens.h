/* An incremental JSON tokenizer: chunks of any size in, tokens with byte ranges out, nothing
 * allocated. Strict RFC 8259: UTF-8 is checked, lone surrogates, byte order marks and trailing
 * text are errors. Duplicate keys are the caller's to see. json_cursor.h walks documents with it.
 */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum token_kind {
    TOKEN_MORE, /* the chunk is used up: feed the next, or say that it was the last */
    TOKEN_DONE, /* the document is complete; said again on every further call */
    TOKEN_OBJECT,
    TOKEN_OBJECT_END,
    TOKEN_ARRAY,
    TOKEN_ARRAY_END,
    TOKEN_KEY, /* comes in pieces, as strings and numbers do */
    TOKEN_STRING,
    TOKEN_NUMBER,
    TOKEN_TRUE,
    TOKEN_FALSE,
    TOKEN_NULL,
};

/* Keys, strings and numbers come in one or more pieces, some of them empty: first and last mark the
 * ends, and both are true for every other token. */
struct json_token {
    enum token_kind kind;
    bool first, last;
    unsigned depth;      /* containers around it: 0 for the document's own value and its end */
    uint64_t start, end; /* its bytes in the document, quotes included; end only where last */
    const char *text;    /* the piece, decoded; good until the next call of any function here */
    size_t length;
};

enum { JSON_DEPTH_DEFAULT = 64, JSON_DEPTH_MAX = 512 };

/* Only json_tokens.c looks inside. May be copied while no token is in use. */
struct json_tokens {
    const unsigned char *at, *chunk_end;
    const unsigned char *chunk;
    uint64_t chunk_offset; /* of chunk in the document */
    uint64_t token_start;
    unsigned depth, depth_limit;
    unsigned char state, literal, literal_at, utf8_left, utf8_low, utf8_high, escape_digits;
    bool is_key, is_first_piece, is_last_chunk;
    uint16_t escape, high_surrogate;
    char decoded[4];
    uint64_t is_object[JSON_DEPTH_MAX / 64]; /* one bit per open container */
};

/* depth_limit 0 is JSON_DEPTH_DEFAULT: so many containers may be open at once. */
void json_tokens_init(struct json_tokens *tokens, unsigned depth_limit);

/* The next bytes, which stay where they are until TOKEN_MORE asks for more. */
void json_tokens_feed(struct json_tokens *tokens, const void *bytes, size_t length);
/* No more bytes will be fed: a document that is not complete is an error from now on. */
void json_tokens_finish(struct json_tokens *tokens);

/* STATUS_INVALID "json-invalid" or, over the depth limit, "json-too-deep"; the message names the
 * byte. A failure is final. */
enum status json_tokens_next(struct json_tokens *tokens, struct json_token *out, struct error *err);

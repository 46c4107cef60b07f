#include "storage/memory/json_tokens.h"

#include <string.h>

enum state {
    BEFORE_VALUE,
    BEFORE_FIRST_ELEMENT, /* a value or ']' */
    BEFORE_FIRST_KEY,     /* a key or '}' */
    BEFORE_KEY,
    BEFORE_COLON,
    AFTER_VALUE,
    AFTER_DOCUMENT,
    IN_STRING,
    IN_ESCAPE,         /* behind a backslash */
    IN_UNICODE_ESCAPE, /* behind \u */
    BEFORE_LOW_ESCAPE, /* behind a high surrogate: its backslash is due */
    IN_LOW_ESCAPE,     /* and its u */
    IN_LITERAL,
    NUMBER_MINUS, /* the number states are in one run: see is_number() */
    NUMBER_ZERO,
    NUMBER_INTEGER,
    NUMBER_POINT,
    NUMBER_FRACTION,
    NUMBER_E,
    NUMBER_E_SIGN,
    NUMBER_EXPONENT,
    FAILED,
};

static const struct {
    const char *text;
    enum token_kind kind;
} literals[] = {
    {"true",  TOKEN_TRUE },
    {"false", TOKEN_FALSE},
    {"null",  TOKEN_NULL }
};

void json_tokens_init(struct json_tokens *tokens, unsigned depth_limit)
{
    *tokens = (struct json_tokens){.depth_limit = depth_limit ? depth_limit : JSON_DEPTH_DEFAULT};
    if (tokens->depth_limit > JSON_DEPTH_MAX)
        tokens->depth_limit = JSON_DEPTH_MAX;
}

static uint64_t offset(const struct json_tokens *tokens)
{
    return tokens->chunk_offset + (uint64_t)(tokens->at - tokens->chunk);
}

void json_tokens_feed(struct json_tokens *tokens, const void *bytes, size_t length)
{
    tokens->chunk_offset = tokens->chunk ? offset(tokens) : 0;
    tokens->chunk = tokens->at = length ? bytes : (const void *)"";
    tokens->chunk_end = tokens->chunk + length;
}

void json_tokens_finish(struct json_tokens *tokens)
{
    tokens->is_last_chunk = true;
}

static enum status invalid(struct json_tokens *tokens, struct error *err, const char *why)
{
    tokens->state = FAILED;
    return fail(err, STATUS_INVALID, "json-invalid", "the JSON is invalid at byte %llu: %s",
                (unsigned long long)(tokens->chunk ? offset(tokens) : 0), why);
}

static enum status more(struct json_tokens *tokens, struct json_token *out, struct error *err)
{
    if (tokens->is_last_chunk)
        return invalid(tokens, err, "it ends too early");
    out->kind = TOKEN_MORE;
    return STATUS_OK;
}

/* The state behind a whole value. */
static enum state after_value(const struct json_tokens *tokens)
{
    return tokens->depth ? AFTER_VALUE : AFTER_DOCUMENT;
}

static enum status whole(struct json_tokens *tokens, struct json_token *out, enum token_kind kind)
{
    *out = (struct json_token){
        .kind = kind,
        .first = true,
        .last = true,
        .depth = tokens->depth,
        .start = tokens->token_start,
        .end = offset(tokens),
    };
    return STATUS_OK;
}

static enum status piece(struct json_tokens *tokens, struct json_token *out, enum token_kind kind,
                         const void *text, size_t length, bool last)
{
    *out = (struct json_token){
        .kind = kind,
        .first = tokens->is_first_piece,
        .last = last,
        .depth = tokens->depth,
        .start = tokens->token_start,
        .end = last ? offset(tokens) : 0,
        .text = text,
        .length = length,
    };
    tokens->is_first_piece = false;
    return STATUS_OK;
}

static bool in_object(const struct json_tokens *tokens)
{
    unsigned top = tokens->depth - 1;

    return tokens->depth && tokens->is_object[top / 64] >> top % 64 & 1;
}

static enum status open_container(struct json_tokens *tokens, struct json_token *out, bool object,
                                  struct error *err)
{
    unsigned top = tokens->depth;
    uint64_t bit = UINT64_C(1) << top % 64;

    if (tokens->depth == tokens->depth_limit) {
        tokens->state = FAILED;
        return fail(err, STATUS_INVALID, "json-too-deep",
                    "the JSON is nested deeper than %u levels at byte %llu", tokens->depth_limit,
                    (unsigned long long)offset(tokens));
    }
    tokens->at++;
    whole(tokens, out, object ? TOKEN_OBJECT : TOKEN_ARRAY);
    if (object)
        tokens->is_object[top / 64] |= bit;
    else
        tokens->is_object[top / 64] &= ~bit;
    tokens->depth++;
    tokens->state = object ? BEFORE_FIRST_KEY : BEFORE_FIRST_ELEMENT;
    return STATUS_OK;
}

static enum status close_container(struct json_tokens *tokens, struct json_token *out,
                                   enum token_kind kind)
{
    tokens->at++;
    tokens->depth--;
    tokens->state = after_value(tokens);
    return whole(tokens, out, kind);
}

/* The first byte from at on that a string may not pass over unseen. Sixteen bytes at a time: as
 * signed numbers, control characters and all beyond ASCII are below the blank. */
static const unsigned char *skip_plain(const unsigned char *at, const unsigned char *end)
{
    typedef signed char lanes __attribute__((vector_size(16)));

    while (end - at >= 16) {
        lanes bytes;
        uint64_t halves[2];

        memcpy(&bytes, at, sizeof bytes);
        bytes = (bytes < ' ') | (bytes == '"') | (bytes == '\\');
        memcpy(halves, &bytes, sizeof halves);
        if (halves[0] | halves[1])
            break;
        at += 16;
    }
    while (at < end && *at >= ' ' && *at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* RFC 3629 4. Takes one byte beyond ASCII; NULL, or what is wrong with it. */
static const char *take_utf8(struct json_tokens *tokens, unsigned char c)
{
    if (tokens->utf8_left) {
        if (c < tokens->utf8_low || c > tokens->utf8_high)
            return "a string is not UTF-8";
        tokens->utf8_left--;
    } else {
        if (c < 0xc2 || c > 0xf4)
            return "a string is not UTF-8";
        tokens->utf8_left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    }
    tokens->utf8_low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    tokens->utf8_high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    return NULL;
}

/* Moves over the bytes that stand for themselves; NULL, or what is wrong with the next. */
static const char *take_run(struct json_tokens *tokens)
{
    const char *why;

    while (tokens->at < tokens->chunk_end) {
        if (!tokens->utf8_left) {
            tokens->at = skip_plain(tokens->at, tokens->chunk_end);
            if (tokens->at == tokens->chunk_end || *tokens->at == '"' || *tokens->at == '\\')
                return NULL;
            if (*tokens->at < ' ')
                return "a string holds a control character";
        }
        if ((why = take_utf8(tokens, *tokens->at)))
            return why;
        tokens->at++;
    }
    return NULL;
}

static enum status next_in_string(struct json_tokens *tokens, struct json_token *out,
                                  struct error *err)
{
    enum token_kind kind = tokens->is_key ? TOKEN_KEY : TOKEN_STRING;
    const unsigned char *start = tokens->at;
    const char *why = take_run(tokens);
    size_t length = (size_t)(tokens->at - start);

    if (why)
        return invalid(tokens, err, why);
    if (tokens->at == tokens->chunk_end) {
        /* The first piece leaves before its chunk goes, for whoever copies from its start. */
        return length || tokens->is_first_piece ? piece(tokens, out, kind, start, length, false)
                                                : more(tokens, out, err);
    }
    if (*tokens->at++ == '"') {
        tokens->state = tokens->is_key ? BEFORE_COLON : after_value(tokens);
        return piece(tokens, out, kind, start, length, true);
    }
    tokens->state = IN_ESCAPE;
    return piece(tokens, out, kind, start, length, false);
}

static enum status decoded(struct json_tokens *tokens, struct json_token *out, uint32_t point)
{
    char *to = tokens->decoded;
    size_t length;

    if (point < 0x80) {
        length = 1;
        to[0] = (char)point;
    } else if (point < 0x800) {
        length = 2;
        to[0] = (char)(0xc0 | point >> 6);
    } else if (point < 0x10000) {
        length = 3;
        to[0] = (char)(0xe0 | point >> 12);
    } else {
        length = 4;
        to[0] = (char)(0xf0 | point >> 18);
    }
    for (size_t i = 1; i < length; i++)
        to[i] = (char)(0x80 | (point >> 6 * (length - 1 - i) & 0x3f));
    tokens->state = IN_STRING;
    return piece(tokens, out, tokens->is_key ? TOKEN_KEY : TOKEN_STRING, to, length, false);
}

static enum status next_in_escape(struct json_tokens *tokens, struct json_token *out,
                                  struct error *err)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *name;

    if (tokens->at == tokens->chunk_end)
        return more(tokens, out, err);
    if (*tokens->at == 'u') {
        tokens->at++;
        tokens->escape = 0;
        tokens->escape_digits = 0;
        tokens->state = IN_UNICODE_ESCAPE;
        return json_tokens_next(tokens, out, err);
    }
    name = *tokens->at ? strchr(names, *tokens->at) : NULL;
    if (!name)
        return invalid(tokens, err, "a string holds an unknown escape");
    tokens->at++;
    return decoded(tokens, out, (unsigned char)meanings[name - names]);
}

/* RFC 8259 7: characters beyond the basic plane are two escapes, and neither comes alone. */
static enum status end_unicode_escape(struct json_tokens *tokens, struct json_token *out,
                                      struct error *err)
{
    uint32_t unit = tokens->escape, high = tokens->high_surrogate;

    if (high) {
        if (unit < 0xdc00 || unit > 0xdfff)
            return invalid(tokens, err, "a string holds half a surrogate pair");
        tokens->high_surrogate = 0;
        return decoded(tokens, out, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
    }
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return invalid(tokens, err, "a string holds half a surrogate pair");
    if (unit < 0xd800 || unit > 0xdfff)
        return decoded(tokens, out, unit);
    tokens->high_surrogate = (uint16_t)unit;
    tokens->state = BEFORE_LOW_ESCAPE;
    return json_tokens_next(tokens, out, err);
}

static enum status next_in_unicode_escape(struct json_tokens *tokens, struct json_token *out,
                                          struct error *err)
{
    while (tokens->escape_digits < 4) {
        unsigned c, digit;

        if (tokens->at == tokens->chunk_end)
            return more(tokens, out, err);
        c = *tokens->at;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (c | 0x20) - 'a' + 10;
        else
            return invalid(tokens, err, "a \\u escape has four hexadecimal digits");
        tokens->escape = (uint16_t)(tokens->escape << 4 | digit);
        tokens->escape_digits++;
        tokens->at++;
    }
    return end_unicode_escape(tokens, out, err);
}

static enum status next_before_low(struct json_tokens *tokens, struct json_token *out,
                                   struct error *err)
{
    bool at_backslash = tokens->state == BEFORE_LOW_ESCAPE;

    if (tokens->at == tokens->chunk_end)
        return more(tokens, out, err);
    if (*tokens->at != (at_backslash ? '\\' : 'u'))
        return invalid(tokens, err, "a string holds half a surrogate pair");
    tokens->at++;
    tokens->escape = 0;
    tokens->escape_digits = 0;
    tokens->state = at_backslash ? IN_LOW_ESCAPE : IN_UNICODE_ESCAPE;
    return json_tokens_next(tokens, out, err);
}

static bool is_number(enum state state)
{
    return state >= NUMBER_MINUS && state <= NUMBER_EXPONENT;
}

static bool number_may_end(enum state state)
{
    return state == NUMBER_ZERO || state == NUMBER_INTEGER || state == NUMBER_FRACTION ||
           state == NUMBER_EXPONENT;
}

/* RFC 8259 6 as a machine: the state behind c; AFTER_VALUE where c is not of the number. */
static enum state number_step(enum state state, unsigned char c)
{
    bool digit = c >= '0' && c <= '9';
    bool e = c == 'e' || c == 'E';

    switch (state) {
    case NUMBER_MINUS: return c == '0' ? NUMBER_ZERO : digit ? NUMBER_INTEGER : FAILED;
    case NUMBER_ZERO: return digit ? FAILED : c == '.' ? NUMBER_POINT : e ? NUMBER_E : AFTER_VALUE;
    case NUMBER_INTEGER:
        return digit ? state : c == '.' ? NUMBER_POINT : e ? NUMBER_E : AFTER_VALUE;
    case NUMBER_POINT: return digit ? NUMBER_FRACTION : FAILED;
    case NUMBER_FRACTION: return digit ? state : e ? NUMBER_E : AFTER_VALUE;
    case NUMBER_E: return digit ? NUMBER_EXPONENT : c == '+' || c == '-' ? NUMBER_E_SIGN : FAILED;
    case NUMBER_E_SIGN: return digit ? NUMBER_EXPONENT : FAILED;
    default: return digit ? state : AFTER_VALUE;
    }
}

static enum status end_number(struct json_tokens *tokens, struct json_token *out,
                              const unsigned char *start)
{
    tokens->state = after_value(tokens);
    return piece(tokens, out, TOKEN_NUMBER, start, (size_t)(tokens->at - start), true);
}

static enum status next_in_number(struct json_tokens *tokens, struct json_token *out,
                                  const unsigned char *start, struct error *err)
{
    while (tokens->at < tokens->chunk_end) {
        enum state state = number_step(tokens->state, *tokens->at);

        if (state == FAILED)
            return invalid(tokens, err, "a number is malformed");
        if (state == AFTER_VALUE)
            return end_number(tokens, out, start);
        tokens->state = state;
        tokens->at++;
    }
    if (tokens->at > start)
        return piece(tokens, out, TOKEN_NUMBER, start, (size_t)(tokens->at - start), false);
    if (tokens->is_last_chunk && number_may_end(tokens->state))
        return end_number(tokens, out, start);
    return more(tokens, out, err);
}

static enum status next_in_literal(struct json_tokens *tokens, struct json_token *out,
                                   struct error *err)
{
    const char *text = literals[tokens->literal].text;

    for (; text[tokens->literal_at]; tokens->literal_at++) {
        if (tokens->at == tokens->chunk_end)
            return more(tokens, out, err);
        if (*tokens->at != (unsigned char)text[tokens->literal_at])
            return invalid(tokens, err, "a value is expected");
        tokens->at++;
    }
    tokens->state = after_value(tokens);
    return whole(tokens, out, literals[tokens->literal].kind);
}

static enum status begin_string(struct json_tokens *tokens, struct json_token *out, bool is_key,
                                struct error *err)
{
    tokens->at++;
    tokens->state = IN_STRING;
    tokens->is_key = is_key;
    tokens->is_first_piece = true;
    return next_in_string(tokens, out, err);
}

static enum status begin_number(struct json_tokens *tokens, struct json_token *out,
                                struct error *err)
{
    const unsigned char *start = tokens->at++;

    tokens->state = *start == '-' ? NUMBER_MINUS : *start == '0' ? NUMBER_ZERO : NUMBER_INTEGER;
    tokens->is_first_piece = true;
    return next_in_number(tokens, out, start, err);
}

static enum status begin_value(struct json_tokens *tokens, struct json_token *out,
                               struct error *err)
{
    unsigned char c = *tokens->at;

    switch (c) {
    case '{': return open_container(tokens, out, true, err);
    case '[': return open_container(tokens, out, false, err);
    case '"': return begin_string(tokens, out, false, err);
    case 't': tokens->literal = 0; break;
    case 'f': tokens->literal = 1; break;
    case 'n': tokens->literal = 2; break;
    default:
        if (c == '-' || (c >= '0' && c <= '9'))
            return begin_number(tokens, out, err);
        return invalid(tokens, err, "a value is expected");
    }
    tokens->literal_at = 0;
    tokens->state = IN_LITERAL;
    return next_in_literal(tokens, out, err);
}

/* Behind a value within a container: its end, or a comma. True where a token is out or rc set. */
static bool end_or_comma(struct json_tokens *tokens, struct json_token *out, enum status *rc,
                         struct error *err)
{
    bool object = in_object(tokens);

    if (*tokens->at == (object ? '}' : ']')) {
        *rc = close_container(tokens, out, object ? TOKEN_OBJECT_END : TOKEN_ARRAY_END);
        return true;
    }
    if (*tokens->at != ',') {
        *rc =
            invalid(tokens, err, object ? "a comma or } is expected" : "a comma or ] is expected");
        return true;
    }
    tokens->at++;
    tokens->state = object ? BEFORE_KEY : BEFORE_VALUE;
    return false;
}

/* Between tokens: the next one, passing commas and colons. */
static enum status next_between(struct json_tokens *tokens, struct json_token *out,
                                struct error *err)
{
    for (;;) {
        unsigned char c;
        enum status rc;

        while (tokens->at < tokens->chunk_end && (*tokens->at == ' ' || *tokens->at == '\n' ||
                                                  *tokens->at == '\r' || *tokens->at == '\t'))
            tokens->at++;
        if (tokens->at == tokens->chunk_end) {
            if (tokens->state != AFTER_DOCUMENT || !tokens->is_last_chunk)
                return more(tokens, out, err);
            tokens->token_start = offset(tokens);
            return whole(tokens, out, TOKEN_DONE);
        }
        c = *tokens->at;
        tokens->token_start = offset(tokens);
        switch (tokens->state) {
        case BEFORE_COLON:
            if (c != ':')
                return invalid(tokens, err, "a colon is expected");
            tokens->at++;
            tokens->state = BEFORE_VALUE;
            break;
        case BEFORE_FIRST_KEY:
            if (c == '}')
                return close_container(tokens, out, TOKEN_OBJECT_END);
            /* fall through */
        case BEFORE_KEY:
            if (c != '"')
                return invalid(tokens, err, "a key is expected");
            return begin_string(tokens, out, true, err);
        case AFTER_VALUE:
            if (end_or_comma(tokens, out, &rc, err))
                return rc;
            break;
        case AFTER_DOCUMENT: return invalid(tokens, err, "something follows the document");
        case BEFORE_FIRST_ELEMENT:
            if (c == ']')
                return close_container(tokens, out, TOKEN_ARRAY_END);
            /* fall through */
        default: return begin_value(tokens, out, err);
        }
    }
}

enum status json_tokens_next(struct json_tokens *tokens, struct json_token *out, struct error *err)
{
    if (is_number(tokens->state))
        return next_in_number(tokens, out, tokens->at, err);
    switch (tokens->state) {
    case IN_STRING: return next_in_string(tokens, out, err);
    case IN_ESCAPE: return next_in_escape(tokens, out, err);
    case IN_UNICODE_ESCAPE: return next_in_unicode_escape(tokens, out, err);
    case BEFORE_LOW_ESCAPE:
    case IN_LOW_ESCAPE: return next_before_low(tokens, out, err);
    case IN_LITERAL: return next_in_literal(tokens, out, err);
    case FAILED: return invalid(tokens, err, "it failed before");
    default: return next_between(tokens, out, err);
    }
}

/* The tokenizer against itself (whole and cut small) and against jansson (what one takes, the other
 * takes), and the cursor, which must survive whatever the tokenizer does. */
#include "storage/memory/json_cursor.h"
#include "storage/memory/json_object.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "json_tokens_fuzz: %s\n", what);
        abort();
    }
}

/* Mixes what the tokens say into a hash that does not depend on how pieces fell. */
static enum status tell(const uint8_t *data, size_t size, size_t chunk, unsigned depth_limit,
                        uint64_t *hash, struct error *err)
{
    struct json_tokens tokens;
    struct json_token token;
    size_t fed = 0;
    enum status rc;

    json_tokens_init(&tokens, depth_limit);
    *hash = 0xcbf29ce484222325;
    while (!(rc = json_tokens_next(&tokens, &token, err)) && token.kind != TOKEN_DONE) {
        if (token.kind == TOKEN_MORE) {
            size_t next = size - fed < chunk ? size - fed : chunk;

            if (next)
                json_tokens_feed(&tokens, data + fed, next);
            else
                json_tokens_finish(&tokens);
            fed += next;
            continue;
        }
        for (size_t i = 0; i < token.length; i++)
            *hash = (*hash ^ (uint8_t)token.text[i]) * 0x100000001b3;
        if (token.last) {
            *hash = (*hash ^ token.kind ^ (uint64_t)token.depth << 8) * 0x100000001b3;
            *hash = (*hash ^ token.start ^ token.end << 32) * 0x100000001b3;
            require(token.start < token.end && token.end <= size, "a range is outside");
        }
    }
    return rc;
}

static void compare_with_jansson(const uint8_t *data, size_t size, enum status ours,
                                 const struct error *err)
{
    json_error_t error;
    json_t *json = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    enum json_error_code code = json ? 0 : json_error_code(&error);

    if (json && !memchr(data, '\0', size)) /* jansson takes a NUL for the end of the text */
        require(!ours || !strcmp(err->code, "json-too-deep"), "jansson takes what we refuse");
    if (!json && !ours) /* limits of jansson's that RFC 8259 does not have */
        require(code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
                    code == json_error_null_character || code == json_error_stack_overflow,
                "we take what jansson refuses");
    json_decref(json);
}

static void compare_copy(const uint8_t *data, size_t size)
{
    struct json_cursor cursor;
    struct memory_reader reader;
    struct strbuf copy;
    struct error err;
    char buffer[3];

    memory_reader_init(&reader, data, size);
    json_cursor_init(&cursor, &reader.reader, buffer, sizeof buffer, 0);
    strbuf_init(&copy, NULL, size);
    if (!json_copy_value(&cursor, &copy, &err)) {
        require(copy.length == cursor.range.end - cursor.range.start, "a copy has another length");
        require(!memcmp(copy.data, data + cursor.range.start, copy.length), "a copy differs");
    }
    strbuf_free(&copy);
}

/* What is valid is walked alike by both; what is not is walked without leaving it. */
static void compare_object(const uint8_t *data, size_t size, enum status whole)
{
    const char *text = (const char *)data;
    struct json_object object;
    struct json_member member;
    struct json_cursor cursor;
    struct strbuf key;

    json_object_init(&object, text, size);
    json_cursor_init_text(&cursor, text, size, JSON_DEPTH_MAX);
    strbuf_init(&key, NULL, size);
    if (!whole)
        whole = json_enter(&cursor, TOKEN_OBJECT, NULL);
    while (json_object_next(&object, &member)) {
        require(member.key > text && member.key + member.key_length < member.value &&
                    member.value + member.value_length <= text + size && member.value_length,
                "a known member is outside");
        if (whole || (whole = json_next_key(&cursor, &key, NULL)))
            continue; /* a key with U+0000 is none for the cursor */
        require(cursor.kind == TOKEN_KEY && cursor.range.start + 1 == (size_t)(member.key - text) &&
                    cursor.range.end - 1 == (size_t)(member.key + member.key_length - text),
                "a known key is another");
        require(!json_skip_value(&cursor, NULL) &&
                    cursor.range.start == (size_t)(member.value - text) &&
                    cursor.range.end == (size_t)(member.value + member.value_length - text),
                "a known value is another");
    }
    if (!whole && !json_next_key(&cursor, &key, NULL))
        require(!object.is_broken && cursor.kind == TOKEN_OBJECT_END, "a known member is missing");
    strbuf_free(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error whole_error = {0}, cut_error = {0};
    struct json_range range;
    uint64_t whole_hash, cut_hash;
    enum status whole =
        tell(data, size, size ? size : 1, JSON_DEPTH_MAX, &whole_hash, &whole_error);

    for (size_t chunk = 1; chunk < 5; chunk++) {
        enum status cut = tell(data, size, chunk, JSON_DEPTH_MAX, &cut_hash, &cut_error);

        require(cut == whole && !strcmp(cut_error.message, whole_error.message),
                "chunks change the verdict");
        require(whole || cut_hash == whole_hash, "chunks change the tokens");
    }
    compare_with_jansson(data, size, whole, &whole_error);
    compare_copy(data, size);
    compare_object(data, size, whole);
    if (!json_find_member((const char *)data, size, "a", &range, &cut_error))
        require(range.start < range.end && range.end <= size, "a member is outside");
    return 0;
}

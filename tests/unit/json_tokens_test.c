#include "storage/memory/json_tokens.h"
#include "storage/memory/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Tells the tokens of a document as text, fed in chunks of so many bytes: kind, decoded text, depth
 * and range. Each chunk is a block of its own, so that a look beyond it is seen by ASan. */
static enum status tell(const char *text, size_t length, size_t chunk, unsigned depth_limit,
                        struct strbuf *story, struct error *err)
{
    static const char signs[] = "..{}[]ksn10z";
    struct json_tokens tokens;
    struct json_token token;
    char *piece = NULL;
    size_t fed = 0;
    enum status rc;

    json_tokens_init(&tokens, depth_limit);
    while (!(rc = json_tokens_next(&tokens, &token, err)) && token.kind != TOKEN_DONE) {
        if (token.kind == TOKEN_MORE) {
            size_t size = length - fed < chunk ? length - fed : chunk;

            free(piece);
            piece = malloc(size ? size : 1);
            memcpy(piece, text + fed, size);
            fed += size;
            if (size)
                json_tokens_feed(&tokens, piece, size);
            else
                json_tokens_finish(&tokens);
            continue;
        }
        if (token.first)
            strbuf_char(story, signs[token.kind]);
        strbuf_bytes(story, token.text, token.length);
        if (token.last)
            strbuf_format(story, "@%u:%llu-%llu ", token.depth, (unsigned long long)token.start,
                          (unsigned long long)token.end);
    }
    free(piece);
    return rc;
}

static const struct {
    const char *given, *expected;
} documents[] = {
    {"{}",                                                         "{@0:0-1 }@0:1-2 "                                         },
    {" [ ] ",                                                      "[@0:1-2 ]@0:3-4 "                                         },
    {"12",                                                         "n12@0:0-2 "                                               },
    {"-0.5e+10 ",                                                  "n-0.5e+10@0:0-8 "                                         },
    {"\"\"",                                                       "s@0:0-2 "                                                 },
    {"true",                                                       "1@0:0-4 "                                                 },
    {"{\"a\":[1,\"b\",null],\"c\" : {\"d\":false}}",
     "{@0:0-1 ka@1:1-4 [@1:5-6 n1@2:6-7 sb@2:8-11 z@2:12-16 ]@1:16-17 kc@1:18-21 {@1:24-25 "
     "kd@2:25-28 0@2:29-34 }@1:34-35 }@0:35-36 "                                                                              },
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\\ud83d\\ude00\"",
     "s\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80@0:0-42 "                                                           },
    {"\"0123456789abcdef0123456789abcde\xc3\xa9\xf0\x9f\x98\x80 long enough to be passed in "
     "lanes\"",                                               "s0123456789abcdef0123456789abcde\xc3\xa9\xf0\x9f\x98\x80 long enough to be passed in "
     "lanes@0:0-73 "                                                                                      },
    {"{\"a\":1,\"a\":2}",                                          "{@0:0-1 ka@1:1-4 n1@1:5-6 ka@1:7-10 n2@1:11-12 }@0:12-13 "},
    {"[-0,0,1E5,1.25,100]",
     "[@0:0-1 n-0@1:1-3 n0@1:4-5 n1E5@1:6-9 n1.25@1:10-14 n100@1:15-18 ]@0:18-19 "                                            },
};

static void tokens_do_not_depend_on_how_the_bytes_were_cut(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof documents / sizeof *documents; row++) {
        size_t length = strlen(documents[row].given);

        for (size_t chunk = 1; chunk <= length; chunk++) {
            struct error err = {0};
            struct strbuf story;

            strbuf_init(&story, NULL, 1000);
            if (tell(documents[row].given, length, chunk, 0, &story, &err))
                fail_msg("row %zu, chunks of %zu: %s", row, chunk, err.message);
            assert_string_equal(story.data, documents[row].expected);
            strbuf_free(&story);
        }
    }
}

/* What is not JSON, and the byte at which that shows. */
static const struct {
    const char *given;
    unsigned long long at;
} broken[] = {
    {"",                     0 },
    {" ",                    1 },
    {"{",                    1 },
    {"[1",                   2 },
    {"[1,]",                 3 },
    {"[,1]",                 1 },
    {"{\"a\":1,}",           7 },
    {"{\"a\" 1}",            5 },
    {"{a:1}",                1 },
    {"{\"a\":}",             5 },
    {"{1:1}",                1 },
    {"[1 2]",                3 },
    {"[}",                   1 },
    {"{]",                   1 },
    {"[1}",                  2 },
    {"{} {}",                3 },
    {"1 2",                  2 },
    {"tru",                  3 },
    {"trux",                 3 },
    {"True",                 0 },
    {"nul",                  3 },
    {"NaN",                  0 },
    {"Infinity",             0 },
    {"+1",                   0 },
    {".5",                   0 },
    {"01",                   1 },
    {"-",                    1 },
    {"-a",                   1 },
    {"1.",                   2 },
    {"1.e5",                 2 },
    {"1e",                   2 },
    {"1e+",                  3 },
    {"0x10",                 1 },
    {"'a'",                  0 },
    {"\"a",                  2 },
    {"\"a\nb\"",             2 },
    {"\"a\x1f",              2 },
    {"\"\\x\"",              2 },
    {"\"\\u12g4\"",          5 },
    {"\"\\ud800\"",          7 },
    {"\"\\ud800\\n\"",       8 },
    {"\"\\ud800\\u0041\"",   13},
    {"\"\\udc00\"",          7 },
    {"\"\xff\"",             1 },
    {"\"\xc0\xaf\"",         1 },
    {"\"\xed\xa0\x80\"",     2 },
    {"\"\xf4\x90\x80\x80\"", 2 },
    {"\"\xf0\x80\x80\x80\"", 2 },
    {"\"\xe2\x82\"",         3 },
    {"\"\xe2\x82",           3 },
    {"\"\x80\"",             1 },
    {"\xef\xbb\xbf{}",       0 },
    {"// comment\n1",        0 },
    {"[1]\v",                3 },
};

static void what_is_no_json_is_refused_at_its_byte(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof broken / sizeof *broken; row++) {
        size_t length = strlen(broken[row].given);

        for (size_t chunk = 1; chunk <= length + 1; chunk++) {
            struct error err = {0};
            struct strbuf story;
            char expected[40];

            strbuf_init(&story, NULL, 1000);
            if (!tell(broken[row].given, length, chunk, 0, &story, &err))
                fail_msg("row %zu, chunks of %zu: was taken", row, chunk);
            assert_string_equal(err.code, "json-invalid");
            snprintf(expected, sizeof expected, " byte %llu:", broken[row].at);
            if (!strstr(err.message, expected))
                fail_msg("row %zu, chunks of %zu: %s", row, chunk, err.message);
            strbuf_free(&story);
        }
    }
}

static void a_nul_in_the_text_is_no_end_of_it(void **state)
{
    struct error err = {0};
    struct strbuf story;

    (void)state;
    strbuf_init(&story, NULL, 1000);
    assert_int_equal(tell("{}\0", 3, 16, 0, &story, &err), STATUS_INVALID);
    assert_int_equal(tell("\"\\\0\"", 4, 16, 0, &story, &err), STATUS_INVALID);
    assert_int_equal(tell("\"\0\"", 3, 16, 0, &story, &err), STATUS_INVALID);
    strbuf_clear(&story);
    assert_int_equal(tell("\"\\u0000\"", 8, 16, 0, &story, &err), STATUS_OK);
    assert_int_equal(story.data[1], '\0');
    strbuf_free(&story);
}

/* count brackets opened and closed. */
static enum status nest(size_t count, unsigned limit, struct error *err)
{
    char *text = malloc(2 * count);
    struct strbuf story;
    enum status rc;

    memset(text, '[', count);
    memset(text + count, ']', count);
    strbuf_init(&story, NULL, 64 * count);
    rc = tell(text, 2 * count, 4096, limit, &story, err);
    strbuf_free(&story);
    free(text);
    return rc;
}

static void depth_has_a_limit(void **state)
{
    struct error err = {0};

    (void)state;
    assert_int_equal(nest(64, 0, &err), STATUS_OK);
    assert_int_equal(nest(65, 0, &err), STATUS_INVALID);
    assert_string_equal(err.code, "json-too-deep");
    assert_non_null(strstr(err.message, "64 levels at byte 64"));
    assert_int_equal(nest(10000, 0, &err), STATUS_INVALID);
    assert_int_equal(nest(JSON_DEPTH_MAX, 100000, &err), STATUS_OK);
    assert_int_equal(nest(10000, 100000, &err), STATUS_INVALID);
}

/* Objects and arrays that alternate, deeper than one word of the stack of brackets. */
static void every_bracket_is_closed_by_its_own_kind(void **state)
{
    struct error err = {0};
    struct strbuf text, story;

    (void)state;
    for (size_t wrong = 0; wrong <= 100; wrong++) {
        strbuf_init(&text, NULL, 4096);
        strbuf_init(&story, NULL, 65536);
        for (size_t i = 0; i < 100; i++)
            strbuf_text(&text, i % 3 ? "[" : "{\"\":");
        strbuf_text(&text, "0");
        for (size_t i = 100; i-- > 0;)
            strbuf_char(&text, (i % 3 != 0) != (i == wrong) ? ']' : '}');
        assert_int_equal(tell(text.data, text.length, 7, 128, &story, &err),
                         wrong < 100 ? STATUS_INVALID : STATUS_OK);
        strbuf_free(&text);
        strbuf_free(&story);
    }
}

static void a_failure_is_final(void **state)
{
    struct json_tokens tokens;
    struct json_token token;
    struct error err = {0};

    (void)state;
    json_tokens_init(&tokens, 0);
    json_tokens_feed(&tokens, "[x]", 3);
    assert_int_equal(json_tokens_next(&tokens, &token, &err), STATUS_OK);
    assert_int_equal(json_tokens_next(&tokens, &token, &err), STATUS_INVALID);
    json_tokens_feed(&tokens, "1]", 2);
    assert_int_equal(json_tokens_next(&tokens, &token, &err), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_do_not_depend_on_how_the_bytes_were_cut),
        cmocka_unit_test(what_is_no_json_is_refused_at_its_byte),
        cmocka_unit_test(a_nul_in_the_text_is_no_end_of_it),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(every_bracket_is_closed_by_its_own_kind),
        cmocka_unit_test(a_failure_is_final),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

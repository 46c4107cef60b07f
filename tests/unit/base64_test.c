#include "storage/memory/base64.h"
#include "storage/memory/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Decodes in pieces of so many characters, into room of exactly what the header promises. */
static enum status decode(const char *text, size_t piece, struct strbuf *out, struct error *err)
{
    struct base64_decoder decoder;
    size_t length = strlen(text);
    enum status rc;

    base64_init(&decoder);
    for (size_t at = 0; at < length; at += piece) {
        size_t size = length - at < piece ? length - at : piece, count;
        unsigned char *bytes = malloc(BASE64_ROOM(size));

        rc = base64_decode(&decoder, text + at, size, bytes, &count, err);
        if (!rc)
            strbuf_bytes(out, bytes, count);
        free(bytes);
        if (rc)
            return rc;
    }
    return base64_finish(&decoder, err);
}

static void every_byte_comes_back_however_the_text_is_cut(void **state)
{
    unsigned char bytes[256];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 167 + 13);
    for (size_t length = 0; length <= sizeof bytes; length += length < 12 ? 1 : 61) {
        struct strbuf text, out;
        struct error err = {0};

        strbuf_init(&text, NULL, 1000);
        strbuf_init(&out, NULL, 1000);
        strbuf_base64(&text, bytes, length);
        for (size_t piece = 1; piece < 12; piece++) {
            strbuf_clear(&out);
            if (decode(text.data, piece, &out, &err))
                fail_msg("%zu bytes, pieces of %zu: %s", length, piece, err.message);
            assert_int_equal(out.length, length);
            assert_memory_equal(out.data, bytes, length);
        }
        strbuf_free(&text);
        strbuf_free(&out);
    }
}

/* What other decoders let pass, and the character at which it shows. */
static const struct {
    const char *given;
    unsigned at;
} broken[] = {
    {"Zg",          2},
    {"Zg=",         3},
    {"Z",           1},
    {"Zm9vYg",      6},
    {"=",           0},
    {"Z===",        1},
    {"====",        0},
    {"Zg==Zg==",    4},
    {"Zg=a",        3},
    {"Zm8=a",       4},
    {"Zm8==",       4},
    {"Zg===",       4},
    {"Zm9v\n",      4},
    {" Zm9v",       0},
    {"Zm9v Zm9v",   4},
    {"Zm-v",        2},
    {"Zm_v",        2},
    {"Zm9vZm9\xff", 7},
    {"Zh==",        2},
    {"Zm9=",        3},
    {"Zm9v=",       4},
    {"Zm9vZ=",      5},
};

static void what_is_not_strict_is_refused(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof broken / sizeof *broken; row++)
        for (size_t piece = 1; piece < 10; piece++) {
            struct error err = {0};
            struct strbuf out;
            char expected[40];

            strbuf_init(&out, NULL, 100);
            if (!decode(broken[row].given, piece, &out, &err))
                fail_msg("\"%s\" was taken", broken[row].given);
            snprintf(expected, sizeof expected, "at character %u:", broken[row].at);
            if (strcmp(err.code, "base64-invalid") != 0 || !strstr(err.message, expected))
                fail_msg("\"%s\", pieces of %zu: %s", broken[row].given, piece, err.message);
            strbuf_free(&out);
        }
}

static void a_whole_text_has_a_cap(void **state)
{
    struct error err = {0};
    struct strbuf out;

    (void)state;
    strbuf_init(&out, NULL, 4);
    assert_int_equal(base64_decode_text("Zm9vYg==", 8, &out, &err), STATUS_OK);
    assert_string_equal(out.data, "foob");
    strbuf_clear(&out);
    assert_int_equal(base64_decode_text("Zm9vYmE=", 8, &out, &err), STATUS_TOO_LARGE);
    strbuf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_comes_back_however_the_text_is_cut),
        cmocka_unit_test(what_is_not_strict_is_refused),
        cmocka_unit_test(a_whole_text_has_a_cap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "storage/memory/gzip.h"
#include "storage/memory/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct gzip_limits none = {0};

/* A text that neither repeats itself throughout nor is noise. */
static char *text_of(size_t length)
{
    char *text = malloc(length + 1);
    uint32_t seed = 1;

    for (size_t i = 0; i < length; i++) {
        seed = seed * 1664525 + 1013904223;
        text[i] = (char)('a' + (seed >> 24) % 17);
    }
    return text;
}

static void a_document_comes_back_as_it_was(void **state)
{
    static const size_t lengths[] = {0, 1, 100, 40000, 1000000};

    (void)state;
    for (size_t row = 0; row < sizeof lengths / sizeof *lengths; row++) {
        size_t length = lengths[row], first_length, second_length;
        char *text = text_of(length), *back = malloc(length + 1);
        void *first = gzip_compress(text, length, &first_length);
        void *second = gzip_compress(text, length, &second_length);
        struct error err = {0};
        struct strbuf out;

        assert_int_equal(first_length, second_length);
        assert_memory_equal(first, second, first_length);
        assert_int_equal(gzip_expand(first, first_length, back, length, &err), STATUS_OK);
        assert_memory_equal(back, text, length);
        strbuf_init(&out, NULL, length);
        assert_int_equal(gzip_inflate(first, first_length, &none, &out, &err), STATUS_OK);
        assert_int_equal(out.length, length);
        assert_memory_equal(out.data, text, length);
        if (length)
            assert_int_equal(gzip_expand(first, first_length, back, length - 1, &err),
                             STATUS_INTERNAL);
        strbuf_free(&out);
        free(first);
        free(second);
        free(text);
        free(back);
    }
}

static void members_follow_one_another(void **state)
{
    size_t a_length, b_length;
    char *a = gzip_compress("hello ", 6, &a_length), *b = gzip_compress("world", 5, &b_length);
    char *both = malloc(a_length + b_length);
    struct error err = {0};
    struct strbuf out;

    (void)state;
    memcpy(both, a, a_length);
    memcpy(both + a_length, b, b_length);
    strbuf_init(&out, NULL, 100);
    assert_int_equal(gzip_inflate(both, a_length + b_length, &none, &out, &err), STATUS_OK);
    assert_string_equal(out.data, "hello world");
    strbuf_free(&out);
    free(a);
    free(b);
    free(both);
}

static void a_gzip_that_is_cut_or_changed_is_refused(void **state)
{
    size_t length;
    char *text = text_of(300);
    unsigned char *gzip = gzip_compress(text, 300, &length);
    struct error err = {0};
    struct strbuf out;

    (void)state;
    strbuf_init(&out, NULL, 1000);
    for (size_t cut = 0; cut < length; cut++) {
        strbuf_clear(&out);
        assert_int_equal(gzip_inflate(gzip, cut, &none, &out, &err), STATUS_INVALID);
        assert_string_equal(err.code, "gzip-invalid");
    }
    gzip[length - 1] ^= 1; /* the length of the text */
    assert_int_equal(gzip_inflate(gzip, length, &none, &out, &err), STATUS_INVALID);
    gzip[length - 1] ^= 1;
    gzip[length - 8] ^= 1; /* the checksum */
    assert_int_equal(gzip_inflate(gzip, length, &none, &out, &err), STATUS_INVALID);
    gzip[length - 8] ^= 1;
    gzip = realloc(gzip, length + 1);
    gzip[length] = 'x';
    assert_int_equal(gzip_inflate(gzip, length + 1, &none, &out, &err), STATUS_INVALID);
    assert_int_equal(gzip_inflate("x\x9c\x03\0\0\0\0\1", 8, &none, &out, &err), STATUS_INVALID);
    strbuf_free(&out);
    free(gzip);
    free(text);
}

/* At once it is the same text, or nothing: who asks goes on with a reader, which tells why. */
static void at_once_there_is_all_or_nothing(void **state)
{
    static const struct {
        size_t length, most;
        struct gzip_limits limits;
        int changed; /* a byte from the end; 0: none */
        bool is_twice, is_there;
    } rows[] = {
        {300,     300,     {0},                        0, false, true },
        {300,     299,     {0},                        0, false, false},
        {300,     300,     {.bytes = 299},             0, false, false},
        {2 << 20, 2 << 20, {.ratio = 1000},            0, false, true },
        {2 << 20, 2 << 20, {.ratio = 1},               0, false, false},
        {300,     300,     {0},                        1, false, false},
        {300,     300,     {0},                        4, false, false},
        {300,     300,     {0},                        8, false, false},
        {300,     600,     {0},                        0, true,  false},
        {0,       300,     {0},                        0, false, false},
    };

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        size_t length, got;
        char *text = text_of(rows[row].length), *out;
        unsigned char *gzip = gzip_compress(text, rows[row].length, &length);

        if (rows[row].changed)
            gzip[length - (size_t)rows[row].changed] ^= 1;
        if (rows[row].is_twice) {
            gzip = realloc(gzip, 2 * length);
            memcpy(gzip + length, gzip, length);
            length *= 2;
        }
        out = gzip_inflate_at_once(gzip, length, &rows[row].limits, rows[row].most, &got);
        if (!out != !rows[row].is_there)
            fail_msg("row %zu", row);
        if (out && (got != rows[row].length || memcmp(out, text, got)))
            fail_msg("row %zu: other bytes", row);
        for (size_t cut = 0; row == 0 && cut < length; cut++)
            assert_null(gzip_inflate_at_once(gzip, cut, &none, 1 << 20, &got));
        free(out);
        free(gzip);
        free(text);
    }
}

/* Reads a gzip to its end or failure; says how much came out. */
static enum status drain(const void *gzip, size_t length, struct gzip_limits limits, uint64_t *out,
                         struct error *err)
{
    struct memory_reader source;
    struct reader *reader;
    char buffer[4096];
    size_t got;
    enum status rc;

    memory_reader_init(&source, gzip, length);
    reader = gzip_reader_new(&source.reader, &limits);
    for (*out = 0; !(rc = reader_read(reader, buffer, sizeof buffer, &got, err)) && got;)
        *out += got;
    reader_close(reader);
    return rc;
}

static void a_bomb_is_stopped(void **state)
{
    size_t size = 20 << 20, length;
    char *zeros = calloc(1, size);
    void *gzip = gzip_compress(zeros, size, &length);
    struct error err = {0};
    uint64_t out;

    (void)state;
    free(zeros);
    assert_int_equal(drain(gzip, length, none, &out, &err), STATUS_OK);
    assert_int_equal(out, size);
    assert_int_equal(drain(gzip, length, (struct gzip_limits){.bytes = size}, &out, &err),
                     STATUS_OK);
    assert_int_equal(drain(gzip, length, (struct gzip_limits){.bytes = size - 1}, &out, &err),
                     STATUS_TOO_LARGE);
    assert_string_equal(err.code, "inflated-too-large");
    assert_int_equal(drain(gzip, length, (struct gzip_limits){.bytes = 1000}, &out, &err),
                     STATUS_TOO_LARGE);
    assert_true(out <= 4096);
    assert_int_equal(drain(gzip, length, (struct gzip_limits){.ratio = 20}, &out, &err),
                     STATUS_TOO_LARGE);
    assert_true(out < 3 << 20);
    free(gzip);
}

static void pieces_make_the_gzip_of_the_whole(void **state)
{
    struct gzip_writer *writer = gzip_writer_new();
    size_t length, size = 3000000;
    char *text = malloc(size), *back = malloc(size);
    struct error err = {0};
    void *gzip;

    (void)state;
    for (size_t i = 0; i < size; i++)
        text[i] = (char)(i * i >> 7);
    for (size_t at = 0; at < size; at += 70001)
        gzip_writer_add(writer, text + at, size - at < 70001 ? size - at : 70001);
    gzip = gzip_writer_finish(writer, &length);
    assert_true(length < size);
    assert_int_equal(gzip_expand(gzip, length, back, size, &err), STATUS_OK);
    assert_memory_equal(text, back, size);
    free(gzip);
    free(text);
    free(back);
}

static void a_small_document_may_repeat_itself(void **state)
{
    size_t size = 500000, length;
    char *zeros = calloc(1, size);
    void *gzip = gzip_compress(zeros, size, &length);
    struct error err = {0};
    uint64_t out;

    (void)state;
    free(zeros);
    assert_true(size / length > 200);
    assert_int_equal(drain(gzip, length, (struct gzip_limits){.ratio = 20}, &out, &err), STATUS_OK);
    free(gzip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_comes_back_as_it_was),
        cmocka_unit_test(members_follow_one_another),
        cmocka_unit_test(a_gzip_that_is_cut_or_changed_is_refused),
        cmocka_unit_test(at_once_there_is_all_or_nothing),
        cmocka_unit_test(a_bomb_is_stopped),
        cmocka_unit_test(a_small_document_may_repeat_itself),
        cmocka_unit_test(pieces_make_the_gzip_of_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

/* Each escaping verb keeps foreign text inside its quotes. */
static const struct {
    void (*verb)(struct strbuf *, const char *);
    const char *given, *expected;
} escapes[] = {
    {strbuf_html, "<a href=\"x\">&'", "&lt;a href=&quot;x&quot;&gt;&amp;&#39;"},
    {strbuf_html, "plain", "plain"},
    {strbuf_json, "a\"b\\c\n\x01", "\"a\\\"b\\\\c\\n\\u0001\""},
    {strbuf_json, "\xc3\xa9", "\"\xc3\xa9\""},
    {strbuf_json, "\xff\xc0\x80", "\"\\ufffd\\ufffd\\ufffd\""},
    {strbuf_json, "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},
    {strbuf_url, "@a/b c~", "%40a%2Fb%20c~"},
};

static void foreign_text_stays_inside_its_quotes(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t row = 0; row < sizeof escapes / sizeof *escapes; row++) {
        struct strbuf buf;

        strbuf_init(&buf, arena, 1000);
        escapes[row].verb(&buf, escapes[row].given);
        assert_string_equal(buf.data, escapes[row].expected);
    }
    arena_free(arena);
}

static void see_drained(void *context, const void *bytes, size_t length)
{
    strbuf_bytes(context, bytes, length);
}

static void what_is_drained_comes_out_in_order(void **state)
{
    struct strbuf all, drained, buf;

    (void)state;
    strbuf_init(&all, NULL, 1 << 20);
    strbuf_init(&drained, NULL, 1 << 20);
    strbuf_init(&buf, NULL, 1 << 20);
    strbuf_drain(&buf, 100, see_drained, &drained);
    for (int i = 0; i < 1000; i++) {
        strbuf_format(&all, "%d,", i);
        strbuf_format(&buf, "%d,", i);
        assert_true(buf.length < 110);
    }
    strbuf_bytes(&drained, buf.data, buf.length);
    assert_string_equal(drained.data, all.data);
    strbuf_free(&buf);
    strbuf_free(&drained);
    strbuf_free(&all);
}

static void a_buffer_never_passes_its_cap(void **state)
{
    struct strbuf buf;

    (void)state;
    strbuf_init(&buf, NULL, 5);
    strbuf_text(&buf, "12345");
    assert_false(strbuf_failed(&buf));
    strbuf_char(&buf, '6');
    assert_true(strbuf_failed(&buf));
    assert_string_equal(buf.data, "12345");
    strbuf_free(&buf);
}

static void base64_pads_every_length(void **state)
{
    static const char *const expected[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE="};

    (void)state;
    for (size_t length = 0; length < 6; length++) {
        struct strbuf buf;

        strbuf_init(&buf, NULL, 100);
        strbuf_base64(&buf, "foobar", length);
        assert_string_equal(buf.data, expected[length]);
        strbuf_free(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_text_stays_inside_its_quotes),
        cmocka_unit_test(a_buffer_never_passes_its_cap),
        cmocka_unit_test(what_is_drained_comes_out_in_order),
        cmocka_unit_test(base64_pads_every_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

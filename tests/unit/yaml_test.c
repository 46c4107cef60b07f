/* config/yaml.h: what is taken says where it stood, byte for byte. */
#include "config/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct yaml_cursor *open_text(const char *text)
{
    struct yaml_cursor *cursor;

    assert_int_equal(yaml_cursor_open("f", text, strlen(text), &cursor, NULL), STATUS_OK);
    return cursor;
}

/* Replacing the bytes of a value replaces it alone, whatever letters stand before it. */
static void a_value_stands_where_its_bytes_are(void **state)
{
    const char *text =
        "\xEF\xBB\xBF# \xE2\x82\xAC\r\n\"k\xC3\xA4se\": {\xF0\x9F\x90\x8D: 'url ''x'''}\r\n"
        "b: plain\n";
    struct yaml_cursor *cursor = open_text(text);
    struct yaml_text key, value;
    bool has;

    (void)state;
    assert_int_equal(yaml_next_document(cursor, &has, NULL), STATUS_OK);
    assert_true(has);
    assert_int_equal(yaml_enter(cursor, YAML_MAPPING, NULL), STATUS_OK);
    assert_int_equal(yaml_has_more(cursor, &has, NULL), STATUS_OK);
    assert_int_equal(yaml_take_text(cursor, &key, NULL), STATUS_OK);
    assert_string_equal(key.text, "k\xC3\xA4se");
    assert_memory_equal(text + key.offset, "\"k\xC3\xA4se\"", key.end - key.offset);
    assert_int_equal(key.line, 2);
    assert_int_equal(yaml_enter(cursor, YAML_MAPPING, NULL), STATUS_OK);
    assert_int_equal(yaml_has_more(cursor, &has, NULL), STATUS_OK);
    assert_int_equal(yaml_skip(cursor, NULL), STATUS_OK);
    assert_int_equal(yaml_take_text(cursor, &value, NULL), STATUS_OK);
    assert_string_equal(value.text, "url 'x'");
    assert_true(value.is_quoted);
    assert_memory_equal(text + value.offset, "'url ''x'''", value.end - value.offset);
    assert_int_equal(yaml_has_more(cursor, &has, NULL), STATUS_OK);
    assert_false(has);
    assert_int_equal(yaml_has_more(cursor, &has, NULL), STATUS_OK);
    assert_true(has);
    assert_int_equal(yaml_skip(cursor, NULL), STATUS_OK);
    assert_int_equal(yaml_take_text(cursor, &value, NULL), STATUS_OK);
    assert_false(value.is_quoted);
    assert_int_equal(value.line, 3);
    assert_int_equal(value.end - value.offset, strlen("plain"));
    assert_memory_equal(text + value.offset, "plain", strlen("plain"));
    yaml_cursor_close(cursor);
}

static void a_file_may_hold_many_documents_or_none(void **state)
{
    static const struct {
        const char *text;
        int documents;
    } rows[] = {
        {"",                   0},
        {"# nothing\n",        0},
        {"---\n",              1},
        {"a: 1\n",             1},
        {"---\na: 1\n---\n[]", 2},
        {"a: 1\n...\n",        1},
    };

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct yaml_cursor *cursor = open_text(rows[row].text);
        int documents = 0;
        bool has;

        while (!yaml_next_document(cursor, &has, NULL) && has) {
            assert_int_equal(yaml_skip(cursor, NULL), STATUS_OK);
            documents++;
        }
        if (documents != rows[row].documents)
            fail_msg("row %zu: %d documents", row, documents);
        yaml_cursor_close(cursor);
    }
}

/* What is asked for and not there is said with its line, and never taken for something else. */
static void what_is_not_there_is_told(void **state)
{
    static const struct {
        const char *text, *complaint;
    } rows[] = {
        {"- a\n",              "f:1: expected a mapping, found a list"              },
        {"word\n",             "f:1: expected a mapping, found a text"              },
        {"a: [1]\n",           "f:1: expected a text, found a list"                 },
        {"\na: &x b\nc: *x\n", "f:3: expected a text, found an alias"               },
        {"a: \"x\\0\"\n",      "f:1: a text has a control character"                },
        {"a: 1\n  b: 2\n",     "f:2: mapping values are not allowed in this context"},
        {"a: \xff\n",          "f:1: invalid leading UTF-8 octet"                   },
        {"a: 1\n\nb: \xff\n",  "f:3: invalid leading UTF-8 octet"                   },
    };

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct yaml_cursor *cursor = open_text(rows[row].text);
        struct yaml_text text;
        struct error err = {0};
        bool has;
        enum status rc = yaml_next_document(cursor, &has, &err);

        if (!rc)
            rc = yaml_enter(cursor, YAML_MAPPING, &err);
        while (!rc && !(rc = yaml_has_more(cursor, &has, &err)) && has)
            if (!(rc = yaml_skip(cursor, &err)))
                rc = yaml_take_text(cursor, &text, &err);
        if (rc != STATUS_INVALID || strcmp(err.message, rows[row].complaint))
            fail_msg("row %zu: %d \"%s\"", row, rc, err.message);
        yaml_cursor_close(cursor);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_stands_where_its_bytes_are),
        cmocka_unit_test(a_file_may_hold_many_documents_or_none),
        cmocka_unit_test(what_is_not_there_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

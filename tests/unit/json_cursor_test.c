#include "storage/memory/json_cursor.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

/* A publish body's shape, with the attachment before the versions, as Yarn sends it. */
static const char publish[] =
    "{\"_id\":\"@a/b\", \"access\" : null ,\"_attachments\":{\"b-1.0.0.tgz\":{\"content_type\":"
    "\"application/octet-stream\",\"data\":\"aGVsbG8g\\/d29ybGQ=\",\"length\":11}},\"versions\":"
    "{\"1.0.0\":{ \"name\":\"@a/b\",\"files\":[\"x\",\"\\u00e9\",{}] , \"n\":-12.5e3 }},"
    "\"private\":false}";

struct found {
    char id[32], file[32];
    struct strbuf manifest, data, access;
    int64_t length;
    bool is_private;
};

static enum status add(void *context, const char *bytes, size_t length, struct error *err)
{
    (void)err;
    strbuf_bytes(context, bytes, length);
    return STATUS_OK;
}

static enum status read_attachment(struct json_cursor *cursor, struct found *found,
                                   struct error *err)
{
    struct strbuf key;
    enum status rc;

    strbuf_init(&key, NULL, 100);
    if ((rc = json_enter(cursor, TOKEN_OBJECT, err)) || (rc = json_next_key(cursor, &key, err)))
        goto done;
    snprintf(found->file, sizeof found->file, "%s", key.data);
    if ((rc = json_enter(cursor, TOKEN_OBJECT, err)))
        goto done;
    while (!(rc = json_next_key(cursor, &key, err)) && cursor->kind == TOKEN_KEY) {
        if (!strcmp(key.data, "data"))
            rc = json_stream_string(cursor, add, &found->data, err);
        else if (!strcmp(key.data, "length"))
            rc = json_take_int(cursor, &found->length, err);
        else
            rc = json_skip_value(cursor, err);
        if (rc)
            goto done;
    }
    if (!rc)
        rc = json_next_key(cursor, &key, err);
done:
    strbuf_free(&key);
    return rc;
}

static enum status read_versions(struct json_cursor *cursor, struct found *found, struct error *err)
{
    struct strbuf key;
    enum status rc;

    strbuf_init(&key, NULL, 100);
    if ((rc = json_enter(cursor, TOKEN_OBJECT, err)) || (rc = json_next_key(cursor, &key, err)) ||
        (rc = json_copy_value(cursor, &found->manifest, err)))
        goto done;
    rc = json_next_key(cursor, &key, err);
done:
    strbuf_free(&key);
    return rc;
}

static enum status read_publish(struct json_cursor *cursor, struct found *found, struct error *err)
{
    struct strbuf key, id;
    enum status rc;

    strbuf_init(&key, NULL, 100);
    strbuf_init(&id, NULL, sizeof found->id - 1);
    if ((rc = json_enter(cursor, TOKEN_OBJECT, err)))
        goto done;
    while (!(rc = json_next_key(cursor, &key, err)) && cursor->kind == TOKEN_KEY) {
        if (!strcmp(key.data, "_id"))
            rc = json_take_string(cursor, &id, err);
        else if (!strcmp(key.data, "_attachments"))
            rc = read_attachment(cursor, found, err);
        else if (!strcmp(key.data, "versions"))
            rc = read_versions(cursor, found, err);
        else if (!strcmp(key.data, "private"))
            rc = json_take_bool(cursor, &found->is_private, err);
        else
            rc = json_copy_value(cursor, &found->access, err);
        if (rc)
            goto done;
    }
    memcpy(found->id, id.data, id.length + 1);
    if (!rc)
        rc = json_finish(cursor, err);
done:
    strbuf_free(&key);
    strbuf_free(&id);
    return rc;
}

static void check_publish(struct json_cursor *cursor)
{
    struct error err = {0};
    struct found found = {.is_private = true};

    strbuf_init(&found.manifest, NULL, 1000);
    strbuf_init(&found.data, NULL, 1000);
    strbuf_init(&found.access, NULL, 1000);
    if (read_publish(cursor, &found, &err))
        fail_msg("%s", err.message);
    assert_string_equal(found.id, "@a/b");
    assert_string_equal(found.file, "b-1.0.0.tgz");
    assert_string_equal(found.data.data, "aGVsbG8g/d29ybGQ=");
    assert_string_equal(found.access.data, "null");
    assert_int_equal(found.length, 11);
    assert_false(found.is_private);
    assert_string_equal(found.manifest.data,
                        "{ \"name\":\"@a/b\",\"files\":[\"x\",\"\\u00e9\",{}] , \"n\":-12.5e3 }");
    strbuf_free(&found.manifest);
    strbuf_free(&found.data);
    strbuf_free(&found.access);
}

static void a_publish_body_is_cut_alike_however_it_arrives(void **state)
{
    struct json_cursor cursor;

    (void)state;
    json_cursor_init_text(&cursor, publish, strlen(publish), 0);
    check_publish(&cursor);
    for (size_t size = 1; size <= sizeof publish; size++) {
        unsigned char *buffer = malloc(size);
        struct memory_reader reader;

        memory_reader_init(&reader, publish, strlen(publish));
        json_cursor_init(&cursor, &reader.reader, buffer, size, 0);
        check_publish(&cursor);
        free(buffer);
    }
}

static void a_value_is_copied_alike_however_it_is_cut(void **state)
{
    static const char *const values[] = {
        "true", "null", "\"\"", "\"a\\nb\"", "0", "-1.5E2", "[]", "[ 1 ,\"]\"]", "{\"}\" :{} }",
    };

    (void)state;
    for (size_t row = 0; row < sizeof values / sizeof *values; row++)
        for (size_t size = 1; size < 20; size++)
            for (int peeked = 0; peeked < 2; peeked++) {
                struct json_cursor cursor;
                struct memory_reader reader;
                struct error err = {0};
                struct strbuf copy;
                char text[100], buffer[20];
                enum token_kind kind;

                snprintf(text, sizeof text, " [ 7, %s , 8 ] ", values[row]);
                memory_reader_init(&reader, text, strlen(text));
                json_cursor_init(&cursor, &reader.reader, buffer, size, 0);
                strbuf_init(&copy, NULL, 100);
                assert_int_equal(json_enter(&cursor, TOKEN_ARRAY, &err), STATUS_OK);
                assert_int_equal(json_skip_value(&cursor, &err), STATUS_OK);
                if (peeked)
                    assert_int_equal(json_peek(&cursor, &kind, &err), STATUS_OK);
                assert_int_equal(json_copy_value(&cursor, &copy, &err), STATUS_OK);
                assert_string_equal(copy.data, values[row]);
                assert_int_equal(cursor.range.start, 6);
                assert_int_equal(cursor.range.end, 6 + strlen(values[row]));
                strbuf_free(&copy);
            }
}

static void elements_are_counted_to_the_bracket(void **state)
{
    static const char text[] = "[[],[1],[2,3]]";
    struct json_cursor cursor;
    struct error err = {0};
    int counts[4] = {0}, row = 0;
    bool has;

    (void)state;
    json_cursor_init_text(&cursor, text, strlen(text), 0);
    assert_int_equal(json_enter(&cursor, TOKEN_ARRAY, &err), STATUS_OK);
    while (!json_has_element(&cursor, &has, &err) && has) {
        assert_int_equal(json_enter(&cursor, TOKEN_ARRAY, &err), STATUS_OK);
        while (!json_has_element(&cursor, &has, &err) && has) {
            assert_int_equal(json_skip_value(&cursor, &err), STATUS_OK);
            counts[row]++;
        }
        row++;
    }
    assert_int_equal(json_finish(&cursor, &err), STATUS_OK);
    assert_int_equal(row, 3);
    assert_int_equal(counts[0] * 100 + counts[1] * 10 + counts[2], 12);
}

/* Kinds that are not what was asked for, and limits. */
static enum status take_int(struct json_cursor *cursor, struct error *err)
{
    int64_t number;

    return json_take_int(cursor, &number, err);
}

static enum status take_bool(struct json_cursor *cursor, struct error *err)
{
    bool flag;

    return json_take_bool(cursor, &flag, err);
}

static enum status take_string(struct json_cursor *cursor, struct error *err)
{
    struct strbuf text;
    enum status rc;

    strbuf_init(&text, NULL, 4);
    rc = json_take_string(cursor, &text, err);
    strbuf_free(&text);
    return rc;
}

static enum status copy(struct json_cursor *cursor, struct error *err)
{
    struct strbuf text;
    enum status rc;

    strbuf_init(&text, NULL, 4);
    rc = json_copy_value(cursor, &text, err);
    strbuf_free(&text);
    return rc;
}

static enum status enter_and_key(struct json_cursor *cursor, struct error *err)
{
    struct strbuf key;
    enum status rc;

    strbuf_init(&key, NULL, 4);
    if (!(rc = json_enter(cursor, TOKEN_OBJECT, err)))
        rc = json_next_key(cursor, &key, err);
    strbuf_free(&key);
    return rc;
}

static const struct {
    enum status (*take)(struct json_cursor *cursor, struct error *err);
    const char *text;
    enum status expected;
    const char *code;
} takes[] = {
    {take_int,      "12",                                                 STATUS_OK,        ""              },
    {take_int,      "9223372036854775807",                                STATUS_OK,        ""              },
    {take_int,      "9223372036854775808",                                STATUS_INVALID,   "json-type"     },
    {take_int,      "-9223372036854775808",                               STATUS_OK,        ""              },
    {take_int,      "1.0",                                                STATUS_INVALID,   "json-type"     },
    {take_int,      "1e2",                                                STATUS_INVALID,   "json-type"     },
    {take_int,      "10000000000000000000000000000000000000000000000000", STATUS_INVALID,   "json-type"     },
    {take_int,      "\"1\"",                                              STATUS_INVALID,   "json-type"     },
    {take_bool,     "true",                                               STATUS_OK,        ""              },
    {take_bool,     "null",                                               STATUS_INVALID,   "json-type"     },
    {take_string,   "\"1234\"",                                           STATUS_OK,        ""              },
    {take_string,   "\"12345\"",                                          STATUS_TOO_LARGE, "json-too-large"},
    {take_string,   "\"\\u0000\"",                                        STATUS_INVALID,   "json-nul"      },
    {take_string,   "{}",                                                 STATUS_INVALID,   "json-type"     },
    {copy,          "[12]",                                               STATUS_OK,        ""              },
    {copy,          "[123]",                                              STATUS_TOO_LARGE, "json-too-large"},
    {copy,          "false",                                              STATUS_TOO_LARGE, "json-too-large"},
    {copy,          "]",                                                  STATUS_INVALID,   "json-invalid"  },
    {enter_and_key, "{\"1234\":1}",                                       STATUS_OK,        ""              },
    {enter_and_key, "{}",                                                 STATUS_OK,        ""              },
    {enter_and_key, "{\"12345\":1}",                                      STATUS_INVALID,   "json-key"      },
    {enter_and_key, "{\"a\\u0000\":1}",                                   STATUS_INVALID,   "json-nul"      },
    {enter_and_key, "[]",                                                 STATUS_INVALID,   "json-type"     },
};

static void what_was_not_asked_for_is_refused(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof takes / sizeof *takes; row++) {
        struct json_cursor cursor;
        struct error err = {0};
        enum status rc;

        json_cursor_init_text(&cursor, takes[row].text, strlen(takes[row].text), 0);
        rc = takes[row].take(&cursor, &err);
        if (rc != takes[row].expected || strcmp(err.code, takes[row].code) != 0)
            fail_msg("row %zu: %s %s: %s", row, status_word(rc), err.code, err.message);
    }
}

static void garbage_behind_the_document_is_found(void **state)
{
    struct json_cursor cursor;
    struct error err = {0};

    (void)state;
    json_cursor_init_text(&cursor, "{} \n", 4, 0);
    assert_int_equal(json_skip_value(&cursor, &err), STATUS_OK);
    assert_int_equal(json_finish(&cursor, &err), STATUS_OK);
    json_cursor_init_text(&cursor, "{} x", 4, 0);
    assert_int_equal(json_skip_value(&cursor, &err), STATUS_OK);
    assert_int_equal(json_finish(&cursor, &err), STATUS_INVALID);
}

static const struct {
    const char *text, *key, *expected; /* NULL: not found */
} members[] = {
    {"{\"a\":1,\"b\":[2]}", "b",  "[2]"},
    {"{\"a\":1,\"b\":[2]}", "c",  NULL },
    {"{\"a\":{\"b\":1}}",   "b",  NULL },
    {"{\"a\":1,\"a\":2}",   "a",  "2"  },
    {"{\"\\u0061b\":1}",    "ab", "1"  },
    {"{\"ab\":1}",          "a",  NULL },
    {"{\"a\":1}",           "ab", NULL },
    {"{\"a\\u0000\":1}",    "a",  NULL },
    {"{}",                  "a",  NULL },
};

static void a_member_is_found_by_its_key_on_one_level(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof members / sizeof *members; row++) {
        const char *text = members[row].text, *expected = members[row].expected;
        struct json_range range;
        struct error err = {0};
        enum status rc = json_find_member(text, strlen(text), members[row].key, &range, &err);

        assert_int_equal(rc, expected ? STATUS_OK : STATUS_NOT_FOUND);
        if (expected) {
            assert_int_equal(range.end - range.start, strlen(expected));
            assert_memory_equal(text + range.start, expected, strlen(expected));
        }
    }
}

/* A reader of one endless string, so that nothing of it is ever in memory as a whole. */
struct long_string {
    struct reader reader;
    size_t at, length;
};

static enum status read_long_string(struct reader *base, void *buffer, size_t size, size_t *got,
                                    struct error *err)
{
    struct long_string *string = (struct long_string *)base;
    size_t left = string->length - string->at;

    (void)err;
    *got = size < left ? size : left;
    memset(buffer, 'A', *got);
    if (*got && !string->at)
        *(char *)buffer = '"';
    string->at += *got;
    if (*got && string->at == string->length)
        ((char *)buffer)[*got - 1] = '"';
    return STATUS_OK;
}

static enum status count(void *context, const char *bytes, size_t length, struct error *err)
{
    (void)bytes;
    (void)err;
    *(size_t *)context += length;
    return STATUS_OK;
}

static long peak_kib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void a_string_of_100_mb_takes_no_memory(void **state)
{
    static unsigned char buffer[16384];
    struct long_string string = {
        {read_long_string, NULL},
        0, 100 << 20
    };
    struct json_cursor cursor;
    struct error err = {0};
    size_t length = 0;
    long before = peak_kib();

    (void)state;
    json_cursor_init(&cursor, &string.reader, buffer, sizeof buffer, 0);
    assert_int_equal(json_stream_string(&cursor, count, &length, &err), STATUS_OK);
    assert_int_equal(json_finish(&cursor, &err), STATUS_OK);
    assert_int_equal(length, (100 << 20) - 2);
    assert_true(peak_kib() - before < 1024);
}

static enum status stop(void *context, const char *bytes, size_t length, struct error *err)
{
    (void)context;
    (void)bytes;
    (void)length;
    return (fail)(err, STATUS_FULL, "disk-full", "no");
}

static void the_failure_of_the_sink_comes_back(void **state)
{
    struct json_cursor cursor;
    struct error err = {0};

    (void)state;
    json_cursor_init_text(&cursor, "\"abc\"", 5, 0);
    assert_int_equal(json_stream_string(&cursor, stop, NULL, &err), STATUS_FULL);
    assert_string_equal(err.code, "disk-full");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_publish_body_is_cut_alike_however_it_arrives),
        cmocka_unit_test(a_value_is_copied_alike_however_it_is_cut),
        cmocka_unit_test(elements_are_counted_to_the_bracket),
        cmocka_unit_test(what_was_not_asked_for_is_refused),
        cmocka_unit_test(garbage_behind_the_document_is_found),
        cmocka_unit_test(a_member_is_found_by_its_key_on_one_level),
        cmocka_unit_test(a_string_of_100_mb_takes_no_memory),
        cmocka_unit_test(the_failure_of_the_sink_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "storage/memory/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct json *parse(const char *text)
{
    struct json *json = NULL;
    struct error err = {0};

    if (json_parse(text, strlen(text), 0, &json, &err))
        fail_msg("%s: %s", text, err.message);
    return json;
}

static void members_are_had_by_key_and_kind(void **state)
{
    struct json *body = parse("{\"name\":\"caf\\u00e9\",\"days\":30,\"open\":true,\"none\":null,"
                              "\"list\":[\"a\",7,{\"b\":1}]}");
    const struct json *list = NULL;
    const char *name = "before", *absent = "before";
    int64_t days = 0;
    bool open = false;
    struct error err = {0};

    (void)state;
    assert_int_equal(json_get_text(body, "name", &name, &err), STATUS_OK);
    assert_string_equal(name, "caf\xc3\xa9");
    assert_int_equal(json_get_text(body, "absent", &absent, &err), STATUS_OK);
    assert_int_equal(json_get_text(body, "none", &absent, &err), STATUS_OK);
    assert_string_equal(absent, "before");
    assert_int_equal(json_get_int(body, "days", &days, &err), STATUS_OK);
    assert_int_equal(days, 30);
    assert_int_equal(json_get_bool(body, "open", &open, &err), STATUS_OK);
    assert_true(open);
    assert_int_equal(json_get_array(body, "list", &list, &err), STATUS_OK);
    assert_int_equal(json_count(list), 3);
    assert_string_equal(json_text(json_at(list, 0)), "a");
    assert_null(json_text(json_at(list, 1)));
    assert_int_equal(json_int(json_at(list, 1), -1), 7);
    assert_int_equal(json_int(json_get(json_at(list, 2), "b"), -1), 1);
    assert_null(json_at(list, 3));
    json_free(body);
}

static void another_kind_is_named_in_the_error(void **state)
{
    struct json *body = parse("{\"a\":1,\"b\":\"x\"}");
    const struct json *list = NULL;
    const char *text = NULL;
    int64_t number = 0;
    bool flag = false;
    struct error err = {0};

    (void)state;
    assert_int_equal(json_get_text(body, "a", &text, &err), STATUS_INVALID);
    assert_string_equal(err.message, "\"a\" must be a string");
    assert_int_equal(json_get_int(body, "b", &number, &err), STATUS_INVALID);
    assert_int_equal(json_get_bool(body, "a", &flag, &err), STATUS_INVALID);
    assert_int_equal(json_get_array(body, "a", &list, &err), STATUS_INVALID);
    assert_string_equal(err.code, "member-type");
    assert_int_equal(json_need_text(body, "c", &text, &err), STATUS_INVALID);
    assert_string_equal(err.code, "member-missing");
    json_free(body);
}

static void a_misspelt_member_is_found(void **state)
{
    static const char *const keys[] = {"name", "days"};
    static const struct {
        const char *body;
        enum status expected;
    } rows[] = {
        {"{}",                          STATUS_OK     },
        {"{\"days\":1,\"name\":\"x\"}", STATUS_OK     },
        {"{\"days\":1,\"nmae\":\"x\"}", STATUS_INVALID},
        {"[]",                          STATUS_INVALID},
    };

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct json *body = parse(rows[row].body);
        struct error err = {0};

        assert_int_equal(json_only(body, keys, 2, &err), rows[row].expected);
        json_free(body);
    }
}

static void keys_come_in_their_order(void **state)
{
    struct json *body = parse("{\"b\":1,\"a\":2,\"c\":3}");
    char order[8] = "";

    (void)state;
    for (const char *key = json_key_after(body, NULL); key; key = json_key_after(body, key))
        order[strlen(order)] = *key;
    assert_string_equal(order, "bac");
    json_free(body);
}

static void what_is_no_object_has_no_members(void **state)
{
    struct json *body = parse("[1]");

    (void)state;
    assert_null(json_get(body, "a"));
    assert_null(json_get(NULL, "a"));
    assert_null(json_key_after(body, NULL));
    assert_int_equal(json_count(NULL), 0);
    assert_true(json_is_list(body));
    assert_false(json_is_map(body));
    json_free(body);
    json_free(NULL);
}

static void what_an_api_must_not_take_is_refused(void **state)
{
    static const struct {
        const char *text;
        size_t length;
        enum status expected;
        const char *code;
    } rows[] = {
        {"{\"a\":1,\"a\":2}",      13, STATUS_INVALID,   "json-invalid"  },
        {"{\"a\":\"\xff\"}",       9,  STATUS_INVALID,   "json-invalid"  },
        {"{\"a\":\"\\u0000\"}",    14, STATUS_INVALID,   "json-invalid"  },
        {"{}\0",                   3,  STATUS_INVALID,   "json-invalid"  },
        {"{} {}",                  5,  STATUS_INVALID,   "json-invalid"  },
        {"",                       0,  STATUS_INVALID,   "json-invalid"  },
        {"[123456789]",            11, STATUS_TOO_LARGE, "json-too-large"},
        {"[99999999999999999999]", 22, STATUS_TOO_LARGE, "json-too-large"},
    };
    char deep[2000];
    struct json *json = NULL;
    struct error err = {0};

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        size_t cap = rows[row].expected == STATUS_TOO_LARGE ? rows[row].length - 1 : 0;

        assert_int_equal(json_parse(rows[row].text, rows[row].length, cap, &json, &err),
                         rows[row].expected);
        assert_string_equal(err.code, rows[row].code);
    }
    assert_int_equal(json_parse("[99999999999999999999]", 22, 0, &json, &err), STATUS_INVALID);
    memset(deep, '[', 1000);
    memset(deep + 1000, ']', 1000);
    assert_int_equal(json_parse(deep, 2000, 0, &json, &err), STATUS_INVALID);
    assert_string_equal(err.code, "json-too-deep");
    assert_null(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_had_by_key_and_kind),
        cmocka_unit_test(another_kind_is_named_in_the_error),
        cmocka_unit_test(a_misspelt_member_is_found),
        cmocka_unit_test(keys_come_in_their_order),
        cmocka_unit_test(what_is_no_object_has_no_members),
        cmocka_unit_test(what_an_api_must_not_take_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

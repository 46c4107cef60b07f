#include "storage/memory/json_object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What was found, as "key=value;" for each member, and "!" where it is broken. The text is handed over
 * in a block of its own size, so that ASan sees a byte read behind it. */
static const char *walk(const char *text)
{
    static char found[512];
    size_t length = strlen(text);
    char *copy = malloc(length ? length : 1);
    struct json_object object;
    struct json_member member;

    memcpy(copy, text, length);
    *found = '\0';
    json_object_init(&object, copy, length);
    while (json_object_next(&object, &member))
        snprintf(found + strlen(found), sizeof found - strlen(found), "%.*s%s=%.*s;",
                 (int)member.key_length, member.key, member.is_key_escaped ? "*" : "",
                 (int)member.value_length, member.value);
    assert_false(json_object_next(&object, &member)); /* and stays there */
    if (object.is_broken)
        snprintf(found + strlen(found), sizeof found - strlen(found), "!");
    free(copy);
    return found;
}

static void members_are_found_whatever_their_values_hold(void **state)
{
    static const struct {
        const char *text, *found;
    } rows[] = {
        {"{}",                                     ""                                  },
        {" { } ",                                  ""                                  },
        {"{\"a\":1}",                              "a=1;"                              },
        {"\n{ \"a\" : -1.5e3 , \"b\":null}\t",     "a=-1.5e3;b=null;"                  },
        {"{\"a\":\"}\",\"b\":\"\\\"{\"}",          "a=\"}\";b=\"\\\"{\";"              },
        {"{\"a\":{\"x\":[\"]}\",{}]},\"b\":[[]]}", "a={\"x\":[\"]}\",{}]};b=[[]];"       },
        {"{\"a\":\"0123456789\\\\\",\"b\":true}",  "a=\"0123456789\\\\\";b=true;"        },
        {"{\"\\u0061\":1,\"a\":2}",               "\\u0061*=1;a=2;"                   },
        {"{\"a\":1,\"a\":2}",                      "a=1;a=2;"                          },
        {"{\"\":\"\"}",                            "=\"\";"                            },
    };

    (void)state;
    for (size_t row = 0; row < COUNT(rows); row++)
        assert_string_equal(walk(rows[row].text), rows[row].found);
}

static void what_is_no_whole_object_is_broken(void **state)
{
    static const char *const rows[] = {
        "",        "[]",         "1",          "{",          "{\"",       "{\"a",     "{\"a\"",
        "{\"a\":", "{\"a\" 1}",  "{\"a\":}",   "{\"a\":\"b",  "{\"a\":[",  "{\"a\":{", "{1:2}",
        "{,}",     "{\"a\":\"\\", "{\"a\":\"\\\"",
    };

    (void)state;
    for (size_t row = 0; row < COUNT(rows); row++)
        assert_string_equal(walk(rows[row]), "!");
    assert_string_equal(walk("{\"a\":1"), "a=1;!");
    assert_string_equal(walk("{\"a\":1,}"), "a=1;!");
    assert_string_equal(walk("{\"a\":1 \"b\":2}"), "a=1;!");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found_whatever_their_values_hold),
        cmocka_unit_test(what_is_no_whole_object_is_broken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

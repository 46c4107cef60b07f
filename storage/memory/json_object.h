/* Walks an object that was read whole before and found valid, as a manifest was that is cut out of its
 * packument: several times as fast as json_cursor.h, for values are passed over and not looked at. Of
 * text that is not valid after all it may find anything, but nothing outside of it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct json_object {
    const char *at, *end;
    bool is_begun, is_broken; /* broken: it ended too early, or is no object */
};

struct json_member {
    const char *key; /* as it came, without its quotes: not ended by a NUL */
    size_t key_length;
    bool is_key_escaped;
    const char *value; /* with its quotes or brackets */
    size_t value_length;
};

void json_object_init(struct json_object *object, const char *text, size_t length);
/* The next member; false at the end, and where it is broken. */
bool json_object_next(struct json_object *object, struct json_member *out);

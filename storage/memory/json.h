/* Small JSON documents as values: bodies of the API, answers that commands read. Never a packument,
 * for which there is json_cursor.h. Writing JSON is strbuf_json(). */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;

enum { JSON_SIZE_DEFAULT = 1 << 20 };

/* Strict as json_tokens.h, at most 64 levels deep, and no key twice (STATUS_INVALID). Over
 * max_bytes (0: JSON_SIZE_DEFAULT) STATUS_TOO_LARGE. The caller json_free()s it; what the functions
 * below hand out lives as long. */
enum status json_parse(const char *text, size_t length, size_t max_bytes, struct json **out,
                       struct error *err);
void json_free(struct json *json); /* NULL does nothing */

/* A member, whatever it is; NULL where it is absent or null, or object is NULL or no object. */
const struct json *json_get(const struct json *object, const char *key);
/* A value as such; NULL, or the default, where it is of another kind. */
const char *json_text(const struct json *value);
int64_t json_int(const struct json *value, int64_t otherwise);
bool json_bool(const struct json *value, bool otherwise);
bool json_is_map(const struct json *value);  /* an object */
bool json_is_list(const struct json *value); /* an array */
/* Of an array; 0 and NULL for anything else. */
size_t json_count(const struct json *array);
const struct json *json_at(const struct json *array, size_t index);
/* The key that follows a key in an object's order, NULL behind the last; the first follows NULL. */
const char *json_key_after(const struct json *object, const char *key);

/* Members of a body, checked: STATUS_INVALID "member-type" for another kind. Absent or null leaves
 * *out as it was. */
enum status json_get_text(const struct json *object, const char *key, const char **out,
                          struct error *err);
enum status json_get_int(const struct json *object, const char *key, int64_t *out,
                         struct error *err);
enum status json_get_bool(const struct json *object, const char *key, bool *out, struct error *err);
enum status json_get_array(const struct json *object, const char *key, const struct json **out,
                           struct error *err);
/* The same, and STATUS_INVALID "member-missing" without one. */
enum status json_need_text(const struct json *object, const char *key, const char **out,
                           struct error *err);
/* That a body is an object with no members but these: a misspelt one would be ignored silently. */
enum status json_only(const struct json *object, const char *const *keys, size_t count,
                      struct error *err);

const char *json_library_version(void);

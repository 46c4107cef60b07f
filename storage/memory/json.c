#include "storage/memory/json.h"

#include "storage/memory/json_cursor.h"

#include <jansson.h>
#include <string.h>

/* A struct json is never made: the pointer is jansson's own, under a name of ours. */
static json_t *inside(const struct json *json)
{
    return (json_t *)(uintptr_t)json;
}

static const struct json *outside(json_t *json)
{
    return json && !json_is_null(json) ? (const struct json *)json : NULL;
}

enum status json_parse(const char *text, size_t length, size_t max_bytes, struct json **out,
                       struct error *err)
{
    struct json_cursor cursor;
    json_error_t error;
    enum status rc;

    if (!max_bytes)
        max_bytes = JSON_SIZE_DEFAULT;
    if (length > max_bytes)
        return fail(err, STATUS_TOO_LARGE, "json-too-large",
                    "the JSON document is larger than %zu bytes", max_bytes);
    /* Depth and syntax first: jansson would go 2,048 levels down and takes a NUL for an end. */
    json_cursor_init_text(&cursor, text, length, 0);
    if ((rc = json_skip_value(&cursor, err)) || (rc = json_finish(&cursor, err)))
        return rc;
    *out =
        (struct json *)json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!*out)
        return fail(err, STATUS_INVALID, "json-invalid", "the JSON is invalid at byte %d: %s",
                    error.position, error.text);
    return STATUS_OK;
}

void json_free(struct json *json)
{
    json_decref(inside(json));
}

const struct json *json_get(const struct json *object, const char *key)
{
    return outside(json_object_get(inside(object), key));
}

const char *json_text(const struct json *value)
{
    return json_string_value(inside(value));
}

int64_t json_int(const struct json *value, int64_t otherwise)
{
    return json_is_integer(inside(value)) ? json_integer_value(inside(value)) : otherwise;
}

bool json_bool(const struct json *value, bool otherwise)
{
    return json_is_boolean(inside(value)) ? json_is_true(inside(value)) : otherwise;
}

bool json_is_map(const struct json *value)
{
    return json_is_object(inside(value));
}

bool json_is_list(const struct json *value)
{
    return json_is_array(inside(value));
}

size_t json_count(const struct json *array)
{
    return json_array_size(inside(array));
}

const struct json *json_at(const struct json *array, size_t index)
{
    return outside(json_array_get(inside(array), index));
}

const char *json_key_after(const struct json *object, const char *key)
{
    json_t *json = inside(object);
    void *at = key ? json_object_iter_at(json, key) : NULL;

    at = key ? json_object_iter_next(json, at) : json_object_iter(json);
    return json_object_iter_key(at);
}

static enum status wrong_type(const char *key, const char *kind, struct error *err)
{
    return fail(err, STATUS_INVALID, "member-type", "\"%s\" must be %s", key, kind);
}

enum status json_get_text(const struct json *object, const char *key, const char **out,
                          struct error *err)
{
    const struct json *value = json_get(object, key);

    if (!value)
        return STATUS_OK;
    if (!json_text(value))
        return wrong_type(key, "a string", err);
    *out = json_text(value);
    return STATUS_OK;
}

enum status json_get_int(const struct json *object, const char *key, int64_t *out,
                         struct error *err)
{
    const struct json *value = json_get(object, key);

    if (!value)
        return STATUS_OK;
    if (!json_is_integer(inside(value)))
        return wrong_type(key, "a whole number", err);
    *out = json_integer_value(inside(value));
    return STATUS_OK;
}

enum status json_get_bool(const struct json *object, const char *key, bool *out, struct error *err)
{
    const struct json *value = json_get(object, key);

    if (!value)
        return STATUS_OK;
    if (!json_is_boolean(inside(value)))
        return wrong_type(key, "true or false", err);
    *out = json_is_true(inside(value));
    return STATUS_OK;
}

enum status json_get_array(const struct json *object, const char *key, const struct json **out,
                           struct error *err)
{
    const struct json *value = json_get(object, key);

    if (!value)
        return STATUS_OK;
    if (!json_is_list(value))
        return wrong_type(key, "an array", err);
    *out = value;
    return STATUS_OK;
}

enum status json_need_text(const struct json *object, const char *key, const char **out,
                           struct error *err)
{
    if (!json_get(object, key))
        return fail(err, STATUS_INVALID, "member-missing", "\"%s\" is missing", key);
    return json_get_text(object, key, out, err);
}

static bool is_among(const char *key, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(key, keys[i]))
            return true;
    return false;
}

enum status json_only(const struct json *object, const char *const *keys, size_t count,
                      struct error *err)
{
    if (!json_is_map(object))
        return fail(err, STATUS_INVALID, "member-type", "the body must be a JSON object");
    for (const char *key = json_key_after(object, NULL); key; key = json_key_after(object, key))
        if (!is_among(key, keys, count))
            return fail(err, STATUS_INVALID, "member-unknown", "\"%.100s\" is no member here", key);
    return STATUS_OK;
}

const char *json_library_version(void)
{
    return jansson_version_str();
}

#include "storage/memory/json_object.h"

#include <stdint.h>
#include <string.h>

#define ALL(byte) (UINT64_C(0x0101010101010101) * (byte))

void json_object_init(struct json_object *object, const char *text, size_t length)
{
    *object = (struct json_object){.at = text, .end = text + length};
}

/* The high bit of each byte that is zero; bytes above such a one may be marked falsely. */
static uint64_t zeros(uint64_t word)
{
    return (word - ALL(1)) & ~word & ALL(0x80);
}

/* Moves to the next quote or backslash, or to the end. */
static const char *in_string(const char *at, const char *end)
{
    while (end - at >= 8) {
        uint64_t word;

        memcpy(&word, at, sizeof word);
        if (zeros(word ^ ALL('"')) | zeros(word ^ ALL('\\')))
            break;
        at += 8;
    }
    while (at < end && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* Behind the string whose first quote is behind at; NULL where it has no end. */
static const char *leave_string(const char *at, const char *end, bool *is_escaped)
{
    while ((at = in_string(at, end)) < end) {
        if (*at == '"')
            return at + 1;
        *is_escaped = true;
        if (end - at < 2)
            break;
        at += 2;
    }
    return NULL;
}

/* Behind the container whose first bracket is behind at. */
static const char *leave_container(const char *at, const char *end)
{
    bool is_escaped;
    size_t depth = 1;

    while (at && at < end)
        switch (*at++) {
        case '"': at = leave_string(at, end, &is_escaped); break;
        case '{':
        case '[': depth++; break;
        case '}':
        case ']':
            if (!--depth)
                return at;
            break;
        default: break;
        }
    return NULL;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *leave_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

static const char *leave_value(const char *at, const char *end)
{
    bool is_escaped;

    if (*at == '"')
        return leave_string(at + 1, end, &is_escaped);
    if (*at == '{' || *at == '[')
        return leave_container(at + 1, end);
    while (at < end && *at != ',' && *at != '}' && *at != ']' && !is_blank(*at))
        at++;
    return at;
}

/* To where the next member begins: behind the first bracket, or a comma. NULL at the end. */
static const char *begin_member(struct json_object *object)
{
    const char *at = leave_blanks(object->at, object->end);

    if (at < object->end && *at == (object->is_begun ? ',' : '{')) {
        at = leave_blanks(at + 1, object->end);
        if (at < object->end && *at == '"') {
            object->is_begun = true;
            return at;
        }
        object->is_broken = object->is_begun;
    } else {
        object->is_broken = !object->is_begun;
    }
    object->is_broken |= at >= object->end || *at != '}';
    return NULL;
}

bool json_object_next(struct json_object *object, struct json_member *out)
{
    const char *end = object->end, *at = begin_member(object);

    if (!at)
        return false;
    out->key = at + 1;
    out->is_key_escaped = false;
    if ((at = leave_string(at + 1, end, &out->is_key_escaped))) {
        out->key_length = (size_t)(at - 1 - out->key);
        at = leave_blanks(at, end);
        at = at < end && *at == ':' ? leave_blanks(at + 1, end) : end;
        out->value = at;
        at = at < end ? leave_value(at, end) : NULL;
    }
    if (!at || at == out->value) {
        object->is_broken = true;
        return false;
    }
    out->value_length = (size_t)(at - out->value);
    object->at = at;
    return true;
}

#include "storage/memory/project_name.h"

#include "storage/memory/arena.h"

#include <string.h>

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_separator(char c)
{
    return c == '-' || c == '_' || c == '.';
}

bool project_name_is_valid(const char *name)
{
    size_t length = strnlen(name, PROJECT_NAME_LENGTH_MAX + 1);

    if (!length || length > PROJECT_NAME_LENGTH_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_alphanumeric(name[i]) && !is_separator(name[i]))
            return false;
    return is_alphanumeric(name[0]) && is_alphanumeric(name[length - 1]);
}

const char *project_name_normalize(struct arena *arena, const char *name)
{
    char *normalized, *out;

    if (!project_name_is_valid(name))
        return NULL;
    normalized = out = arena_copy(arena, name);
    for (; *name; name++)
        if (is_separator(*name)) {
            if (!is_separator(name[1]))
                *out++ = '-';
        } else {
            *out++ = *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;
        }
    *out = '\0';
    return normalized;
}

const char *project_name_in_files(struct arena *arena, const char *normalized)
{
    char *name = arena_copy(arena, normalized);

    for (char *at = name; (at = strchr(at, '-')); at++)
        *at = '_';
    return name;
}

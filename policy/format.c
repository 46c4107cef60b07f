#include "policy/format.h"

#include <string.h>

static const char *const names[] = {"", "npm", "pypi", "artifact"};

const char *format_name(enum format format)
{
    return names[format];
}

enum format format_from_name(const char *word, size_t length)
{
    for (enum format format = FORMAT_NPM; format <= FORMAT_ARTIFACT; format++)
        if (strlen(names[format]) == length && !memcmp(word, names[format], length))
            return format;
    return 0;
}

void format_fold(enum format format, char *text)
{
    char *to = text;

    for (const char *at = text; *at; at++)
        if (format != FORMAT_PYPI || !strchr("-_.", *at))
            *to++ = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
        else if (to == text || to[-1] != '-')
            *to++ = '-';
    *to = '\0';
}

#include "policy/format.h"

#include "storage/memory/pypi_version.h"
#include "storage/memory/semver.h"
#include "storage/memory/strbuf.h"

#include <string.h>

enum { SORT_KEY_MAX = 4096 };

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

static int compare_semver(const struct semver *one, const struct semver *other)
{
    struct strbuf a, b;
    int order;

    strbuf_init(&a, NULL, SORT_KEY_MAX);
    strbuf_init(&b, NULL, SORT_KEY_MAX);
    semver_sort_key(one, &a);
    semver_sort_key(other, &b);
    order = memcmp(a.data, b.data, a.length < b.length ? a.length : b.length);
    if (!order)
        order = a.length < b.length ? -1 : a.length > b.length;
    strbuf_free(&a);
    strbuf_free(&b);
    return order;
}

int format_compare_versions(enum format format, const char *one, const char *other)
{
    struct pypi_version first, second;
    struct semver left, right;

    if (format == FORMAT_PYPI)
        return pypi_version_parse(one, &first) && pypi_version_parse(other, &second)
                   ? pypi_version_compare(&first, &second)
                   : 0;
    return semver_parse(one, &left) && semver_parse(other, &right) ? compare_semver(&left, &right) : 0;
}

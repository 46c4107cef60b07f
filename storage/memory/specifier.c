#include "storage/memory/specifier.h"

#include "storage/memory/pypi_version.h"

#include <string.h>

enum { CLAUSE_LENGTH_MAX = PYPI_VERSION_LENGTH_MAX };

static const char blanks[] = " \t\n\r\f\v";

/* What may stand behind each operator; one that begins another comes after it. */
static const struct {
    const char *text;
    bool takes_any_text, takes_wildcard, takes_local, needs_two_numbers;
} operators[] = {
    {"===", true,  false, false, false},
    {"==",  false, true,  true,  false},
    {"!=",  false, true,  true,  false},
    {"~=",  false, false, false, true },
    {"<=",  false, false, false, false},
    {">=",  false, false, false, false},
    {"<",   false, false, false, false},
    {">",   false, false, false, false},
};

static bool is_prefix_match(const struct pypi_version *version)
{
    return !version->pre && !version->is_post && !version->is_dev && !version->local;
}

static bool version_fits(char *text, size_t operator)
{
    size_t length = strlen(text);
    bool has_wildcard = length > 2 && !strcmp(text + length - 2, ".*");
    struct pypi_version version;

    if (has_wildcard && strchr(blanks, text[length - 3]))
        return false;
    if (has_wildcard)
        text[length - 2] = '\0';
    if (!pypi_version_parse(text, &version))
        return false;
    if (has_wildcard && (!operators[operator].takes_wildcard || !is_prefix_match(&version)))
        return false;
    if (version.local && !operators[operator].takes_local)
        return false;
    return !operators[operator].needs_two_numbers ||
           memchr(version.release, '.', version.release_length);
}

/* One clause, without blanks around it. */
static bool clause_is_valid(const char *text, size_t length)
{
    char clause[CLAUSE_LENGTH_MAX + 1], *version;

    if (length > CLAUSE_LENGTH_MAX)
        return false;
    memcpy(clause, text, length);
    clause[length] = '\0';
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        size_t size = strlen(operators[i].text);

        if (strncmp(clause, operators[i].text, size))
            continue;
        version = clause + size + strspn(clause + size, blanks);
        if (operators[i].takes_any_text)
            return *version && !version[strcspn(version, " \t\n\r\f\v;)")];
        return version_fits(version, i);
    }
    return false;
}

bool specifier_set_is_valid(const char *text)
{
    for (;;) {
        const char *start = text + strspn(text, blanks), *end = start + strcspn(start, ",");
        const char *last = end;

        while (last > start && strchr(blanks, last[-1]))
            last--;
        if (last > start && !clause_is_valid(start, (size_t)(last - start)))
            return false;
        if (!*end)
            return true;
        text = end + 1;
    }
}

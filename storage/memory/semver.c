#include "storage/memory/semver.h"

#include "storage/memory/strbuf.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_identifier_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

static bool is_number(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!is_digit(text[i]))
            return false;
    return length > 0;
}

/* Item 2: no leading zeros. */
static bool read_number(const char **at, const char **number, size_t *length)
{
    const char *start = *at;

    while (is_digit(**at))
        ++*at;
    *number = start;
    *length = (size_t)(*at - start);
    return *length && (*length == 1 || *start != '0');
}

/* Items 9 and 10: identifiers between dots; only those of a pre-release forbid leading zeros. */
static bool read_identifiers(const char **at, bool is_prerelease, const char **text, size_t *length)
{
    *text = *at;
    for (;;) {
        const char *start = *at;
        size_t size;

        while (is_identifier_char(**at))
            ++*at;
        size = (size_t)(*at - start);
        if (!size || (is_prerelease && size > 1 && *start == '0' && is_number(start, size)))
            return false;
        if (**at != '.')
            break;
        ++*at;
    }
    *length = (size_t)(*at - *text);
    return true;
}

bool semver_parse(const char *text, struct semver *out)
{
    const char *at = text;

    *out = (struct semver){0};
    if (strnlen(text, SEMVER_LENGTH_MAX + 1) > SEMVER_LENGTH_MAX)
        return false;
    if (!read_number(&at, &out->major, &out->major_length) || *at++ != '.' ||
        !read_number(&at, &out->minor, &out->minor_length) || *at++ != '.' ||
        !read_number(&at, &out->patch, &out->patch_length))
        return false;
    if (*at == '-') {
        at++;
        if (!read_identifiers(&at, true, &out->prerelease, &out->prerelease_length))
            return false;
    }
    if (*at == '+') {
        at++;
        if (!read_identifiers(&at, false, &out->build, &out->build_length))
            return false;
    }
    return !*at;
}

/* A longer number is greater, for none has leading zeros. */
static void add_number(struct strbuf *out, const char *digits, size_t length)
{
    strbuf_char(out, (char)length);
    strbuf_bytes(out, digits, length);
}

/* The marks' order is item 11's: the end of the list, then numbers, then words. */
static void add_prerelease(struct strbuf *out, const char *text, size_t length)
{
    const char *end = text + length;

    while (text < end) {
        const char *dot = memchr(text, '.', (size_t)(end - text));
        size_t size = (size_t)((dot ? dot : end) - text);

        if (is_number(text, size)) {
            strbuf_char(out, 2);
            add_number(out, text, size);
        } else {
            strbuf_char(out, 3);
            strbuf_bytes(out, text, size);
            strbuf_char(out, 0);
        }
        text += size + 1;
    }
    strbuf_char(out, 1);
}

void semver_sort_key(const struct semver *version, struct strbuf *out)
{
    add_number(out, version->major, version->major_length);
    add_number(out, version->minor, version->minor_length);
    add_number(out, version->patch, version->patch_length);
    strbuf_char(out, version->prerelease ? 1 : 2);
    if (version->prerelease)
        add_prerelease(out, version->prerelease, version->prerelease_length);
    strbuf_bytes(out, version->build, version->build_length);
}

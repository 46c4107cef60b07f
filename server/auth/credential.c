#include "server/auth/credential.h"

#include "storage/memory/arena.h"

#include <string.h>
#include <strings.h>

static int base64_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;

    if (at)
        return (int)(at - digits);
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Clients agree neither on padding nor on the alphabet (RFC 4648 4 and 5); both are taken. NULL for
 * anything else, and for a text with a NUL in it. */
static char *decode_base64(struct arena *arena, const char *text)
{
    size_t length = strlen(text);
    char *out = arena_alloc(arena, length + 1), *to = out;
    unsigned bits = 0, group = 0;

    while (length && text[length - 1] == '=')
        length--;
    for (size_t i = 0; i < length; i++) {
        int value = base64_value(text[i]);

        if (value < 0)
            return NULL;
        group = (group << 6 | (unsigned)value) & 0xfff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            if (!(*to++ = (char)(group >> bits)))
                return NULL;
        }
    }
    return out;
}

/* "any:TOKEN", or "TOKEN:" for tools whose password is empty. */
static enum credential from_basic(const struct request *req, const char *value, const char **token)
{
    char *pair = decode_base64(req->arena, value), *colon;

    if (!pair || !(colon = strchr(pair, ':')))
        return CREDENTIAL_BAD;
    *colon = '\0';
    *token = colon[1] ? colon + 1 : pair;
    return **token ? CREDENTIAL_TOKEN : CREDENTIAL_BAD;
}

/* What follows the scheme's name and its blanks; NULL for another scheme. */
static const char *after_scheme(const char *value, const char *scheme)
{
    size_t length = strlen(scheme);

    if (strncasecmp(value, scheme, length) || value[length] != ' ')
        return NULL;
    return value + length + strspn(value + length, " ");
}

enum credential credential_of(const struct request *req, const char **token)
{
    const char *value = NULL, *rest;

    *token = NULL;
    for (size_t i = 0; i < req->header_count; i++) {
        if (strcasecmp(req->headers[i].name, "authorization"))
            continue;
        if (value)
            return CREDENTIAL_BAD; /* two of them: which one is meant is not ours to guess */
        value = req->headers[i].value;
    }
    if (!value)
        return CREDENTIAL_NONE;
    if ((rest = after_scheme(value, "Basic")))
        return from_basic(req, rest, token);
    if (!(rest = after_scheme(value, "Bearer")) && !(rest = after_scheme(value, "token")))
        return CREDENTIAL_BAD;
    *token = rest;
    return *rest ? CREDENTIAL_TOKEN : CREDENTIAL_BAD;
}

#include "protocols/artifacts/digest_field.h"

#include <string.h>

/* RFC 9530 7.2's names; the last two are deprecated there, and still sent. */
static const struct {
    const char *name;
    enum digest_kind kind;
} algorithms[] = {
    {"sha-256", DIGEST_SHA256},
    {"sha-512", DIGEST_SHA512},
    {"sha",     DIGEST_SHA1  },
    {"md5",     DIGEST_MD5   },
};

/* A member of a dictionary. Only the kinds of value that digest fields have are told apart. */
struct member {
    const char *key;
    size_t key_length;
    enum { VALUE_OTHER, VALUE_BYTES, VALUE_INTEGER } kind;
    const char *bytes; /* base64, between its colons */
    size_t bytes_length;
    long integer;
};

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void skip_blanks(const char **at)
{
    while (**at == ' ' || **at == '\t')
        ++*at;
}

/* RFC 8941 3.1.2: (lcalpha / "*") *(lcalpha / DIGIT / "_" / "-" / "." / "*") */
static bool read_key(const char **at, const char **key, size_t *length)
{
    const char *start = *at;

    if (!is_lower(*start) && *start != '*')
        return false;
    while (**at && (is_lower(**at) || is_digit(**at) || strchr("_-.*", **at)))
        ++*at;
    *key = start;
    *length = (size_t)(*at - start);
    return true;
}

static bool read_string(const char **at)
{
    for (++*at; **at != '"'; ++*at) {
        if (**at == '\\' && *++*at != '"' && **at != '\\')
            return false;
        if ((unsigned char)**at < 0x20 || (unsigned char)**at >= 0x7f)
            return false;
    }
    ++*at;
    return true;
}

static bool read_number(const char **at, struct member *out)
{
    bool is_negative = **at == '-', is_decimal = false;
    size_t digits = 0;
    long value = 0;

    *at += is_negative;
    for (; is_digit(**at) || (**at == '.' && digits && !is_decimal); ++*at) {
        if (**at == '.') {
            is_decimal = true;
            continue;
        }
        if (++digits > 15)
            return false;
        value = is_decimal ? value : value * 10 + (**at - '0');
    }
    out->kind = is_decimal ? VALUE_OTHER : VALUE_INTEGER;
    out->integer = is_negative ? -value : value;
    return digits && (*at)[-1] != '.';
}

static bool is_token_char(char c)
{
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') ||
           (c && strchr("!#$%&'*+-.^_`|~:/", c));
}

/* RFC 8941 3.3: a bare item. */
static bool read_bare_item(const char **at, struct member *out)
{
    out->kind = VALUE_OTHER;
    if (**at == ':') {
        out->kind = VALUE_BYTES;
        out->bytes = *at + 1;
        out->bytes_length = strcspn(out->bytes, ":");
        *at = out->bytes + out->bytes_length;
        return *(*at)++ == ':';
    }
    if (**at == '"')
        return read_string(at);
    if (**at == '?') {
        *at += 2;
        return (*at)[-1] == '0' || (*at)[-1] == '1';
    }
    if (**at == '-' || is_digit(**at))
        return read_number(at, out);
    if (!is_lower(**at) && !(**at >= 'A' && **at <= 'Z') && **at != '*')
        return false;
    while (is_token_char(**at))
        ++*at;
    return true;
}

/* RFC 8941 3.1.2. No parameter has a meaning in digest fields. */
static bool read_parameters(const char **at)
{
    while (**at == ';') {
        struct member ignored;

        ++*at;
        skip_blanks(at);
        if (!read_key(at, &ignored.key, &ignored.key_length))
            return false;
        if (**at == '=') {
            ++*at;
            if (!read_bare_item(at, &ignored))
                return false;
        }
    }
    return true;
}

/* RFC 8941 3.2. An inner list is refused: no digest field has one. */
static bool read_member(const char **at, struct member *out)
{
    *out = (struct member){0};
    if (!read_key(at, &out->key, &out->key_length))
        return false;
    if (**at == '=') {
        ++*at;
        if (!read_bare_item(at, out))
            return false;
    }
    return read_parameters(at);
}

/* Goes to the next member; sets *at to the end after the last one. A final comma is refused. */
static bool skip_comma(const char **at)
{
    skip_blanks(at);
    if (!**at)
        return true;
    if (**at != ',')
        return false;
    ++*at;
    skip_blanks(at);
    return **at != '\0';
}

static enum digest_kind find_kind(const struct member *member)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (strlen(algorithms[i].name) == member->key_length &&
            !memcmp(algorithms[i].name, member->key, member->key_length))
            return algorithms[i].kind;
    return 0;
}

const uint8_t *digest_of(const struct digests *digests, enum digest_kind kind, size_t *size)
{
    switch (kind) {
    case DIGEST_SHA256: *size = SHA256_SIZE; return digests->sha256;
    case DIGEST_SHA512: *size = SHA512_SIZE; return digests->sha512;
    case DIGEST_SHA1: *size = SHA1_SIZE; return digests->sha1;
    case DIGEST_MD5: *size = MD5_SIZE; return digests->md5;
    case DIGEST_BLAKE2B: break;
    }
    *size = BLAKE2B_SIZE;
    return digests->blake2b;
}

enum status digest_expect(struct digests *expected, enum digest_kind kind, const uint8_t *digest,
                          struct error *err)
{
    size_t size;
    uint8_t *place = (uint8_t *)digest_of(expected, kind, &size);

    if ((expected->kinds & kind) && memcmp(place, digest, size))
        return fail(err, STATUS_INVALID, "digest-mismatch",
                    "the request states two different digests of one kind");
    memcpy(place, digest, size);
    expected->kinds |= kind;
    return STATUS_OK;
}

enum status digest_field_read(const char *text, struct digests *expected, struct error *err)
{
    const char *at = text;

    for (skip_blanks(&at); *at;) {
        struct member member;
        uint8_t digest[SHA512_SIZE];
        enum digest_kind kind;
        enum status rc;
        size_t size;

        if (!read_member(&at, &member) || !skip_comma(&at))
            goto invalid;
        if (!(kind = find_kind(&member)))
            continue;
        digest_of(expected, kind, &size);
        if (member.kind != VALUE_BYTES ||
            !digest_parse_base64(member.bytes, member.bytes_length, digest, size))
            goto invalid;
        if ((rc = digest_expect(expected, kind, digest, err)))
            return rc;
    }
    return STATUS_OK;
invalid:
    return fail(err, STATUS_INVALID, "invalid-digest",
                "a digest field has the form sha-256=:BASE64: (RFC 9530)");
}

unsigned digest_field_wanted(const char *text)
{
    const char *at = text;
    unsigned kinds = 0;

    for (skip_blanks(&at); *at;) {
        struct member member;

        if (!read_member(&at, &member) || !skip_comma(&at))
            return 0;
        if (member.kind == VALUE_INTEGER && member.integer > 0 && member.integer <= 10)
            kinds |= find_kind(&member);
    }
    return kinds;
}

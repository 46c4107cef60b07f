#include "storage/memory/base64.h"

#include "storage/memory/strbuf.h"

/* Not of the alphabet; above every value, so that an OR of four shows one such. */
#define BAD 0xff
#define B BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD

static const unsigned char values[256] = {
    B,   B,                                                                         /* 0x00 */
    BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, BAD, 62,  BAD, BAD, BAD, 63,  /* 0x20 */
    52,  53,  54,  55,  56,  57,  58,  59,  60,  61,  BAD, BAD, BAD, BAD, BAD, BAD, /* 0x30 */
    BAD, 0,   1,   2,   3,   4,   5,   6,   7,   8,   9,   10,  11,  12,  13,  14,  /* 0x40 */
    15,  16,  17,  18,  19,  20,  21,  22,  23,  24,  25,  BAD, BAD, BAD, BAD, BAD, /* 0x50 */
    BAD, 26,  27,  28,  29,  30,  31,  32,  33,  34,  35,  36,  37,  38,  39,  40,  /* 0x60 */
    41,  42,  43,  44,  45,  46,  47,  48,  49,  50,  51,  BAD, BAD, BAD, BAD, BAD, /* 0x70 */
    B,   B,   B,   B,   B,   B,   B,   B,                                           /* 0x80 */
};

void base64_init(struct base64_decoder *decoder)
{
    *decoder = (struct base64_decoder){0};
}

static enum status invalid(const struct base64_decoder *decoder, struct error *err, const char *why)
{
    return fail(err, STATUS_INVALID, "base64-invalid",
                "the base64 is invalid at character %llu: %s", (unsigned long long)decoder->offset,
                why);
}

/* Groups of four without padding, as many as come in a row. */
static size_t decode_whole_groups(const char *text, size_t length, unsigned char *out)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t done = 0;

    for (; length - done >= 4; done += 4, at += 4, out += 3) {
        unsigned a = values[at[0]], b = values[at[1]], c = values[at[2]], d = values[at[3]];
        uint32_t group = a << 18 | b << 12 | c << 6 | d;

        if ((a | b | c | d) == BAD)
            break;
        out[0] = (unsigned char)(group >> 16);
        out[1] = (unsigned char)(group >> 8);
        out[2] = (unsigned char)group;
    }
    return done;
}

/* '=' stands only in the last two places of the last group, above bits that are zero. */
static enum status take_padding(struct base64_decoder *decoder, unsigned char **out,
                                struct error *err)
{
    if (decoder->count < 2)
        return invalid(decoder, err, "padding is not due here");
    if (!decoder->padding) {
        if (decoder->count == 2 ? decoder->group & 15 : decoder->group & 3)
            return invalid(decoder, err, "bits are left over");
        *(*out)++ = (unsigned char)(decoder->group >> (decoder->count == 2 ? 4 : 10));
        if (decoder->count == 3)
            *(*out)++ = (unsigned char)(decoder->group >> 2);
    }
    decoder->padding++;
    decoder->count++;
    return STATUS_OK;
}

static enum status take_character(struct base64_decoder *decoder, unsigned char c,
                                  unsigned char **out, struct error *err)
{
    unsigned value = values[c];
    enum status rc;

    if (decoder->padding && (c != '=' || decoder->count == 4))
        return invalid(decoder, err, "something follows the padding");
    if (c == '=') {
        if ((rc = take_padding(decoder, out, err)))
            return rc;
    } else if (value == BAD) {
        return invalid(decoder, err, "the character is not of the alphabet");
    } else {
        decoder->group = decoder->group << 6 | value;
        decoder->count++;
        if (decoder->count == 4) {
            *(*out)++ = (unsigned char)(decoder->group >> 16);
            *(*out)++ = (unsigned char)(decoder->group >> 8);
            *(*out)++ = (unsigned char)decoder->group;
            decoder->count = 0;
            decoder->group = 0;
        }
    }
    decoder->offset++;
    return STATUS_OK;
}

enum status base64_decode(struct base64_decoder *decoder, const char *text, size_t length,
                          unsigned char *out, size_t *out_length, struct error *err)
{
    unsigned char *at = out;
    enum status rc;

    *out_length = 0;
    while (length) {
        if (!decoder->count) {
            size_t done = decode_whole_groups(text, length, at);

            at += done / 4 * 3;
            text += done;
            length -= done;
            decoder->offset += done;
            if (!length)
                break;
        }
        if ((rc = take_character(decoder, (unsigned char)*text, &at, err)))
            return rc;
        text++;
        length--;
    }
    *out_length = (size_t)(at - out);
    return STATUS_OK;
}

enum status base64_finish(const struct base64_decoder *decoder, struct error *err)
{
    if (decoder->count == 0 || (decoder->count == 4 && decoder->padding))
        return STATUS_OK;
    return invalid(decoder, err, "it ends within a group of four");
}

enum status base64_decode_text(const char *text, size_t length, struct strbuf *out,
                               struct error *err)
{
    struct base64_decoder decoder;
    enum status rc;

    base64_init(&decoder);
    while (length) {
        unsigned char bytes[BASE64_ROOM(1024)];
        size_t piece = length < 1024 ? length : 1024, count;

        if ((rc = base64_decode(&decoder, text, piece, bytes, &count, err)))
            return rc;
        strbuf_bytes(out, bytes, count);
        text += piece;
        length -= piece;
    }
    if ((rc = base64_finish(&decoder, err)))
        return rc;
    if (strbuf_failed(out))
        return fail(err, STATUS_TOO_LARGE, "base64-too-large",
                    "the base64 stands for more than %zu bytes", out->cap);
    return STATUS_OK;
}

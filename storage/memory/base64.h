/* RFC 4648 4 on its way in, strict: the standard alphabet, padding where it is due, no blanks, and
 * no bits behind the end (3.5), so that one text alone stands for some bytes. Writing is
 * strbuf_base64(). */
#pragma once
#include "config/error.h"
#include <stddef.h>
#include <stdint.h>

struct strbuf;

/* Memory of the caller's; a copy is a second decoder. */
struct base64_decoder {
    uint64_t offset; /* of the next character in the whole text */
    uint32_t group;
    unsigned char count, padding;
};

void base64_init(struct base64_decoder *decoder);
/* What base64_decode() may write for so many characters. */
#define BASE64_ROOM(length) (((length) + 3) / 4 * 3)
/* Decodes a piece of any length into out and says how many bytes came of it. STATUS_INVALID
 * "base64-invalid" names the character's offset; a failure is final. */
enum status base64_decode(struct base64_decoder *decoder, const char *text, size_t length,
                          unsigned char *out, size_t *out_length, struct error *err);
/* That the text is complete. */
enum status base64_finish(const struct base64_decoder *decoder, struct error *err);

/* Adds the bytes of a whole text to out; over its cap STATUS_TOO_LARGE. */
enum status base64_decode_text(const char *text, size_t length, struct strbuf *out,
                               struct error *err);

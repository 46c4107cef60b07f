/* A text that is taken is the only one for its bytes: encoding them again gives the text back. */
#include "storage/memory/base64.h"
#include "storage/memory/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "base64_fuzz: %s\n", what);
        abort();
    }
}

static enum status decode_cut(const char *text, size_t size, size_t piece, struct strbuf *out)
{
    struct base64_decoder decoder;
    struct error err;

    base64_init(&decoder);
    for (size_t at = 0; at < size; at += piece) {
        size_t length = size - at < piece ? size - at : piece, count;
        unsigned char bytes[BASE64_ROOM(8)];

        if (base64_decode(&decoder, text + at, length, bytes, &count, &err))
            return err.status;
        strbuf_bytes(out, bytes, count);
    }
    return base64_finish(&decoder, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct strbuf whole, cut, again;
    struct error err;
    enum status rc;

    strbuf_init(&whole, NULL, size);
    strbuf_init(&again, NULL, size);
    rc = base64_decode_text(text, size, &whole, &err);
    if (!rc) {
        strbuf_base64(&again, whole.data, whole.length);
        require(again.length == size && !memcmp(again.data, text, size),
                "two texts for some bytes");
    }
    for (size_t piece = 1; piece <= 8; piece++) {
        strbuf_init(&cut, NULL, size);
        require(decode_cut(text, size, piece, &cut) == rc, "pieces change the verdict");
        require(rc || (cut.length == whole.length && !memcmp(cut.data, whole.data, cut.length)),
                "pieces change the bytes");
        strbuf_free(&cut);
    }
    strbuf_free(&whole);
    strbuf_free(&again);
    return 0;
}

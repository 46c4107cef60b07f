/* A form reads alike whole and in small pieces, and every byte of it is looked at once. */
#include "protocols/http/multipart.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct slow_reader {
    struct reader reader;
    struct memory_reader memory;
    size_t piece;
};

static enum status slow_read(struct reader *base, void *buffer, size_t size, size_t *got,
                             struct error *err)
{
    struct slow_reader *slow = (struct slow_reader *)base;

    return reader_read(&slow->memory.reader, buffer, size < slow->piece ? size : slow->piece, got,
                       err);
}

static void describe(const char *type, const uint8_t *body, size_t length, size_t piece,
                     struct strbuf *out)
{
    static const struct multipart_limits limits = {
        .parts = 20, .head = 500, .text = 2000, .total_text = 5000};
    struct slow_reader slow = {
        .reader = {slow_read, NULL},
          .piece = piece
    };
    struct arena *arena = arena_new();
    const struct multipart_part *part;
    struct multipart *form;
    struct error err = {0};
    char bytes[100];
    enum status rc;
    size_t got;

    memory_reader_init(&slow.memory, body, length);
    rc = multipart_open(arena, &slow.reader, type, &limits, &form, &err);
    while (!rc && !(rc = multipart_next(form, &part, &err)) && part) {
        strbuf_format(out, "%s@%s:%s=", part->name, part->file_name ? part->file_name : "",
                      part->content_type ? part->content_type : "");
        if (part->file_name) {
            while (!(rc = reader_read(part->body, bytes, sizeof bytes, &got, &err)) && got)
                strbuf_bytes(out, bytes, got);
        } else {
            char *text;

            if (!(rc = multipart_text(form, arena, &text, &got, &err)))
                strbuf_bytes(out, text, got);
        }
    }
    /* How much a cut-off part had given by then depends on the pieces, so only the code counts. */
    if (rc)
        strbuf_clear(out);
    strbuf_format(out, "!%d%s", rc, err.code);
    arena_free(arena);
}

/* The first line is the Content-Type, the rest the body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *feed = memchr(data, '\n', size);
    size_t type_length = feed ? (size_t)(feed - data) : size;
    const uint8_t *body = data + type_length + !!feed;
    struct strbuf whole, pieces;
    char *type = calloc(1, type_length + 1);

    if (!type)
        return 0;
    if (type_length)
        memcpy(type, data, type_length);
    strbuf_init(&whole, NULL, SIZE_MAX / 2);
    strbuf_init(&pieces, NULL, SIZE_MAX / 2);
    describe(type, body, size - (size_t)(body - data), SIZE_MAX, &whole);
    describe(type, body, size - (size_t)(body - data), 3, &pieces);
    if (whole.length != pieces.length || memcmp(whole.data, pieces.data, whole.length))
        abort();
    strbuf_free(&whole);
    strbuf_free(&pieces);
    free(type);
    return 0;
}

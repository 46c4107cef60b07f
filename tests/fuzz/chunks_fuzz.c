/* A chunked body in whatever pieces it comes: the pieces must not matter. */
#include "protocols/http/chunks.h"
#include "storage/memory/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Decodes in pieces of at most step bytes; returns the body's length, or -1 where it is refused. */
static ssize_t decode(struct arena *arena, const uint8_t *data, size_t size, size_t step,
                      char *body, struct chunks *chunks)
{
    size_t total = 0, got;

    chunks_init(chunks, arena);
    for (size_t at = 0; at < size && !chunks_are_over(chunks); at += step) {
        size_t piece = size - at < step ? size - at : step;

        memcpy(body + total, data + at, piece);
        if (chunks_take(chunks, body + total, piece, &got, NULL))
            return -1;
        total += got;
    }
    return (ssize_t)total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *whole = malloc(size + 1), *pieces = malloc(size + 1);
    struct chunks one, two;
    size_t step = size ? data[size - 1] % 7 + 1 : 1;
    ssize_t length = decode(arena, data, size, size + 1, whole, &one);

    if (decode(arena, data, size, step, pieces, &two) != length || one.state != two.state ||
        one.trailer_count != two.trailer_count ||
        (length > 0 && memcmp(whole, pieces, (size_t)length)))
        abort();
    for (size_t i = 0; i < one.trailer_count; i++)
        if (strcmp(one.trailers[i].value, two.trailers[i].value))
            abort();
    free(whole);
    free(pieces);
    arena_free(arena);
    return 0;
}

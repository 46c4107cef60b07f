/* The chunked coding of a body, taken apart as it arrives: RFC 9112 7.1. Strict: what two parsers
 * could read in two ways is an error. */
#pragma once
#include "protocols/http/request.h"

enum { CHUNK_TRAILERS_MAX = 16, CHUNK_TRAILER_BYTES = 8192 };

struct chunks {
    int state;    /* an enum of chunks.c */
    int64_t left; /* bytes of the present chunk that are still to come */
    size_t digits, extension;
    struct arena *arena; /* where trailers live */
    char *line;          /* the trailer that is being read; NULL: none yet */
    size_t line_length, trailer_bytes;
    struct header trailers[CHUNK_TRAILERS_MAX];
    size_t trailer_count;
};

void chunks_init(struct chunks *chunks, struct arena *arena);
bool chunks_are_over(const struct chunks *chunks);
/* Takes raw bytes, and moves those that are of the body to their front; got tells how many. Bytes
 * behind the end are dropped: such a request is the last one on its connection. STATUS_INVALID
 * "chunk-invalid" for what is no chunked body. */
enum status chunks_take(struct chunks *chunks, char *raw, size_t length, size_t *got,
                        struct error *err);

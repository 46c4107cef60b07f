/* A packument cut into its versions, and what each of their manifests says. Between upstream_show.c and
 * upstream_listing.c alone; others see upstream_packument.h. */
#pragma once
#include "protocols/npm/upstream_packument.h"

enum { NPM_PIECE_SIZE = 8 << 10 };

/* A walk through the document's bytes, forward only. */
struct npm_cutting {
    struct reader *document;
    uint64_t at; /* of the first byte of what is left of the piece */
    unsigned char *piece; /* of NPM_PIECE_SIZE */
    size_t from, to;
};

/* Hands on the bytes from start to end: to a sink, to a buffer, or to nobody. */
enum status npm_cut(struct npm_cutting *cutting, struct json_range range,
                    const struct npm_sink *sink, struct strbuf *buffer, struct error *err);

/* NULL where the manifest can be shown under this version, else why not. Texts are in the arena. */
const char *npm_listing_read(const char *manifest, size_t length, const char *name,
                             const char *version, struct arena *arena, struct npm_listing *out);

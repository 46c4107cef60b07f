#include "storage/blobs/blake2b.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

struct blake2b {
    crypto_generichash_blake2b_state state;
};

static void must(int ok)
{
    if (!ok) {
        fputs("packhouse: a digest could not be computed\n", stderr);
        abort();
    }
}

struct blake2b *blake2b_new(void)
{
    /* The library's state wants the alignment of a cache line. */
    struct blake2b *hash = aligned_alloc(64, (sizeof *hash + 63) & ~(size_t)63);

    must(hash && sodium_init() >= 0 &&
         !crypto_generichash_blake2b_init(&hash->state, NULL, 0, BLAKE2B_256_SIZE));
    return hash;
}

void blake2b_add(struct blake2b *hash, const void *bytes, size_t length)
{
    must(!crypto_generichash_blake2b_update(&hash->state, bytes, length));
}

void blake2b_finish(struct blake2b *hash, uint8_t out[BLAKE2B_256_SIZE])
{
    must(!crypto_generichash_blake2b_final(&hash->state, out, BLAKE2B_256_SIZE));
}

void blake2b_free(struct blake2b *hash)
{
    free(hash);
}

const char *blake2b_library_version(void)
{
    return sodium_version_string();
}

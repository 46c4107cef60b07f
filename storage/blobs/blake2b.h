/* BLAKE2b with a digest of 32 bytes and no key (RFC 7693), which OpenSSL does not offer: it is no
 * prefix of the digest of 64 bytes. Called by digest.c alone. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { BLAKE2B_BLOCK_SIZE = 128, BLAKE2B_256_SIZE = 32 };

struct blake2b {
    uint64_t state[8];
    uint64_t count; /* bytes that went into state */
    uint8_t block[BLAKE2B_BLOCK_SIZE];
    size_t used; /* bytes in block, which waits until more come: the last one is special */
};

void blake2b_init(struct blake2b *hash);
void blake2b_update(struct blake2b *hash, const void *bytes, size_t length);
void blake2b_finish(struct blake2b *hash, uint8_t out[BLAKE2B_256_SIZE]);

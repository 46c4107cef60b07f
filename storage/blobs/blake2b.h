/* BLAKE2b with a digest of 32 bytes and no key (RFC 7693), which OpenSSL does not offer: it is no
 * prefix of the digest of 64 bytes. A door to libsodium; called by digest.c alone. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { BLAKE2B_256_SIZE = 32 };

struct blake2b;

struct blake2b *blake2b_new(void); /* never NULL */
void blake2b_add(struct blake2b *hash, const void *bytes, size_t length);
void blake2b_finish(struct blake2b *hash, uint8_t out[BLAKE2B_256_SIZE]);
void blake2b_free(struct blake2b *hash); /* NULL does nothing */

const char *blake2b_library_version(void);

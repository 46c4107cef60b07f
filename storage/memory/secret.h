/* Random bytes, what must not be guessed, and signatures. A door to OpenSSL. Tests may make it repeatable. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void secret_random(void *out, size_t size); /* ends the process where the kernel has none */
uint64_t secret_random_u64(void);
/* count characters of base62, each equally likely, and a NUL. */
void secret_base62(char *out, size_t count);
bool secret_equal(const void *a, const void *b, size_t size); /* in constant time */

/* What must be kept and read again: AES-256-GCM, SP 800-38D. The sealed bytes open only with the same
 * key and the same text of what they are about. */
enum { SECRET_KEY_SIZE = 32, SECRET_SEAL_EXTRA = 12 + 16 };
/* out has room for size + SECRET_SEAL_EXTRA bytes. */
void secret_seal(const uint8_t key[SECRET_KEY_SIZE], const char *about, const void *plain,
                 size_t size, uint8_t *out);
/* out has room for size - SECRET_SEAL_EXTRA bytes; false for what was not sealed so. */
bool secret_open(const uint8_t key[SECRET_KEY_SIZE], const char *about, const uint8_t *sealed,
                 size_t size, void *out);

/* Whether the key (DER SubjectPublicKeyInfo, P-256) made this signature (DER, ECDSA with SHA-256, FIPS
 * 186-5) of the message. false for what is no such key or signature. */
bool secret_verify_p256(const void *key, size_t key_size, const void *message, size_t size,
                        const void *signature, size_t signature_size);

/* A pair of keys that signs so. May be used by many threads at once. */
struct secret_pair;
enum { SECRET_PUBLIC_SIZE = 91, SECRET_SIGNATURE_MAX = 72, SECRET_PAIR_TEXT_MAX = 1024 };
struct secret_pair *secret_pair_new(void);
/* From PEM (PKCS #8, RFC 5958). NULL for what is no such pair, or where its halves do not fit together. */
struct secret_pair *secret_pair_read(const char *text, size_t length);
void secret_pair_free(struct secret_pair *pair); /* NULL does nothing */
/* Both halves as PEM, for the file that keeps them alone; returns the length. */
size_t secret_pair_write(const struct secret_pair *pair, char out[SECRET_PAIR_TEXT_MAX]);
/* The public half, as secret_verify_p256() takes it. */
void secret_pair_public(const struct secret_pair *pair, uint8_t out[SECRET_PUBLIC_SIZE]);
/* Another signature each time; returns its length. */
size_t secret_pair_sign(const struct secret_pair *pair, const void *message, size_t size,
                        uint8_t out[SECRET_SIGNATURE_MAX]);
void secret_wipe(void *bytes, size_t size);

const char *secret_library_version(void);
/* From now on bytes follow from seed; 0 turns that off. Only for tests. */
void secret_seed(uint64_t seed);

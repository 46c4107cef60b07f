/* Random bytes and what must not be guessed. A door to OpenSSL. Tests may make it repeatable. */
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

const char *secret_library_version(void);
/* From now on bytes follow from seed; 0 turns that off. Only for tests. */
void secret_seed(uint64_t seed);

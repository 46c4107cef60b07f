/* Digests of bytes as they flow by: one pass, any set of algorithms. A door to OpenSSL. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32, SHA512_SIZE = 64, SHA1_SIZE = 20, MD5_SIZE = 16, BLAKE2B_SIZE = 32 };
enum { DIGEST_HEX_MAX = 2 * SHA512_SIZE + 1 };

enum digest_kind {
    DIGEST_SHA256 = 1,
    DIGEST_SHA512 = 2,
    DIGEST_SHA1 = 4,
    DIGEST_MD5 = 8,
    DIGEST_BLAKE2B = 16, /* 256 bits, as Python's upload form has it */
};

struct digests {
    unsigned kinds; /* which of these are filled */
    uint8_t sha256[SHA256_SIZE], sha512[SHA512_SIZE], sha1[SHA1_SIZE], md5[MD5_SIZE],
        blake2b[BLAKE2B_SIZE];
};

struct digester;
struct digester *digester_new(unsigned kinds); /* never NULL */
void digester_update(struct digester *digester, const void *bytes, size_t length);
void digester_finish(struct digester *digester, struct digests *out);
void digester_free(struct digester *digester);

void digest_sha256(const void *bytes, size_t length, uint8_t out[SHA256_SIZE]);

/* Lower-case hex with a final NUL; out has 2 * size + 1 bytes. */
void digest_hex(const uint8_t *digest, size_t size, char *out);
/* Reads exactly size bytes of hex in either case, or of padded base64; false for anything else. */
bool digest_parse_hex(const char *text, uint8_t *out, size_t size);
bool digest_parse_base64(const char *text, size_t text_length, uint8_t *out, size_t size);

#include "storage/memory/secret.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Atomic uint64_t seed;

void secret_seed(uint64_t value)
{
    atomic_store(&seed, value);
}

/* splitmix64: for tests that must repeat themselves, never for secrets. */
static uint64_t repeatable(void)
{
    uint64_t z = atomic_fetch_add(&seed, 0x9e3779b97f4a7c15u) + 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void secret_random(void *out, size_t size)
{
    if (atomic_load(&seed)) {
        for (size_t i = 0; i < size; i++)
            ((unsigned char *)out)[i] = (unsigned char)repeatable();
        return;
    }
    if (RAND_bytes(out, (int)size) != 1) {
        fputs("packhouse: the machine has no random bytes\n", stderr);
        abort();
    }
}

uint64_t secret_random_u64(void)
{
    uint64_t value;

    secret_random(&value, sizeof value);
    return value;
}

void secret_base62(char *out, size_t count)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    for (size_t i = 0; i < count;) {
        unsigned char byte;

        secret_random(&byte, 1);
        if (byte < 4 * 62) /* a remainder would favour the first digits */
            out[i++] = digits[byte % 62];
    }
    out[count] = '\0';
}

bool secret_equal(const void *a, const void *b, size_t size)
{
    return !CRYPTO_memcmp(a, b, size);
}

enum { SEAL_NONCE = 12, SEAL_TAG = 16 };

void secret_seal(const uint8_t key[SECRET_KEY_SIZE], const char *about, const void *plain,
                 size_t size, uint8_t *out)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int length;

    secret_random(out, SEAL_NONCE);
    if (!cipher || EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, out) != 1 ||
        EVP_EncryptUpdate(cipher, NULL, &length, (const unsigned char *)about,
                          (int)strlen(about)) != 1 ||
        EVP_EncryptUpdate(cipher, out + SEAL_NONCE, &length, plain, (int)size) != 1 ||
        EVP_EncryptFinal_ex(cipher, out + SEAL_NONCE + length, &length) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, SEAL_TAG, out + SEAL_NONCE + size) != 1) {
        fputs("packhouse: the machine cannot encrypt\n", stderr);
        abort();
    }
    EVP_CIPHER_CTX_free(cipher);
}

bool secret_open(const uint8_t key[SECRET_KEY_SIZE], const char *about, const uint8_t *sealed,
                 size_t size, void *out)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    uint8_t tag[SEAL_TAG], rest[SEAL_TAG];
    bool is_open;
    int length;

    if (size < SECRET_SEAL_EXTRA) {
        EVP_CIPHER_CTX_free(cipher);
        return false;
    }
    size -= SECRET_SEAL_EXTRA;
    memcpy(tag, sealed + SEAL_NONCE + size, SEAL_TAG);
    is_open = cipher && EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, sealed) == 1 &&
              EVP_DecryptUpdate(cipher, NULL, &length, (const unsigned char *)about,
                                (int)strlen(about)) == 1 &&
              EVP_DecryptUpdate(cipher, out, &length, sealed + SEAL_NONCE, (int)size) == 1 &&
              EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, SEAL_TAG, tag) == 1 &&
              EVP_DecryptFinal_ex(cipher, rest, &length) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return is_open;
}

bool secret_verify_p256(const void *key, size_t key_size, const void *message, size_t size,
                        const void *signature, size_t signature_size)
{
    const unsigned char *at = key;
    EVP_PKEY *parsed = d2i_PUBKEY(NULL, &at, (long)key_size);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    char group[64];
    bool is_good = parsed && context && EVP_PKEY_get_base_id(parsed) == EVP_PKEY_EC &&
                   EVP_PKEY_get_group_name(parsed, group, sizeof group, NULL) == 1 &&
                   !strcmp(group, "prime256v1") &&
                   EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, parsed) == 1 &&
                   EVP_DigestVerify(context, signature, signature_size, message, size) == 1;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(parsed);
    ERR_clear_error();
    return is_good;
}

const char *secret_library_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

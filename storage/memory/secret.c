#include "storage/memory/secret.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
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

static bool is_p256(const EVP_PKEY *key)
{
    char group[64];

    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 && !strcmp(group, "prime256v1");
}

bool secret_verify_p256(const void *key, size_t key_size, const void *message, size_t size,
                        const void *signature, size_t signature_size)
{
    const unsigned char *at = key;
    EVP_PKEY *parsed = d2i_PUBKEY(NULL, &at, (long)key_size);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool is_good = parsed && context && is_p256(parsed) &&
                   EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, parsed) == 1 &&
                   EVP_DigestVerify(context, signature, signature_size, message, size) == 1;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(parsed);
    ERR_clear_error();
    return is_good;
}

struct secret_pair {
    EVP_PKEY *key;
};

static _Noreturn void cannot_sign(void)
{
    fputs("packhouse: the machine cannot sign\n", stderr);
    abort();
}

static struct secret_pair *make_pair(EVP_PKEY *key)
{
    struct secret_pair *pair = malloc(sizeof *pair);

    if (!pair)
        cannot_sign();
    pair->key = key;
    return pair;
}

struct secret_pair *secret_pair_new(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");

    if (!key)
        cannot_sign();
    return make_pair(key);
}

/* Without it OpenSSL would ask at the terminal for the password of an encrypted key. */
static int no_password(char *out, int size, int is_writing, void *context)
{
    (void)out, (void)size, (void)is_writing, (void)context;
    return -1;
}

static bool halves_fit(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool is_good = context && EVP_PKEY_check(context) == 1;

    EVP_PKEY_CTX_free(context);
    return is_good && i2d_PUBKEY(key, NULL) == SECRET_PUBLIC_SIZE;
}

struct secret_pair *secret_pair_read(const char *text, size_t length)
{
    BIO *in = BIO_new_mem_buf(text, (int)length);
    EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, no_password, NULL) : NULL;

    BIO_free(in);
    if (key && (!is_p256(key) || !halves_fit(key))) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    ERR_clear_error();
    return key ? make_pair(key) : NULL;
}

void secret_pair_free(struct secret_pair *pair)
{
    if (!pair)
        return;
    EVP_PKEY_free(pair->key);
    free(pair);
}

size_t secret_pair_write(const struct secret_pair *pair, char out[SECRET_PAIR_TEXT_MAX])
{
    BIO *text = BIO_new(BIO_s_secmem());
    int length = -1;

    if (text && PEM_write_bio_PKCS8PrivateKey(text, pair->key, NULL, NULL, 0, NULL, NULL) == 1)
        length = BIO_read(text, out, SECRET_PAIR_TEXT_MAX);
    BIO_free(text);
    if (length <= 0 || length == SECRET_PAIR_TEXT_MAX)
        cannot_sign();
    return (size_t)length;
}

void secret_pair_public(const struct secret_pair *pair, uint8_t out[SECRET_PUBLIC_SIZE])
{
    if (i2d_PUBKEY(pair->key, &out) != SECRET_PUBLIC_SIZE)
        cannot_sign();
}

size_t secret_pair_sign(const struct secret_pair *pair, const void *message, size_t size,
                        uint8_t out[SECRET_SIGNATURE_MAX])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t length = SECRET_SIGNATURE_MAX;

    if (!context || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pair->key) != 1 ||
        EVP_DigestSign(context, out, &length, message, size) != 1)
        cannot_sign();
    EVP_MD_CTX_free(context);
    return length;
}

void secret_wipe(void *bytes, size_t size)
{
    OPENSSL_cleanse(bytes, size);
}

const char *secret_library_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

#include "storage/blobs/digest.h"

#include "storage/blobs/blake2b.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>

enum { KIND_COUNT = 4 }; /* of those that OpenSSL computes */

static EVP_MD *algorithms[KIND_COUNT];

/* Where an algorithm is absent, digester_new() leaves it out and `kinds` says so. */
static const char *const names[KIND_COUNT] = {"SHA256", "SHA512", "SHA1", "MD5"};

struct digester {
    unsigned kinds;
    EVP_MD_CTX *contexts[KIND_COUNT];
    struct blake2b *blake2b; /* NULL: not wanted */
};

static void fetch_all(void)
{
    for (int i = 0; i < KIND_COUNT; i++)
        algorithms[i] = EVP_MD_fetch(NULL, names[i], NULL);
}

static EVP_MD *algorithm(int index)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, fetch_all);
    return algorithms[index];
}

static void must(int ok)
{
    if (!ok) {
        fputs("packhouse: a digest could not be computed\n", stderr);
        abort();
    }
}

struct digester *digester_new(unsigned kinds)
{
    struct digester *digester = calloc(1, sizeof *digester);

    must(digester != NULL);
    for (int i = 0; i < KIND_COUNT; i++)
        if (kinds & 1u << i && algorithm(i)) {
            must((digester->contexts[i] = EVP_MD_CTX_new()) != NULL);
            must(EVP_DigestInit_ex2(digester->contexts[i], algorithm(i), NULL));
            digester->kinds |= 1u << i;
        }
    if (kinds & DIGEST_BLAKE2B) {
        digester->blake2b = blake2b_new();
        digester->kinds |= DIGEST_BLAKE2B;
    }
    return digester;
}

void digester_update(struct digester *digester, const void *bytes, size_t length)
{
    for (int i = 0; i < KIND_COUNT; i++)
        if (digester->contexts[i])
            must(EVP_DigestUpdate(digester->contexts[i], bytes, length));
    if (digester->blake2b)
        blake2b_add(digester->blake2b, bytes, length);
}

void digester_finish(struct digester *digester, struct digests *out)
{
    uint8_t *const results[KIND_COUNT] = {out->sha256, out->sha512, out->sha1, out->md5};

    *out = (struct digests){.kinds = digester->kinds};
    for (int i = 0; i < KIND_COUNT; i++)
        if (digester->contexts[i])
            must(EVP_DigestFinal_ex(digester->contexts[i], results[i], NULL));
    if (digester->blake2b)
        blake2b_finish(digester->blake2b, out->blake2b);
}

void digester_free(struct digester *digester)
{
    if (!digester)
        return;
    for (int i = 0; i < KIND_COUNT; i++)
        EVP_MD_CTX_free(digester->contexts[i]);
    blake2b_free(digester->blake2b);
    free(digester);
}

void digest_sha256(const void *bytes, size_t length, uint8_t out[SHA256_SIZE])
{
    must(EVP_Digest(bytes, length, out, NULL, algorithm(0), NULL));
}

void digest_hex(const uint8_t *digest, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        *out++ = digits[digest[i] >> 4];
        *out++ = digits[digest[i] & 15];
    }
    *out = '\0';
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool digest_parse_hex(const char *text, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(text[2 * i]), low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);

        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return !text[2 * size];
}

bool digest_parse_base64(const char *text, size_t text_length, uint8_t *out, size_t size)
{
    unsigned char decoded[SHA512_SIZE + 4];
    size_t padding = 0;

    if (text_length != (size + 2) / 3 * 4 || size > SHA512_SIZE)
        return false;
    while (padding < 2 && text[text_length - 1 - padding] == '=')
        padding++;
    if (text_length / 4 * 3 - padding != size ||
        EVP_DecodeBlock(decoded, (const unsigned char *)text, (int)text_length) < 0)
        return false;
    memcpy(out, decoded, size);
    return true;
}

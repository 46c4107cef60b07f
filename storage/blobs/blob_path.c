#include "storage/blobs/blob_path.h"

#include "config/clock.h"
#include "storage/memory/secret.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t blob_nonce_new(void)
{
    int64_t seconds = clock_now_us() / 1000000;

    return seconds << BLOB_NONCE_RANDOM_BITS | (int64_t)(secret_random_u64() >> (64 - BLOB_NONCE_RANDOM_BITS));
}

int64_t blob_nonce_seconds(int64_t nonce)
{
    return nonce >> BLOB_NONCE_RANDOM_BITS;
}

void blob_folder(int64_t nonce, char out[BLOB_FOLDER_SIZE])
{
    time_t seconds = (time_t)(nonce >> BLOB_NONCE_RANDOM_BITS);
    struct tm utc;

    gmtime_r(&seconds, &utc);
    strftime(out, BLOB_FOLDER_SIZE, "%Y/%m/%d/%H", &utc);
}

void blob_file_name(const struct blob_name *name, char out[BLOB_NAME_SIZE])
{
    digest_hex(name->sha256, SHA256_SIZE, out);
    snprintf(out + 2 * SHA256_SIZE, BLOB_NAME_SIZE - 2 * SHA256_SIZE, ".%016llx",
             (unsigned long long)name->nonce);
}

bool blob_parse_file_name(const char *text, struct blob_name *out)
{
    char hex[2 * SHA256_SIZE + 1];
    uint8_t nonce[8];

    if (strlen(text) != BLOB_NAME_SIZE - 1 || text[2 * SHA256_SIZE] != '.')
        return false;
    memcpy(hex, text, 2 * SHA256_SIZE);
    hex[2 * SHA256_SIZE] = '\0';
    if (!digest_parse_hex(hex, out->sha256, SHA256_SIZE) ||
        !digest_parse_hex(text + 2 * SHA256_SIZE + 1, nonce, sizeof nonce))
        return false;
    out->nonce = 0;
    for (size_t i = 0; i < sizeof nonce; i++)
        out->nonce = out->nonce << 8 | nonce[i];
    return true;
}

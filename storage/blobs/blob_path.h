/* Where a blob lies: blobs/YYYY/MM/DD/HH/<sha256>.<nonce>, the hour taken from the nonce. */
#pragma once
#include "storage/blobs/blob_store.h"

enum { BLOB_FOLDER_SIZE = 32, BLOB_NAME_SIZE = 2 * SHA256_SIZE + 1 + 16 + 1 };

enum { BLOB_NONCE_RANDOM_BITS = 29 };

/* A nonce never given before: 34 bits of seconds, 29 random ones. Bit 63 is kept for packs. */
int64_t blob_nonce_new(void);
/* When the nonce was drawn, in Unix seconds. */
int64_t blob_nonce_seconds(int64_t nonce);
/* "2026/11/22/19", below blobs/. */
void blob_folder(int64_t nonce, char out[BLOB_FOLDER_SIZE]);
void blob_file_name(const struct blob_name *name, char out[BLOB_NAME_SIZE]);
bool blob_parse_file_name(const char *text, struct blob_name *out);

/* Credentials for other servers: sealed under a key in the data directory, or the path of a file that
 * holds one. DESIGN 3, access spec C1. */
#pragma once
#include "storage/catalog/catalog.h"

struct arena;

/* What is stored of a credential for this URL, in the arena: sealed, or where the file is. *out NULL: there is
 * neither. The key is made at the first use. STATUS_INVALID for what is no value of Authorization. */
enum status credential_seal(struct catalog *catalog, const char *url, const char *credential,
                            const char *file, struct arena *arena, const void **out, size_t *length,
                            struct error *err);
/* The value of Authorization; the file is read now. */
enum status credential_open(struct catalog *catalog, const char *url, const void *stored,
                            size_t length, struct arena *arena, const char **out,
                            struct error *err);

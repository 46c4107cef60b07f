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
const char *secret_library_version(void);
/* From now on bytes follow from seed; 0 turns that off. Only for tests. */
void secret_seed(uint64_t seed);

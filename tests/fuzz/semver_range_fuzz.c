/* The bytes up to the first newline are a version, the rest is a range. */
#include "storage/memory/arena.h"
#include "storage/memory/semver_range.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *text = arena_copy_bytes(arena, data, size);
    char *range_text = strchrnul(text, '\n');
    const struct semver_range *range;
    struct semver version;

    if (*range_text)
        *range_text++ = '\0';
    range = semver_range_parse(range_text, arena);
    if (semver_parse(text, &version)) {
        const struct semver_range *itself = semver_range_parse(text, arena);

        if (range)
            semver_satisfies(&version, range);
        /* A version that JavaScript can count is a range that holds it. */
        if (itself && !semver_satisfies(&version, itself))
            abort();
    }
    arena_free(arena);
    return 0;
}

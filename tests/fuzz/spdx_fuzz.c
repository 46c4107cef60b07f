/* A licence expression is judged by each list as its licences are, however it is put together. */
#include "policy/spdx.h"
#include "storage/memory/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const everything[] = {"**"}, *const few[] = {"mit", "bsd-*",
                                                                    "gpl-2.0-or-later"};
    struct arena *arena = arena_new();
    const char *text = arena_copy_bytes(arena, data, size), *entry = spdx_list_entry(text, arena);
    bool is_valid = spdx_is_valid(text);

    must(spdx_is_allowed(text, everything, 1) == is_valid);
    must(spdx_avoids(text, NULL, 0) == is_valid);
    must(!spdx_is_allowed(text, NULL, 0) && !spdx_avoids(text, everything, 1));
    if (!is_valid)
        must(!spdx_is_allowed(text, few, 3) && !spdx_avoids(text, few, 3));
    if (entry && !strchr(text, '*') && is_valid)
        must(spdx_is_allowed(text, &entry, 1) && !spdx_avoids(text, &entry, 1));
    spdx_from_classifiers(&text, 1, arena);
    arena_free(arena);
    return 0;
}

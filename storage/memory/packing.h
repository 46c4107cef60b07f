/* Texts that are to outlive an arena, one behind the other in one block: walked twice in the same way,
 * first to learn how large the block must be, then to fill it. */
#pragma once
#include <stddef.h>

struct packing {
    char *at;    /* where the next one goes; NULL: they are only counted */
    size_t size; /* of all so far */
};

/* The text's copy, or while it is only counted the text. One that is equal to the text before it of its
 * kind is not copied again: that one's copy is its. NULL stays NULL. */
const char *pack_text(struct packing *packing, const char *text, const char *before,
                      const char *before_packed);

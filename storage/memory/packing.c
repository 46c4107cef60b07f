#include "storage/memory/packing.h"

#include <string.h>

const char *pack_text(struct packing *packing, const char *text, const char *before,
                      const char *before_packed)
{
    char *copy = packing->at;
    size_t size;

    if (!text)
        return NULL;
    if (before && (text == before || !strcmp(text, before)))
        return before_packed;
    size = strlen(text) + 1;
    packing->size += size;
    if (!copy)
        return text;
    memcpy(copy, text, size);
    packing->at += size;
    return copy;
}

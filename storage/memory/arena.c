#include "storage/memory/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 16 * 1024, GROW_FIRST = 32 };

struct block {
    struct block *next;
    size_t size, used;
    alignas(max_align_t) unsigned char bytes[];
};

/* Lives in the arena itself. */
struct ending {
    struct ending *before;
    void (*end)(void *value);
    void *value;
};

struct arena {
    struct block *first; /* the block that pieces are taken from; larger ones stand behind it */
    struct ending *last;
};

static void *must(void *memory)
{
    if (!memory) {
        fputs("packhouse: out of memory\n", stderr);
        abort();
    }
    return memory;
}

static struct block *block_new(size_t size)
{
    struct block *block = must(malloc(sizeof *block + size));

    *block = (struct block){.size = size};
    return block;
}

struct arena *arena_new(void)
{
    return must(calloc(1, sizeof(struct arena)));
}

static void free_blocks(struct block *block)
{
    while (block) {
        struct block *next = block->next;

        free(block);
        block = next;
    }
}

static void run_endings(struct arena *arena)
{
    struct ending *ending;

    while ((ending = arena->last)) {
        arena->last = ending->before;
        ending->end(ending->value);
    }
}

void arena_reset(struct arena *arena)
{
    struct block *kept = NULL, **link = &arena->first;

    run_endings(arena);
    for (; *link; link = &(*link)->next)
        if ((*link)->size == BLOCK_SIZE) {
            kept = *link;
            *link = kept->next;
            break;
        }
    free_blocks(arena->first);
    arena->first = kept;
    if (kept) {
        kept->next = NULL;
        kept->used = 0;
    }
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    run_endings(arena);
    free_blocks(arena->first);
    free(arena);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct block *block = arena->first;
    void *piece;

    if (rounded < size)
        must(NULL);
    if (!block || block->size - block->used < rounded) {
        block = block_new(rounded > BLOCK_SIZE / 4 ? rounded : BLOCK_SIZE);
        if (block->size != BLOCK_SIZE && arena->first) { /* keep taking from the roomy one */
            block->next = arena->first->next;
            arena->first->next = block;
        } else {
            block->next = arena->first;
            arena->first = block;
        }
    }
    piece = block->bytes + block->used;
    block->used += rounded;
    return memset(piece, 0, rounded);
}

void arena_at_end(struct arena *arena, void (*end)(void *value), void *value)
{
    struct ending *ending = arena_alloc(arena, sizeof *ending);

    *ending = (struct ending){arena->last, end, value};
    arena->last = ending;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        must(NULL);
    return arena_alloc(arena, count * size);
}

void *arena_grow(struct arena *arena, void *list, size_t count, size_t *capacity, size_t size)
{
    void *larger;

    if (count < *capacity)
        return list;
    *capacity = *capacity ? 2 * *capacity : GROW_FIRST;
    larger = arena_array(arena, *capacity, size);
    return count ? memcpy(larger, list, count * size) : larger;
}

char *arena_copy_bytes(struct arena *arena, const void *bytes, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);

    if (length)
        memcpy(copy, bytes, length);
    return copy;
}

char *arena_copy(struct arena *arena, const char *text)
{
    return text ? arena_copy_bytes(arena, text, strlen(text)) : NULL;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list args;
    char *text;
    int length;

    va_start(args, format);
    length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0)
        must(NULL);
    text = arena_alloc(arena, (size_t)length + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

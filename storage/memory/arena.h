/* Memory of one request: taken piece by piece, given back all at once. Not for two threads. */
#pragma once
#include <stdarg.h>
#include <stddef.h>

struct arena;

struct arena *arena_new(void);
/* Gives everything back and keeps one block for the next request. */
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena);
/* Has end called with this value before the arena gives everything back; what came last goes first. */
void arena_at_end(struct arena *arena, void (*end)(void *value), void *value);

/* Zeroed, aligned for any type, never NULL: out of memory ends the process. */
void *arena_alloc(struct arena *arena, size_t size);
/* The same for count elements; ends the process where the product overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);
/* The list of count elements, with room for more of them where *capacity says that there is none. Twice
 * as much each time; the old list stays valid, and is not freed before the arena is. */
void *arena_grow(struct arena *arena, void *list, size_t count, size_t *capacity, size_t size);
/* Copies with a final NUL; a NULL text stays NULL. */
char *arena_copy(struct arena *arena, const char *text);
char *arena_copy_bytes(struct arena *arena, const void *bytes, size_t length);
char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Named entries in the order they came, found by name. Of equal names the last is the one that
 * counts, as for JavaScript; those before it are gone. */
#pragma once
#include "storage/memory/json_cursor.h"

struct arena;

struct npm_entry {
    const char *key;
    const char *text;        /* the table's user's own */
    struct json_range range; /* of its value in the document */
    int64_t time_us;
    bool is_gone;
    bool is_held; /* gone, because policy holds it back */
    uint32_t hash;
};

struct npm_entries {
    struct arena *arena;
    struct npm_entry *list;
    size_t count, capacity;
    uint32_t *slots; /* index + 1 into list; 0: free */
    size_t slot_count;
    size_t key_bytes;
};

enum { NPM_ENTRIES_MAX = 200000, NPM_ENTRY_KEYS_MAX = 16 << 20 };

void npm_entries_init(struct npm_entries *entries, struct arena *arena);
/* Adds an entry, its key copied; NULL over one of the limits. Good until the next is added. */
struct npm_entry *npm_entries_add(struct npm_entries *entries, const char *key);
/* The last one of this name, gone or not; NULL without one. */
struct npm_entry *npm_entries_find(const struct npm_entries *entries, const char *key);

#include "protocols/npm/entry_table.h"

#include "storage/memory/arena.h"

#include <string.h>

void npm_entries_init(struct npm_entries *entries, struct arena *arena)
{
    *entries = (struct npm_entries){.arena = arena};
}

/* FNV-1a, begun where the arena happens to be: whoever writes a document does not know which keys
 * collide. */
static uint32_t hash_key(const struct npm_entries *entries, const char *key)
{
    uint32_t hash = 2166136261u ^ (uint32_t)((uintptr_t)entries->arena >> 4);

    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    return hash ^ hash >> 15;
}

/* The slot that has the key, or the free one where it belongs. */
static uint32_t *find_slot(const struct npm_entries *entries, const char *key, uint32_t hash)
{
    size_t at = hash & (entries->slot_count - 1);

    while (entries->slots[at]) {
        const struct npm_entry *entry = &entries->list[entries->slots[at] - 1];

        if (entry->hash == hash && !strcmp(entry->key, key))
            break;
        at = (at + 1) & (entries->slot_count - 1);
    }
    return &entries->slots[at];
}

static void grow(struct npm_entries *entries)
{
    struct npm_entry *list =
        arena_grow(entries->arena, entries->list, entries->count, &entries->capacity, sizeof *list);

    entries->list = list;
    entries->slot_count = 2 * entries->capacity;
    entries->slots = arena_array(entries->arena, entries->slot_count, sizeof *entries->slots);
    for (size_t i = 0; i < entries->count; i++)
        *find_slot(entries, list[i].key, list[i].hash) = (uint32_t)i + 1;
}

struct npm_entry *npm_entries_add(struct npm_entries *entries, const char *key)
{
    uint32_t hash = hash_key(entries, key), *slot;
    struct npm_entry *entry;

    entries->key_bytes += strlen(key);
    if (entries->count == NPM_ENTRIES_MAX || entries->key_bytes > NPM_ENTRY_KEYS_MAX)
        return NULL;
    if (entries->count == entries->capacity)
        grow(entries);
    slot = find_slot(entries, key, hash);
    if (*slot)
        entries->list[*slot - 1].is_gone = true;
    entry = &entries->list[entries->count++];
    *entry = (struct npm_entry){.key = arena_copy(entries->arena, key), .hash = hash};
    *slot = (uint32_t)entries->count;
    return entry;
}

struct npm_entry *npm_entries_find(const struct npm_entries *entries, const char *key)
{
    uint32_t slot = entries->count ? *find_slot(entries, key, hash_key(entries, key)) : 0;

    return slot ? &entries->list[slot - 1] : NULL;
}

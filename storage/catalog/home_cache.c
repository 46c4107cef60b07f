#include "storage/catalog/home_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { LOCKS = 64, SLOTS = 32 * 1024, NAMES = 4096 };

struct entry {
    int64_t repository_id, id;
    uint64_t generation, name_changes;
    enum format format;
    enum home_kind kind;
    char name_norm[];
};

/* A newcomer takes its slot from whoever is there, so memory has a bound. Names may share a count of
 * changes: one is then looked up again for the other's, which is harmless. */
struct home_cache {
    pthread_mutex_t locks[LOCKS]; /* of the slots whose number is this, modulo LOCKS */
    struct entry *slots[SLOTS];
    _Atomic uint64_t changes[NAMES];
};

struct home_cache *home_cache_new(void)
{
    struct home_cache *cache = calloc(1, sizeof *cache);

    if (!cache)
        abort();
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_init(&cache->locks[i], NULL);
    return cache;
}

void home_cache_free(struct home_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        free(cache->slots[i]);
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&cache->locks[i]);
    free(cache);
}

static uint64_t hash_name(const char *name, uint64_t seed)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ seed; /* FNV-1a */

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return hash;
}

uint64_t home_cache_changes(struct home_cache *cache, const char *name_norm)
{
    return atomic_load(&cache->changes[hash_name(name_norm, 0) % NAMES]);
}

void home_cache_name_changed(struct home_cache *cache, const char *name_norm)
{
    atomic_fetch_add(&cache->changes[hash_name(name_norm, 0) % NAMES], 1);
}

static size_t slot_of(const struct home_key *key)
{
    return hash_name(key->name_norm, (uint64_t)key->repository_id * 4 + key->format) % SLOTS;
}

static bool is_it(const struct entry *entry, const struct home_key *key)
{
    return entry && entry->repository_id == key->repository_id && entry->format == key->format &&
           entry->generation == key->generation && entry->name_changes == key->name_changes &&
           !strcmp(entry->name_norm, key->name_norm);
}

bool home_cache_get(struct home_cache *cache, const struct home_key *key, enum home_kind *kind,
                    int64_t *id)
{
    size_t slot = slot_of(key);
    const struct entry *entry;
    bool found;

    pthread_mutex_lock(&cache->locks[slot % LOCKS]);
    entry = cache->slots[slot];
    if ((found = is_it(entry, key))) {
        *kind = entry->kind;
        *id = entry->id;
    }
    pthread_mutex_unlock(&cache->locks[slot % LOCKS]);
    return found;
}

void home_cache_put(struct home_cache *cache, const struct home_key *key, enum home_kind kind,
                    int64_t id)
{
    size_t slot = slot_of(key), size = strlen(key->name_norm) + 1;
    struct entry *entry = malloc(sizeof *entry + size), *old;

    if (!entry)
        abort();
    *entry = (struct entry){key->repository_id, id, key->generation, key->name_changes, key->format, kind};
    memcpy(entry->name_norm, key->name_norm, size);
    pthread_mutex_lock(&cache->locks[slot % LOCKS]);
    old = cache->slots[slot];
    cache->slots[slot] = entry;
    pthread_mutex_unlock(&cache->locks[slot % LOCKS]);
    free(old);
}

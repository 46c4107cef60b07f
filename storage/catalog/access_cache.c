#include "storage/catalog/access_cache.h"

#include "config/clock.h"
#include "storage/memory/arena.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 4096, ENTRIES_MAX = 32768, KEY_MAX = 128 };

/* One look-up's result, with the memory that it lives in. */
struct entry {
    struct entry *next;
    struct arena *arena;
    const void *key;
    size_t key_length;
    const struct principal *principal; /* or */
    struct repository repository;
    _Atomic int64_t used_us; /* of a principal's token; 0: handed out already */
};

struct access_cache {
    pthread_rwlock_t lock;
    uint64_t generation;
    size_t count;
    struct entry *buckets[BUCKETS];
};

struct access_cache *access_cache_new(void)
{
    struct access_cache *cache = calloc(1, sizeof *cache);

    if (!cache)
        abort();
    pthread_rwlock_init(&cache->lock, NULL);
    return cache;
}

static void drop_all(struct access_cache *cache)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct entry *entry = cache->buckets[i], *next; entry; entry = next) {
            next = entry->next;
            arena_free(entry->arena);
        }
    memset(cache->buckets, 0, sizeof cache->buckets);
    cache->count = 0;
}

void access_cache_free(struct access_cache *cache)
{
    if (!cache)
        return;
    drop_all(cache);
    pthread_rwlock_destroy(&cache->lock);
    free(cache);
}

void access_cache_clear(struct access_cache *cache)
{
    pthread_rwlock_wrlock(&cache->lock);
    cache->generation++;
    drop_all(cache);
    pthread_rwlock_unlock(&cache->lock);
}

static size_t bucket_of(const void *key, size_t length)
{
    const unsigned char *at = key;
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ at[i]) * 1099511628211u;
    return hash % BUCKETS;
}

/* Called with the lock. */
static struct entry *find(struct access_cache *cache, const void *key, size_t length)
{
    struct entry *entry = cache->buckets[bucket_of(key, length)];

    while (entry && (entry->key_length != length || memcmp(entry->key, key, length)))
        entry = entry->next;
    return entry;
}

/* Adds an entry, unless the cache was cleared since the look-up began; NULL then. With the lock. */
static struct entry *add(struct access_cache *cache, const void *key, size_t length,
                         uint64_t generation)
{
    size_t bucket = bucket_of(key, length);
    struct arena *arena;
    struct entry *entry;

    if (generation != cache->generation || find(cache, key, length))
        return NULL;
    if (cache->count == ENTRIES_MAX)
        drop_all(cache);
    arena = arena_new();
    entry = arena_alloc(arena, sizeof *entry);
    entry->arena = arena;
    entry->key = arena_copy_bytes(arena, key, length);
    entry->key_length = length;
    entry->next = cache->buckets[bucket];
    cache->buckets[bucket] = entry;
    cache->count++;
    return entry;
}

static struct repository copy_repository(const struct repository *from, struct arena *arena)
{
    struct repository copy = *from;

    copy.org = arena_copy(arena, from->org);
    copy.name = arena_copy(arena, from->name);
    return copy;
}

static const char *const *copy_globs(const char *const *from, size_t count, struct arena *arena)
{
    const char **copy = from ? arena_array(arena, count ? count : 1, sizeof *copy) : NULL;

    for (size_t i = 0; from && i < count; i++)
        copy[i] = arena_copy(arena, from[i]);
    return copy;
}

static const struct principal *copy_principal(const struct principal *from, struct arena *arena)
{
    struct principal *copy = arena_alloc(arena, sizeof *copy);
    struct grant *grants = arena_array(arena, from->grant_count, sizeof *grants);

    *copy = *from;
    copy->name = arena_copy(arena, from->name);
    for (size_t i = 0; i < from->grant_count; i++) {
        grants[i] = from->grants[i];
        grants[i].subject = arena_copy(arena, from->grants[i].subject);
        grants[i].role = arena_copy(arena, from->grants[i].role);
        grants[i].repository = arena_copy(arena, from->grants[i].repository);
        grants[i].package = arena_copy(arena, from->grants[i].package);
    }
    copy->grants = grants;
    copy->repositories = copy_globs(from->repositories, from->repository_count, arena);
    copy->packages = copy_globs(from->packages, from->package_count, arena);
    return copy;
}

/* Longer names than any valid one are not looked for; 0 then. */
static size_t repository_key(const char *org, const char *name, char key[KEY_MAX])
{
    int length = snprintf(key, KEY_MAX, "%s/%s", org, name);

    return length < KEY_MAX ? (size_t)length : 0;
}

bool access_cache_get_repository(struct access_cache *cache, const char *org, const char *name,
                                 struct arena *arena, struct repository *out, uint64_t *generation)
{
    char key[KEY_MAX];
    size_t length = repository_key(org, name, key);
    struct entry *entry;

    pthread_rwlock_rdlock(&cache->lock);
    *generation = cache->generation;
    if ((entry = length ? find(cache, key, length) : NULL))
        *out = copy_repository(&entry->repository, arena);
    pthread_rwlock_unlock(&cache->lock);
    return entry;
}

void access_cache_put_repository(struct access_cache *cache, const struct repository *repository,
                                 uint64_t generation)
{
    char key[KEY_MAX];
    size_t length = repository_key(repository->org, repository->name, key);
    struct entry *entry;

    pthread_rwlock_wrlock(&cache->lock);
    if (length && (entry = add(cache, key, length, generation)))
        entry->repository = copy_repository(repository, entry->arena);
    pthread_rwlock_unlock(&cache->lock);
}

size_t access_cache_take_uses(struct access_cache *cache, struct token_use *out, size_t max)
{
    size_t count = 0;

    pthread_rwlock_rdlock(&cache->lock);
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct entry *entry = cache->buckets[i]; entry && count < max; entry = entry->next)
            if (entry->principal && (out[count].used_us = atomic_exchange(&entry->used_us, 0)))
                out[count++].token_id = entry->principal->token_id;
    pthread_rwlock_unlock(&cache->lock);
    return count;
}

bool access_cache_get_principal(struct access_cache *cache, const uint8_t key_hash[SHA256_SIZE],
                                struct arena *arena, const struct principal **out,
                                uint64_t *generation)
{
    struct entry *entry;

    pthread_rwlock_rdlock(&cache->lock);
    *generation = cache->generation;
    if ((entry = find(cache, key_hash, SHA256_SIZE))) {
        *out = copy_principal(entry->principal, arena);
        atomic_store_explicit(&entry->used_us, clock_now_us(), memory_order_relaxed);
    }
    pthread_rwlock_unlock(&cache->lock);
    return entry;
}

void access_cache_put_principal(struct access_cache *cache, const uint8_t key_hash[SHA256_SIZE],
                                const struct principal *principal, uint64_t generation)
{
    struct entry *entry;

    pthread_rwlock_wrlock(&cache->lock);
    if ((entry = add(cache, key_hash, SHA256_SIZE, generation))) {
        entry->principal = copy_principal(principal, entry->arena);
        atomic_store(&entry->used_us, clock_now_us());
    }
    pthread_rwlock_unlock(&cache->lock);
}

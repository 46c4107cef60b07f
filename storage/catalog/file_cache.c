#include "storage/catalog/file_cache.h"

#include "storage/memory/arena.h"
#include "storage/memory/secret.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 16, BUCKETS = 1024, GENERATIONS = 4096 };

/* One block of memory, its texts and bytes behind it. Immutable but for the links. */
struct entry {
    struct entry *next;          /* in its bucket */
    struct entry *newer, *older; /* in its shard */
    struct stored_file file;
    const char *key; /* of key_length bytes */
    size_t key_length, size;
    uint64_t hash, generation;
    atomic_uint references;
    bool was_used;
};

struct shard {
    pthread_mutex_t lock; /* guards all below, and the links of its entries */
    struct entry *buckets[BUCKETS];
    struct entry *newest, *oldest;
    size_t bytes;
};

struct file_cache {
    size_t shard_max;
    uint64_t seed;
    atomic_uint_fast64_t hits, misses;
    /* Packages share a number where their hashes do; then a change makes some others be read again.
     */
    atomic_uint_fast64_t generations[GENERATIONS];
    struct shard shards[SHARDS];
};

static void *or_abort(void *memory)
{
    if (!memory) {
        fputs("packhouse: out of memory\n", stderr);
        abort();
    }
    return memory;
}

struct file_cache *file_cache_new(size_t max_bytes)
{
    struct file_cache *cache = or_abort(calloc(1, sizeof *cache));

    cache->shard_max = max_bytes / SHARDS;
    cache->seed = secret_random_u64();
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&cache->shards[i].lock, NULL);
    return cache;
}

static uint64_t mix(uint64_t sum, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < length; i++)
        sum = (sum ^ at[i]) * UINT64_C(0x100000001b3);
    sum ^= sum >> 32;
    sum *= UINT64_C(0xd6e8feb86659fd93);
    return sum ^ sum >> 32;
}

static atomic_uint_fast64_t *generation_of(struct file_cache *cache, int64_t repository_id,
                                           const char *name_norm)
{
    uint64_t sum = mix(cache->seed ^ (uint64_t)repository_id, name_norm, strlen(name_norm));

    return &cache->generations[sum % GENERATIONS];
}

uint64_t file_cache_generation(struct file_cache *cache, int64_t repository_id,
                               const char *name_norm)
{
    return atomic_load(generation_of(cache, repository_id, name_norm));
}

void file_cache_invalidate(struct file_cache *cache, int64_t repository_id, const char *name_norm)
{
    atomic_fetch_add(generation_of(cache, repository_id, name_norm), 1);
}

enum { KEY_MAX = 2048 };

/* Numbers and texts as one run of bytes; 0 where they are too long to be kept. */
static size_t flatten(const struct file_key *key, char out[KEY_MAX])
{
    int64_t numbers[2] = {key->repository_id, key->format};
    size_t name = strlen(key->name_norm) + 1, file = strlen(key->file) + 1;

    if (name + file + sizeof numbers > KEY_MAX)
        return 0;
    memcpy(out, numbers, sizeof numbers);
    memcpy(out + sizeof numbers, key->name_norm, name);
    memcpy(out + sizeof numbers + name, key->file, file);
    return sizeof numbers + name + file;
}

static void drop(struct entry *entry)
{
    if (atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) == 1)
        free(entry);
}

/* With the shard's lock, as all that follows up to evict(). */
static struct entry **find(struct shard *shard, uint64_t hash, const char *key, size_t length)
{
    struct entry **at = &shard->buckets[hash / SHARDS % BUCKETS];

    while (*at &&
           ((*at)->hash != hash || (*at)->key_length != length || memcmp((*at)->key, key, length)))
        at = &(*at)->next;
    return at;
}

static void leave_line(struct shard *shard, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &shard->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &shard->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
}

static void join_line(struct shard *shard, struct entry *entry)
{
    entry->older = shard->newest;
    *(shard->newest ? &shard->newest->newer : &shard->oldest) = entry;
    shard->newest = entry;
}

static void unlink_entry(struct shard *shard, struct entry **at)
{
    struct entry *entry = *at;

    *at = entry->next;
    leave_line(shard, entry);
    shard->bytes -= entry->size;
    drop(entry);
}

/* The oldest go; what was asked for since it last came up gets one more turn. */
static void evict(struct shard *shard, size_t max_bytes)
{
    while (shard->bytes > max_bytes) {
        struct entry *entry = shard->oldest;

        if (entry->was_used) {
            entry->was_used = false;
            leave_line(shard, entry);
            join_line(shard, entry);
        } else {
            unlink_entry(shard, find(shard, entry->hash, entry->key, entry->key_length));
        }
    }
}

/* An entry with a reference for the caller; NULL where there is none, or one that is outdated. */
static struct entry *take(struct file_cache *cache, const struct file_key *key)
{
    char flat[KEY_MAX];
    size_t length = flatten(key, flat);
    uint64_t hash = mix(cache->seed, flat, length);
    struct shard *shard = &cache->shards[hash % SHARDS];
    struct entry **at, *entry;

    if (!length)
        return NULL;
    pthread_mutex_lock(&shard->lock);
    at = find(shard, hash, flat, length);
    entry = *at;
    if (entry &&
        entry->generation != file_cache_generation(cache, key->repository_id, key->name_norm)) {
        unlink_entry(shard, at);
        entry = NULL;
    }
    if (entry) {
        entry->was_used = true;
        atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&shard->lock);
    return entry;
}

bool file_cache_get(struct file_cache *cache, const struct file_key *key, struct arena *arena,
                    struct stored_file *out)
{
    struct entry *entry = take(cache, key);

    atomic_fetch_add_explicit(entry ? &cache->hits : &cache->misses, 1, memory_order_relaxed);
    if (!entry)
        return false;
    *out = entry->file;
    out->name = arena_copy(arena, out->name);
    out->version = arena_copy(arena, out->version);
    out->meta = arena_copy(arena, out->meta);
    if (out->bytes)
        out->bytes = arena_copy_bytes(arena, out->bytes, (size_t)out->size);
    drop(entry);
    return true;
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

static const void *append(char **at, const void *bytes, size_t size)
{
    char *copy = *at;

    if (!bytes)
        return NULL;
    memcpy(copy, bytes, size);
    *at += size;
    return copy;
}

static struct entry *make(const struct stored_file *file, const char *key, size_t key_length)
{
    size_t name = text_size(file->name), version = text_size(file->version),
           meta = text_size(file->meta), bytes = file->bytes ? (size_t)file->size : 0;
    size_t size = sizeof(struct entry) + key_length + name + version + meta + bytes;
    struct entry *entry = or_abort(malloc(size));
    char *at = (char *)(entry + 1);

    *entry = (struct entry){.file = *file, .key_length = key_length, .size = size};
    atomic_init(&entry->references, 1);
    entry->key = append(&at, key, key_length);
    entry->file.name = append(&at, file->name, name);
    entry->file.version = append(&at, file->version, version);
    entry->file.meta = append(&at, file->meta, meta);
    entry->file.bytes = append(&at, file->bytes, bytes);
    return entry;
}

void file_cache_put(struct file_cache *cache, const struct file_key *key, uint64_t generation,
                    const struct stored_file *file)
{
    char flat[KEY_MAX];
    size_t length = flatten(key, flat);
    struct entry *entry, **at;
    struct shard *shard;

    if (!length || generation != file_cache_generation(cache, key->repository_id, key->name_norm))
        return;
    entry = make(file, flat, length);
    entry->generation = generation;
    entry->hash = mix(cache->seed, flat, length);
    shard = &cache->shards[entry->hash % SHARDS];
    pthread_mutex_lock(&shard->lock);
    at = find(shard, entry->hash, flat, length);
    if (*at)
        unlink_entry(shard, at);
    at = &shard->buckets[entry->hash / SHARDS % BUCKETS];
    entry->next = *at;
    *at = entry;
    join_line(shard, entry);
    shard->bytes += entry->size;
    evict(shard, cache->shard_max);
    pthread_mutex_unlock(&shard->lock);
}

void file_cache_free(struct file_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &cache->shards[i];

        while (shard->oldest)
            unlink_entry(shard, find(shard, shard->oldest->hash, shard->oldest->key,
                                     shard->oldest->key_length));
        pthread_mutex_destroy(&shard->lock);
    }
    free(cache);
}

void file_cache_stats(struct file_cache *cache, struct file_cache_stats *out)
{
    *out = (struct file_cache_stats){.hits = atomic_load(&cache->hits),
                                     .misses = atomic_load(&cache->misses)};
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_lock(&cache->shards[i].lock);
        out->bytes += cache->shards[i].bytes;
        pthread_mutex_unlock(&cache->shards[i].lock);
    }
}

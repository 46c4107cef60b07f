/* Files that were asked for lately: what their rows say, and the bytes of small ones, so that a hot
 * tarball costs neither a query nor an open file. Shared by all threads; locked inside, by shards.
 * Exact: a change of a package makes all that was read of it before worthless. */
#pragma once
#include "storage/catalog/package.h"

struct file_cache;

struct file_key {
    int64_t repository_id;
    enum format format;
    const char *name_norm, *file;
};

struct file_cache *file_cache_new(size_t max_bytes);
void file_cache_free(struct file_cache *cache); /* NULL does nothing */

/* The file with copies of its texts and bytes in the arena; false where it is not here. */
bool file_cache_get(struct file_cache *cache, const struct file_key *key, struct arena *arena,
                    struct stored_file *out);

/* To be asked before the rows are read, and handed to file_cache_put(), which keeps nothing that
 * was read before a change. */
uint64_t file_cache_generation(struct file_cache *cache, int64_t repository_id,
                               const char *name_norm);
/* Copies the file; with its bytes where file->bytes is not NULL. */
void file_cache_put(struct file_cache *cache, const struct file_key *key, uint64_t generation,
                    const struct stored_file *file);

/* For the writer's hook: after COMMIT, before the publisher gets his answer. */
void file_cache_invalidate(struct file_cache *cache, int64_t repository_id, const char *name_norm);

struct file_cache_stats {
    uint64_t hits, misses;
    size_t bytes;
};
void file_cache_stats(struct file_cache *cache, struct file_cache_stats *out);

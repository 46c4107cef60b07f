/* Where names were found to live lately, so that a hot file costs no query for it. Exact: what was found
 * before a change of the org or of the name is not found here after it. Shared by all threads; locked
 * inside. */
#pragma once
#include "storage/catalog/owner.h"

struct home_cache;

struct home_cache *home_cache_new(void);
void home_cache_free(struct home_cache *cache); /* NULL does nothing */

struct home_key {
    int64_t repository_id; /* the asked one */
    enum format format;
    const char *name_norm;
    uint64_t generation;  /* catalog_place_generation() */
    uint64_t name_changes; /* home_cache_changes(), before anything was looked at */
};
uint64_t home_cache_changes(struct home_cache *cache, const char *name_norm);

/* kind is HOME_LOCAL, and id the repository's, or HOME_UPSTREAM, and id the upstream's. */
bool home_cache_get(struct home_cache *cache, const struct home_key *key, enum home_kind *kind,
                    int64_t *id);
void home_cache_put(struct home_cache *cache, const struct home_key *key, enum home_kind kind,
                    int64_t id);
/* For the writer's hook: the name changed in some repository. */
void home_cache_name_changed(struct home_cache *cache, const char *name_norm);

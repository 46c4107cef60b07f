/* Principals and repositories as they were looked up, so that the hot path asks no database. Cleared
 * by the writer after each commit that changed any of them. Locked inside; shared by all threads. */
#pragma once
#include "storage/catalog/access.h"

/* True on a hit. Else generation is what a later put must hand back: a put that was overtaken by a
 * clear is dropped. */
bool access_cache_get_repository(struct access_cache *cache, const char *org, const char *name,
                                 struct arena *arena, struct repository *out, uint64_t *generation);
void access_cache_put_repository(struct access_cache *cache, const struct repository *repository,
                                 uint64_t generation);
/* The principal is copied into the arena; the token counts as used now. */
bool access_cache_get_principal(struct access_cache *cache, const uint8_t key_hash[SHA256_SIZE],
                                struct arena *arena, const struct principal **out,
                                uint64_t *generation);
void access_cache_put_principal(struct access_cache *cache, const uint8_t key_hash[SHA256_SIZE],
                                const struct principal *principal, uint64_t generation);

/* Hands out the tokens that were used since they were last handed out: at most max of them. */
struct token_use {
    int64_t token_id, used_us;
};
size_t access_cache_take_uses(struct access_cache *cache, struct token_use *out, size_t max);

#include "storage/catalog/home_map.h"

#include "policy/policy.h"
#include "storage/catalog/exception.h"
#include "storage/catalog/reading.h"
#include "storage/memory/arena.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 256, GENERATIONS = 4096 };

struct kept_homes {
    struct org_homes homes;
    struct policy *policy;
    _Atomic size_t references;
    struct arena *arena; /* where all of it lives, this too */
    struct kept_homes *next;
};

/* Orgs may share a generation: one is then read again for the other's change, which is harmless. */
struct home_map {
    pthread_rwlock_t lock; /* of the buckets */
    struct kept_homes *buckets[BUCKETS];
    _Atomic uint64_t generations[GENERATIONS], places[GENERATIONS];
};

struct home_map *home_map_new(void)
{
    struct home_map *map = calloc(1, sizeof *map);

    if (!map)
        abort();
    pthread_rwlock_init(&map->lock, NULL);
    for (size_t i = 0; i < GENERATIONS; i++) {
        atomic_init(&map->generations[i], 1);
        atomic_init(&map->places[i], 1);
    }
    return map;
}

void home_map_free(struct home_map *map)
{
    if (!map)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct kept_homes *kept = map->buckets[i], *next; kept; kept = next) {
            next = kept->next;
            org_homes_release(&kept->homes);
        }
    pthread_rwlock_destroy(&map->lock);
    free(map);
}

void home_map_changed(struct home_map *map, int64_t org_id)
{
    atomic_fetch_add(&map->places[(uint64_t)org_id % GENERATIONS], 1);
    home_map_policy_changed(map, org_id);
}

void home_map_policy_changed(struct home_map *map, int64_t org_id)
{
    atomic_fetch_add(&map->generations[(uint64_t)org_id % GENERATIONS], 1);
}

uint64_t home_map_places(struct home_map *map, int64_t org_id)
{
    return atomic_load(&map->places[(uint64_t)org_id % GENERATIONS]);
}

uint64_t home_map_generation(struct home_map *map, int64_t org_id)
{
    return atomic_load(&map->generations[(uint64_t)org_id % GENERATIONS]);
}

void org_homes_release(const struct org_homes *homes)
{
    struct kept_homes *kept = (struct kept_homes *)homes; /* its first member */

    if (!kept || atomic_fetch_sub(&kept->references, 1) > 1)
        return;
    policy_free(kept->policy);
    arena_free(kept->arena);
}

/* Words between blanks, ending with NULL; NULL stays NULL. */
static const char *const *split_words(const char *text, struct arena *arena, size_t *count)
{
    const char **words;
    size_t used = 0;

    *count = 0;
    if (!text)
        return NULL;
    words = arena_array(arena, strlen(text) / 2 + 2, sizeof *words);
    for (const char *at = text + strspn(text, " "); *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");

        words[used++] = arena_copy_bytes(arena, at, length);
        at += length;
    }
    *count = used;
    return words;
}

static struct upstream read_upstream(struct query *query, int64_t org_id, struct arena *arena)
{
    struct upstream upstream = {
        .id = db_int(query, 0),
        .org_id = org_id,
        .name = arena_copy(arena, db_text(query, 1)),
        .format = (enum format)db_int(query, 2),
        .url = arena_copy(arena, db_text(query, 3)),
        .may_be_private = db_int(query, 6),
        .is_offline = db_int(query, 7),
        .created_us = db_int(query, 8),
    };
    size_t hosts;

    upstream.names = split_words(db_text(query, 4), arena, &upstream.name_count);
    upstream.file_hosts = split_words(db_text(query, 5), arena, &hosts);
    return upstream;
}

static enum status count_rows(struct db *db, const char *sql, int64_t org_id, size_t *count,
                              struct error *err)
{
    struct query *query = db_query(db, sql);
    enum status rc;

    db_bind_int(query, 1, org_id);
    if (!(rc = db_next_row(query, err)))
        *count = (size_t)db_int(query, 0);
    db_reset(query);
    return rc;
}

static enum status read_upstreams(struct db *db, struct org_homes *homes, struct arena *arena,
                                  struct error *err)
{
    static const char COUNT[] = "SELECT count(*) FROM repository r WHERE r.org_id = ?1 AND r.kind = 2";
    static const char LIST[] = "SELECT u.repository_id, r.name, u.format, u.url, u.names, u.file_hosts,"
                               " u.may_be_private, u.is_offline, u.created_us FROM repository r"
                               " JOIN upstream u ON u.repository_id = r.id"
                               " WHERE r.org_id = ?1 AND r.kind = 2 AND u.removed_us = 0 ORDER BY r.name";
    struct upstream *upstreams;
    struct query *query;
    enum status rc;

    if ((rc = count_rows(db, COUNT, homes->org_id, &homes->upstream_count, err)))
        return rc;
    homes->upstreams = upstreams = arena_array(arena, homes->upstream_count + 1, sizeof *upstreams);
    homes->upstream_count = 0;
    query = db_query(db, LIST);
    db_bind_int(query, 1, homes->org_id);
    while (!(rc = db_next_row(query, err)))
        upstreams[homes->upstream_count++] = read_upstream(query, homes->org_id, arena);
    return reading_list_end(rc);
}

static const struct upstream *find_by_id(const struct org_homes *homes, int64_t id)
{
    for (size_t i = 0; i < homes->upstream_count; i++)
        if (homes->upstreams[i].id == id)
            return &homes->upstreams[i];
    return NULL;
}

static enum status read_sources(struct db *db, struct org_homes *homes, struct arena *arena,
                                struct error *err)
{
    static const char COUNT[] = "SELECT count(*) FROM repository r JOIN source s ON s.repository_id = r.id"
                                " WHERE r.org_id = ?1";
    static const char LIST[] = "SELECT s.repository_id, t.id, o.name, t.name, t.anonymous_read, t.org_id"
                               " FROM repository r JOIN source s ON s.repository_id = r.id"
                               " JOIN repository t ON t.id = s.source_id JOIN org o ON o.id = t.org_id"
                               " WHERE r.org_id = ?1 ORDER BY s.repository_id, s.position";
    struct home_source *sources;
    struct query *query;
    enum status rc;

    if ((rc = count_rows(db, COUNT, homes->org_id, &homes->source_count, err)))
        return rc;
    homes->sources = sources = arena_array(arena, homes->source_count + 1, sizeof *sources);
    homes->source_count = 0;
    query = db_query(db, LIST);
    db_bind_int(query, 1, homes->org_id);
    while (!(rc = db_next_row(query, err)))
        sources[homes->source_count++] = (struct home_source){
            .repository_id = db_int(query, 0),
            .repository = {.id = db_int(query, 1),
                           .org_id = db_int(query, 5),
                           .org = arena_copy(arena, db_text(query, 2)),
                           .name = arena_copy(arena, db_text(query, 3)),
                           .anonymous_read = db_int(query, 4)},
            .upstream = find_by_id(homes, db_int(query, 1)),
        };
    return reading_list_end(rc);
}

static enum status read_claims(struct db *db, struct org_homes *homes, struct arena *arena,
                               struct error *err)
{
    static const char COUNT[] = "SELECT count(*) FROM claim WHERE org_id = ?1";
    static const char LIST[] = "SELECT format, pattern, created_us FROM claim WHERE org_id = ?1"
                               " ORDER BY format, pattern";
    struct claim *claims;
    struct query *query;
    enum status rc;

    if ((rc = count_rows(db, COUNT, homes->org_id, &homes->claim_count, err)))
        return rc;
    homes->claims = claims = arena_array(arena, homes->claim_count + 1, sizeof *claims);
    homes->claim_count = 0;
    query = db_query(db, LIST);
    db_bind_int(query, 1, homes->org_id);
    while (!(rc = db_next_row(query, err)))
        claims[homes->claim_count++] = (struct claim){
            .format = (enum format)db_int(query, 0),
            .pattern = arena_copy(arena, db_text(query, 1)),
            .created_us = db_int(query, 2),
        };
    return reading_list_end(rc);
}

/* It was checked when it was set; one that cannot be read any more lets nothing in unseen. */
static enum status read_policy(struct db *db, struct kept_homes *kept, struct error *err)
{
    static const char FIND[] = "SELECT number, text FROM policy_revision WHERE org_id = ?1"
                               " ORDER BY number DESC LIMIT 1";
    struct query *query = db_query(db, FIND);
    enum status rc;

    db_bind_int(query, 1, kept->homes.org_id);
    if ((rc = db_next_row(query, err)))
        return reading_list_end(rc);
    kept->homes.policy_revision = db_int(query, 0);
    rc = policy_read("policy", db_text(query, 1), strlen(db_text(query, 1)), &kept->policy, err);
    kept->homes.policy = kept->policy;
    db_reset(query);
    return rc;
}

static enum status read_exceptions(struct db *db, struct org_homes *homes, struct arena *arena,
                                   struct error *err)
{
    struct policy_exception *exceptions;
    enum status rc = catalog_load_exceptions(db, homes->org_id, arena, &exceptions,
                                             &homes->exception_count, err);

    homes->exceptions = exceptions;
    return rc;
}

/* All of it in one snapshot. */
static enum status read_homes(struct catalog *catalog, struct kept_homes *kept, struct arena *arena,
                              struct error *err)
{
    struct org_homes *homes = &kept->homes;
    struct db *db;
    enum status rc;

    if ((rc = db_pool_take(catalog_readers(catalog), &db, err)))
        return rc;
    if (!(rc = db_execute(db, "BEGIN", err))) {
        if (!(rc = read_upstreams(db, homes, arena, err)) &&
            !(rc = read_sources(db, homes, arena, err)) &&
            !(rc = read_claims(db, homes, arena, err)) && !(rc = read_policy(db, kept, err)))
            rc = read_exceptions(db, homes, arena, err);
        db_execute(db, "COMMIT", NULL); /* ends the snapshot; it wrote nothing */
    }
    db_pool_give(catalog_readers(catalog), db);
    return rc;
}

static const struct org_homes *find_kept(struct home_map *map, int64_t org_id, uint64_t generation)
{
    struct kept_homes *kept;

    pthread_rwlock_rdlock(&map->lock);
    kept = map->buckets[(uint64_t)org_id % BUCKETS];
    while (kept && kept->homes.org_id != org_id)
        kept = kept->next;
    if (kept && kept->homes.generation < generation)
        kept = NULL;
    if (kept)
        atomic_fetch_add(&kept->references, 1);
    pthread_rwlock_unlock(&map->lock);
    return kept ? &kept->homes : NULL;
}

/* Takes the place of what was kept before, unless that is newer. */
static void keep(struct home_map *map, struct kept_homes *new)
{
    struct kept_homes **place = &map->buckets[(uint64_t)new->homes.org_id % BUCKETS], *old;

    pthread_rwlock_wrlock(&map->lock);
    while (*place && (*place)->homes.org_id != new->homes.org_id)
        place = &(*place)->next;
    old = *place;
    if (!old || old->homes.generation <= new->homes.generation) {
        atomic_fetch_add(&new->references, 1);
        new->next = old ? old->next : NULL;
        *place = new;
    } else {
        old = NULL;
    }
    pthread_rwlock_unlock(&map->lock);
    if (old)
        org_homes_release(&old->homes);
}

enum status home_map_get(struct catalog *catalog, int64_t org_id, const struct org_homes **out,
                         struct error *err)
{
    struct home_map *map = catalog_home_map(catalog);
    uint64_t generation = home_map_generation(map, org_id); /* before the rows are read */
    struct kept_homes *kept;
    struct arena *arena;
    enum status rc;

    if ((*out = find_kept(map, org_id, generation)))
        return STATUS_OK;
    arena = arena_new();
    kept = arena_alloc(arena, sizeof *kept);
    memset(kept, 0, sizeof *kept);
    kept->arena = arena;
    kept->homes.org_id = org_id;
    kept->homes.generation = generation;
    atomic_init(&kept->references, 1);
    if ((rc = read_homes(catalog, kept, arena, err))) {
        org_homes_release(&kept->homes);
        return rc;
    }
    keep(map, kept);
    *out = &kept->homes;
    return STATUS_OK;
}

const struct upstream *org_homes_upstream(const struct org_homes *homes, const char *name)
{
    for (size_t i = 0; i < homes->upstream_count; i++)
        if (!strcmp(homes->upstreams[i].name, name))
            return &homes->upstreams[i];
    return NULL;
}

const struct claim *org_homes_claim(const struct org_homes *homes, enum format format,
                                    const char *name_fold)
{
    for (size_t i = 0; i < homes->claim_count; i++)
        if (claim_covers(&homes->claims[i], format, name_fold))
            return &homes->claims[i];
    return NULL;
}

static const char *const *copy_words(const char *const *from, struct arena *arena)
{
    size_t count = 0;
    const char **words;

    if (!from)
        return NULL;
    while (from[count])
        count++;
    words = arena_array(arena, count + 1, sizeof *words);
    for (size_t i = 0; i < count; i++)
        words[i] = arena_copy(arena, from[i]);
    return words;
}

struct upstream upstream_copy(const struct upstream *from, struct arena *arena)
{
    struct upstream copy = *from;

    copy.name = arena_copy(arena, from->name);
    copy.url = arena_copy(arena, from->url);
    copy.names = copy_words(from->names, arena);
    copy.file_hosts = copy_words(from->file_hosts, arena);
    return copy;
}

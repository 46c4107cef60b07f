/* What decides where an org's names live and what may come in, but for the owner rows: its upstreams,
 * the sources of its repositories, its claims, its policy and exceptions, as they were read last. Read
 * again after a change, by whoever asks next. Shared by all threads; locked inside. */
#pragma once
#include "storage/catalog/owner.h"

struct home_map;
struct policy;
struct policy_exception;

struct home_source {
    int64_t repository_id; /* of which it is a source */
    struct repository repository; /* the source itself; an upstream's cache */
    const struct upstream *upstream; /* NULL: a local repository */
};

/* Immutable; counted references. */
struct org_homes {
    int64_t org_id;
    uint64_t generation;
    const struct upstream *upstreams; /* in order of name */
    size_t upstream_count;
    const struct home_source *sources; /* by repository, then in order of position */
    size_t source_count;
    const struct claim *claims; /* in order of format and pattern */
    size_t claim_count;
    const struct policy *policy; /* NULL: the org has none, and everything may come in */
    int64_t policy_revision;
    const struct policy_exception *exceptions; /* those that had not ended when they were read */
    size_t exception_count;
};

struct home_map *home_map_new(void);
void home_map_free(struct home_map *map); /* NULL does nothing */
/* For the writer's hook. */
void home_map_changed(struct home_map *map, int64_t org_id);
void home_map_policy_changed(struct home_map *map, int64_t org_id);
/* Grows with every change. */
uint64_t home_map_generation(struct home_map *map, int64_t org_id);
/* Does not grow where only the policy or its exceptions change. */
uint64_t home_map_places(struct home_map *map, int64_t org_id);

/* The org's, not older than its generation at the time of the call. */
enum status home_map_get(struct catalog *catalog, int64_t org_id, const struct org_homes **out,
                         struct error *err);
void org_homes_release(const struct org_homes *homes); /* NULL does nothing */

/* NULL without one. */
const struct upstream *org_homes_upstream(const struct org_homes *homes, const char *name);
const struct claim *org_homes_claim(const struct org_homes *homes, enum format format,
                                    const char *name_fold);
/* A copy that lives as long as the arena. */
struct upstream upstream_copy(const struct upstream *from, struct arena *arena);

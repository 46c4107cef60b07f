/* Orgs and their repositories: the shelves that packages stand on. */
#pragma once
#include "storage/catalog/catalog.h"

struct arena;
struct actor;

struct repository {
    int64_t id, org_id;
    const char *org, *name;
    bool anonymous_read;
};

struct org {
    int64_t id;
    const char *name;
    int64_t created_us;
};

/* DESIGN 1: [a-z0-9]([a-z0-9-]{0,38}[a-z0-9])? for orgs, [a-z0-9][a-z0-9._-]{0,62} for repositories. */
bool org_name_is_valid(const char *name);
bool repository_name_is_valid(const char *name);

enum status catalog_create_org(struct catalog *catalog, const struct actor *actor,
                               const char *name, int64_t *id, struct error *err);
/* STATUS_NOT_FOUND without the org, STATUS_CONFLICT where the name is taken. */
enum status catalog_create_repository(struct catalog *catalog, const struct actor *actor,
                                      const char *org, const char *name, bool anonymous_read,
                                      int64_t *id, struct error *err);
enum status catalog_set_anonymous_read(struct catalog *catalog, const struct actor *actor,
                                       const struct repository *repository, bool anonymous_read,
                                       struct error *err);

/* From memory. The result lives in the arena. The cache of an upstream is no repository to ask. */
enum status catalog_find_repository(struct catalog *catalog, const char *org, const char *name,
                                    struct arena *arena, struct repository *out,
                                    struct error *err);
enum status catalog_find_org(struct catalog *catalog, const char *name, struct arena *arena,
                             struct org *out, struct error *err);
enum status catalog_find_org_name(struct catalog *catalog, int64_t id, struct arena *arena,
                                  const char **out, struct error *err);

/* Lists in order of name, after this name, at most limit. */
enum status catalog_list_orgs(struct catalog *catalog, const char *after, size_t limit,
                              struct arena *arena, struct org **out, size_t *count,
                              struct error *err);
enum status catalog_list_repositories(struct catalog *catalog, int64_t org_id, const char *after,
                                      size_t limit, struct arena *arena, struct repository **out,
                                      size_t *count, struct error *err);

/* Upstreams, the external registries that packages come from, and sources, the ordered list of where
 * a repository looks for what it has not got itself. DESIGN 1. */
#pragma once
#include "storage/catalog/access.h"

struct package;

struct upstream {
    int64_t id; /* of the repository, of kind 2, that its packages are cached under */
    int64_t org_id;
    const char *name; /* as a repository's, in its org */
    enum format format;
    const char *url;              /* without a final slash, user or query */
    const char *const *names;     /* globs kept for this upstream alone; NULL: it is asked for any */
    size_t name_count;
    const char *const *file_hosts; /* "host" or "host:port", besides its own; ends with NULL */
    bool may_be_private; /* the instance's owner named its host, so that its address may be private */
    bool is_offline;     /* never asked: what is stored is served */
    int64_t created_us;
};

struct upstream_change {
    enum format format;
    const char *name; /* NULL: the format's name, else with "-2", "-3" … behind it */
    const char *url;
    const char *const *names, *const *file_hosts; /* end with NULL; NULL: none */
    const char *credential;      /* "Bearer …", "Basic …" or NULL: sealed before it is stored */
    const char *credential_file; /* or a file that holds it, read at each use; NULL */
    bool may_be_private;
};

/* Makes the upstream and appends it to the repository's sources, in one change. STATUS_INVALID for a
 * URL that is not http(s) or has a user, query or fragment, or is this server's own. */
enum status catalog_add_upstream(struct catalog *catalog, const struct actor *actor,
                                 const struct repository *repository,
                                 const struct upstream_change *change, struct upstream *out,
                                 struct arena *arena, struct error *err);
/* Takes it out of every list of sources and forgets its cache; owner rows, pins and tombstones stay:
 * a name that it owned is nobody else's until `owner set`. */
enum status catalog_remove_upstream(struct catalog *catalog, const struct actor *actor,
                                    const struct upstream *upstream, struct error *err);
enum status catalog_set_upstream_offline(struct catalog *catalog, const struct actor *actor,
                                         const struct upstream *upstream, bool is_offline,
                                         struct error *err);
/* From memory. STATUS_NOT_FOUND where the org has no such upstream. */
enum status catalog_find_upstream(struct catalog *catalog, int64_t org_id, const char *name,
                                  struct arena *arena, struct upstream *out, struct error *err);
enum status catalog_list_upstreams(struct catalog *catalog, int64_t org_id, const char *after,
                                   size_t limit, struct arena *arena, struct upstream **out,
                                   size_t *count, struct error *err);
/* The value of an Authorization header for this upstream, opened or read now; NULL without one. */
enum status catalog_upstream_credential(struct catalog *catalog, const struct upstream *upstream,
                                        struct arena *arena, const char **out, struct error *err);

/* Sources. A source is a local repository of the same org, or an upstream. */
struct source {
    int64_t id;
    const char *name;
    bool is_upstream;
};
enum status catalog_list_sources(struct catalog *catalog, const struct repository *repository,
                                 struct arena *arena, struct source **out, size_t *count,
                                 struct error *err);
/* Every package of the format that is kept in the repository or in one of its sources, upstreams only if
 * asked for, each in order of name: what two of them have comes twice. What the visitor gets lives only
 * during the call; its failure ends the walk. */
enum status catalog_walk_names(struct catalog *catalog, const struct repository *repository,
                               enum format format, bool with_upstreams,
                               enum status (*visit)(void *context, const struct source *source,
                                                    const struct package *package, struct error *err),
                               void *context, struct error *err);
/* Appends; a repository is no source of itself, and sources of sources are not looked at. */
enum status catalog_add_source(struct catalog *catalog, const struct actor *actor,
                               const struct repository *repository, const char *name,
                               struct error *err);
enum status catalog_remove_source(struct catalog *catalog, const struct actor *actor,
                                  const struct repository *repository, const char *name,
                                  struct error *err);

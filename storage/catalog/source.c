#include "storage/catalog/source.h"

#include "storage/catalog/home_map.h"
#include "storage/catalog/package.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/metadata/db.h"

#include <stdio.h>
#include <string.h>

enum { TARGET_MAX = 160 };

enum status tx_append_source(struct transaction *tx, int64_t repository_id, int64_t source_id,
                             struct error *err)
{
    static const char INSERT[] =
        "INSERT INTO source(repository_id, position, source_id) VALUES(?1,"
        " (SELECT COALESCE(max(s.position), 0) + 1 FROM source s WHERE s.repository_id = ?1), ?2)";
    struct query *query = db_query(tx->db, INSERT);

    db_bind_int(query, 1, repository_id);
    db_bind_int(query, 2, source_id);
    return db_run(query, err);
}

enum status catalog_list_sources(struct catalog *catalog, const struct repository *repository,
                                 struct arena *arena, struct source **out, size_t *count,
                                 struct error *err)
{
    const struct org_homes *homes;
    enum status rc;

    *count = 0;
    if ((rc = home_map_get(catalog, repository->org_id, &homes, err)))
        return rc;
    *out = arena_array(arena, homes->source_count + 1, sizeof **out);
    for (size_t i = 0; i < homes->source_count; i++)
        if (homes->sources[i].repository_id == repository->id)
            (*out)[(*count)++] = (struct source){
                .id = homes->sources[i].repository.id,
                .name = arena_copy(arena, homes->sources[i].repository.name),
                .is_upstream = homes->sources[i].upstream,
            };
    org_homes_release(homes);
    return STATUS_OK;
}

struct name_walk {
    struct catalog *catalog;
    const struct repository *repository;
    enum format format;
    enum status (*visit)(void *context, const struct source *source, const struct package *package,
                         struct error *err);
    void *context;
};

static enum status walk_names_of(const struct name_walk *walk, const struct source *source,
                                 struct error *err)
{
    enum { AT_ONCE = 1000 };
    const struct repository repository = {.id = source->id,
                                          .org_id = walk->repository->org_id,
                                          .org = walk->repository->org,
                                          .name = source->name};
    struct arena *arenas[] = {arena_new(), arena_new()}; /* the last name of a page outlives it */
    const char *after = "";
    struct package *packages;
    size_t count, page = 0;
    enum status rc;

    do {
        struct arena *arena = arenas[page++ % 2];

        arena_reset(arena);
        rc = catalog_list_packages(walk->catalog, &repository, walk->format, after, AT_ONCE, arena,
                                   &packages, &count, err);
        for (size_t i = 0; !rc && i < count; i++)
            rc = walk->visit(walk->context, source, &packages[i], err);
        if (!rc && count)
            after = packages[count - 1].name_norm;
    } while (!rc && count == AT_ONCE);
    arena_free(arenas[0]);
    arena_free(arenas[1]);
    return rc;
}

enum status catalog_walk_names(struct catalog *catalog, const struct repository *repository,
                               enum format format, bool with_upstreams,
                               enum status (*visit)(void *context, const struct source *source,
                                                    const struct package *package, struct error *err),
                               void *context, struct error *err)
{
    const struct name_walk walk = {catalog, repository, format, visit, context};
    const struct source itself = {.id = repository->id, .name = repository->name};
    struct arena *arena = arena_new();
    struct source *sources;
    size_t count;
    enum status rc;

    rc = catalog_list_sources(catalog, repository, arena, &sources, &count, err);
    if (!rc)
        rc = walk_names_of(&walk, &itself, err);
    for (size_t i = 0; !rc && i < count; i++)
        if (with_upstreams || !sources[i].is_upstream)
            rc = walk_names_of(&walk, &sources[i], err);
    arena_free(arena);
    return rc;
}

struct source_change {
    const struct actor *actor;
    const struct repository *repository;
    const char *name;
};

static enum status record_change(struct transaction *tx, const struct source_change *change,
                                 const char *action, struct error *err)
{
    char target[TARGET_MAX];

    snprintf(target, sizeof target, "%s: %s", change->repository->name, change->name);
    tx_home_changed(tx, change->repository->org_id);
    return tx_record(tx, change->actor, change->repository->org_id, action, target, "{}", err);
}

static enum status find_source(struct transaction *tx, const struct source_change *change,
                               int64_t *id, struct error *err)
{
    static const char FIND[] = "SELECT id FROM repository WHERE org_id = ?1 AND name = ?2";
    struct query *query = db_query(tx->db, FIND);
    enum status rc;

    db_bind_int(query, 1, change->repository->org_id);
    db_bind_text(query, 2, change->name);
    if (!(rc = db_next_row(query, err)))
        *id = db_int(query, 0);
    db_reset(query);
    return rc == STATUS_NOT_FOUND
               ? fail(err, rc, "no-such-source", "the org has no repository or upstream %.80s", change->name)
               : rc;
}

static enum status insert_source(struct transaction *tx, void *argument, struct error *err)
{
    struct source_change *change = argument;
    int64_t id;
    enum status rc;

    if ((rc = find_source(tx, change, &id, err)))
        return rc;
    if (id == change->repository->id)
        return fail(err, STATUS_INVALID, "invalid-value", "a repository is no source of itself");
    if ((rc = tx_append_source(tx, change->repository->id, id, err)))
        return rc == STATUS_CONFLICT ? fail(err, rc, "source-listed", "%s has the source %s already",
                                            change->repository->name, change->name)
                                     : rc;
    return record_change(tx, change, "source.added", err);
}

static enum status delete_source(struct transaction *tx, void *argument, struct error *err)
{
    static const char DELETE[] = "DELETE FROM source WHERE repository_id = ?1 AND source_id = ?2";
    struct source_change *change = argument;
    struct query *query;
    int64_t id;
    enum status rc;

    if ((rc = find_source(tx, change, &id, err)))
        return rc;
    query = db_query(tx->db, DELETE);
    db_bind_int(query, 1, change->repository->id);
    db_bind_int(query, 2, id);
    if ((rc = db_run(query, err)))
        return rc;
    if (!db_changes(tx->db))
        return fail(err, STATUS_NOT_FOUND, "no-such-source", "%s has no source %s",
                    change->repository->name, change->name);
    return record_change(tx, change, "source.removed", err);
}

enum status catalog_add_source(struct catalog *catalog, const struct actor *actor,
                               const struct repository *repository, const char *name,
                               struct error *err)
{
    struct source_change change = {actor, repository, name};

    return writer_run(catalog_writer(catalog), insert_source, &change, NULL, 0, err);
}

enum status catalog_remove_source(struct catalog *catalog, const struct actor *actor,
                                  const struct repository *repository, const char *name,
                                  struct error *err)
{
    struct source_change change = {actor, repository, name};

    return writer_run(catalog_writer(catalog), delete_source, &change, NULL, 0, err);
}

#include "storage/catalog/source.h"

#include "storage/catalog/home_map.h"
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

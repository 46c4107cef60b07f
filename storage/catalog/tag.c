#include "storage/catalog/tag.h"

#include "storage/metadata/db.h"

#include <stdio.h>

enum status tx_find_package(struct transaction *tx, const struct repository *repository,
                            enum format format, const char *name_norm, int64_t *package_id,
                            struct error *err)
{
    static const char FIND[] =
        "SELECT id FROM package WHERE repository_id = ?1 AND format = ?2 AND name_norm = ?3";
    struct query *query = db_query(tx->db, FIND);
    enum status rc;

    db_bind_int(query, 1, repository->id);
    db_bind_int(query, 2, format);
    db_bind_text(query, 3, name_norm);
    if ((rc = db_next_row(query, err)))
        return rc;
    *package_id = db_int(query, 0);
    db_reset(query);
    return STATUS_OK;
}

enum status tx_set_tag(struct transaction *tx, int64_t package_id, const char *tag,
                           int64_t version_id, bool only_if_absent, struct error *err)
{
    static const char SET[] = "INSERT INTO tag(package_id, tag, version_id, updated_us)"
                              " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(package_id, tag) DO UPDATE SET"
                              " version_id = excluded.version_id, updated_us = excluded.updated_us";
    static const char SET_FIRST[] = "INSERT INTO tag(package_id, tag, version_id, updated_us)"
                                    " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(package_id, tag) DO NOTHING";
    struct query *query = db_query(tx->db, only_if_absent ? SET_FIRST : SET);

    db_bind_int(query, 1, package_id);
    db_bind_text(query, 2, tag);
    db_bind_int(query, 3, version_id);
    db_bind_int(query, 4, tx->now_us);
    return db_run(query, err);
}

struct tag_change {
    const struct actor *actor;
    const struct repository *repository;
    enum format format;
    const char *name_norm, *tag, *version; /* version NULL: remove */
};

/* The package's id and, where a version is given, the version's. */
static enum status find_tag_target(struct transaction *tx, const struct tag_change *change,
                                   int64_t *package_id, int64_t *version_id, struct error *err)
{
    static const char VERSION[] =
        "SELECT id FROM version WHERE package_id = ?1 AND version = ?2 AND state <> 3";
    struct query *query;
    enum status rc;

    if ((rc = tx_find_package(tx, change->repository, change->format, change->name_norm, package_id, err)))
        return rc == STATUS_NOT_FOUND
                   ? fail(err, rc, "", "the package %s is not there", change->name_norm)
                   : rc;
    if (!change->version)
        return STATUS_OK;
    query = db_query(tx->db, VERSION);
    db_bind_int(query, 1, *package_id);
    db_bind_text(query, 2, change->version);
    if ((rc = db_next_row(query, err)))
        return rc == STATUS_NOT_FOUND
                   ? fail(err, rc, "", "%s has no version %s", change->name_norm, change->version)
                   : rc;
    *version_id = db_int(query, 0);
    db_reset(query);
    return STATUS_OK;
}

static enum status remove_tag(struct transaction *tx, int64_t package_id, const char *tag,
                              struct error *err)
{
    static const char REMOVE[] = "DELETE FROM tag WHERE package_id = ?1 AND tag = ?2";
    struct query *query = db_query(tx->db, REMOVE);
    enum status rc;

    db_bind_int(query, 1, package_id);
    db_bind_text(query, 2, tag);
    if ((rc = db_run(query, err)))
        return rc;
    return db_changes(tx->db) ? STATUS_OK : fail(err, STATUS_NOT_FOUND, "", "there is no tag %s", tag);
}

static enum status change_tag(struct transaction *tx, void *argument, struct error *err)
{
    static const char TOUCH[] = "UPDATE package SET generation = generation + 1, updated_us = ?2 WHERE id = ?1";
    struct tag_change *change = argument;
    int64_t package_id, version_id = 0;
    struct query *query;
    char target[1024];
    enum status rc;

    if ((rc = find_tag_target(tx, change, &package_id, &version_id, err)))
        return rc;
    if ((rc = change->version ? tx_set_tag(tx, package_id, change->tag, version_id, false, err)
                              : remove_tag(tx, package_id, change->tag, err)))
        return rc;
    query = db_query(tx->db, TOUCH);
    db_bind_int(query, 1, package_id);
    db_bind_int(query, 2, tx->now_us);
    if ((rc = db_run(query, err)))
        return rc;
    tx_package_changed(tx, change->repository->id, change->name_norm);
    snprintf(target, sizeof target, "%s/%s %s:%s %s%s%s", change->repository->org,
             change->repository->name, format_name(change->format), change->name_norm, change->tag,
             change->version ? "=" : "", change->version ? change->version : "");
    return tx_record(tx, change->actor, change->repository->org_id,
                     change->version ? "tag.set" : "tag.removed", target, "{}", err);
}

enum status catalog_set_tag(struct catalog *catalog, const struct actor *actor,
                            const struct repository *repository, enum format format,
                            const char *name_norm, const char *tag, const char *version,
                            struct error *err)
{
    struct tag_change change = {actor, repository, format, name_norm, tag, version};

    return writer_run(catalog_writer(catalog), change_tag, &change, NULL, 0, err);
}

enum status catalog_remove_tag(struct catalog *catalog, const struct actor *actor,
                               const struct repository *repository, enum format format,
                               const char *name_norm, const char *tag, struct error *err)
{
    struct tag_change change = {actor, repository, format, name_norm, tag, NULL};

    return writer_run(catalog_writer(catalog), change_tag, &change, NULL, 0, err);
}

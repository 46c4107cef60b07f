#include "storage/catalog/sweep.h"

#include "config/clock.h"
#include "storage/blobs/blob_path.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"

#include <string.h>

enum { RANGE = 10000, GIVE_UP_MOST = 500, QUARANTINE_DAYS = 7 };

#define DAY_US (INT64_C(86400) * 1000000)

struct condemnation {
    struct sweep *sweep;
    int64_t last_id, condemned, given_up;
};

static enum status find_last_id(struct transaction *tx, int64_t *out, struct error *err)
{
    static const char LAST[] = "SELECT max(id) FROM blob";
    struct query *query = db_query(tx->db, LAST);
    enum status rc;

    *out = 0;
    if ((rc = db_next_row(query, err)))
        return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
    *out = db_int(query, 0);
    db_reset(query);
    return STATUS_OK;
}

static enum status condemn(struct transaction *tx, struct condemnation *step, struct error *err)
{
    static const char CONDEMN[] = "UPDATE blob SET state = 1, state_us = ?1 WHERE id >= ?2 AND id < ?3"
                                  " AND state = 0 AND touched_us <= ?4 AND " BLOB_IS_UNREFERENCED;
    struct query *query = db_query(tx->db, CONDEMN);
    enum status rc;

    db_bind_int(query, 1, tx->now_us);
    db_bind_int(query, 2, step->sweep->next_id);
    db_bind_int(query, 3, step->sweep->next_id + RANGE);
    db_bind_int(query, 4, tx->now_us - step->sweep->grace_us);
    if (!(rc = db_run(query, err)))
        step->condemned = db_changes(tx->db);
    return rc;
}

static enum status give_up(struct transaction *tx, struct condemnation *step, struct error *err)
{
    static const char GIVE_UP[] =
        "UPDATE blob SET state = 4, state_us = ?1 WHERE id IN (SELECT b.id FROM blob b WHERE b.state <> 0"
        " AND b.state = 1 AND b.state_us <= ?2 LIMIT ?3) AND state = 1 AND " BLOB_IS_UNREFERENCED;
    struct query *query = db_query(tx->db, GIVE_UP);
    enum status rc;

    db_bind_int(query, 1, tx->now_us);
    db_bind_int(query, 2, tx->now_us - step->sweep->trash_us);
    db_bind_int(query, 3, GIVE_UP_MOST);
    if (!(rc = db_run(query, err)))
        step->given_up = db_changes(tx->db);
    return rc;
}

/* What says more than that something was removed goes with the bytes. */
static enum status forget_documents(struct transaction *tx, struct error *err)
{
    static const char FORGET[] =
        "DELETE FROM version_document WHERE version_id IN (SELECT v.id FROM tombstone t"
        " JOIN package p ON p.repository_id = t.repository_id AND p.format = t.format"
        "  AND p.name_norm = t.name_fold"
        " JOIN version v ON v.package_id = p.id AND v.version = t.version AND v.state = 3"
        " JOIN version_document d ON d.version_id = v.id"
        " WHERE t.restore_us > 0 AND t.restore_us <= ?1 AND t.file = '' LIMIT ?2)";
    struct query *query = db_query(tx->db, FORGET);

    db_bind_int(query, 1, tx->now_us);
    db_bind_int(query, 2, GIVE_UP_MOST);
    return db_run(query, err);
}

static enum status step(struct transaction *tx, void *argument, struct error *err)
{
    struct condemnation *step = argument;
    enum status rc;

    if ((rc = find_last_id(tx, &step->last_id, err)) || (rc = condemn(tx, step, err)) ||
        (rc = give_up(tx, step, err)))
        return rc;
    return forget_documents(tx, err);
}

struct given_up {
    int64_t id;
    struct blob_name name;
    int64_t size;
};

struct unlinking {
    struct given_up blobs[GIVE_UP_MOST];
    size_t count;
};

static enum status list_given_up(struct catalog *catalog, struct unlinking *out, struct error *err)
{
    static const char LIST[] = "SELECT id, sha256, nonce, size FROM blob WHERE state <> 0 AND state = 4"
                               " ORDER BY state_us LIMIT ?1";
    struct reading reading;
    size_t length;
    enum status rc;

    out->count = 0;
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, GIVE_UP_MOST);
    while (!(rc = db_next_row(reading.query, err))) {
        struct given_up *blob = &out->blobs[out->count++];

        *blob = (struct given_up){.id = db_int(reading.query, 0),
                                  .name.nonce = db_int(reading.query, 2),
                                  .size = db_int(reading.query, 3)};
        memcpy(blob->name.sha256, db_bytes(reading.query, 1, &length), SHA256_SIZE);
    }
    reading_end(&reading);
    return reading_list_end(rc);
}

/* A publish of the same bytes may have taken the row meanwhile, for a file of its own: then its nonce
 * is another one, and the row stays. */
static enum status delete_rows(struct transaction *tx, void *argument, struct error *err)
{
    static const char DELETE[] = "DELETE FROM blob WHERE id = ?1 AND nonce = ?2 AND state = 4";
    const struct unlinking *gone = argument;
    enum status rc = STATUS_OK;

    for (size_t i = 0; i < gone->count && !rc; i++) {
        struct query *query = db_query(tx->db, DELETE);

        db_bind_int(query, 1, gone->blobs[i].id);
        db_bind_int(query, 2, gone->blobs[i].name.nonce);
        rc = db_run(query, err);
    }
    return rc;
}

static enum status unlink_some(struct catalog *catalog, struct unlinking *gone, struct sweep *sweep,
                               struct error *err)
{
    enum status rc;

    if ((rc = list_given_up(catalog, gone, err)) || !gone->count)
        return rc;
    for (size_t i = 0; i < gone->count; i++) {
        if ((rc = blob_store_remove(catalog_blobs(catalog), &gone->blobs[i].name, err)))
            return rc;
        sweep->unlinked++;
        sweep->unlinked_bytes += gone->blobs[i].size;
    }
    return writer_run(catalog_writer(catalog), delete_rows, gone, NULL, 0, err);
}

static enum status unlink_given_up(struct catalog *catalog, struct sweep *sweep, struct error *err)
{
    struct arena *arena = arena_new();
    struct unlinking *gone = arena_alloc(arena, sizeof *gone);
    enum status rc;

    while (!(rc = unlink_some(catalog, gone, sweep, err)) && gone->count == GIVE_UP_MOST)
        ;
    arena_free(arena);
    return rc;
}

enum status catalog_unlink_given_up(struct catalog *catalog, struct error *err)
{
    struct sweep sweep = {0};

    return unlink_given_up(catalog, &sweep, err);
}

enum status catalog_sweep_step(struct catalog *catalog, struct sweep *sweep, struct error *err)
{
    struct condemnation condemnation = {.sweep = sweep};
    enum status rc;

    if ((rc = writer_run(catalog_writer(catalog), step, &condemnation, NULL, 0, err)))
        return rc;
    sweep->condemned += condemnation.condemned;
    sweep->given_up += condemnation.given_up;
    sweep->next_id += RANGE;
    if (sweep->next_id > condemnation.last_id)
        sweep->next_id = 0;
    return unlink_given_up(catalog, sweep, err);
}

struct orphan_search {
    struct catalog *catalog;
    int64_t before_s, moved;
};

static enum status visit_blob(void *context, const struct blob_name *name, int64_t size,
                              const char *path, struct error *err)
{
    static const char FIND[] = "SELECT 1 FROM blob WHERE sha256 = ?1 AND nonce = ?2";
    struct orphan_search *search = context;
    struct reading reading;
    enum status rc;

    (void)size;
    (void)path;
    /* Of this process: an upload that is on its way to its row. */
    if (!name || blob_nonce_seconds(name->nonce) >= search->before_s)
        return STATUS_OK;
    if ((rc = reading_begin(search->catalog, FIND, &reading, err)))
        return rc;
    db_bind_bytes(reading.query, 1, name->sha256, SHA256_SIZE);
    db_bind_int(reading.query, 2, name->nonce);
    rc = db_next_row(reading.query, err);
    reading_end(&reading);
    if (rc != STATUS_NOT_FOUND)
        return rc;
    search->moved++;
    return blob_store_quarantine(catalog_blobs(search->catalog), name, err);
}

static enum status last_change(struct catalog *catalog, int64_t *out, struct error *err)
{
    static const char LAST[] = "SELECT at_us FROM audit WHERE id = (SELECT max(id) FROM audit)";
    struct reading reading;
    enum status rc;

    *out = 0;
    if ((rc = reading_begin(catalog, LAST, &reading, err)))
        return rc;
    if (!(rc = db_next_row(reading.query, err)))
        *out = db_int(reading.query, 0);
    reading_end(&reading);
    return reading_list_end(rc);
}

enum status catalog_sweep_orphans(struct catalog *catalog, int64_t *moved, struct error *err)
{
    struct orphan_search search = {.catalog = catalog,
                                   .before_s = catalog_opened_us(catalog) / 1000000};
    int64_t since_us;
    enum status rc;

    *moved = 0;
    if ((rc = last_change(catalog, &since_us, err)))
        return rc;
    since_us = since_us > DAY_US ? since_us - DAY_US : 0;
    rc = blob_store_walk_since(catalog_blobs(catalog), since_us / 1000000, visit_blob, &search, err);
    *moved = search.moved;
    blob_store_empty_quarantine(catalog_blobs(catalog),
                                (clock_now_us() - QUARANTINE_DAYS * DAY_US) / 1000000);
    return rc;
}

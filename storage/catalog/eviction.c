#include "storage/catalog/eviction.h"

#include "config/clock.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/sweep.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"

#include <pthread.h>
#include <stdlib.h>

enum { SEEN_MAX = 8192, BATCH = 100 };

#define DAY_US (INT64_C(86400) * 1000000)

struct seen_files {
    pthread_mutex_t lock;
    int64_t ids[SEEN_MAX]; /* by hash; 0: free */
};

struct seen_files *seen_files_new(void)
{
    struct seen_files *seen = calloc(1, sizeof *seen);

    if (seen)
        pthread_mutex_init(&seen->lock, NULL);
    return seen;
}

void seen_files_free(struct seen_files *seen)
{
    if (!seen)
        return;
    pthread_mutex_destroy(&seen->lock);
    free(seen);
}

void catalog_note_seen(struct catalog *catalog, int64_t file_id)
{
    struct seen_files *seen = catalog_seen_files(catalog);

    pthread_mutex_lock(&seen->lock);
    seen->ids[(uint64_t)file_id * UINT64_C(0x9e3779b97f4a7c15) >> 51] = file_id;
    pthread_mutex_unlock(&seen->lock);
}

static size_t take_seen(struct seen_files *seen, int64_t *ids)
{
    size_t count = 0;

    pthread_mutex_lock(&seen->lock);
    for (size_t i = 0; i < SEEN_MAX; i++) {
        if (seen->ids[i])
            ids[count++] = seen->ids[i];
        seen->ids[i] = 0;
    }
    pthread_mutex_unlock(&seen->lock);
    return count;
}

struct notes {
    const int64_t *ids;
    size_t count;
};

static enum status write_notes(struct transaction *tx, void *argument, struct error *err)
{
    static const char WRITE[] = "INSERT INTO file_seen(file_id, day) VALUES(?1, ?2) ON CONFLICT(file_id)"
                                " DO UPDATE SET day = excluded.day WHERE day <> excluded.day";
    const struct notes *notes = argument;
    enum status rc = STATUS_OK;

    for (size_t i = 0; i < notes->count && !rc; i++) {
        struct query *query = db_query(tx->db, WRITE);

        db_bind_int(query, 1, notes->ids[i]);
        db_bind_int(query, 2, tx->now_us / DAY_US);
        rc = db_run(query, err);
    }
    return rc;
}

enum status catalog_write_seen(struct catalog *catalog, struct error *err)
{
    struct arena *arena = arena_new();
    int64_t *ids = arena_array(arena, SEEN_MAX, sizeof *ids);
    struct notes notes = {ids, take_seen(catalog_seen_files(catalog), ids)};
    enum status rc = STATUS_OK;

    if (notes.count)
        rc = writer_run(catalog_writer(catalog), write_notes, &notes, NULL, 0, err);
    arena_free(arena);
    return rc;
}

enum status catalog_cached_bytes(struct catalog *catalog, int64_t *out, struct error *err)
{
    static const char SUM[] =
        "SELECT COALESCE(sum(f.size), 0) FROM upstream u JOIN package p ON p.repository_id = u.repository_id"
        " JOIN file f ON f.package_id = p.id WHERE f.state = 0";
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, SUM, &reading, err)))
        return rc;
    if (!(rc = db_next_row(reading.query, err)))
        *out = db_int(reading.query, 0);
    reading_end(&reading);
    return rc;
}

struct evicting {
    struct evictable items[BATCH];
    size_t count;
    int64_t files, bytes;
};

static enum status list_candidates(struct catalog *catalog, struct arena *arena, int64_t wanted,
                                   struct evicting *out, struct error *err)
{
    static const char LIST[] =
        "SELECT f.id, f.blob_id, f.size, p.repository_id, r.org_id, p.name_norm FROM upstream u"
        " JOIN repository r ON r.id = u.repository_id JOIN package p ON p.repository_id = r.id"
        " JOIN file f ON f.package_id = p.id LEFT JOIN file_seen s ON s.file_id = f.id"
        " WHERE f.state = 0 AND f.created_us < ?1"
        " ORDER BY COALESCE(s.day, f.created_us / 86400000000), f.size DESC LIMIT ?2";
    struct reading reading;
    int64_t bytes = 0;
    enum status rc;

    out->count = 0;
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, clock_now_us() - DAY_US);
    db_bind_int(reading.query, 2, BATCH);
    while (bytes < wanted && !(rc = db_next_row(reading.query, err))) {
        out->items[out->count++] = (struct evictable){
            db_int(reading.query, 0), db_int(reading.query, 1), db_int(reading.query, 2),
            db_int(reading.query, 3), db_int(reading.query, 4), arena_copy(arena, db_text(reading.query, 5))};
        bytes += db_int(reading.query, 2);
    }
    reading_end(&reading);
    return reading_list_end(rc);
}

/* A blob that it was the last to name is given up by the sweep's next step: it can be fetched again. */
enum status tx_evict_file(struct transaction *tx, const struct evictable *file, bool *was_there,
                          struct error *err)
{
    static const char EVICT[] = "UPDATE file SET state = 2, blob_id = NULL WHERE id = ?1 AND state = 0";
    static const char USAGE[] = "UPDATE org_usage SET bytes = bytes - ?2, files = files - 1 WHERE org_id = ?1";
    static const char CONDEMN[] = "UPDATE blob SET state = 1, state_us = 0 WHERE id = ?1 AND state = 0"
                                  " AND " BLOB_IS_UNREFERENCED;
    struct query *query = db_query(tx->db, EVICT);
    enum status rc;

    db_bind_int(query, 1, file->id);
    *was_there = false;
    if ((rc = db_run(query, err)) || !db_changes(tx->db))
        return rc;
    query = db_query(tx->db, USAGE);
    db_bind_int(query, 1, file->org_id);
    db_bind_int(query, 2, file->size);
    if ((rc = db_run(query, err)))
        return rc;
    query = db_query(tx->db, CONDEMN);
    db_bind_int(query, 1, file->blob_id);
    if ((rc = db_run(query, err)))
        return rc;
    *was_there = true;
    tx_package_changed(tx, file->repository_id, file->name_norm);
    return STATUS_OK;
}

static enum status evict_one(struct transaction *tx, const struct evictable *file,
                             struct evicting *evicting, struct error *err)
{
    bool was_there;
    enum status rc = tx_evict_file(tx, file, &was_there, err);

    if (!rc && was_there) {
        evicting->files++;
        evicting->bytes += file->size;
    }
    return rc;
}

static enum status evict_all(struct transaction *tx, void *argument, struct error *err)
{
    struct evicting *evicting = argument;
    enum status rc = STATUS_OK;

    evicting->files = evicting->bytes = 0;
    for (size_t i = 0; i < evicting->count && !rc; i++)
        rc = evict_one(tx, &evicting->items[i], evicting, err);
    return rc;
}

enum status catalog_evict(struct catalog *catalog, int64_t bytes, int64_t *evicted_bytes,
                          int64_t *evicted_files, struct error *err)
{
    struct arena *arena = arena_new();
    struct evicting *evicting = arena_alloc(arena, sizeof *evicting);
    enum status rc = STATUS_OK;

    *evicted_bytes = *evicted_files = 0;
    while (*evicted_bytes < bytes) {
        if ((rc = list_candidates(catalog, arena, bytes - *evicted_bytes, evicting, err)) ||
            !evicting->count ||
            (rc = writer_run(catalog_writer(catalog), evict_all, evicting, NULL, 0, err)))
            break;
        *evicted_bytes += evicting->bytes;
        *evicted_files += evicting->files;
    }
    arena_free(arena);
    return rc;
}

#include "storage/catalog/upstream_answer.h"

#include "storage/catalog/owner.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"

#include <string.h>

static void take_sha256(struct query *query, int column, uint8_t out[SHA256_SIZE])
{
    size_t length;
    const void *bytes = db_bytes(query, column, &length);

    if (bytes && length == SHA256_SIZE)
        memcpy(out, bytes, SHA256_SIZE);
}

enum status catalog_find_upstream_answer(struct catalog *catalog, const struct upstream *upstream,
                                         const char *path, struct arena *arena,
                                         struct upstream_answer *out, struct error *err)
{
    static const char FIND[] = "SELECT body, said_sha256, fetched_us, changed_us FROM upstream_answer"
                               " WHERE upstream_id = ?1 AND path = ?2";
    struct reading reading;
    const void *body;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, upstream->id);
    db_bind_text(reading.query, 2, path);
    if (!(rc = reading_one(&reading, "the kept answer", path, err))) {
        *out = (struct upstream_answer){.fetched_us = db_int(reading.query, 2),
                                        .changed_us = db_int(reading.query, 3)};
        body = db_bytes(reading.query, 0, &out->length);
        out->body = arena_copy_bytes(arena, body, out->length);
        take_sha256(reading.query, 1, out->said_sha256);
    }
    reading_end(&reading);
    return rc;
}

struct keeping {
    const struct upstream *upstream;
    const struct kept_answer *answer;
};

static enum status find_before(struct transaction *tx, const struct keeping *keeping, bool *is_same,
                               struct error *err)
{
    static const char FIND[] = "SELECT said_sha256 FROM upstream_answer WHERE upstream_id = ?1 AND path = ?2";
    struct query *query = db_query(tx->db, FIND);
    uint8_t said[SHA256_SIZE] = {0};
    enum status rc;

    db_bind_int(query, 1, keeping->upstream->id);
    db_bind_text(query, 2, keeping->answer->path);
    if (!(rc = db_next_row(query, err)))
        take_sha256(query, 0, said);
    db_reset(query);
    *is_same = !rc && !memcmp(said, keeping->answer->said_sha256, SHA256_SIZE);
    return rc;
}

static enum status write_answer(struct transaction *tx, const struct keeping *keeping, bool is_change,
                                struct error *err)
{
    static const char KEEP[] =
        "INSERT INTO upstream_answer(upstream_id, path, body, said_sha256, fetched_us, changed_us)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(upstream_id, path) DO UPDATE SET body = excluded.body,"
        " said_sha256 = excluded.said_sha256, fetched_us = excluded.fetched_us, changed_us = excluded.changed_us";
    const struct kept_answer *answer = keeping->answer;
    struct query *query = db_query(tx->db, KEEP);

    db_bind_int(query, 1, keeping->upstream->id);
    db_bind_text(query, 2, answer->path);
    db_bind_bytes(query, 3, answer->body, answer->length);
    db_bind_bytes(query, 4, answer->said_sha256, SHA256_SIZE);
    db_bind_int(query, 5, tx->now_us);
    db_bind_int(query, 6, is_change ? tx->now_us : 0);
    return db_run(query, err);
}

enum status tx_keep_upstream_answer(struct transaction *tx, const struct upstream *upstream,
                                    const struct kept_answer *answer, struct error *err)
{
    const struct keeping keeping = {upstream, answer};

    return write_answer(tx, &keeping, true, err);
}

static enum status keep(struct transaction *tx, void *argument, struct error *err)
{
    static const struct principal mirror = {.name = "mirror"};
    const struct keeping *keeping = argument;
    const struct upstream *upstream = keeping->upstream;
    const struct kept_answer *answer = keeping->answer;
    const struct actor actor = {.principal = &mirror};
    bool is_same;
    enum status rc;

    if (answer->name_fold && (rc = tx_own_by_upstream(tx, upstream, answer->name_fold, err)))
        return rc;
    if ((rc = find_before(tx, keeping, &is_same, err)) && rc != STATUS_NOT_FOUND)
        return rc;
    if (is_same)
        return STATUS_OK;
    if ((rc = write_answer(tx, keeping, !rc, err)) || !answer->action)
        return rc;
    return tx_record(tx, &actor, upstream->org_id, answer->action, upstream->name, answer->detail, err);
}

enum status catalog_keep_upstream_answer(struct catalog *catalog, const struct upstream *upstream,
                                         const struct kept_answer *answer, struct error *err)
{
    struct keeping keeping = {upstream, answer};

    return writer_run(catalog_writer(catalog), keep, &keeping, NULL, 0, err);
}

enum status catalog_find_upstream_age(struct catalog *catalog, const struct upstream *upstream,
                                      int64_t stale_before_us, struct upstream_age *out,
                                      struct error *err)
{
    /* BETWEEN, so that the index is read and not the rows, which are large. */
    static const char DOCUMENTS[] =
        "SELECT count(*), min(u.checked_us), max(u.checked_us),"
        " COALESCE(sum(CASE WHEN u.checked_us < ?2 THEN 1 ELSE 0 END), 0) FROM package p"
        " JOIN upstream_document u ON u.package_id BETWEEN p.id AND p.id WHERE p.repository_id = ?1";
    static const char ANSWERS[] = "SELECT count(*) FROM upstream_answer WHERE upstream_id = ?1";
    struct reading reading;
    enum status rc;

    *out = (struct upstream_age){0};
    if ((rc = reading_begin(catalog, DOCUMENTS, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, upstream->id);
    db_bind_int(reading.query, 2, stale_before_us);
    if (!(rc = db_next_row(reading.query, err)))
        *out = (struct upstream_age){.documents = db_int(reading.query, 0),
                                     .oldest_us = db_int(reading.query, 1),
                                     .newest_us = db_int(reading.query, 2),
                                     .stale = db_int(reading.query, 3)};
    reading_end(&reading);
    if (rc || (rc = reading_begin(catalog, ANSWERS, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, upstream->id);
    if (!(rc = db_next_row(reading.query, err)))
        out->answers = db_int(reading.query, 0);
    reading_end(&reading);
    return rc;
}

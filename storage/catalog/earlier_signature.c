/* Signing what was published before there was a key: some at a time, in the background. */
#include "storage/catalog/package.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/signing_key.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"

#include <string.h>

enum { BATCH_MAX = 1000 };

struct signed_version {
    int64_t package_id, version_id, repository_id, published_us;
    const char *name_norm;
    struct made_signature signature; /* length 0: there is nothing to sign */
};

struct batch {
    struct arena *arena;
    struct signed_version *versions;
    size_t count;
};

static void sign_row(struct batch *batch, struct signing *signing, signed_words words, struct query *query)
{
    struct signed_version *one = &batch->versions[batch->count++];
    struct version version = {.id = db_int(query, 1), .version = db_text(query, 4), .published_us = db_int(query, 5)};
    const char *name = db_text(query, 6), *text = NULL;
    struct arena *arena;

    *one = (struct signed_version){.package_id = db_int(query, 0),
                                   .version_id = version.id,
                                   .repository_id = db_int(query, 2),
                                   .published_us = version.published_us};
    if (db_is_null(query, 7))
        return; /* it is gone */
    one->name_norm = arena_copy(batch->arena, db_text(query, 3));
    version.document = db_bytes(query, 7, &version.document_length);
    arena = arena_new();
    if ((text = words(name, &version, arena)))
        signing_sign(signing, text, &one->signature);
    arena_free(arena);
}

/* A package whose last versions are in the next batch waits for it, so that its documents change once. */
static void leave_unfinished(struct batch *batch)
{
    int64_t last = batch->versions[batch->count - 1].package_id;

    if (batch->count < BATCH_MAX || batch->versions[0].package_id == last)
        return;
    while (batch->versions[batch->count - 1].package_id == last)
        batch->count--;
}

static enum status read_batch(struct catalog *catalog, signed_words words, struct batch *batch,
                              struct error *err)
{
    static const char NEXT[] =
        "SELECT u.package_id, u.version_id, p.repository_id, p.name_norm, v.version, v.published_us, p.name, d.body"
        " FROM npm_unsigned u LEFT JOIN package p ON p.id = u.package_id"
        " LEFT JOIN version v ON v.id = u.version_id"
        " LEFT JOIN version_document d ON d.version_id = u.version_id"
        " WHERE u.package_id > 0 ORDER BY u.package_id, u.version_id LIMIT ?1";
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, NEXT, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, BATCH_MAX);
    while (!(rc = db_next_row(reading.query, err)))
        sign_row(batch, catalog_signing(catalog), words, reading.query);
    reading_end(&reading);
    if (!(rc = reading_list_end(rc)) && batch->count)
        leave_unfinished(batch);
    return rc;
}

static enum status write_signature(struct transaction *tx, const struct signed_version *one,
                                   struct error *err)
{
    static const char SIGN[] =
        "UPDATE version SET signed_by = ?2, signature = ?3 WHERE id = ?1 AND signature IS NULL";
    struct query *query = db_query(tx->db, SIGN);
    enum status rc;

    db_bind_int(query, 1, one->version_id);
    db_bind_int(query, 2, one->signature.key_id);
    db_bind_bytes(query, 3, one->signature.bytes, one->signature.length);
    if ((rc = db_run(query, err)))
        return rc;
    return tx_note_signed(tx, one->signature.key_id, one->published_us, err);
}

static enum status forget(struct transaction *tx, const struct signed_version *one, struct error *err)
{
    static const char FORGET[] = "DELETE FROM npm_unsigned WHERE package_id = ?1 AND version_id = ?2";
    struct query *query = db_query(tx->db, FORGET);

    db_bind_int(query, 1, one->package_id);
    db_bind_int(query, 2, one->version_id);
    return db_run(query, err);
}

static enum status touch(struct transaction *tx, const struct signed_version *one, struct error *err)
{
    static const char TOUCH[] =
        "UPDATE package SET generation = generation + 1, updated_us = ?2 WHERE id = ?1";
    struct query *query = db_query(tx->db, TOUCH);

    db_bind_int(query, 1, one->package_id);
    db_bind_int(query, 2, tx->now_us);
    tx_package_changed(tx, one->repository_id, one->name_norm);
    return db_run(query, err);
}

static enum status write_batch(struct transaction *tx, void *argument, struct error *err)
{
    const struct batch *batch = argument;
    int64_t touched = 0;
    enum status rc = STATUS_OK;

    for (size_t i = 0; !rc && i < batch->count; i++) {
        const struct signed_version *one = &batch->versions[i];

        if ((rc = forget(tx, one, err)) || !one->signature.length || (rc = write_signature(tx, one, err)) ||
            touched == one->package_id)
            continue;
        touched = one->package_id;
        rc = touch(tx, one, err);
    }
    return rc;
}

enum status catalog_sign_earlier(struct catalog *catalog, signed_words words, int64_t *count,
                                 struct error *err)
{
    struct batch batch = {.arena = arena_new()};
    enum status rc;

    *count = 0;
    batch.versions = arena_array(batch.arena, BATCH_MAX, sizeof *batch.versions);
    if (!(rc = read_batch(catalog, words, &batch, err)) && batch.count &&
        !(rc = writer_run(catalog_writer(catalog), write_batch, &batch, NULL, 0, err)))
        *count = (int64_t)batch.count;
    arena_free(batch.arena);
    return rc;
}

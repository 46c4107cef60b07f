#include "storage/catalog/ingest.h"

#include "config/clock.h"
#include "storage/blobs/stage.h"
#include "storage/blobs/stage_file.h"
#include "storage/catalog/blob_row.h"
#include "storage/catalog/listed.h"
#include "storage/catalog/pin.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/metadata/db.h"

#include <stdio.h>
#include <string.h>

struct group {
    struct ingest *ingests;
    size_t count;
};

enum { STATE_LIVE = 0, STATE_HELD = 1, STATE_EVICTED = 2 };

static enum status find_upstream(struct transaction *tx, const struct upstream *upstream,
                                 struct error *err)
{
    static const char FIND[] = "SELECT 1 FROM upstream WHERE repository_id = ?1";
    struct query *query = db_query(tx->db, FIND);
    enum status rc;

    db_bind_int(query, 1, upstream->id);
    rc = db_next_row(query, err);
    db_reset(query);
    return rc == STATUS_NOT_FOUND ? fail(err, STATUS_CONFLICT, "owner-changed",
                                         "the upstream %s is there no more", upstream->name)
                                  : rc;
}

/* Documents mark the package as changed; a file only needs it to be there. */
static enum status make_package(struct transaction *tx, const struct ingest *ingest, int64_t *id,
                                struct error *err)
{
    static const char FIND[] = "SELECT id FROM package WHERE repository_id = ?1 AND format = ?2"
                               " AND name_norm = ?3";
    static const char TOUCH[] =
        "INSERT INTO package(repository_id, format, name_norm, name, updated_us) VALUES(?1, ?2, ?3, ?4, ?5)"
        " ON CONFLICT(repository_id, format, name_norm) DO UPDATE SET generation = package.generation + 1,"
        " updated_us = excluded.updated_us RETURNING id";
    struct query *query = db_query(tx->db, FIND);
    enum status rc;

    db_bind_int(query, 1, ingest->upstream->id);
    db_bind_int(query, 2, ingest->upstream->format);
    db_bind_text(query, 3, ingest->name_norm);
    if (!(rc = db_next_row(query, err)))
        *id = db_int(query, 0);
    db_reset(query);
    if (rc != STATUS_NOT_FOUND && (rc || ingest->kind == INGEST_FILE))
        return rc;
    query = db_query(tx->db, TOUCH);
    db_bind_int(query, 1, ingest->upstream->id);
    db_bind_int(query, 2, ingest->upstream->format);
    db_bind_text(query, 3, ingest->name_norm);
    db_bind_text(query, 4, ingest->name);
    db_bind_int(query, 5, tx->now_us);
    if ((rc = db_next_row(query, err)))
        return rc;
    *id = db_int(query, 0);
    return db_run(query, err);
}

/* Whatever shows this package has to be made again: in the cache's own repository, and in those that
 * look there. */
static enum status tell_changed(struct transaction *tx, const struct ingest *ingest,
                                struct error *err)
{
    static const char USERS[] = "SELECT repository_id FROM source WHERE source_id = ?1";
    struct query *query = db_query(tx->db, USERS);
    enum status rc;

    tx_package_changed(tx, ingest->upstream->id, ingest->name_norm);
    db_bind_int(query, 1, ingest->upstream->id);
    while (!(rc = db_next_row(query, err)))
        tx_package_changed(tx, db_int(query, 0), ingest->name_norm);
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

/* What was said first counts, and that it is not said any more is told. */
static enum status note_moved(struct transaction *tx, const struct ingest *ingest,
                              const struct listed *listed, struct error *err)
{
    char before[CLOCK_TEXT_SIZE], now[CLOCK_TEXT_SIZE];
    const struct byte_fault fault = {.kind = "upstream.time-moved",
                                     .name = ingest->name_norm,
                                     .version = listed->version,
                                     .file = listed->file,
                                     .expected = before,
                                     .found = now};
    bool is_news = false;
    enum status rc = tx_note_moved(tx, ingest->document.package_id, listed, &is_news, err);

    if (rc || !is_news)
        return rc;
    clock_format_iso(listed->after_us, before);
    clock_format_iso(listed->published_us, now);
    return tx_report_fault(tx, ingest->upstream, &fault, err);
}

/* A package's first document says when all of its files were first seen. */
static enum status note_listed(struct transaction *tx, const struct ingest *ingest, struct error *err)
{
    const struct upstream_document *document = &ingest->document;
    struct listed listed = {.version = "", .file = "", .first_us = document->fetched_us};
    enum status rc = tx_note_listed(tx, document->package_id, &listed, err);

    for (size_t i = 0; i < document->appeared_count && !rc; i++) {
        listed = document->appeared[i];
        listed.first_us = document->fetched_us;
        rc = listed.has_moved ? note_moved(tx, ingest, &listed, err)
                              : tx_note_listed(tx, document->package_id, &listed, err);
    }
    return rc;
}

static enum status keep_document(struct transaction *tx, struct ingest *ingest, struct error *err)
{
    static const char KEEP[] =
        "INSERT INTO upstream_document(package_id, body, body_blob, size, coding, content_type, url, etag,"
        " last_modified, serial, sha256, generation, fetched_us, checked_us)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
        " ON CONFLICT(package_id) DO UPDATE SET body = excluded.body, body_blob = excluded.body_blob,"
        " size = excluded.size, coding = excluded.coding, content_type = excluded.content_type,"
        " url = excluded.url, etag = excluded.etag, last_modified = excluded.last_modified,"
        " serial = excluded.serial, sha256 = excluded.sha256, generation = excluded.generation,"
        " fetched_us = excluded.fetched_us, checked_us = excluded.checked_us";
    struct upstream_document *document = &ingest->document;
    struct query *query;
    int64_t blob_id = 0;
    enum status rc;

    if ((rc = make_package(tx, ingest, &document->package_id, err)))
        return rc;
    if (ingest->stage &&
        (rc = tx_claim_blob(tx, ingest->stage, &blob_id, &document->blob_nonce, err)))
        return rc;
    query = db_query(tx->db, KEEP);
    db_bind_int(query, 1, document->package_id);
    if (ingest->stage)
        db_bind_int(query, 3, blob_id);
    else
        db_bind_bytes(query, 2, document->body, (size_t)document->size);
    db_bind_int(query, 4, document->size);
    db_bind_int(query, 5, document->coding);
    db_bind_text(query, 6, document->content_type);
    db_bind_text(query, 7, document->url);
    db_bind_text(query, 8, document->etag);
    db_bind_text(query, 9, document->last_modified);
    db_bind_int(query, 10, document->serial);
    db_bind_bytes(query, 11, document->sha256, SHA256_SIZE);
    db_bind_int(query, 12, document->generation);
    db_bind_int(query, 13, document->fetched_us);
    db_bind_int(query, 14, document->checked_us);
    if ((rc = db_run(query, err)) || (rc = note_listed(tx, ingest, err)))
        return rc;
    return tell_changed(tx, ingest, err);
}

/* Nothing where the document has been replaced meanwhile. */
static enum status keep_checked(struct transaction *tx, const struct ingest *ingest,
                                struct error *err)
{
    static const char CHECKED[] =
        "UPDATE upstream_document SET checked_us = max(checked_us, ?4) WHERE generation = ?5 AND package_id ="
        " (SELECT id FROM package WHERE repository_id = ?1 AND format = ?2 AND name_norm = ?3)";
    struct query *query = db_query(tx->db, CHECKED);

    db_bind_int(query, 1, ingest->upstream->id);
    db_bind_int(query, 2, ingest->upstream->format);
    db_bind_text(query, 3, ingest->name_norm);
    db_bind_int(query, 4, ingest->document.checked_us);
    db_bind_int(query, 5, ingest->document.generation);
    return db_run(query, err);
}

static enum status make_version(struct transaction *tx, const struct ingest *ingest,
                                int64_t package_id, int64_t *id, struct error *err)
{
    static const char FIND[] = "SELECT id FROM version WHERE package_id = ?1 AND version = ?2";
    static const char INSERT[] = "INSERT INTO version(package_id, version, sort_key, published_us)"
                                 " VALUES(?1, ?2, ?3, ?4)";
    struct query *query = db_query(tx->db, FIND);
    enum status rc;

    db_bind_int(query, 1, package_id);
    db_bind_text(query, 2, ingest->version);
    if (!(rc = db_next_row(query, err)))
        *id = db_int(query, 0);
    db_reset(query);
    if (rc != STATUS_NOT_FOUND)
        return rc;
    query = db_query(tx->db, INSERT);
    db_bind_int(query, 1, package_id);
    db_bind_text(query, 2, ingest->version);
    db_bind_bytes(query, 3, ingest->sort_key, ingest->sort_key_length);
    db_bind_int(query, 4, tx->now_us);
    if ((rc = db_run(query, err)))
        return rc;
    *id = db_last_id(tx->db);
    return STATUS_OK;
}

struct file_row {
    int64_t id, state;
    bool same_bytes;
};

static enum status find_file(struct transaction *tx, const struct ingest *ingest,
                             int64_t package_id, struct file_row *out, struct error *err)
{
    static const char FIND[] = "SELECT id, state, pin_sha256 FROM file WHERE package_id = ?1 AND name = ?2";
    struct query *query = db_query(tx->db, FIND);
    const void *pinned;
    size_t length;
    enum status rc;

    db_bind_int(query, 1, package_id);
    db_bind_text(query, 2, ingest->file);
    if (!(rc = db_next_row(query, err))) {
        pinned = db_bytes(query, 2, &length);
        *out = (struct file_row){
            .id = db_int(query, 0),
            .state = db_int(query, 1),
            .same_bytes = length == SHA256_SIZE &&
                          !memcmp(pinned, stage_digests(ingest->stage)->sha256, SHA256_SIZE),
        };
    }
    db_reset(query);
    return rc;
}

/* The file was here before: evicted, or its blob was lost. */
static enum status renew_file(struct transaction *tx, const struct ingest *ingest,
                              const struct file_row *row, struct error *err)
{
    static const char RENEW[] = "UPDATE file SET blob_id = ?2, state = CASE state WHEN 2 THEN 0 ELSE state END"
                                " WHERE id = ?1";
    struct query *query;
    int64_t blob_id;
    enum status rc;

    if (!row->same_bytes)
        return ingest->file_kind == FILE_SIDECAR
                   ? STATUS_OK /* made by another version of this program: the first one stays */
                   : pin_conflict(ingest->file, err);
    if (row->state > STATE_EVICTED)
        return fail(err, STATUS_GONE, "removed", "%s was removed", ingest->file);
    if ((rc = tx_claim_blob(tx, ingest->stage, &blob_id, NULL, err)))
        return rc;
    query = db_query(tx->db, RENEW);
    db_bind_int(query, 1, row->id);
    db_bind_int(query, 2, blob_id);
    if ((rc = db_run(query, err)) || row->state != STATE_EVICTED)
        return rc;
    return tx_add_usage(tx, ingest->upstream->org_id, 1, stage_size(ingest->stage), err);
}

static enum status insert_file(struct transaction *tx, const struct ingest *ingest,
                               int64_t package_id, struct error *err)
{
    static const char INSERT[] = "INSERT INTO file(package_id, version_id, name, name_fold, kind, blob_id,"
                                 " size, pin_sha256, meta, created_us)"
                                 " VALUES(?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    int64_t blob_id, version_id;
    struct query *query;
    enum status rc;

    if ((rc = make_version(tx, ingest, package_id, &version_id, err)))
        return rc;
    if ((rc = tx_claim_blob(tx, ingest->stage, &blob_id, NULL, err)))
        return rc;
    query = db_query(tx->db, INSERT);
    db_bind_int(query, 1, package_id);
    db_bind_int(query, 2, version_id);
    db_bind_text(query, 3, ingest->file);
    db_bind_int(query, 4, ingest->file_kind);
    db_bind_int(query, 5, blob_id);
    db_bind_int(query, 6, stage_size(ingest->stage));
    db_bind_bytes(query, 7, stage_digests(ingest->stage)->sha256, SHA256_SIZE);
    db_bind_text(query, 8, ingest->meta);
    db_bind_int(query, 9, tx->now_us);
    if ((rc = db_run(query, err)))
        return rc;
    return tx_add_usage(tx, ingest->upstream->org_id, 1, stage_size(ingest->stage), err);
}

/* Who brought it in, from where, and what it is. */
static enum status record_ingest(struct transaction *tx, const struct ingest *ingest, struct error *err)
{
    const struct first_asker *asker = &ingest->asker;
    const struct principal principal = {.name = asker->name ? asker->name : "mirror",
                                        .token_id = asker->token_id};
    const struct actor actor = {&principal, asker->peer, asker->request_id};
    char hex[2 * SHA256_SIZE + 1], target[1024];
    struct arena *arena = arena_new();
    struct strbuf detail;
    enum status rc;

    digest_hex(stage_digests(ingest->stage)->sha256, SHA256_SIZE, hex);
    strbuf_init(&detail, arena, 4096);
    strbuf_text(&detail, "{\"upstream\":");
    strbuf_json(&detail, ingest->upstream->name);
    strbuf_text(&detail, ",\"file\":");
    strbuf_json(&detail, ingest->file);
    strbuf_format(&detail, ",\"sha256\":\"%s\",\"size\":%lld}", hex, (long long)stage_size(ingest->stage));
    snprintf(target, sizeof target, "%s%s%s%s%s:%s@%s", asker->org ? asker->org : "", asker->org ? "/" : "",
             asker->org ? asker->repository : "", asker->org ? " " : "", format_name(ingest->upstream->format),
             ingest->name_norm, ingest->version);
    rc = tx_record(tx, &actor, ingest->upstream->org_id, "package.ingested", target, detail.data, err);
    arena_free(arena);
    return rc;
}

static enum status find_policy(struct transaction *tx, int64_t org_id, bool *is_set, struct error *err)
{
    static const char FIND[] = "SELECT 1 FROM policy_revision WHERE org_id = ?1 LIMIT 1";
    struct query *query = db_query(tx->db, FIND);
    enum status rc;

    db_bind_int(query, 1, org_id);
    rc = db_next_row(query, err);
    db_reset(query);
    *is_set = !rc;
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

/* What a newer listing says of the file was looked at without knowing what is kept now. */
static enum status is_listed_anew(struct transaction *tx, const struct ingest *ingest,
                                  int64_t package_id, bool *out, struct error *err)
{
    static const char FIND[] = "SELECT generation FROM upstream_document WHERE package_id = ?1";
    struct query *query = db_query(tx->db, FIND);
    enum status rc;

    db_bind_int(query, 1, package_id);
    if (!(rc = db_next_row(query, err)))
        *out = db_int(query, 0) != ingest->generation;
    db_reset(query);
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

static enum status keep_file(struct transaction *tx, struct ingest *ingest, struct error *err)
{
    bool is_shown = ingest->changes_listing;
    struct file_row row;
    int64_t package_id;
    enum status rc;

    if ((rc = tx_check_removed(tx, ingest, err)))
        return rc;
    if (ingest->file_kind == FILE_MAIN && (rc = tx_hold_pin(tx, ingest, err)))
        return rc;
    if ((rc = make_package(tx, ingest, &package_id, err)))
        return rc;
    if ((rc = find_file(tx, ingest, package_id, &row, err)) == STATUS_NOT_FOUND) {
        if (!(rc = insert_file(tx, ingest, package_id, err)) && ingest->file_kind == FILE_MAIN)
            rc = record_ingest(tx, ingest, err);
    } else if (!rc) {
        rc = renew_file(tx, ingest, &row, err);
    }
    if (!rc && ingest->archive_facts)
        rc = tx_keep_archive_facts(tx, ingest->upstream->org_id, ingest->upstream->format,
                                   ingest->name_fold, ingest->file, ingest->archive_facts, err);
    if (!rc && !is_shown && ingest->generation)
        rc = is_listed_anew(tx, ingest, package_id, &is_shown, err);
    if (!rc && !is_shown && ingest->changes_verdicts)
        rc = find_policy(tx, ingest->upstream->org_id, &is_shown, err);
    if (rc)
        return rc;
    /* A file alone changes no listing; that a wheel has metadata beside it that nobody told of does, and
     * so does a digest. */
    if (is_shown)
        return tell_changed(tx, ingest, err);
    tx_files_changed(tx, ingest->upstream->id, ingest->name_norm);
    return STATUS_OK;
}

static enum status keep(struct transaction *tx, struct ingest *ingest, struct error *err)
{
    enum status rc;

    if ((rc = find_upstream(tx, ingest->upstream, err)))
        return rc;
    if ((rc = tx_own_by_upstream(tx, ingest->upstream, ingest->name_fold, err)))
        return rc;
    switch (ingest->kind) {
    case INGEST_DOCUMENT: return keep_document(tx, ingest, err);
    case INGEST_FILE: return keep_file(tx, ingest, err);
    default: return keep_checked(tx, ingest, err);
    }
}

/* Each in a savepoint of its own, below the group's. */
static enum status keep_one(struct transaction *tx, struct ingest *ingest, struct error *err)
{
    enum status rc;

    if ((rc = db_execute(tx->db, "SAVEPOINT ingest", err)))
        return rc;
    ingest->error = (struct error){0};
    ingest->rc = keep(tx, ingest, &ingest->error);
    if (ingest->rc) {
        if (ingest->stage)
            stage_set_kept(ingest->stage, false);
        if ((rc = db_execute(tx->db, "ROLLBACK TO ingest", err)))
            return rc;
    }
    if ((rc = db_execute(tx->db, "RELEASE ingest", err)))
        return rc;
    if (db_is_broken(tx->db) || ingest->rc == STATUS_FULL) {
        *err = ingest->error;
        return ingest->rc; /* the writer knows what to do */
    }
    if (ingest->rc == STATUS_CONFLICT && !strcmp(ingest->error.code, "bytes-changed"))
        return tx_report_pin(tx, ingest, err);
    return STATUS_OK;
}

static enum status keep_group(struct transaction *tx, void *argument, struct error *err)
{
    struct group *group = argument;
    enum status rc;

    for (size_t i = 0; i < group->count; i++) {
        struct ingest *ingest = &group->ingests[i];

        if (i && ingest->with_previous && ingest[-1].rc) {
            ingest->rc = ingest[-1].rc;
            ingest->error = ingest[-1].error;
        } else if ((rc = keep_one(tx, ingest, err))) {
            return rc;
        }
    }
    return STATUS_OK;
}

enum status catalog_ingest(struct catalog *catalog, struct ingest *ingests, size_t count,
                           struct error *err)
{
    struct stage *stages[INGEST_MAX];
    struct group group = {ingests, count};
    size_t stage_count = 0;
    enum status rc;

    if (count > INGEST_MAX)
        return fail(err, STATUS_INVALID, "", "at most %d things are kept at once", INGEST_MAX);
    for (size_t i = 0; i < count; i++)
        if (ingests[i].stage) {
            if ((rc = stage_finish(ingests[i].stage, err)))
                goto done;
            stages[stage_count++] = ingests[i].stage;
        }
    rc = writer_run(catalog_writer(catalog), keep_group, &group, stages, stage_count, err);
done:
    for (size_t i = 0; rc && i < count; i++) {
        ingests[i].rc = rc;
        if (err)
            ingests[i].error = *err;
    }
    return rc;
}

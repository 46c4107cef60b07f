#include "storage/catalog/pin.h"

#include "storage/blobs/stage.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <stdio.h>
#include <string.h>

static const struct principal mirror_principal = {.name = "mirror"};

#define PIN_COLUMNS "sha256, sha512, size"

static void take_pin(struct query *query, struct pin *out)
{
    const void *bytes;
    size_t length;

    *out = (struct pin){.size = db_int(query, 2)};
    if ((bytes = db_bytes(query, 0, &length)) && length == SHA256_SIZE) {
        memcpy(out->digests.sha256, bytes, SHA256_SIZE);
        out->digests.kinds |= DIGEST_SHA256;
    }
    if ((bytes = db_bytes(query, 1, &length)) && length == SHA512_SIZE) {
        memcpy(out->digests.sha512, bytes, SHA512_SIZE);
        out->digests.kinds |= DIGEST_SHA512;
    }
}

enum status pin_conflict(const char *file, struct error *err)
{
    return fail(err, STATUS_CONFLICT, "bytes-changed",
                "%s came with other bytes than those that came first", file);
}

enum status tx_hold_pin(struct transaction *tx, const struct ingest *ingest, struct error *err)
{
    static const char FIND[] = "SELECT " PIN_COLUMNS " FROM pin WHERE org_id = ?1 AND format = ?2"
                               " AND name_fold = ?3 AND file = ?4";
    static const char INSERT[] =
        "INSERT INTO pin(org_id, format, name_fold, file, version, sha256, sha512, size,"
        " first_us) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    const struct digests *digests = stage_digests(ingest->stage);
    struct query *query = db_query(tx->db, FIND);
    struct pin pin;
    enum status rc;

    db_bind_int(query, 1, ingest->upstream->org_id);
    db_bind_int(query, 2, ingest->upstream->format);
    db_bind_text(query, 3, ingest->name_fold);
    db_bind_text(query, 4, ingest->file);
    if (!(rc = db_next_row(query, err)))
        take_pin(query, &pin);
    db_reset(query);
    if (!rc)
        return memcmp(pin.digests.sha256, digests->sha256, SHA256_SIZE)
                   ? pin_conflict(ingest->file, err)
                   : STATUS_OK;
    if (rc != STATUS_NOT_FOUND)
        return rc;
    query = db_query(tx->db, INSERT);
    db_bind_int(query, 1, ingest->upstream->org_id);
    db_bind_int(query, 2, ingest->upstream->format);
    db_bind_text(query, 3, ingest->name_fold);
    db_bind_text(query, 4, ingest->file);
    db_bind_text(query, 5, ingest->version);
    db_bind_bytes(query, 6, digests->sha256, SHA256_SIZE);
    if (digests->kinds & DIGEST_SHA512)
        db_bind_bytes(query, 7, digests->sha512, SHA512_SIZE);
    db_bind_int(query, 8, stage_size(ingest->stage));
    db_bind_int(query, 9, tx->now_us);
    return db_run(query, err);
}

static const char FIND_TOMBSTONE[] =
    "SELECT 1 FROM tombstone WHERE org_id = ?1 AND format = ?2"
    " AND name_fold = ?3 AND version = ?4 AND (file = '' OR file = ?5)"
    " LIMIT 1";

static enum status look_for_tombstone(struct query *query, int64_t org_id, enum format format,
                                      const char *name_fold, const char *version, const char *file,
                                      struct error *err)
{
    enum status rc;

    db_bind_int(query, 1, org_id);
    db_bind_int(query, 2, format);
    db_bind_text(query, 3, name_fold);
    db_bind_text(query, 4, version);
    db_bind_text(query, 5, file);
    rc = db_next_row(query, err);
    db_reset(query);
    if (rc == STATUS_NOT_FOUND)
        return STATUS_OK;
    return rc ? rc : fail(err, STATUS_GONE, "removed", "%s was removed here", file);
}

enum status tx_check_removed(struct transaction *tx, const struct ingest *ingest, struct error *err)
{
    return look_for_tombstone(db_query(tx->db, FIND_TOMBSTONE), ingest->upstream->org_id,
                              ingest->upstream->format, ingest->name_fold, ingest->version,
                              ingest->file, err);
}

enum status catalog_check_removed(struct catalog *catalog, int64_t org_id, enum format format,
                                  const char *name_fold, const char *version, const char *file,
                                  struct error *err)
{
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND_TOMBSTONE, &reading, err)))
        return rc;
    rc = look_for_tombstone(reading.query, org_id, format, name_fold, version, file, err);
    reading_end(&reading);
    return rc;
}

enum status catalog_find_pin(struct catalog *catalog, int64_t org_id, enum format format,
                             const char *name_fold, const char *file, struct pin *out,
                             struct error *err)
{
    static const char FIND[] = "SELECT " PIN_COLUMNS " FROM pin WHERE org_id = ?1 AND format = ?2"
                               " AND name_fold = ?3 AND file = ?4";
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, org_id);
    db_bind_int(reading.query, 2, format);
    db_bind_text(reading.query, 3, name_fold);
    db_bind_text(reading.query, 4, file);
    if (!(rc = reading_one(&reading, "the pin of", file, err)))
        take_pin(reading.query, out);
    reading_end(&reading);
    return rc;
}

enum status catalog_walk_pins(struct catalog *catalog, int64_t org_id, enum format format,
                              const char *name_fold,
                              enum status (*visit)(void *context, const char *file,
                                                   const struct pin *pin, struct error *err),
                              void *context, struct error *err)
{
    static const char WALK[] =
        "SELECT " PIN_COLUMNS
        ", file, listed, version, first_us FROM pin WHERE org_id = ?1 AND format = ?2"
        " AND name_fold = ?3 ORDER BY file";
    struct reading reading;
    struct pin pin;
    enum status rc;

    if ((rc = reading_begin(catalog, WALK, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, org_id);
    db_bind_int(reading.query, 2, format);
    db_bind_text(reading.query, 3, name_fold);
    while (!(rc = db_next_row(reading.query, err))) {
        take_pin(reading.query, &pin);
        pin.listed = db_text(reading.query, 4);
        pin.version = db_text(reading.query, 5);
        pin.first_us = db_int(reading.query, 6);
        if ((rc = visit(context, db_text(reading.query, 3), &pin, err)))
            break;
    }
    reading_end(&reading);
    return reading_list_end(rc);
}

enum status catalog_walk_tombstones(struct catalog *catalog, int64_t org_id, enum format format,
                                    const char *name_fold,
                                    enum status (*visit)(void *context, const char *version,
                                                         const char *file, struct error *err),
                                    void *context, struct error *err)
{
    static const char WALK[] =
        "SELECT version, file FROM tombstone WHERE org_id = ?1 AND format = ?2"
        " AND name_fold = ?3 ORDER BY version, file";

    return reading_walk_name(catalog, WALK, org_id, format, name_fold, visit, context, err);
}

struct report {
    const struct upstream *upstream;
    const struct byte_fault *fault;
};

static enum status report(struct transaction *tx, void *argument, struct error *err)
{
    const struct report *report = argument;
    const struct byte_fault *fault = report->fault;
    const struct actor actor = {.principal = &mirror_principal};
    char target[1024];
    struct arena *arena = arena_new();
    struct strbuf detail;
    enum status rc;

    strbuf_init(&detail, arena, 4096);
    strbuf_text(&detail, "{\"severity\":\"critical\",\"upstream\":");
    strbuf_json(&detail, report->upstream->name);
    strbuf_text(&detail, ",\"file\":");
    strbuf_json(&detail, fault->file);
    strbuf_text(&detail, ",\"expected\":");
    strbuf_json(&detail, fault->expected);
    strbuf_text(&detail, ",\"found\":");
    strbuf_json(&detail, fault->found);
    strbuf_text(&detail, "}");
    snprintf(target, sizeof target, "%s:%s@%s", format_name(report->upstream->format), fault->name,
             fault->version);
    rc = tx_record(tx, &actor, report->upstream->org_id, fault->kind, target, detail.data, err);
    arena_free(arena);
    return rc;
}

enum status tx_report_fault(struct transaction *tx, const struct upstream *upstream,
                            const struct byte_fault *fault, struct error *err)
{
    return report(tx, &(struct report){upstream, fault}, err);
}

enum status tx_report_pin(struct transaction *tx, const struct ingest *ingest, struct error *err)
{
    char found[2 * SHA256_SIZE + 1];
    const struct byte_fault fault = {.kind = "upstream.bytes-changed",
                                     .name = ingest->name_norm,
                                     .version = ingest->version,
                                     .file = ingest->file,
                                     .found = found};

    digest_hex(stage_digests(ingest->stage)->sha256, SHA256_SIZE, found);
    return report(tx, &(struct report){ingest->upstream, &fault}, err);
}

enum status catalog_report_bytes(struct catalog *catalog, const struct upstream *upstream,
                                 const struct byte_fault *fault, struct error *err)
{
    return writer_run(catalog_writer(catalog), report, &(struct report){upstream, fault}, NULL, 0,
                      err);
}

struct listing_report {
    const struct upstream *upstream;
    const char *name, *name_fold;
    const struct listing_change *changes;
    size_t count;
};

/* Whoever comes first tells it. */
static enum status report_change(struct transaction *tx, const struct listing_report *listing,
                                 const struct listing_change *change, struct error *err)
{
    static const char TELL[] =
        "UPDATE pin SET listed = ?5 WHERE org_id = ?1 AND format = ?2 AND name_fold = ?3"
        " AND file = ?4 AND (listed IS NULL OR listed <> ?5)";
    const struct byte_fault fault = {.kind = "upstream.bytes-changed",
                                     .name = listing->name,
                                     .version = change->version,
                                     .file = change->file,
                                     .expected = change->expected,
                                     .found = change->listed};
    struct query *query = db_query(tx->db, TELL);
    enum status rc;

    db_bind_int(query, 1, listing->upstream->org_id);
    db_bind_int(query, 2, listing->upstream->format);
    db_bind_text(query, 3, listing->name_fold);
    db_bind_text(query, 4, change->file);
    db_bind_text(query, 5, change->listed);
    if ((rc = db_run(query, err)) || !db_changes(tx->db))
        return rc;
    return report(tx, &(struct report){listing->upstream, &fault}, err);
}

static enum status report_listing(struct transaction *tx, void *argument, struct error *err)
{
    const struct listing_report *listing = argument;
    enum status rc = STATUS_OK;

    for (size_t i = 0; i < listing->count && !rc; i++)
        rc = report_change(tx, listing, &listing->changes[i], err);
    return rc;
}

enum status catalog_report_listing(struct catalog *catalog, const struct upstream *upstream,
                                   const char *name, const char *name_fold,
                                   const struct listing_change *changes, size_t count,
                                   struct error *err)
{
    struct listing_report listing = {upstream, name, name_fold, changes, count};

    return writer_run(catalog_writer(catalog), report_listing, &listing, NULL, 0, err);
}

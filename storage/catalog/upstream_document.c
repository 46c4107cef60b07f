#include "storage/catalog/ingest.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"

#include <string.h>

static void take_digest(struct query *query, int column, uint8_t out[SHA256_SIZE])
{
    size_t length;
    const void *bytes = db_bytes(query, column, &length);

    if (bytes && length == SHA256_SIZE)
        memcpy(out, bytes, SHA256_SIZE);
}

enum status catalog_find_upstream_document(struct catalog *catalog, const struct upstream *upstream,
                                           const char *name_norm, struct arena *arena,
                                           struct upstream_document *out, struct error *err)
{
    static const char FIND[] =
        "SELECT d.package_id, d.body, b.sha256, b.nonce, d.size, d.coding, d.content_type, d.url, d.etag,"
        " d.last_modified, d.serial, d.sha256, d.generation, d.fetched_us, d.checked_us"
        " FROM package p JOIN upstream_document d ON d.package_id = p.id LEFT JOIN blob b ON b.id = d.body_blob"
        " WHERE p.repository_id = ?1 AND p.format = ?2 AND p.name_norm = ?3";
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, upstream->id);
    db_bind_int(reading.query, 2, upstream->format);
    db_bind_text(reading.query, 3, name_norm);
    if (!(rc = reading_one(&reading, "the document of", name_norm, err))) {
        struct query *query = reading.query;
        size_t length;
        const void *body = db_bytes(query, 1, &length);

        *out = (struct upstream_document){
            .package_id = db_int(query, 0),
            .body = db_is_null(query, 1) ? NULL : arena_copy_bytes(arena, body, length),
            .blob_nonce = db_int(query, 3),
            .size = db_int(query, 4),
            .coding = (enum document_coding)db_int(query, 5),
            .content_type = arena_copy(arena, db_text(query, 6)),
            .url = arena_copy(arena, db_text(query, 7)),
            .etag = arena_copy(arena, db_text(query, 8)),
            .last_modified = arena_copy(arena, db_text(query, 9)),
            .serial = db_int(query, 10),
            .generation = db_int(query, 12),
            .fetched_us = db_int(query, 13),
            .checked_us = db_int(query, 14),
        };
        take_digest(query, 11, out->sha256);
        if (!out->body) {
            out->blob.kinds = DIGEST_SHA256;
            take_digest(query, 2, out->blob.sha256);
        }
    }
    reading_end(&reading);
    return rc;
}

void catalog_tell_document(struct catalog *catalog, const struct upstream *upstream,
                           const char *name_norm)
{
    static const char ASKERS[] = "SELECT repository_id FROM source WHERE source_id = ?1";
    struct writer *writer = catalog_writer(catalog);
    struct reading reading;

    writer_tell_package(writer, upstream->id, name_norm);
    if (reading_begin(catalog, ASKERS, &reading, NULL))
        return;
    db_bind_int(reading.query, 1, upstream->id);
    while (!db_next_row(reading.query, NULL))
        writer_tell_package(writer, db_int(reading.query, 0), name_norm);
    reading_end(&reading);
}

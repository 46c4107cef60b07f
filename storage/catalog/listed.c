#include "storage/catalog/listed.h"

#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"

enum status catalog_walk_listed(struct catalog *catalog, const struct upstream *upstream,
                                const char *name_norm,
                                enum status (*visit)(void *context, const struct listed *listed,
                                                     struct error *err),
                                void *context, struct error *err)
{
    static const char LIST[] =
        "SELECT l.version, l.file, l.after_us, l.first_us FROM package p"
        " JOIN listed l ON l.package_id = p.id WHERE p.repository_id = ?1 AND p.format = ?2"
        " AND p.name_norm = ?3 ORDER BY l.file, l.version";
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, upstream->id);
    db_bind_int(reading.query, 2, upstream->format);
    db_bind_text(reading.query, 3, name_norm);
    while (!(rc = db_next_row(reading.query, err))) {
        const struct listed listed = {.version = db_text(reading.query, 0),
                                      .file = db_text(reading.query, 1),
                                      .after_us = db_int(reading.query, 2),
                                      .first_us = db_int(reading.query, 3)};

        if ((rc = visit(context, &listed, err)))
            break;
    }
    reading_end(&reading);
    return reading_list_end(rc);
}

enum status tx_note_listed(struct transaction *tx, int64_t package_id, const struct listed *listed,
                           struct error *err)
{
    struct query *query = db_query(
        tx->db, "INSERT INTO listed(package_id, version, file, after_us, first_us)"
                " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(package_id, file, version) DO NOTHING");

    db_bind_int(query, 1, package_id);
    db_bind_text(query, 2, listed->version);
    db_bind_text(query, 3, listed->file);
    db_bind_int(query, 4, listed->after_us);
    db_bind_int(query, 5, listed->first_us);
    return db_run(query, err);
}

enum status tx_note_moved(struct transaction *tx, int64_t package_id, const struct listed *listed,
                          bool *is_news, struct error *err)
{
    static const char NOTE[] =
        "INSERT INTO listed(package_id, version, file, after_us, first_us) SELECT ?1, ?2, ?3, ?4,"
        " COALESCE((SELECT l.first_us FROM listed l WHERE l.package_id = ?1 AND l.file = ''"
        " AND l.version = ''), ?5) WHERE 1 = 1 ON CONFLICT(package_id, file, version) DO UPDATE"
        " SET after_us = excluded.after_us WHERE listed.after_us < excluded.after_us";
    struct query *query = db_query(tx->db, NOTE);
    enum status rc;

    db_bind_int(query, 1, package_id);
    db_bind_text(query, 2, listed->version);
    db_bind_text(query, 3, listed->file);
    db_bind_int(query, 4, listed->after_us);
    db_bind_int(query, 5, listed->first_us);
    if (!(rc = db_run(query, err)))
        *is_news = db_changes(tx->db) > 0;
    return rc;
}

enum status catalog_walk_archive_facts(struct catalog *catalog, int64_t org_id, enum format format,
                                       const char *name_fold,
                                       enum status (*visit)(void *context, const char *file,
                                                            const char *facts, struct error *err),
                                       void *context, struct error *err)
{
    static const char LIST[] =
        "SELECT file, facts FROM archive_facts WHERE org_id = ?1 AND format = ?2"
        " AND name_fold = ?3 ORDER BY file";

    return reading_walk_name(catalog, LIST, org_id, format, name_fold, visit, context, err);
}

enum status tx_keep_archive_facts(struct transaction *tx, int64_t org_id, enum format format,
                                  const char *name_fold, const char *file, const char *facts,
                                  struct error *err)
{
    struct query *query =
        db_query(tx->db, "INSERT INTO archive_facts(org_id, format, name_fold, file, facts)"
                         " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(org_id, format, name_fold, file)"
                         " DO NOTHING");

    db_bind_int(query, 1, org_id);
    db_bind_int(query, 2, format);
    db_bind_text(query, 3, name_fold);
    db_bind_text(query, 4, file);
    db_bind_text(query, 5, facts);
    return db_run(query, err);
}

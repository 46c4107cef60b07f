#include "storage/catalog/audit.h"

#include "storage/catalog/access.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"
#include "storage/memory/secret.h"

enum status tx_record(struct transaction *tx, const struct actor *actor, int64_t org_id,
                      const char *action, const char *target, const char *detail,
                      struct error *err)
{
    static const char AUDIT[] =
        "INSERT INTO audit(op_id, org_id, at_us, actor, token_id, peer, request_id, action, target, detail)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    static const char EVENT[] = "INSERT INTO event(org_id, at_us, kind, subject, payload)"
                                " VALUES(?1, ?2, ?3, ?4, ?5)";
    uint8_t op_id[16];
    struct query *query = db_query(tx->db, AUDIT);
    enum status rc;

    secret_random(op_id, sizeof op_id);
    db_bind_bytes(query, 1, op_id, sizeof op_id);
    db_bind_int(query, 2, org_id);
    db_bind_int(query, 3, tx->now_us);
    db_bind_text(query, 4, actor->principal->name);
    db_bind_int(query, 5, actor->principal->token_id);
    db_bind_text(query, 6, actor->peer ? actor->peer : "");
    db_bind_text(query, 7, actor->request_id ? actor->request_id : "");
    db_bind_text(query, 8, action);
    db_bind_text(query, 9, target);
    db_bind_text(query, 10, detail);
    if ((rc = db_run(query, err)))
        return rc;
    query = db_query(tx->db, EVENT);
    db_bind_int(query, 1, org_id);
    db_bind_int(query, 2, tx->now_us);
    db_bind_text(query, 3, action);
    db_bind_text(query, 4, target);
    db_bind_text(query, 5, detail);
    return db_run(query, err);
}

enum status catalog_list_audit(struct catalog *catalog, int64_t org_id, int64_t before,
                               size_t limit, struct arena *arena, struct audit_entry **out,
                               size_t *count, struct error *err)
{
    static const char LIST[] = "SELECT id, at_us, actor, peer, action, target, detail, request_id"
                               " FROM audit WHERE org_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
    struct reading reading;
    enum status rc;

    *count = 0;
    *out = arena_array(arena, limit, sizeof **out);
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, org_id);
    db_bind_int(reading.query, 2, before ? before : INT64_MAX);
    db_bind_int(reading.query, 3, (int64_t)limit);
    while (!(rc = db_next_row(reading.query, err)))
        (*out)[(*count)++] = (struct audit_entry){
            .id = db_int(reading.query, 0),
            .at_us = db_int(reading.query, 1),
            .actor = arena_copy(arena, db_text(reading.query, 2)),
            .peer = arena_copy(arena, db_text(reading.query, 3)),
            .action = arena_copy(arena, db_text(reading.query, 4)),
            .target = arena_copy(arena, db_text(reading.query, 5)),
            .detail = arena_copy(arena, db_text(reading.query, 6)),
            .request_id = arena_copy(arena, db_text(reading.query, 7)),
        };
    reading_end(&reading);
    return reading_list_end(rc);
}

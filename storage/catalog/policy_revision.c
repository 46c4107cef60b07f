#include "storage/catalog/policy_revision.h"

#include "storage/catalog/access.h"
#include "storage/catalog/hold.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <inttypes.h>
#include <string.h>

struct setting {
    const struct actor *actor;
    int64_t org_id, expected, number;
    const char *text, *reason;
};

static enum status newest_number(struct transaction *tx, int64_t org_id, int64_t *number,
                                 struct error *err)
{
    struct query *query =
        db_query(tx->db, "SELECT COALESCE(max(number), 0) FROM policy_revision WHERE org_id = ?1");
    enum status rc;

    db_bind_int(query, 1, org_id);
    if (!(rc = db_next_row(query, err)))
        *number = db_int(query, 0);
    db_reset(query);
    return rc;
}

static enum status record(struct transaction *tx, const struct setting *setting, struct error *err)
{
    struct arena *arena = arena_new();
    struct strbuf detail, target;
    enum status rc;

    strbuf_init(&detail, arena, 8192);
    strbuf_text(&detail, "{\"reason\":");
    strbuf_json(&detail, setting->reason);
    strbuf_format(&detail, ",\"before\":%" PRId64 "}", setting->number - 1);
    strbuf_init(&target, arena, 32);
    strbuf_format(&target, "%" PRId64, setting->number);
    rc =
        tx_record(tx, setting->actor, setting->org_id, "policy.set", target.data, detail.data, err);
    arena_free(arena);
    return rc;
}

static enum status insert_revision(struct transaction *tx, void *argument, struct error *err)
{
    static const char INSERT[] =
        "INSERT INTO policy_revision(org_id, number, text, reason, by_account,"
        " created_us) VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
    struct setting *setting = argument;
    struct query *query;
    enum status rc;

    if ((rc = newest_number(tx, setting->org_id, &setting->number, err)))
        return rc;
    if (setting->expected >= 0 && setting->expected != setting->number)
        return fail(err, STATUS_PRECONDITION, "policy-changed",
                    "revision %" PRId64 " of the policy holds by now, not %" PRId64
                    ": look at it, then set yours again",
                    setting->number, setting->expected);
    setting->number++;
    query = db_query(tx->db, INSERT);
    db_bind_int(query, 1, setting->org_id);
    db_bind_int(query, 2, setting->number);
    db_bind_text(query, 3, setting->text);
    db_bind_text(query, 4, setting->reason);
    db_bind_int(query, 5, setting->actor->principal->account_id);
    db_bind_int(query, 6, tx->now_us);
    if ((rc = db_run(query, err)))
        return rc;
    tx_policy_changed(tx, setting->org_id);
    if ((rc = tx_drop_holds(tx, setting->org_id, err)))
        return rc;
    return record(tx, setting, err);
}

enum status catalog_set_policy(struct catalog *catalog, const struct actor *actor, int64_t org_id,
                               const char *text, const char *reason, int64_t expected,
                               int64_t *number, struct error *err)
{
    struct setting setting = {
        .actor = actor, .org_id = org_id, .expected = expected, .text = text, .reason = reason};
    enum status rc = writer_run(catalog_writer(catalog), insert_revision, &setting, NULL, 0, err);

    *number = setting.number;
    return rc;
}

static void read_revision(struct query *query, struct arena *arena, struct policy_revision *out)
{
    *out = (struct policy_revision){
        .number = db_int(query, 0),
        .reason = arena_copy(arena, db_text(query, 1)),
        .by = arena_copy(arena, db_text(query, 2)),
        .created_us = db_int(query, 3),
        .text = arena_copy(arena, db_text(query, 4)),
    };
}

enum status catalog_find_policy(struct catalog *catalog, int64_t org_id, int64_t number,
                                struct arena *arena, struct policy_revision *out, struct error *err)
{
    static const char FIND[] =
        "SELECT p.number, p.reason, a.name, p.created_us, p.text FROM policy_revision p"
        " JOIN account a ON a.id = p.by_account WHERE p.org_id = ?1 AND (?2 = 0 OR p.number = ?2)"
        " ORDER BY p.number DESC LIMIT 1";
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, org_id);
    db_bind_int(reading.query, 2, number);
    if ((rc = db_next_row(reading.query, err)) == STATUS_NOT_FOUND)
        fail(err, rc, "no-such-policy", "there is no such policy");
    else if (!rc)
        read_revision(reading.query, arena, out);
    reading_end(&reading);
    return rc;
}

enum status catalog_list_policies(struct catalog *catalog, int64_t org_id, int64_t before,
                                  size_t limit, struct arena *arena, struct policy_revision **out,
                                  size_t *count, struct error *err)
{
    static const char LIST[] =
        "SELECT p.number, p.reason, a.name, p.created_us, NULL FROM policy_revision p"
        " JOIN account a ON a.id = p.by_account WHERE p.org_id = ?1 AND p.number < ?2"
        " ORDER BY p.number DESC LIMIT ?3";
    struct reading reading;
    enum status rc;

    *count = 0;
    *out = arena_array(arena, limit + 1, sizeof **out);
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, org_id);
    db_bind_int(reading.query, 2, before ? before : INT64_MAX);
    db_bind_int(reading.query, 3, (int64_t)limit);
    while (!(rc = db_next_row(reading.query, err)))
        read_revision(reading.query, arena, &(*out)[(*count)++]);
    reading_end(&reading);
    return reading_list_end(rc);
}

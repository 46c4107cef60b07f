#include "storage/catalog/request.h"

#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DETAIL_MAX = 64 << 10, BATCH = 200, REQUESTERS_MAX = 1000 };

static const char *const state_names[] = {
    [REQUEST_OPEN] = "open", [REQUEST_APPROVED] = "approved", [REQUEST_DENIED] = "denied"};

const char *request_state_name(enum request_state state)
{
    return state_names[state];
}

struct asking {
    const struct actor *actor;
    int64_t org_id;
    struct wanted_version *versions;
    size_t count;
    const char *reason;
    struct arena *arena;
};

static enum status find_open(struct transaction *tx, const struct asking *asking,
                             struct wanted_version *version, int64_t *id, struct error *err)
{
    static const char FIND[] = "SELECT id, number FROM request WHERE org_id = ?1 AND format = ?2"
                               " AND name_fold = ?3 AND version = ?4 AND state = 1";
    struct query *query = db_query(tx->db, FIND);
    enum status rc;

    db_bind_int(query, 1, asking->org_id);
    db_bind_int(query, 2, version->format);
    db_bind_text(query, 3, version->name_fold);
    db_bind_text(query, 4, version->version);
    *id = 0;
    if (!(rc = db_next_row(query, err))) {
        *id = db_int(query, 0);
        version->number = db_int(query, 1);
    }
    db_reset(query);
    return reading_list_end(rc);
}

static enum status next_number(struct transaction *tx, int64_t org_id, int64_t *number,
                               struct error *err)
{
    static const char NEXT[] = "SELECT number FROM request WHERE org_id = ?1 ORDER BY number DESC LIMIT 1";
    struct query *query = db_query(tx->db, NEXT);
    enum status rc;

    db_bind_int(query, 1, org_id);
    *number = 1;
    if (!(rc = db_next_row(query, err)))
        *number = db_int(query, 0) + 1;
    db_reset(query);
    return reading_list_end(rc);
}

static enum status insert(struct transaction *tx, const struct asking *asking,
                          struct wanted_version *version, int64_t *id, struct error *err)
{
    static const char INSERT[] =
        "INSERT INTO request(org_id, number, repository_id, format, name_fold, name, version, state, rules,"
        " grave, facts, created_us) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?8, ?9, ?10, ?11)";
    struct query *query;
    enum status rc;

    if ((rc = next_number(tx, asking->org_id, &version->number, err)))
        return rc;
    query = db_query(tx->db, INSERT);
    db_bind_int(query, 1, asking->org_id);
    db_bind_int(query, 2, version->number);
    db_bind_int(query, 3, version->repository_id);
    db_bind_int(query, 4, version->format);
    db_bind_text(query, 5, version->name_fold);
    db_bind_text(query, 6, version->name);
    db_bind_text(query, 7, version->version);
    db_bind_text(query, 8, version->rules);
    db_bind_text(query, 9, version->grave);
    db_bind_text(query, 10, version->facts);
    db_bind_int(query, 11, tx->now_us);
    if (!(rc = db_run(query, err)))
        *id = db_last_id(tx->db);
    return rc;
}

/* Whether this account asks for the first time, or gives another reason. */
static enum status add_requester(struct transaction *tx, const struct asking *asking, int64_t id,
                                 bool *is_news, struct error *err)
{
    static const char ADD[] = "INSERT INTO request_reason(request_id, account_id, reason, at_us)"
                              " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(request_id, account_id) DO UPDATE"
                              " SET reason = excluded.reason WHERE reason <> excluded.reason";
    struct query *query = db_query(tx->db, ADD);
    enum status rc;

    db_bind_int(query, 1, id);
    db_bind_int(query, 2, asking->actor->principal->account_id);
    db_bind_text(query, 3, asking->reason);
    db_bind_int(query, 4, tx->now_us);
    if (!(rc = db_run(query, err)))
        *is_news = db_changes(tx->db) > 0;
    return rc;
}

static enum status record_asked(struct transaction *tx, const struct asking *asking,
                                const struct wanted_version *version, struct error *err)
{
    struct strbuf detail;
    char target[32];

    strbuf_init(&detail, asking->arena, DETAIL_MAX);
    strbuf_text(&detail, "{\"package\":");
    strbuf_json(&detail, version->name);
    strbuf_format(&detail, ",\"format\":\"%s\",\"version\":", format_name(version->format));
    strbuf_json(&detail, version->version);
    strbuf_text(&detail, ",\"rules\":");
    strbuf_json(&detail, version->rules);
    strbuf_text(&detail, ",\"reason\":");
    strbuf_json(&detail, asking->reason);
    strbuf_char(&detail, '}');
    snprintf(target, sizeof target, "%" PRId64, version->number);
    return tx_record(tx, asking->actor, asking->org_id,
                     version->is_new ? "request.created" : "request.joined", target, detail.data, err);
}

static enum status ask_for(struct transaction *tx, const struct asking *asking,
                           struct wanted_version *version, struct error *err)
{
    bool is_news = false;
    int64_t id;
    enum status rc;

    if ((rc = find_open(tx, asking, version, &id, err)))
        return rc;
    version->is_new = !id;
    if (!id && (rc = insert(tx, asking, version, &id, err)))
        return rc;
    if ((rc = add_requester(tx, asking, id, &is_news, err)) || !is_news)
        return rc;
    return record_asked(tx, asking, version, err);
}

static enum status ask(struct transaction *tx, void *argument, struct error *err)
{
    struct asking *asking = argument;
    enum status rc = STATUS_OK;

    for (size_t i = 0; i < asking->count && !rc; i++)
        rc = ask_for(tx, asking, &asking->versions[i], err);
    return rc;
}

enum status catalog_create_requests(struct catalog *catalog, const struct actor *actor,
                                    int64_t org_id, struct wanted_version *versions, size_t count,
                                    const char *reason, struct error *err)
{
    enum status rc = STATUS_OK;

    if (!*reason || strlen(reason) > REQUEST_REASON_MAX)
        return fail(err, STATUS_INVALID, "invalid-value", "a request needs a reason, of at most %d bytes",
                    REQUEST_REASON_MAX);
    for (size_t from = 0; from < count && !rc; from += BATCH) {
        struct asking asking = {actor,  org_id, versions + from, count - from < BATCH ? count - from : BATCH,
                                reason, arena_new()};

        rc = writer_run(catalog_writer(catalog), ask, &asking, NULL, 0, err);
        arena_free(asking.arena);
    }
    return rc;
}

#define REQUEST_COLUMNS                                                                            \
    "q.number, q.repository_id, r.name, q.format, q.name, q.name_fold, q.version, q.rules,"        \
    " q.grave, q.state, q.created_us, q.decided_us, d.name, q.comment, e.number, a.name,"          \
    " f.reason, (SELECT count(*) FROM request_reason c WHERE c.request_id = q.id), q.id, q.facts"  \
    " FROM request q JOIN repository r ON r.id = q.repository_id"                                  \
    " LEFT JOIN account d ON d.id = q.decided_by LEFT JOIN exception e ON e.id = q.exception_id"   \
    " LEFT JOIN request_reason f ON f.request_id = q.id AND f.account_id ="                        \
    " (SELECT g.account_id FROM request_reason g WHERE g.request_id = q.id"                        \
    " ORDER BY g.at_us, g.account_id LIMIT 1) LEFT JOIN account a ON a.id = f.account_id"

static void read_request(struct query *query, struct arena *arena, struct request_entry *out)
{
    *out = (struct request_entry){
        .number = db_int(query, 0),
        .repository_id = db_int(query, 1),
        .repository = arena_copy(arena, db_text(query, 2)),
        .format = (enum format)db_int(query, 3),
        .name = arena_copy(arena, db_text(query, 4)),
        .name_fold = arena_copy(arena, db_text(query, 5)),
        .version = arena_copy(arena, db_text(query, 6)),
        .rules = arena_copy(arena, db_text(query, 7)),
        .grave = arena_copy(arena, db_text(query, 8)),
        .state = (enum request_state)db_int(query, 9),
        .created_us = db_int(query, 10),
        .decided_us = db_int(query, 11),
        .decided_by = arena_copy(arena, db_text(query, 12)),
        .comment = arena_copy(arena, db_text(query, 13)),
        .exception = db_int(query, 14),
        .first_by = arena_copy(arena, db_text(query, 15)),
        .reason = arena_copy(arena, db_text(query, 16)),
        .requesters = db_int(query, 17),
    };
}

enum status catalog_list_requests(struct catalog *catalog, const struct request_filter *filter,
                                  int64_t before, size_t limit, struct arena *arena,
                                  struct request_entry **out, size_t *count, struct error *err)
{
    static const char LIST[] =
        "SELECT " REQUEST_COLUMNS " WHERE q.org_id = ?1 AND q.number < ?2 AND (?3 = 0 OR q.state = ?3)"
        " AND (?4 = 0 OR (q.format = ?4 AND q.name_fold = ?5)) ORDER BY q.number DESC LIMIT ?6";
    struct reading reading;
    enum status rc;

    *count = 0;
    *out = arena_array(arena, limit, sizeof **out);
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, filter->org_id);
    db_bind_int(reading.query, 2, before ? before : INT64_MAX);
    db_bind_int(reading.query, 3, filter->state);
    db_bind_int(reading.query, 4, filter->format);
    db_bind_text(reading.query, 5, filter->name_fold);
    db_bind_int(reading.query, 6, (int64_t)limit);
    while (!(rc = db_next_row(reading.query, err)))
        read_request(reading.query, arena, &(*out)[(*count)++]);
    reading_end(&reading);
    return reading_list_end(rc);
}

static const char FIND[] = "SELECT " REQUEST_COLUMNS " WHERE q.org_id = ?1 AND q.number = ?2";

static enum status find_one(struct query *query, int64_t org_id, int64_t number, struct arena *arena,
                            struct request_entry *out, int64_t *id, struct error *err)
{
    enum status rc;

    db_bind_int(query, 1, org_id);
    db_bind_int(query, 2, number);
    if (!(rc = db_next_row(query, err))) {
        read_request(query, arena, out);
        *id = db_int(query, 18);
        out->facts = arena_copy(arena, db_text(query, 19));
    }
    db_reset(query);
    return rc == STATUS_NOT_FOUND ? fail(err, rc, "", "there is no request %" PRId64 " in this org", number)
                                  : rc;
}

enum status catalog_find_request(struct catalog *catalog, int64_t org_id, int64_t number,
                                 struct arena *arena, struct request_entry *out, struct error *err)
{
    struct reading reading;
    int64_t id;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    rc = find_one(reading.query, org_id, number, arena, out, &id, err);
    reading_end(&reading);
    return rc;
}

enum status tx_find_request(struct transaction *tx, int64_t org_id, int64_t number,
                            struct arena *arena, struct request_entry *out, int64_t *id,
                            struct error *err)
{
    return find_one(db_query(tx->db, FIND), org_id, number, arena, out, id, err);
}

enum status catalog_list_requesters(struct catalog *catalog, int64_t org_id, int64_t number,
                                    struct arena *arena, struct requester **out, size_t *count,
                                    struct error *err)
{
    static const char LIST[] = "SELECT a.name, f.reason, f.at_us FROM request q JOIN request_reason f"
                               " ON f.request_id = q.id JOIN account a ON a.id = f.account_id"
                               " WHERE q.org_id = ?1 AND q.number = ?2 ORDER BY f.at_us LIMIT ?3";
    struct reading reading;
    enum status rc;

    *count = 0;
    *out = arena_array(arena, REQUESTERS_MAX, sizeof **out);
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, org_id);
    db_bind_int(reading.query, 2, number);
    db_bind_int(reading.query, 3, REQUESTERS_MAX);
    while (!(rc = db_next_row(reading.query, err)))
        (*out)[(*count)++] = (struct requester){arena_copy(arena, db_text(reading.query, 0)),
                                                arena_copy(arena, db_text(reading.query, 1)),
                                                db_int(reading.query, 2)};
    reading_end(&reading);
    return reading_list_end(rc);
}

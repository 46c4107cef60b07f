#include "storage/catalog/fetch_count.h"

#include "config/clock.h"
#include "storage/catalog/noted.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"

#include <stdlib.h>
#include <string.h>

enum { COUNTS_MAX = 32768, COUNT_BYTES_MAX = 16 << 20, BATCH = 500, FORGET_BATCH = 5000 };
enum { AUDITED = 8 }; /* added to the verdict in the row */

#define DAY_US (INT64_C(86400) * 1000000)

struct key {
    int64_t org_id, day, repository_id, account_id;
    int32_t format, verdict;
};

struct noted *fetch_counts_new(void)
{
    return noted_new(COUNTS_MAX, COUNT_BYTES_MAX);
}

void catalog_note_fetch(struct catalog *catalog, const struct fetch_count *fetch)
{
    size_t name = strlen(fetch->name_fold) + 1, version = strlen(fetch->version) + 1;
    size_t rules = strlen(fetch->rules) + 1;
    const char *facts = fetch->facts ? fetch->facts : "{}";
    size_t facts_length = strlen(facts) + 1;
    int64_t now_us = clock_now_us();
    const struct key key = {
        .org_id = fetch->org_id,
        .day = now_us / DAY_US,
        .repository_id = fetch->repository_id,
        .account_id = fetch->account_id,
        .format = (int32_t)fetch->format,
        .verdict = (int32_t)fetch->verdict + (fetch->is_audited ? AUDITED : 0),
    };
    char keys[NOTE_KEY_MAX], *value;

    if (sizeof key + name + version > sizeof keys || !(value = malloc(rules + facts_length)))
        return;
    memcpy(keys, &key, sizeof key);
    memcpy(keys + sizeof key, fetch->name_fold, name);
    memcpy(keys + sizeof key + name, fetch->version, version);
    memcpy(value, fetch->rules, rules);
    memcpy(value + rules, facts, facts_length);
    noted_add(catalog_fetch_counts(catalog), keys, sizeof key + name + version, value,
              rules + facts_length, now_us);
    free(value);
}

static enum status find_snapshot(struct transaction *tx, const char *facts, int64_t *id,
                                 struct error *err)
{
    static const char FIND[] = "SELECT id FROM fact_snapshot WHERE sha256 = ?1";
    static const char INSERT[] = "INSERT INTO fact_snapshot(sha256, facts) VALUES(?1, ?2)";
    struct query *query = db_query(tx->db, FIND);
    uint8_t sha256[SHA256_SIZE];
    enum status rc;

    digest_sha256(facts, strlen(facts), sha256);
    db_bind_bytes(query, 1, sha256, sizeof sha256);
    if (!(rc = db_next_row(query, err)))
        *id = db_int(query, 0);
    db_reset(query);
    if (rc != STATUS_NOT_FOUND)
        return rc;
    query = db_query(tx->db, INSERT);
    db_bind_bytes(query, 1, sha256, sizeof sha256);
    db_bind_text(query, 2, facts);
    if (!(rc = db_run(query, err)))
        *id = db_last_id(tx->db);
    return rc;
}

static enum status write_one(struct transaction *tx, const struct note *note, struct error *err)
{
    static const char WRITE[] =
        "INSERT INTO fetch(org_id, day, repository_id, format, name_fold, version, account_id, verdict,"
        " rules, facts_id, fetches, last_us) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
        " ON CONFLICT(org_id, day, repository_id, format, name_fold, version, account_id, verdict)"
        " DO UPDATE SET fetches = fetches + excluded.fetches, last_us = excluded.last_us,"
        " rules = excluded.rules, facts_id = excluded.facts_id";
    const char *name = (const char *)note->key + sizeof(struct key), *rules = note->value;
    struct query *query;
    struct key key;
    int64_t facts_id;
    enum status rc;

    memcpy(&key, note->key, sizeof key);
    if ((rc = find_snapshot(tx, rules + strlen(rules) + 1, &facts_id, err)))
        return rc;
    query = db_query(tx->db, WRITE);
    db_bind_int(query, 1, key.org_id);
    db_bind_int(query, 2, key.day);
    db_bind_int(query, 3, key.repository_id);
    db_bind_int(query, 4, key.format);
    db_bind_text(query, 5, name);
    db_bind_text(query, 6, name + strlen(name) + 1);
    db_bind_int(query, 7, key.account_id);
    db_bind_int(query, 8, key.verdict);
    db_bind_text(query, 9, rules);
    db_bind_int(query, 10, facts_id);
    db_bind_int(query, 11, note->times);
    db_bind_int(query, 12, note->last_us);
    return db_run(query, err);
}

static enum status write_batch(struct transaction *tx, void *argument, struct error *err)
{
    const struct note *note = argument;
    enum status rc = STATUS_OK;

    for (size_t i = 0; note && i < BATCH && !rc; i++, note = note->next)
        rc = write_one(tx, note, err);
    return rc;
}

enum status catalog_write_fetches(struct catalog *catalog, struct error *err)
{
    return notes_write(catalog_fetch_counts(catalog), catalog_writer(catalog), write_batch, BATCH, err);
}

struct forgetting {
    int64_t before_day, rows;
};

/* One org's at a time, for a day is behind the org in the key. */
static enum status forget_some(struct transaction *tx, void *argument, struct error *err)
{
    static const char FORGET[] =
        "DELETE FROM fetch WHERE (org_id, day, repository_id, format, name_fold, version, account_id,"
        " verdict) IN (SELECT f.org_id, f.day, f.repository_id, f.format, f.name_fold, f.version,"
        " f.account_id, f.verdict FROM org o JOIN fetch f ON f.org_id = o.id AND f.day < ?1"
        " WHERE o.id > 0 LIMIT ?2)";
    struct forgetting *forgetting = argument;
    struct query *query = db_query(tx->db, FORGET);
    enum status rc;

    db_bind_int(query, 1, forgetting->before_day);
    db_bind_int(query, 2, FORGET_BATCH);
    if (!(rc = db_run(query, err)))
        forgetting->rows = db_changes(tx->db);
    return rc;
}

static enum status forget_snapshots(struct transaction *tx, void *argument, struct error *err)
{
    static const char FORGET[] =
        "DELETE FROM fact_snapshot WHERE id IN (SELECT s.id FROM fact_snapshot s WHERE s.id > 0"
        " AND NOT EXISTS (SELECT 1 FROM fetch f WHERE f.facts_id = s.id) LIMIT ?1)";
    struct forgetting *forgetting = argument;
    struct query *query = db_query(tx->db, FORGET);
    enum status rc;

    db_bind_int(query, 1, FORGET_BATCH);
    if (!(rc = db_run(query, err)))
        forgetting->rows = db_changes(tx->db);
    return rc;
}

enum status catalog_forget_fetches(struct catalog *catalog, int64_t days, struct error *err)
{
    struct forgetting forgetting = {.before_day = clock_now_us() / DAY_US - days};
    bool has_forgotten = false;
    enum status rc;

    do {
        if ((rc = writer_run(catalog_writer(catalog), forget_some, &forgetting, NULL, 0, err)))
            return rc;
        has_forgotten |= forgetting.rows > 0;
    } while (forgetting.rows == FORGET_BATCH);
    if (!has_forgotten)
        return STATUS_OK;
    do {
        rc = writer_run(catalog_writer(catalog), forget_snapshots, &forgetting, NULL, 0, err);
    } while (!rc && forgetting.rows == FORGET_BATCH);
    return rc;
}

#define FETCH_COLUMNS                                                                              \
    "f.org_id, f.day, f.repository_id, f.format, f.name_fold, f.version, f.account_id, f.verdict," \
    " f.rules, f.facts_id, f.fetches, f.last_us, r.name, a.name, s.facts FROM fetch f"             \
    " JOIN repository r ON r.id = f.repository_id JOIN fact_snapshot s ON s.id = f.facts_id"       \
    " LEFT JOIN account a ON a.id = f.account_id"

static void read_fetch(struct query *query, struct fetch_count *out)
{
    int64_t verdict = db_int(query, 7);

    *out = (struct fetch_count){
        .org_id = db_int(query, 0),
        .day = db_int(query, 1),
        .repository_id = db_int(query, 2),
        .format = (enum format)db_int(query, 3),
        .name_fold = db_text(query, 4),
        .version = db_text(query, 5),
        .account_id = db_int(query, 6),
        .verdict = (enum verdict_action)(verdict % AUDITED),
        .is_audited = verdict >= AUDITED,
        .rules = db_text(query, 8),
        .facts_id = db_int(query, 9),
        .fetches = db_int(query, 10),
        .last_us = db_int(query, 11),
        .repository = db_text(query, 12),
        .account = db_is_null(query, 13) ? "anonymous" : db_text(query, 13),
        .facts = db_text(query, 14),
    };
}

enum status catalog_list_fetches(struct catalog *catalog, int64_t org_id, enum format format,
                                 const char *name_fold, const char *version, size_t limit,
                                 struct arena *arena, struct fetch_count **out, size_t *count,
                                 struct error *err)
{
    static const char LIST[] = "SELECT " FETCH_COLUMNS
                               " WHERE f.org_id = ?1 AND f.format = ?2 AND f.name_fold = ?3"
                               " AND (?4 IS NULL OR f.version = ?4)"
                               " ORDER BY f.day DESC, f.last_us DESC LIMIT ?5";
    struct reading reading;
    enum status rc;

    *count = 0;
    *out = arena_array(arena, limit, sizeof **out);
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, org_id);
    db_bind_int(reading.query, 2, format);
    db_bind_text(reading.query, 3, name_fold);
    db_bind_text(reading.query, 4, version);
    db_bind_int(reading.query, 5, (int64_t)limit);
    while (!(rc = db_next_row(reading.query, err))) {
        struct fetch_count *fetch = &(*out)[(*count)++];

        read_fetch(reading.query, fetch);
        fetch->name_fold = arena_copy(arena, fetch->name_fold);
        fetch->version = arena_copy(arena, fetch->version);
        fetch->rules = arena_copy(arena, fetch->rules);
        fetch->repository = arena_copy(arena, fetch->repository);
        fetch->account = arena_copy(arena, fetch->account);
        fetch->facts = arena_copy(arena, fetch->facts);
    }
    reading_end(&reading);
    return reading_list_end(rc);
}

enum status catalog_walk_fetches(struct catalog *catalog, int64_t org_id, int64_t since_day,
                                 enum status (*visit)(void *context, const struct fetch_count *fetch,
                                                      struct error *err),
                                 void *context, struct error *err)
{
    static const char WALK[] = "SELECT " FETCH_COLUMNS
                               " WHERE f.org_id = ?1 AND f.day >= ?2 ORDER BY f.day";
    struct fetch_count fetch;
    struct reading reading;
    enum status rc, failed = STATUS_OK;

    if ((rc = reading_begin(catalog, WALK, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, org_id);
    db_bind_int(reading.query, 2, since_day);
    while (!failed && !(rc = db_next_row(reading.query, err))) {
        read_fetch(reading.query, &fetch);
        failed = visit(context, &fetch, err);
    }
    reading_end(&reading);
    return failed ? failed : reading_list_end(rc);
}

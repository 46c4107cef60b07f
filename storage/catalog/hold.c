#include "storage/catalog/hold.h"

#include "config/clock.h"
#include "storage/catalog/noted.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTES_MAX = 16384, NOTE_BYTES_MAX = 8 << 20, BATCH = 500, VALUE_MAX = 2048 };

#define HOUR_US (INT64_C(3600) * 1000000)
#define FORGET_US (INT64_C(90) * 86400 * 1000000) /* nobody asked for it in so long */

struct key {
    int64_t org_id, repository_id, format;
};

struct value {
    int64_t verdict, until_us;
};

struct noted *hold_notes_new(void)
{
    return noted_new(NOTES_MAX, NOTE_BYTES_MAX);
}

/* head, then two texts with their ends; 0 where that is too long. */
static size_t pack(const void *head, size_t size, const char *first, const char *second, char *out,
                   size_t most)
{
    size_t one = strlen(first) + 1, two = strlen(second) + 1;

    if (size + one + two > most)
        return 0;
    memcpy(out, head, size);
    memcpy(out + size, first, one);
    memcpy(out + size + one, second, two);
    return size + one + two;
}

static const char *unpack(const void *from, void *head, size_t size, const char **second)
{
    const char *first = (const char *)from + size;

    memcpy(head, from, size);
    *second = first + strlen(first) + 1;
    return first;
}

void catalog_note_hold(struct catalog *catalog, const struct hold *hold)
{
    const struct key key = {hold->org_id, hold->repository_id, hold->format};
    const struct value value = {hold->verdict, hold->until_us};
    char keys[NOTE_KEY_MAX], values[VALUE_MAX];
    size_t key_length =
        pack(&key, sizeof key, hold->name_fold, hold->version, keys, sizeof keys);
    size_t value_length =
        pack(&value, sizeof value, hold->name, hold->rules, values, sizeof values);

    if (key_length && value_length)
        noted_add(catalog_hold_notes(catalog), keys, key_length, values, value_length,
                  clock_now_us());
}

/* What was noted before the policy was set was held by another policy. An hour is near enough for when
 * somebody asked last, and spares writes. */
static enum status write_one(struct transaction *tx, const struct note *note, struct error *err)
{
    static const char WRITE[] =
        "INSERT INTO hold(org_id, format, name_fold, version, repository_id, name, verdict, rules,"
        " until_us, first_us, last_us) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10"
        " WHERE NOT EXISTS (SELECT 1 FROM policy_revision WHERE org_id = ?1 AND created_us > ?10)"
        " ON CONFLICT(org_id, format, name_fold, version, repository_id) DO UPDATE SET"
        " name = excluded.name, verdict = excluded.verdict, rules = excluded.rules,"
        " until_us = excluded.until_us, last_us = excluded.last_us"
        " WHERE last_us < excluded.last_us - ?11 OR verdict <> excluded.verdict"
        " OR rules <> excluded.rules OR until_us <> excluded.until_us";
    struct query *query = db_query(tx->db, WRITE);
    const char *name_fold, *version, *name, *rules;
    struct value value;
    struct key key;

    name_fold = unpack(note->key, &key, sizeof key, &version);
    name = unpack(note->value, &value, sizeof value, &rules);
    db_bind_int(query, 1, key.org_id);
    db_bind_int(query, 2, key.format);
    db_bind_text(query, 3, name_fold);
    db_bind_text(query, 4, version);
    db_bind_int(query, 5, key.repository_id);
    db_bind_text(query, 6, name);
    db_bind_int(query, 7, value.verdict);
    db_bind_text(query, 8, rules);
    db_bind_int(query, 9, value.until_us);
    db_bind_int(query, 10, note->last_us);
    db_bind_int(query, 11, HOUR_US);
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

static enum status drop_over(struct transaction *tx, void *argument, struct error *err)
{
    static const char DROP[] = "DELETE FROM hold WHERE until_us <= ?1";
    static const char FORGET[] = "DELETE FROM hold WHERE last_us < ?1";
    struct query *query = db_query(tx->db, DROP);
    enum status rc;

    (void)argument;
    db_bind_int(query, 1, tx->now_us);
    if ((rc = db_run(query, err)))
        return rc;
    query = db_query(tx->db, FORGET);
    db_bind_int(query, 1, tx->now_us - FORGET_US);
    return db_run(query, err);
}

enum status catalog_write_holds(struct catalog *catalog, struct error *err)
{
    struct writer *writer = catalog_writer(catalog);
    enum status rc;

    if ((rc = notes_write(catalog_hold_notes(catalog), writer, write_batch, BATCH, err)))
        return rc;
    return writer_run(writer, drop_over, NULL, NULL, 0, err);
}

static void read_hold(struct query *query, struct arena *arena, struct hold *out)
{
    *out = (struct hold){
        .org_id = db_int(query, 0),
        .format = (enum format)db_int(query, 1),
        .name_fold = arena_copy(arena, db_text(query, 2)),
        .version = arena_copy(arena, db_text(query, 3)),
        .repository_id = db_int(query, 4),
        .name = arena_copy(arena, db_text(query, 5)),
        .verdict = (enum verdict_action)db_int(query, 6),
        .rules = arena_copy(arena, db_text(query, 7)),
        .until_us = db_int(query, 8),
        .first_us = db_int(query, 9),
        .last_us = db_int(query, 10),
        .repository = arena_copy(arena, db_text(query, 11)),
    };
}

#define HOLD_COLUMNS                                                                               \
    "h.org_id, h.format, h.name_fold, h.version, h.repository_id, h.name, h.verdict, h.rules,"     \
    " h.until_us, h.first_us, h.last_us, r.name"

/* "format name version repository": no name or version holds a blank. */
const char *hold_position(const struct hold *hold, struct arena *arena)
{
    return arena_format(arena, "%d %s %s %" PRId64, (int)hold->format, hold->name_fold,
                        hold->version, hold->repository_id);
}

static void bind_position(struct query *query, int index, const char *after, struct arena *arena)
{
    char *save = NULL, *text = arena_copy(arena, after ? after : "");
    const char *parts[4];

    for (size_t i = 0; i < 4; i++, text = NULL) {
        char *part = strtok_r(text, " ", &save);

        parts[i] = part ? part : "";
    }
    db_bind_int(query, index, strtoll(parts[0], NULL, 10));
    db_bind_text(query, index + 1, parts[1]);
    db_bind_text(query, index + 2, parts[2]);
    db_bind_int(query, index + 3, strtoll(parts[3], NULL, 10));
}

enum status catalog_list_holds(struct catalog *catalog, const struct hold_filter *filter,
                               const char *after, size_t limit, struct arena *arena,
                               struct hold **out, size_t *count, struct error *err)
{
    static const char LIST[] =
        "SELECT " HOLD_COLUMNS " FROM hold h JOIN repository r ON r.id = h.repository_id"
        " WHERE h.org_id = ?1 AND h.until_us > ?2 AND (?3 = 0 OR h.repository_id = ?3)"
        " AND (?4 = 0 OR h.format = ?4) AND (?5 IS NULL OR h.name_fold = ?5)"
        " AND (?6 = 0 OR h.verdict = ?6)"
        " AND (h.format, h.name_fold, h.version, h.repository_id) > (?8, ?9, ?10, ?11)"
        " ORDER BY h.format, h.name_fold, h.version, h.repository_id LIMIT ?7";
    struct reading reading;
    enum status rc;

    *count = 0;
    *out = arena_array(arena, limit, sizeof **out);
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, filter->org_id);
    db_bind_int(reading.query, 2, clock_now_us());
    db_bind_int(reading.query, 3, filter->repository_id);
    db_bind_int(reading.query, 4, filter->format);
    db_bind_text(reading.query, 5, filter->name_fold);
    db_bind_int(reading.query, 6, filter->verdict);
    db_bind_int(reading.query, 7, (int64_t)limit);
    bind_position(reading.query, 8, after, arena);
    while (!(rc = db_next_row(reading.query, err)))
        read_hold(reading.query, arena, &(*out)[(*count)++]);
    reading_end(&reading);
    return reading_list_end(rc);
}

enum status catalog_find_hold(struct catalog *catalog, const struct repository *repository,
                              enum format format, const char *name_fold, const char *version,
                              struct arena *arena, struct hold *out, struct error *err)
{
    static const char FIND[] =
        "SELECT " HOLD_COLUMNS " FROM hold h JOIN repository r ON r.id = h.repository_id"
        " WHERE h.org_id = ?1 AND h.format = ?2 AND h.name_fold = ?3 AND h.version = ?4"
        " AND h.repository_id = ?5 AND h.until_us > ?6";
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, repository->org_id);
    db_bind_int(reading.query, 2, format);
    db_bind_text(reading.query, 3, name_fold);
    db_bind_text(reading.query, 4, version);
    db_bind_int(reading.query, 5, repository->id);
    db_bind_int(reading.query, 6, clock_now_us());
    if (!(rc = reading_one(&reading, "the hold of", name_fold, err)))
        read_hold(reading.query, arena, out);
    reading_end(&reading);
    return rc;
}

enum status tx_drop_holds(struct transaction *tx, int64_t org_id, struct error *err)
{
    static const char DROP[] = "DELETE FROM hold WHERE org_id = ?1";
    struct query *query = db_query(tx->db, DROP);

    db_bind_int(query, 1, org_id);
    return db_run(query, err);
}

enum status tx_drop_holds_of_name(struct transaction *tx, int64_t org_id, enum format format,
                                  const char *name_fold, struct error *err)
{
    static const char DROP[] = "DELETE FROM hold WHERE org_id = ?1 AND format = ?2 AND name_fold = ?3";
    struct query *query = db_query(tx->db, DROP);

    db_bind_int(query, 1, org_id);
    db_bind_int(query, 2, format);
    db_bind_text(query, 3, name_fold);
    return db_run(query, err);
}

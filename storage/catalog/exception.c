#include "storage/catalog/exception.h"

#include "config/clock.h"
#include "config/log.h"
#include "storage/catalog/hold.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DETAIL_MAX = 64 << 10, ANNOUNCE_MAX = 500 };

#define DAY_US (INT64_C(86400) * 1000000)

static const char *const scope_names[] = {
    [SCOPE_VERSION] = "version", [SCOPE_RANGE] = "range", [SCOPE_NAME] = "name"};

const char *exception_scope_name(enum exception_scope scope)
{
    return scope_names[scope];
}

enum exception_scope exception_scope_from_name(const char *word)
{
    for (enum exception_scope scope = SCOPE_VERSION; scope <= SCOPE_NAME; scope++)
        if (!strcmp(scope_names[scope], word))
            return scope;
    return 0;
}

bool exception_is_live(const struct exception *exception, int64_t now_us)
{
    return !exception->ended_us && exception->not_after_us > now_us;
}

const char *exception_pattern(const struct exception *exception, struct arena *arena)
{
    bool is_specifier = exception->format == FORMAT_PYPI && strchr("=<>!~", *exception->wanted);

    return arena_format(arena, "%s:%s%s%s", format_name(exception->format), exception->name,
                        *exception->wanted && !is_specifier ? "@" : "", exception->wanted);
}

static enum status invalid(struct error *err, const char *sentence)
{
    return fail(err, STATUS_INVALID, "invalid-value", "%s", sentence);
}

static enum status check(const struct exception *exception, int64_t now_us, struct arena *arena,
                         struct error *err)
{
    const struct package_pattern *pattern;

    if (!exception->comment || !*exception->comment ||
        strlen(exception->comment) > EXCEPTION_COMMENT_MAX)
        return invalid(err, "an exception needs a comment, of at most 1000 bytes");
    if (exception->not_after_us <= now_us)
        return invalid(err,
                       "the exception would be over before it begins: give an end in the future");
    if (exception->not_after_us > now_us + EXCEPTION_DAYS_MAX * DAY_US)
        return invalid(err, "an exception lasts at most 180 days");
    if (!*exception->rules)
        return invalid(err, "an exception clears at least one rule");
    if (strchr(exception->name, '*') || strlen(exception->wanted) > EXCEPTION_WANTED_MAX ||
        !*exception->wanted != (exception->scope == SCOPE_NAME))
        return invalid(err, "a version and a range say which, a name says nothing more");
    if (!*exception->bytes == (exception->scope == SCOPE_VERSION))
        return fail(
            err, STATUS_CONFLICT, "bytes-unknown",
            "nobody knows yet which bytes %s %s has: ask for it once with its client, then again",
            exception->name, exception->wanted);
    return package_pattern_parse(exception_pattern(exception, arena), arena, &pattern, err);
}

static void write_detail(const struct exception *exception, struct strbuf *out)
{
    char until[CLOCK_TEXT_SIZE];

    clock_format_iso(exception->not_after_us, until);
    strbuf_text(out, "{\"package\":");
    strbuf_json(out, exception->name);
    strbuf_format(out,
                  ",\"format\":\"%s\",\"scope\":\"%s\",\"wanted\":", format_name(exception->format),
                  exception_scope_name(exception->scope));
    strbuf_json(out, exception->wanted);
    strbuf_text(out, ",\"rules\":");
    strbuf_json(out, exception->rules);
    strbuf_format(out, ",\"until\":\"%s\",\"alone\":%s,\"comment\":", until,
                  exception->is_alone ? "true" : "false");
    strbuf_json(out, exception->comment);
    strbuf_char(out, '}');
}

static enum status record(struct transaction *tx, const struct actor *actor, int64_t org_id,
                          const char *action, const struct exception *exception, struct error *err)
{
    struct arena *arena = arena_new();
    struct strbuf detail;
    char target[32];
    enum status rc;

    strbuf_init(&detail, arena, DETAIL_MAX);
    write_detail(exception, &detail);
    snprintf(target, sizeof target, "%" PRId64, exception->number);
    rc = tx_record(tx, actor, org_id, action, target, detail.data, err);
    arena_free(arena);
    return rc;
}

static enum status next_number(struct transaction *tx, int64_t org_id, int64_t *number,
                               struct error *err)
{
    static const char NEXT[] =
        "SELECT number FROM exception WHERE org_id = ?1 ORDER BY number DESC LIMIT 1";
    struct query *query = db_query(tx->db, NEXT);
    enum status rc;

    db_bind_int(query, 1, org_id);
    *number = 1;
    if (!(rc = db_next_row(query, err)))
        *number = db_int(query, 0) + 1;
    db_reset(query);
    return reading_list_end(rc);
}

static enum status insert(struct transaction *tx, const struct actor *actor, int64_t org_id,
                          struct exception *exception, struct error *err)
{
    static const char INSERT[] =
        "INSERT INTO exception(org_id, number, format, name_fold, name, scope, wanted, rules, "
        "bytes,"
        " comment, by_account, is_alone, created_us, not_after_us)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    struct query *query = db_query(tx->db, INSERT);
    enum status rc;

    db_bind_int(query, 1, org_id);
    db_bind_int(query, 2, exception->number);
    db_bind_int(query, 3, exception->format);
    db_bind_text(query, 4, exception->name_fold);
    db_bind_text(query, 5, exception->name);
    db_bind_int(query, 6, exception->scope);
    db_bind_text(query, 7, exception->wanted);
    db_bind_text(query, 8, exception->rules);
    db_bind_text(query, 9, exception->bytes);
    db_bind_text(query, 10, exception->comment);
    db_bind_int(query, 11, actor->principal->account_id);
    db_bind_int(query, 12, exception->is_alone);
    db_bind_int(query, 13, tx->now_us);
    db_bind_int(query, 14, exception->not_after_us);
    if (!(rc = db_run(query, err)))
        exception->id = db_last_id(tx->db);
    return rc;
}

enum status tx_add_exception(struct transaction *tx, const struct actor *actor, int64_t org_id,
                             struct exception *exception, struct error *err)
{
    struct arena *arena = arena_new();
    enum status rc = check(exception, tx->now_us, arena, err);

    arena_free(arena);
    if (rc || (rc = next_number(tx, org_id, &exception->number, err)) ||
        (rc = insert(tx, actor, org_id, exception, err)) ||
        (rc = tx_drop_holds_of_name(tx, org_id, exception->format, exception->name_fold, err)))
        return rc;
    tx_policy_changed(tx, org_id);
    return record(tx, actor, org_id, "exception.created", exception, err);
}

#define EXCEPTION_COLUMNS                                                                          \
    "e.id, e.number, e.format, e.name, e.name_fold, e.scope, e.wanted, e.rules, e.bytes,"          \
    " e.comment, e.is_alone, e.not_after_us, e.created_us, e.ended_us, a.name, b.name,"            \
    " (SELECT min(q.number) FROM request q WHERE q.exception_id = e.id), e.org_id, e.ended_reason," \
    " (SELECT max(q.grave) FROM request q WHERE q.exception_id = e.id)"                            \
    " FROM exception e JOIN account a ON a.id = e.by_account"                                      \
    " LEFT JOIN account b ON b.id = e.ended_by"

static void read_exception(struct query *query, struct arena *arena, struct exception *out)
{
    *out = (struct exception){
        .id = db_int(query, 0),
        .number = db_int(query, 1),
        .format = (enum format)db_int(query, 2),
        .name = arena_copy(arena, db_text(query, 3)),
        .name_fold = arena_copy(arena, db_text(query, 4)),
        .scope = (enum exception_scope)db_int(query, 5),
        .wanted = arena_copy(arena, db_text(query, 6)),
        .rules = arena_copy(arena, db_text(query, 7)),
        .bytes = arena_copy(arena, db_text(query, 8)),
        .comment = arena_copy(arena, db_text(query, 9)),
        .is_alone = db_int(query, 10),
        .not_after_us = db_int(query, 11),
        .created_us = db_int(query, 12),
        .ended_us = db_int(query, 13),
        .by = arena_copy(arena, db_text(query, 14)),
        .ended_by = arena_copy(arena, db_text(query, 15)),
        .request = db_int(query, 16),
        .ended_reason = arena_copy(arena, db_text(query, 18)),
        .grave = arena_copy(arena, db_text(query, 19)),
    };
}

static enum status find_one(struct query *query, int64_t org_id, int64_t number,
                            struct arena *arena, struct exception *out, struct error *err)
{
    enum status rc;

    db_bind_int(query, 1, org_id);
    db_bind_int(query, 2, number);
    if (!(rc = db_next_row(query, err)))
        read_exception(query, arena, out);
    db_reset(query);
    return rc == STATUS_NOT_FOUND
               ? fail(err, rc, "", "there is no exception %" PRId64 " in this org", number)
               : rc;
}

static const char FIND[] = "SELECT " EXCEPTION_COLUMNS " WHERE e.org_id = ?1 AND e.number = ?2";

struct ending {
    const struct actor *actor;
    int64_t org_id, number;
    const char *reason;
};

static enum status mark_ended(struct transaction *tx, const struct ending *ending,
                              const struct exception *exception, struct error *err)
{
    static const char END[] =
        "UPDATE exception SET ended_us = ?2, ended_by = ?3, ended_reason = ?4 WHERE id = ?1";
    struct query *query = db_query(tx->db, END);
    struct arena *arena = arena_new();
    struct strbuf detail;
    char target[32];
    enum status rc;

    db_bind_int(query, 1, exception->id);
    db_bind_int(query, 2, tx->now_us);
    db_bind_int(query, 3, ending->actor->principal->account_id);
    db_bind_text(query, 4, ending->reason);
    strbuf_init(&detail, arena, DETAIL_MAX);
    strbuf_text(&detail, "{\"reason\":");
    strbuf_json(&detail, ending->reason);
    strbuf_char(&detail, '}');
    snprintf(target, sizeof target, "%" PRId64, exception->number);
    if (!(rc = db_run(query, err)))
        rc = tx_record(tx, ending->actor, ending->org_id, "exception.ended", target, detail.data,
                       err);
    arena_free(arena);
    tx_policy_changed(tx, ending->org_id);
    return rc;
}

static enum status end_exception(struct transaction *tx, void *argument, struct error *err)
{
    const struct ending *ending = argument;
    struct arena *arena = arena_new();
    struct exception exception;
    enum status rc;

    if ((rc = find_one(db_query(tx->db, FIND), ending->org_id, ending->number, arena, &exception,
                       err)))
        goto done;
    if (exception_is_live(&exception, tx->now_us))
        rc = mark_ended(tx, ending, &exception, err);
    else if (exception.ended_us)
        rc = fail(err, STATUS_CONFLICT, "exception-over",
                  "%s has ended the exception %" PRId64 " already", exception.ended_by,
                  ending->number);
    else
        rc = fail(err, STATUS_CONFLICT, "exception-over",
                  "the exception %" PRId64 " is over by itself already", ending->number);
done:
    arena_free(arena);
    return rc;
}

enum status catalog_end_exception(struct catalog *catalog, const struct actor *actor,
                                  int64_t org_id, int64_t number, const char *reason,
                                  struct error *err)
{
    struct ending ending = {actor, org_id, number, reason ? reason : ""};

    return writer_run(catalog_writer(catalog), end_exception, &ending, NULL, 0, err);
}

struct announcing {
    struct arena *arena;
    struct exception *items;
    int64_t *org_ids;
    size_t count;
};

static enum status announce(struct transaction *tx, void *argument, struct error *err)
{
    static const char WARNED[] =
        "UPDATE exception SET warned_us = ?2 WHERE id = ?1 AND warned_us = 0"
        " AND ended_us = 0";
    static const struct principal itself = {.name = "policy"};
    const struct actor actor = {&itself, NULL, NULL};
    struct announcing *announcing = argument;
    enum status rc = STATUS_OK;

    for (size_t i = 0; i < announcing->count && !rc; i++) {
        struct query *query = db_query(tx->db, WARNED);

        db_bind_int(query, 1, announcing->items[i].id);
        db_bind_int(query, 2, tx->now_us);
        if (!(rc = db_run(query, err)) && db_changes(tx->db))
            rc = record(tx, &actor, announcing->org_ids[i], "exception.ending",
                        &announcing->items[i], err);
    }
    return rc;
}

static enum status find_ending(struct catalog *catalog, struct announcing *out, struct error *err)
{
    static const char ENDING[] =
        "SELECT " EXCEPTION_COLUMNS " JOIN org o ON o.id = e.org_id WHERE e.ended_us = 0"
        " AND e.warned_us = 0 AND e.not_after_us > ?1 AND e.not_after_us <= ?1 + ?2"
        " AND e.not_after_us - ?1 <= (e.not_after_us - e.created_us) / 2 AND o.id > 0 LIMIT ?3";
    struct reading reading;
    enum status rc;

    out->items = arena_array(out->arena, ANNOUNCE_MAX, sizeof *out->items);
    out->org_ids = arena_array(out->arena, ANNOUNCE_MAX, sizeof *out->org_ids);
    if ((rc = reading_begin(catalog, ENDING, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, clock_now_us());
    db_bind_int(reading.query, 2, 7 * DAY_US);
    db_bind_int(reading.query, 3, ANNOUNCE_MAX);
    while (!(rc = db_next_row(reading.query, err))) {
        read_exception(reading.query, out->arena, &out->items[out->count]);
        out->org_ids[out->count++] = db_int(reading.query, 17);
    }
    reading_end(&reading);
    return reading_list_end(rc);
}

enum status catalog_announce_endings(struct catalog *catalog, int64_t *count, struct error *err)
{
    struct announcing announcing = {.arena = arena_new()};
    enum status rc;

    if (!(rc = find_ending(catalog, &announcing, err)) && announcing.count)
        rc = writer_run(catalog_writer(catalog), announce, &announcing, NULL, 0, err);
    *count = rc ? 0 : (int64_t)announcing.count;
    arena_free(announcing.arena);
    return rc;
}

enum status catalog_list_exceptions(struct catalog *catalog, const struct exception_filter *filter,
                                    int64_t before, size_t limit, struct arena *arena,
                                    struct exception **out, size_t *count, struct error *err)
{
    static const char LIST[] =
        "SELECT " EXCEPTION_COLUMNS " WHERE e.org_id = ?1 AND e.number < ?2"
        " AND (?3 <> 0 OR (e.ended_us = 0 AND e.not_after_us > ?4))"
        " AND (?5 = 0 OR (e.format = ?5 AND e.name_fold = ?6)) ORDER BY e.number DESC LIMIT ?7";
    struct reading reading;
    enum status rc;

    *count = 0;
    *out = arena_array(arena, limit, sizeof **out);
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, filter->org_id);
    db_bind_int(reading.query, 2, before ? before : INT64_MAX);
    db_bind_int(reading.query, 3, filter->with_ended);
    db_bind_int(reading.query, 4, clock_now_us());
    db_bind_int(reading.query, 5, filter->format);
    db_bind_text(reading.query, 6, filter->name_fold);
    db_bind_int(reading.query, 7, (int64_t)limit);
    while (!(rc = db_next_row(reading.query, err)))
        read_exception(reading.query, arena, &(*out)[(*count)++]);
    reading_end(&reading);
    return reading_list_end(rc);
}

enum status catalog_find_exception(struct catalog *catalog, int64_t org_id, int64_t number,
                                   struct arena *arena, struct exception *out, struct error *err)
{
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    rc = find_one(reading.query, org_id, number, arena, out, err);
    reading_end(&reading);
    return rc;
}

/* The pieces of a text, in the arena. */
static const char **split(const char *text, const char *between, struct arena *arena, size_t *count)
{
    char *copy = arena_copy(arena, text), *save = NULL;
    const char **words = arena_array(arena, strlen(text) / 2 + 2, sizeof *words);

    *count = 0;
    for (char *word = strtok_r(copy, between, &save); word; word = strtok_r(NULL, between, &save))
        words[(*count)++] = word;
    return words;
}

static enum status take_exception(const struct exception *exception, struct arena *arena,
                                  struct policy_exception *out, struct error *err)
{
    *out = (struct policy_exception){.id = exception->number, .until_us = exception->not_after_us};
    out->rules = split(exception->rules, " ", arena, &out->rule_count);
    if (exception->grave)
        out->grave = split(exception->grave, " ", arena, &out->grave_count);
    if (exception->scope == SCOPE_VERSION) {
        const char **lines = split(exception->bytes, "\n", arena, &out->digest_count);

        for (size_t i = 0; i < out->digest_count; i++) {
            const char *blank = strrchr(lines[i], ' ');

            lines[i] = blank ? blank + 1 : lines[i];
        }
        out->digests = lines;
    }
    return package_pattern_parse(exception_pattern(exception, arena), arena, &out->covers, err);
}

/* One that cannot be read clears nothing, and keeps nobody from the others. */
static bool take_or_tell(const struct exception *exception, struct arena *arena,
                         struct policy_exception *out)
{
    struct error err;

    if (!take_exception(exception, arena, out, &err))
        return true;
    log_event(LOG_ERROR, "exception.unreadable", "id=%" PRId64 " reason=\"%s\"", exception->id,
              err.message);
    return false;
}

enum status catalog_load_exceptions(struct db *db, int64_t org_id, struct arena *arena,
                                    struct policy_exception **out, size_t *count, struct error *err)
{
    static const char LIVE[] = "SELECT " EXCEPTION_COLUMNS
                               " WHERE e.org_id = ?1 AND e.ended_us = 0 AND e.not_after_us > ?2";
    struct query *query = db_query(db, LIVE);
    struct exception exception;
    size_t capacity = 0;
    enum status rc;

    *out = NULL;
    *count = 0;
    db_bind_int(query, 1, org_id);
    db_bind_int(query, 2, clock_now_us());
    while (!(rc = db_next_row(query, err))) {
        if (*count == capacity) {
            struct policy_exception *larger =
                arena_array(arena, capacity ? 2 * capacity : 16, sizeof *larger);

            if (capacity)
                memcpy(larger, *out, capacity * sizeof *larger);
            capacity = capacity ? 2 * capacity : 16;
            *out = larger;
        }
        read_exception(query, arena, &exception);
        if (take_or_tell(&exception, arena, &(*out)[*count]))
            ++*count;
    }
    db_reset(query);
    return reading_list_end(rc);
}

#include "storage/catalog/removal.h"

#include "config/clock.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/removed_tag.h"
#include "storage/catalog/sweep.h"
#include "storage/catalog/tag.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 512, REASON_MAX = 1000 };

/* As the owner rows have it: npm's case folded, Python's names folded already. */
static void fold_name(enum format format, const char *name, char out[NAME_MAX_BYTES])
{
    snprintf(out, NAME_MAX_BYTES, "%s", name);
    for (char *at = out; format == FORMAT_NPM && *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at += 'a' - 'A';
}

enum status tx_check_not_removed(struct transaction *tx, int64_t org_id, enum format format,
                                 const char *name_norm, const char *version, const void *sort_key,
                                 size_t sort_key_length, struct error *err)
{
    static const char FIND[] = "SELECT 1 FROM tombstone WHERE org_id = ?1 AND format = ?2 AND name_fold = ?3"
                               " AND file = '' AND (version = ?4 OR sort_key = ?5) LIMIT 1";
    struct query *query = db_query(tx->db, FIND);
    char fold[NAME_MAX_BYTES];
    enum status rc;

    fold_name(format, name_norm, fold);
    db_bind_int(query, 1, org_id);
    db_bind_int(query, 2, format);
    db_bind_text(query, 3, fold);
    db_bind_text(query, 4, version);
    if (sort_key)
        db_bind_bytes(query, 5, sort_key, sort_key_length);
    else
        db_bind_null(query, 5);
    if ((rc = db_next_row(query, err)))
        return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
    db_reset(query);
    return fail(err, STATUS_CONFLICT, "version-removed",
                "%s %s was removed from this org, and is never published again: take another version",
                name_norm, version);
}

/* A version that is to go, or to come back. */
struct subject {
    int64_t package_id, id, state;
    const char *version;
    const void *sort_key;
    size_t sort_key_length;
    char fold[NAME_MAX_BYTES];
};

static enum status not_there(const struct removal *removal, enum status rc, struct error *err)
{
    if (rc != STATUS_NOT_FOUND)
        return rc;
    return removal->version
               ? fail(err, rc, "", "%s/%s has no %s:%s@%s", removal->repository->org,
                      removal->repository->name, format_name(removal->format), removal->name_norm,
                      removal->version)
               : fail(err, rc, "", "%s/%s has no %s:%s", removal->repository->org,
                      removal->repository->name, format_name(removal->format), removal->name_norm);
}

static enum status run_subject_query(struct query *query, struct arena *arena, struct subject *out,
                                     struct error *err)
{
    const void *key;
    enum status rc;

    if ((rc = db_next_row(query, err)))
        return rc;
    out->id = db_int(query, 0);
    out->version = arena_copy(arena, db_text(query, 1));
    key = db_bytes(query, 2, &out->sort_key_length);
    out->sort_key = arena_copy_bytes(arena, key, out->sort_key_length);
    out->state = db_int(query, 3);
    db_reset(query);
    return STATUS_OK;
}

static enum status find_subject(struct transaction *tx, const struct removal *removal,
                                struct arena *arena, struct subject *out, struct error *err)
{
    static const char FIND[] = "SELECT id, version, sort_key, state FROM version"
                               " WHERE package_id = ?1 AND version = ?2";
    struct query *query;
    enum status rc;

    if ((rc = tx_find_package(tx, removal->repository, removal->format, removal->name_norm,
                              &out->package_id, err)))
        return not_there(removal, rc, err);
    query = db_query(tx->db, FIND);
    db_bind_int(query, 1, out->package_id);
    db_bind_text(query, 2, removal->version);
    rc = run_subject_query(query, arena, out, err);
    fold_name(removal->format, removal->name_norm, out->fold);
    return not_there(removal, rc, err);
}

static void bind_tombstone(struct query *query, const struct removal *removal,
                           const struct subject *subject)
{
    db_bind_int(query, 1, removal->repository->org_id);
    db_bind_int(query, 2, removal->format);
    db_bind_text(query, 3, subject->fold);
    db_bind_text(query, 4, subject->version);
    db_bind_int(query, 5, removal->repository->id);
}

static enum status bury(struct transaction *tx, const struct removal *removal,
                        const struct subject *subject, struct error *err)
{
    static const char INSERT[] =
        "INSERT INTO tombstone(org_id, format, name_fold, version, repository_id, sort_key, state_was,"
        " reason, removed_us, restore_us, by_account) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    struct query *query = db_query(tx->db, INSERT);

    bind_tombstone(query, removal, subject);
    db_bind_bytes(query, 6, subject->sort_key, subject->sort_key_length);
    db_bind_int(query, 7, subject->state);
    db_bind_text(query, 8, removal->reason);
    db_bind_int(query, 9, tx->now_us);
    db_bind_int(query, 10, removal->restore_us);
    db_bind_int(query, 11, removal->actor->principal->account_id);
    return db_run(query, err);
}

/* Where somebody changes what the org keeps: sign is 1 for more, -1 for less. */
static enum status change_usage(struct transaction *tx, struct removal *removal, int64_t version_id,
                                int sign, struct error *err)
{
    static const char SUM[] = "SELECT count(*), COALESCE(sum(size), 0) FROM file"
                              " WHERE version_id = ?1 AND state = 0";
    static const char ADD[] = "UPDATE org_usage SET bytes = bytes + ?2, files = files + ?3 WHERE org_id = ?1";
    struct query *query = db_query(tx->db, SUM);
    int64_t files, bytes;
    enum status rc;

    db_bind_int(query, 1, version_id);
    if ((rc = db_next_row(query, err)))
        return rc;
    files = db_int(query, 0);
    bytes = db_int(query, 1);
    db_reset(query);
    removal->files += files;
    removal->bytes += bytes;
    query = db_query(tx->db, ADD);
    db_bind_int(query, 1, removal->repository->org_id);
    db_bind_int(query, 2, sign * bytes);
    db_bind_int(query, 3, sign * files);
    return db_run(query, err);
}

static enum status set_state(struct transaction *tx, int64_t version_id, int64_t state,
                             struct error *err)
{
    static const char SET[] = "UPDATE version SET state = ?2 WHERE id = ?1";
    struct query *query = db_query(tx->db, SET);

    db_bind_int(query, 1, version_id);
    db_bind_int(query, 2, state);
    return db_run(query, err);
}

static enum status run_for_version(struct transaction *tx, const char *sql, int64_t version_id,
                                   struct error *err)
{
    struct query *query = db_query(tx->db, sql);

    db_bind_int(query, 1, version_id);
    return db_run(query, err);
}

static enum status touch_package(struct transaction *tx, const struct removal *removal,
                                 int64_t package_id, struct error *err)
{
    static const char TOUCH[] = "UPDATE package SET generation = generation + 1, updated_us = ?2 WHERE id = ?1";
    struct query *query = db_query(tx->db, TOUCH);

    db_bind_int(query, 1, package_id);
    db_bind_int(query, 2, tx->now_us);
    tx_package_changed(tx, removal->repository->id, removal->name_norm);
    return db_run(query, err);
}

static enum status record(struct transaction *tx, const struct removal *removal,
                          const struct subject *subject, const char *action, struct arena *arena,
                          struct error *err)
{
    struct strbuf detail, target;

    strbuf_init(&target, arena, 2048);
    strbuf_format(&target, "%s/%s %s:%s@%s", removal->repository->org, removal->repository->name,
                  format_name(removal->format), removal->name_norm, subject->version);
    strbuf_init(&detail, arena, 8 * REASON_MAX);
    strbuf_text(&detail, "{\"reason\":");
    strbuf_json(&detail, removal->reason ? removal->reason : "");
    strbuf_format(&detail, ",\"now\":%s}", removal->now ? "true" : "false");
    return tx_record(tx, removal->actor, removal->repository->org_id, action, target.data,
                     detail.data, err);
}

/* What a leaked secret may stand in: the bytes and the document. The blobs are given up where nothing
 * else refers to them. */
static enum status give_up(struct transaction *tx, const struct subject *subject, struct error *err)
{
    static const char GIVE_UP[] =
        "UPDATE blob SET state = 4, state_us = ?2 WHERE state < 4 AND sha256 IN"
        " (SELECT pin_sha256 FROM file WHERE version_id = ?1) AND " BLOB_IS_UNREFERENCED;
    static const char FORGET[] = "DELETE FROM version_document WHERE version_id = ?1";
    struct query *query = db_query(tx->db, GIVE_UP);
    enum status rc;

    db_bind_int(query, 1, subject->id);
    db_bind_int(query, 2, tx->now_us);
    if ((rc = db_run(query, err)))
        return rc;
    return run_for_version(tx, FORGET, subject->id, err);
}

static enum status check_no_tag(struct transaction *tx, const struct subject *subject,
                                struct error *err)
{
    static const char FIND[] = "SELECT tag FROM tag WHERE package_id = ?1 AND version_id = ?2 LIMIT 1";
    struct query *query = db_query(tx->db, FIND);
    enum status rc;

    db_bind_int(query, 1, subject->package_id);
    db_bind_int(query, 2, subject->id);
    if ((rc = db_next_row(query, err)))
        return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
    rc = fail(err, STATUS_CONFLICT, "in-use", "version %s is in use: \"%s\" names it", subject->version,
              db_text(query, 0));
    db_reset(query);
    return rc;
}

static enum status remove_one(struct transaction *tx, struct removal *removal,
                              const struct subject *subject, struct arena *arena, struct error *err)
{
    static const char FILES[] = "UPDATE file SET state = 3, blob_id = NULL WHERE version_id = ?1";
    enum status rc;

    removal->versions++;
    if (removal->unless_tagged && (rc = check_no_tag(tx, subject, err)))
        return rc;
    if ((rc = bury(tx, removal, subject, err)) ||
        (rc = change_usage(tx, removal, subject->id, -1, err)) ||
        (rc = run_for_version(tx, FILES, subject->id, err)) ||
        (rc = set_state(tx, subject->id, VERSION_REMOVED, err)) ||
        (rc = tx_take_tags(tx, removal->format, subject->package_id, subject->id, err)))
        return rc;
    if (removal->now && (rc = give_up(tx, subject, err)))
        return rc;
    return record(tx, removal, subject, "package.removed", arena, err);
}

/* What was removed to be restored one day is now removed for good. */
static enum status remove_for_good(struct transaction *tx, struct removal *removal,
                                   const struct subject *subject, struct arena *arena,
                                   struct error *err)
{
    static const char END[] = "UPDATE tombstone SET restore_us = 0 WHERE org_id = ?1 AND format = ?2"
                              " AND name_fold = ?3 AND version = ?4 AND repository_id = ?5 AND file = ''";
    struct query *query = db_query(tx->db, END);
    enum status rc;

    removal->versions++;
    bind_tombstone(query, removal, subject);
    if ((rc = db_run(query, err)) || (rc = give_up(tx, subject, err)))
        return rc;
    return record(tx, removal, subject, "package.removed", arena, err);
}

static enum status remove_all(struct transaction *tx, struct removal *removal, struct arena *arena,
                              struct error *err)
{
    static const char NEXT[] = "SELECT id, version, sort_key, state FROM version"
                               " WHERE package_id = ?1 AND state <> 3 ORDER BY sort_key LIMIT 1";
    struct subject subject = {0};
    struct query *query;
    enum status rc;

    if ((rc = tx_find_package(tx, removal->repository, removal->format, removal->name_norm,
                              &subject.package_id, err)))
        return not_there(removal, rc, err);
    fold_name(removal->format, removal->name_norm, subject.fold);
    for (;;) {
        query = db_query(tx->db, NEXT);
        db_bind_int(query, 1, subject.package_id);
        if ((rc = run_subject_query(query, arena, &subject, err)))
            break;
        if ((rc = remove_one(tx, removal, &subject, arena, err)))
            return rc;
    }
    if (rc != STATUS_NOT_FOUND)
        return rc;
    if (!removal->versions)
        return not_there(removal, rc, err);
    return touch_package(tx, removal, subject.package_id, err);
}

static enum status remove_version(struct transaction *tx, void *argument, struct error *err)
{
    struct removal *removal = argument;
    struct arena *arena = arena_new();
    struct subject subject = {0};
    enum status rc;

    removal->versions = removal->files = removal->bytes = 0;
    removal->restore_us = removal->now ? 0 : tx->now_us + removal->trash_us;
    if (!removal->version) {
        rc = remove_all(tx, removal, arena, err);
        goto done;
    }
    if ((rc = find_subject(tx, removal, arena, &subject, err)))
        goto done;
    if (subject.state != VERSION_REMOVED)
        rc = remove_one(tx, removal, &subject, arena, err);
    else if (removal->now)
        rc = remove_for_good(tx, removal, &subject, arena, err);
    else
        rc = not_there(removal, STATUS_NOT_FOUND, err);
    if (!rc)
        rc = touch_package(tx, removal, subject.package_id, err);
done:
    arena_free(arena);
    return rc;
}

enum status catalog_remove_version(struct catalog *catalog, struct removal *removal,
                                   struct error *err)
{
    enum status rc;

    if (!removal->reason || !*removal->reason || strlen(removal->reason) > REASON_MAX)
        return fail(err, STATUS_INVALID, "invalid-value", "a removal needs a reason of at most %d bytes",
                    REASON_MAX);
    if ((rc = writer_run(catalog_writer(catalog), remove_version, removal, NULL, 0, err)))
        return rc;
    return removal->now ? catalog_unlink_given_up(catalog, err) : STATUS_OK;
}

static enum status over(const struct removal *removal, struct error *err)
{
    return fail(err, STATUS_GONE, "restore-over",
                "%s:%s@%s can no longer be restored: its bytes are given up; publish another version",
                format_name(removal->format), removal->name_norm, removal->version);
}

/* Takes the tombstone away where its time has not passed; else says why not. */
static enum status unbury(struct transaction *tx, const struct removal *removal,
                          const struct subject *subject, int64_t *state_was, struct error *err)
{
    static const char FIND[] = "SELECT restore_us, state_was FROM tombstone WHERE org_id = ?1 AND format = ?2"
                               " AND name_fold = ?3 AND version = ?4 AND repository_id = ?5 AND file = ''";
    static const char DELETE[] = "DELETE FROM tombstone WHERE org_id = ?1 AND format = ?2"
                                 " AND name_fold = ?3 AND version = ?4 AND repository_id = ?5 AND file = ''";
    struct query *query = db_query(tx->db, FIND);
    int64_t restore_us;
    enum status rc;

    bind_tombstone(query, removal, subject);
    if ((rc = db_next_row(query, err)))
        return rc == STATUS_NOT_FOUND ? fail(err, rc, "", "%s:%s@%s was not removed",
                                             format_name(removal->format), removal->name_norm,
                                             removal->version)
                                      : rc;
    restore_us = db_int(query, 0);
    *state_was = db_int(query, 1);
    db_reset(query);
    if (restore_us <= tx->now_us)
        return over(removal, err);
    query = db_query(tx->db, DELETE);
    bind_tombstone(query, removal, subject);
    return db_run(query, err);
}

/* The bytes are where they were, until the sweep gives them up. */
static enum status restore_files(struct transaction *tx, const struct removal *removal,
                                 const struct subject *subject, struct error *err)
{
    static const char TOUCH[] =
        "UPDATE blob SET state = 0, touched_us = ?2, state_us = CASE WHEN state = 0 THEN state_us ELSE ?2 END"
        " WHERE state IN (0, 1) AND sha256 IN (SELECT pin_sha256 FROM file WHERE version_id = ?1)";
    /* What came from an upstream comes again. */
    static const char MISSING[] =
        "SELECT 1 FROM file f JOIN package p ON p.id = f.package_id JOIN repository r ON r.id = p.repository_id"
        " WHERE f.version_id = ?1 AND r.kind = 1 AND NOT EXISTS"
        " (SELECT 1 FROM blob b WHERE b.sha256 = f.pin_sha256 AND b.state = 0) LIMIT 1";
    static const char FILES[] =
        "UPDATE file SET blob_id = (SELECT b.id FROM blob b WHERE b.sha256 = file.pin_sha256 AND b.state = 0)"
        " WHERE version_id = ?1";
    static const char STATES[] = "UPDATE file SET state = CASE WHEN blob_id IS NULL THEN 2 ELSE 0 END"
                                 " WHERE version_id = ?1";
    struct query *query = db_query(tx->db, TOUCH);
    enum status rc;

    db_bind_int(query, 1, subject->id);
    db_bind_int(query, 2, tx->now_us);
    if ((rc = db_run(query, err)))
        return rc;
    query = db_query(tx->db, MISSING);
    db_bind_int(query, 1, subject->id);
    if ((rc = db_next_row(query, err)) != STATUS_NOT_FOUND) {
        db_reset(query);
        return rc ? rc : over(removal, err);
    }
    if ((rc = run_for_version(tx, FILES, subject->id, err)))
        return rc;
    return run_for_version(tx, STATES, subject->id, err);
}

static enum status restore_version(struct transaction *tx, void *argument, struct error *err)
{
    struct removal *removal = argument;
    struct arena *arena = arena_new();
    struct subject subject = {0};
    int64_t state_was = 0;
    enum status rc;

    removal->versions = 1;
    removal->files = removal->bytes = 0;
    if ((rc = find_subject(tx, removal, arena, &subject, err)) ||
        (rc = unbury(tx, removal, &subject, &state_was, err)) ||
        (rc = restore_files(tx, removal, &subject, err)) ||
        (rc = set_state(tx, subject.id, state_was, err)) ||
        (rc = change_usage(tx, removal, subject.id, 1, err)) ||
        (rc = tx_return_tags(tx, removal->format, subject.package_id, subject.id, err)) ||
        (rc = touch_package(tx, removal, subject.package_id, err)))
        goto done;
    rc = record(tx, removal, &subject, "package.restored", arena, err);
done:
    arena_free(arena);
    return rc;
}

enum status catalog_restore_version(struct catalog *catalog, struct removal *removal,
                                    struct error *err)
{
    return writer_run(catalog_writer(catalog), restore_version, removal, NULL, 0, err);
}

const char *removed_position(const struct removed *removed, struct arena *arena)
{
    return arena_format(arena, "%s:%s@%s", format_name(removed->format), removed->name, removed->version);
}

/* A position that was made up is the start. */
static void take_position(const char *after, struct arena *arena, int64_t *format,
                          const char **name, const char **version)
{
    const char *colon = after ? strchr(after, ':') : NULL, *at = colon ? strrchr(colon, '@') : NULL;

    *format = 0;
    *name = *version = "";
    if (!at)
        return;
    for (int i = FORMAT_NPM; i <= FORMAT_ARTIFACT; i++)
        if (!strncmp(after, format_name(i), (size_t)(colon - after)))
            *format = i;
    *name = arena_copy_bytes(arena, colon + 1, (size_t)(at - colon - 1));
    *version = at + 1;
}

enum status catalog_list_removed(struct catalog *catalog, const struct repository *repository,
                                 const char *after, size_t limit, struct arena *arena,
                                 struct removed **out, size_t *count, struct error *err)
{
    static const char LIST[] =
        "SELECT t.format, t.name_fold, t.version, t.reason, a.name, t.removed_us, t.restore_us"
        " FROM tombstone t LEFT JOIN account a ON a.id = t.by_account"
        " WHERE t.org_id = ?1 AND t.repository_id = ?2 AND t.file = ''"
        " AND (t.format, t.name_fold, t.version) > (?3, ?4, ?5)"
        " ORDER BY t.format, t.name_fold, t.version LIMIT ?6";
    const char *name, *version;
    struct reading reading;
    int64_t format;
    enum status rc;

    *count = 0;
    *out = arena_array(arena, limit, sizeof **out);
    take_position(after, arena, &format, &name, &version);
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, repository->org_id);
    db_bind_int(reading.query, 2, repository->id);
    db_bind_int(reading.query, 3, format);
    db_bind_text(reading.query, 4, name);
    db_bind_text(reading.query, 5, version);
    db_bind_int(reading.query, 6, (int64_t)limit);
    while (!(rc = db_next_row(reading.query, err)))
        (*out)[(*count)++] = (struct removed){
            .format = (enum format)db_int(reading.query, 0),
            .name = arena_copy(arena, db_text(reading.query, 1)),
            .version = arena_copy(arena, db_text(reading.query, 2)),
            .repository = repository->name,
            .reason = arena_copy(arena, db_text(reading.query, 3)),
            .account = arena_copy(arena, db_text(reading.query, 4)),
            .removed_us = db_int(reading.query, 5),
            .restore_us = db_int(reading.query, 6),
        };
    reading_end(&reading);
    return reading_list_end(rc);
}

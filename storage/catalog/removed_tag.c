#include "storage/catalog/removed_tag.h"

#include "storage/catalog/tag.h"
#include "storage/memory/arena.h"
#include "storage/memory/semver.h"
#include "storage/metadata/db.h"

#include <string.h>

/* Where npm's "latest" goes from a version: 0 where nothing is left. From 0: the highest release. */
static enum status find_latest(struct transaction *tx, int64_t package_id, int64_t from,
                               int64_t *out, struct error *err)
{
    static const char LIST[] =
        "SELECT v.id, v.version, v.sort_key <= (SELECT o.sort_key FROM version o WHERE o.id = ?2)"
        " FROM version v WHERE v.package_id = ?1 AND v.state = 0 ORDER BY v.sort_key DESC";
    struct query *query = db_query(tx->db, LIST);
    int64_t release = 0, prerelease = 0;
    struct semver semver;
    enum status rc;

    *out = 0;
    db_bind_int(query, 1, package_id);
    db_bind_int(query, 2, from);
    while (!*out && !(rc = db_next_row(query, err))) {
        bool is_release = semver_parse(db_text(query, 1), &semver) && !semver.prerelease;

        if (is_release && db_int(query, 2))
            *out = db_int(query, 0);
        else if (is_release && !release)
            release = db_int(query, 0);
        else if (!is_release && !prerelease)
            prerelease = db_int(query, 0);
    }
    if (*out) {
        db_reset(query);
        return STATUS_OK;
    }
    *out = release ? release : prerelease;
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

/* The next tag that names the version; STATUS_NOT_FOUND, without words, for none. */
static enum status next_tag(struct transaction *tx, int64_t package_id, int64_t version_id,
                            struct arena *arena, const char **tag, struct error *err)
{
    static const char NEXT[] = "SELECT tag FROM tag WHERE package_id = ?1 AND version_id = ?2 LIMIT 1";
    struct query *query = db_query(tx->db, NEXT);
    enum status rc;

    db_bind_int(query, 1, package_id);
    db_bind_int(query, 2, version_id);
    if ((rc = db_next_row(query, err)))
        return rc;
    *tag = arena_copy(arena, db_text(query, 0));
    db_reset(query);
    return STATUS_OK;
}

static enum status remember(struct transaction *tx, int64_t version_id, const char *tag,
                            int64_t moved_to, struct error *err)
{
    static const char INSERT[] = "INSERT INTO removed_tag(version_id, tag, moved_to) VALUES(?1, ?2, ?3)";
    struct query *query = db_query(tx->db, INSERT);

    db_bind_int(query, 1, version_id);
    db_bind_text(query, 2, tag);
    if (moved_to)
        db_bind_int(query, 3, moved_to);
    else
        db_bind_null(query, 3);
    return db_run(query, err);
}

static enum status drop_tag(struct transaction *tx, int64_t package_id, const char *tag,
                            struct error *err)
{
    static const char DROP[] = "DELETE FROM tag WHERE package_id = ?1 AND tag = ?2";
    struct query *query = db_query(tx->db, DROP);

    db_bind_int(query, 1, package_id);
    db_bind_text(query, 2, tag);
    return db_run(query, err);
}

static bool must_stay(enum format format, const char *tag)
{
    return format == FORMAT_NPM && !strcmp(tag, "latest");
}

enum status tx_take_tags(struct transaction *tx, enum format format, int64_t package_id,
                         int64_t version_id, struct error *err)
{
    struct arena *arena = arena_new();
    const char *tag;
    enum status rc;

    while (!(rc = next_tag(tx, package_id, version_id, arena, &tag, err))) {
        int64_t target = 0;

        if (must_stay(format, tag) &&
            (rc = find_latest(tx, package_id, version_id, &target, err)))
            break;
        if ((rc = remember(tx, version_id, tag, target, err)) ||
            (rc = target ? tx_set_tag(tx, package_id, tag, target, false, err)
                         : drop_tag(tx, package_id, tag, err)))
            break;
    }
    arena_free(arena);
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

/* Where a tag of a removed version went in the end, for where it went may have been removed since. */
static enum status follow(struct transaction *tx, int64_t version_id, const char *tag, int64_t *out,
                          struct error *err)
{
    static const char STEP[] = "SELECT moved_to FROM removed_tag WHERE version_id = ?1 AND tag = ?2";
    enum status rc;

    for (*out = version_id; *out;) {
        struct query *query = db_query(tx->db, STEP);

        db_bind_int(query, 1, *out);
        db_bind_text(query, 2, tag);
        if ((rc = db_next_row(query, err)))
            return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
        *out = db_int(query, 0);
        db_reset(query);
    }
    return STATUS_OK;
}

static enum status find_tag(struct transaction *tx, int64_t package_id, const char *tag,
                            int64_t *out, struct error *err)
{
    static const char FIND[] = "SELECT version_id FROM tag WHERE package_id = ?1 AND tag = ?2";
    struct query *query = db_query(tx->db, FIND);
    enum status rc;

    *out = 0;
    db_bind_int(query, 1, package_id);
    db_bind_text(query, 2, tag);
    if ((rc = db_next_row(query, err)))
        return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
    *out = db_int(query, 0);
    db_reset(query);
    return STATUS_OK;
}

static enum status next_removed_tag(struct transaction *tx, int64_t version_id, const char *after,
                                    struct arena *arena, const char **tag, struct error *err)
{
    static const char NEXT[] = "SELECT tag FROM removed_tag WHERE version_id = ?1 AND tag > ?2"
                               " ORDER BY tag LIMIT 1";
    struct query *query = db_query(tx->db, NEXT);
    enum status rc;

    db_bind_int(query, 1, version_id);
    db_bind_text(query, 2, after);
    if ((rc = db_next_row(query, err)))
        return rc;
    *tag = arena_copy(arena, db_text(query, 0));
    db_reset(query);
    return STATUS_OK;
}

/* npm's clients fall over a package without "latest". Those whose "latest" went nowhere remember where
 * it is now, so that it still comes back with them. */
static enum status need_latest(struct transaction *tx, int64_t package_id, struct error *err)
{
    static const char REMEMBER[] =
        "UPDATE removed_tag SET moved_to = ?2 WHERE tag = 'latest' AND moved_to IS NULL"
        " AND version_id IN (SELECT id FROM version WHERE package_id = ?1 AND state = 3)";
    int64_t latest, target;
    struct query *query;
    enum status rc;

    if ((rc = find_tag(tx, package_id, "latest", &latest, err)) || latest)
        return rc;
    if ((rc = find_latest(tx, package_id, 0, &target, err)) || !target)
        return rc;
    query = db_query(tx->db, REMEMBER);
    db_bind_int(query, 1, package_id);
    db_bind_int(query, 2, target);
    if ((rc = db_run(query, err)))
        return rc;
    return tx_set_tag(tx, package_id, "latest", target, false, err);
}

enum status tx_return_tags(struct transaction *tx, enum format format, int64_t package_id,
                           int64_t version_id, struct error *err)
{
    static const char FORGET[] = "DELETE FROM removed_tag WHERE version_id = ?1";
    struct arena *arena = arena_new();
    const char *tag = "";
    struct query *query;
    enum status rc;

    while (!(rc = next_removed_tag(tx, version_id, tag, arena, &tag, err))) {
        int64_t went, is;

        if ((rc = follow(tx, version_id, tag, &went, err)) ||
            (rc = find_tag(tx, package_id, tag, &is, err)) ||
            (went == is && (rc = tx_set_tag(tx, package_id, tag, version_id, false, err))))
            break;
    }
    arena_free(arena);
    if (rc != STATUS_NOT_FOUND)
        return rc;
    query = db_query(tx->db, FORGET);
    db_bind_int(query, 1, version_id);
    if ((rc = db_run(query, err)))
        return rc;
    return format == FORMAT_NPM ? need_latest(tx, package_id, err) : STATUS_OK;
}

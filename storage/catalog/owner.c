#include "storage/catalog/owner.h"

#include "storage/catalog/home_map.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <stdio.h>
#include <string.h>

enum { TARGET_MAX = 2200, DETAIL_MAX = 8192, REASON_MAX = 1000, VERSIONS_MAX = 10000 };

bool owner_fold_name(enum format format, const char *name_norm, struct arena *arena,
                     const char **out)
{
    *out = NULL;
    for (const char *at = name_norm; *at; at++)
        if (format != FORMAT_ARTIFACT && ((unsigned char)*at >= 0x7f || *at <= ' '))
            return false;
    *out = format == FORMAT_ARTIFACT ? name_norm : claim_fold(format, name_norm, arena);
    return true;
}

static enum status is_claimed(struct transaction *tx, int64_t org_id, enum format format,
                              const char *name_fold, bool *out, struct error *err)
{
    static const char LIST[] = "SELECT format, pattern FROM claim WHERE org_id = ?1 AND format IN (0, ?2)";
    struct query *query = db_query(tx->db, LIST);
    enum status rc;

    *out = false;
    db_bind_int(query, 1, org_id);
    db_bind_int(query, 2, format);
    while (!(rc = db_next_row(query, err)) && !*out) {
        struct claim claim = {(enum format)db_int(query, 0), db_text(query, 1), 0};

        *out = claim_covers(&claim, format, name_fold);
    }
    db_reset(query);
    return reading_list_end(rc);
}

enum status tx_find_owner(struct transaction *tx, int64_t org_id, enum format format,
                          const char *name_fold, int64_t *upstream_id, struct error *err)
{
    static const char FIND[] = "SELECT upstream_id FROM owner WHERE org_id = ?1 AND format = ?2"
                               " AND name_fold = ?3";
    struct query *query;
    bool claimed;
    enum status rc;

    *upstream_id = 0;
    if ((rc = is_claimed(tx, org_id, format, name_fold, &claimed, err)) || claimed)
        return rc;
    query = db_query(tx->db, FIND);
    db_bind_int(query, 1, org_id);
    db_bind_int(query, 2, format);
    db_bind_text(query, 3, name_fold);
    if (!(rc = db_next_row(query, err)))
        *upstream_id = db_int(query, 0);
    db_reset(query);
    return rc;
}

/* upstream_id 0: the org. */
static enum status set_owner(struct transaction *tx, int64_t org_id, enum format format,
                             const char *name_fold, int64_t upstream_id, struct error *err)
{
    static const char SET[] =
        "INSERT INTO owner(org_id, format, name_fold, upstream_id, since_us) VALUES(?1, ?2, ?3, ?4, ?5)"
        " ON CONFLICT(org_id, format, name_fold) DO UPDATE SET upstream_id = excluded.upstream_id,"
        " since_us = CASE WHEN owner.upstream_id IS excluded.upstream_id THEN owner.since_us"
        " ELSE excluded.since_us END";
    struct query *query = db_query(tx->db, SET);

    db_bind_int(query, 1, org_id);
    db_bind_int(query, 2, format);
    db_bind_text(query, 3, name_fold);
    if (upstream_id)
        db_bind_int(query, 4, upstream_id);
    else
        db_bind_null(query, 4);
    db_bind_int(query, 5, tx->now_us);
    return db_run(query, err);
}

/* In the user's words; "a removed upstream" stays under the name that it got then. */
static enum status upstream_name(struct transaction *tx, int64_t id, char *out, size_t size,
                                 struct error *err)
{
    static const char FIND[] = "SELECT name FROM repository WHERE id = ?1";
    struct query *query = db_query(tx->db, FIND);
    enum status rc;

    db_bind_int(query, 1, id);
    if (!(rc = db_next_row(query, err)))
        snprintf(out, size, "%s", db_text(query, 0));
    db_reset(query);
    return rc;
}

enum status owner_is_upstream(enum status rc, enum format format, const char *name, const char *upstream,
                              struct error *err)
{
    return fail(err, rc, "name-owned-by-upstream",
                "%.214s belongs to the upstream %s, so nothing is published or changed under it here; an "
                "administrator moves it: packhouse owner set %s:%.214s org --reason TEXT",
                name, upstream, format_name(format), name);
}

enum status tx_own_by_org(struct transaction *tx, int64_t org_id, enum format format,
                          const char *name, const char *name_fold, struct error *err)
{
    int64_t upstream_id;
    char upstream[128];
    enum status rc;

    rc = tx_find_owner(tx, org_id, format, name_fold, &upstream_id, err);
    if (rc && rc != STATUS_NOT_FOUND)
        return rc;
    if (rc || !upstream_id) /* also a claimed name: it stays the org's without the claim */
        return set_owner(tx, org_id, format, name_fold, 0, err);
    if ((rc = upstream_name(tx, upstream_id, upstream, sizeof upstream, err)))
        return rc;
    return owner_is_upstream(STATUS_CONFLICT, format, name, upstream, err);
}

static enum status check_is_there(struct transaction *tx, int64_t upstream_id, struct error *err)
{
    static const char FIND[] = "SELECT 1 FROM upstream WHERE repository_id = ?1 AND removed_us = 0";
    struct query *query = db_query(tx->db, FIND);
    enum status rc;

    db_bind_int(query, 1, upstream_id);
    rc = db_next_row(query, err);
    db_reset(query);
    return rc;
}

enum status tx_own_by_upstream(struct transaction *tx, const struct upstream *upstream,
                               const char *name_fold, struct error *err)
{
    int64_t owner_id;
    enum status rc;

    rc = check_is_there(tx, upstream->id, err);
    if (!rc && !(rc = tx_find_owner(tx, upstream->org_id, upstream->format, name_fold, &owner_id, err)) &&
        owner_id == upstream->id)
        return STATUS_OK;
    if (rc && rc != STATUS_NOT_FOUND)
        return rc;
    if (rc && !check_is_there(tx, upstream->id, err))
        return set_owner(tx, upstream->org_id, upstream->format, name_fold, upstream->id, err);
    return fail(err, STATUS_CONFLICT, "owner-changed", "%.214s is not the upstream %s's", name_fold,
                upstream->name);
}

static enum status no_owner(enum format format, const char *name, struct error *err)
{
    return fail(err, STATUS_NOT_FOUND, "no-owner", "nobody owns %s:%.214s", format_name(format), name);
}

enum status catalog_find_owner(struct catalog *catalog, int64_t org_id, enum format format,
                               const char *name_norm, struct arena *arena, struct owner *out,
                               struct error *err)
{
    static const char FIND[] = "SELECT r.name, o.since_us FROM owner o"
                               " LEFT JOIN repository r ON r.id = o.upstream_id"
                               " WHERE o.org_id = ?1 AND o.format = ?2 AND o.name_fold = ?3";
    const struct org_homes *homes;
    const struct claim *claim;
    struct reading reading;
    enum status rc;

    *out = (struct owner){.format = format};
    if (!owner_fold_name(format, name_norm, arena, &out->name_fold))
        return no_owner(format, name_norm, err);
    if ((rc = home_map_get(catalog, org_id, &homes, err)))
        return rc;
    if ((claim = org_homes_claim(homes, format, out->name_fold))) {
        out->claim = arena_copy(arena, claim->pattern);
        out->since_us = claim->created_us;
    }
    org_homes_release(homes);
    if (claim)
        return STATUS_OK;
    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, org_id);
    db_bind_int(reading.query, 2, format);
    db_bind_text(reading.query, 3, out->name_fold);
    if (!(rc = db_next_row(reading.query, err))) {
        out->upstream = arena_copy(arena, db_text(reading.query, 0));
        out->since_us = db_int(reading.query, 1);
    } else if (rc == STATUS_NOT_FOUND) {
        rc = no_owner(format, name_norm, err);
    }
    reading_end(&reading);
    return rc;
}

enum status catalog_list_stored_versions(struct catalog *catalog, int64_t org_id, enum format format,
                                         const char *name_norm, const char *upstream,
                                         struct arena *arena, const char ***versions, size_t *count,
                                         struct error *err)
{
    static const char LIST[] =
        "SELECT v.version FROM repository r JOIN package p ON p.repository_id = r.id"
        " AND p.format = ?2 AND p.name_norm = ?3 JOIN version v ON v.package_id = p.id"
        " WHERE r.org_id = ?1 AND CASE WHEN ?4 THEN r.name = ?5 AND r.kind = 2 ELSE r.kind = 1 END"
        " AND v.state <> 3 GROUP BY v.version ORDER BY min(v.sort_key) LIMIT ?6";
    struct reading reading;
    enum status rc;

    *count = 0;
    *versions = NULL;
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    *versions = arena_array(arena, VERSIONS_MAX, sizeof **versions);
    db_bind_int(reading.query, 1, org_id);
    db_bind_int(reading.query, 2, format);
    db_bind_text(reading.query, 3, name_norm);
    db_bind_int(reading.query, 4, upstream != NULL);
    db_bind_text(reading.query, 5, upstream ? upstream : "");
    db_bind_int(reading.query, 6, VERSIONS_MAX);
    while (!(rc = db_next_row(reading.query, err)))
        (*versions)[(*count)++] = arena_copy(arena, db_text(reading.query, 0));
    reading_end(&reading);
    return reading_list_end(rc);
}

struct owner_change {
    const struct actor *actor;
    int64_t org_id;
    enum format format;
    const char *name_norm, *name_fold;
    const struct upstream *upstream; /* NULL: the org */
    const char *reason;
};

static enum status record_owner(struct transaction *tx, const struct owner_change *change,
                                const char *before, struct error *err)
{
    struct arena *arena = arena_new();
    char target[TARGET_MAX];
    struct strbuf detail;
    enum status rc;

    snprintf(target, sizeof target, "%s:%s", format_name(change->format), change->name_norm);
    strbuf_init(&detail, arena, DETAIL_MAX);
    strbuf_text(&detail, "{\"from\":");
    strbuf_json(&detail, before);
    strbuf_text(&detail, ",\"to\":");
    strbuf_json(&detail, change->upstream ? change->upstream->name : "org");
    strbuf_text(&detail, ",\"reason\":");
    strbuf_json(&detail, change->reason);
    strbuf_char(&detail, '}');
    rc = tx_record(tx, change->actor, change->org_id, "owner.set", target, detail.data, err);
    arena_free(arena);
    return rc;
}

/* The name as it is kept by every repository of the org. */
static enum status tell_repositories(struct transaction *tx, const struct owner_change *change,
                                     struct error *err)
{
    static const char LIST[] = "SELECT id FROM repository WHERE org_id = ?1";
    struct query *query = db_query(tx->db, LIST);
    enum status rc;

    db_bind_int(query, 1, change->org_id);
    while (!(rc = db_next_row(query, err)))
        tx_package_changed(tx, db_int(query, 0), change->name_norm);
    tx_home_changed(tx, change->org_id);
    return reading_list_end(rc);
}

static enum status run_owner_change(struct transaction *tx, void *argument, struct error *err)
{
    struct owner_change *change = argument;
    int64_t upstream_id = 0;
    char before[128] = "org";
    bool claimed, had_one;
    enum status rc;

    if ((rc = is_claimed(tx, change->org_id, change->format, change->name_fold, &claimed, err)))
        return rc;
    if (claimed && change->upstream)
        return fail(err, STATUS_CONFLICT, "name-claimed",
                    "a claim keeps %.214s for the org: remove the claim first", change->name_norm);
    if (change->upstream && (rc = check_is_there(tx, change->upstream->id, err)))
        return rc;
    rc = tx_find_owner(tx, change->org_id, change->format, change->name_fold, &upstream_id, err);
    if (rc && rc != STATUS_NOT_FOUND)
        return rc;
    had_one = !rc;
    if (upstream_id && (rc = upstream_name(tx, upstream_id, before, sizeof before, err)))
        return rc;
    if ((rc = set_owner(tx, change->org_id, change->format, change->name_fold,
                        change->upstream ? change->upstream->id : 0, err)) ||
        (rc = tell_repositories(tx, change, err)))
        return rc;
    return record_owner(tx, change, had_one ? before : NULL, err);
}

enum status catalog_set_owner(struct catalog *catalog, const struct actor *actor, int64_t org_id,
                              enum format format, const char *name_norm,
                              const struct upstream *upstream, const char *reason,
                              struct error *err)
{
    struct owner_change change = {.actor = actor, .org_id = org_id, .format = format,
                                  .name_norm = name_norm, .upstream = upstream, .reason = reason};
    struct arena *arena;
    enum status rc;

    if (!reason || !*reason || strlen(reason) > REASON_MAX)
        return fail(err, STATUS_INVALID, "invalid-value", "a reason has 1 to %d characters", REASON_MAX);
    if (upstream && upstream->format != format)
        return fail(err, STATUS_INVALID, "invalid-value", "the upstream %s is for %s packages",
                    upstream->name, format_name(upstream->format));
    arena = arena_new();
    if (format == FORMAT_ARTIFACT || !owner_fold_name(format, name_norm, arena, &change.name_fold))
        rc = fail(err, STATUS_INVALID, "invalid-name", "%.214s is no name that has an owner", name_norm);
    else
        rc = writer_run(catalog_writer(catalog), run_owner_change, &change, NULL, 0, err);
    arena_free(arena);
    return rc;
}

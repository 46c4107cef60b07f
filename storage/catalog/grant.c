#include "storage/catalog/account.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"

#include <stdio.h>
#include <string.h>

enum { GLOB_MAX = 256 };

struct new_grant {
    const struct actor *actor;
    const struct grant *grant;
    int64_t account_id, org_id; /* org_id 0: the glob spans orgs */
    int64_t id;
};

static enum status insert_grant(struct transaction *tx, void *argument, struct error *err)
{
    static const char FIND[] = "SELECT id FROM access_grant WHERE account_id = ?1 AND effect = ?2 AND"
                               " actions = ?3 AND repository_glob = ?4 AND package_glob = ?5";
    static const char INSERT[] =
        "INSERT INTO access_grant(account_id, effect, actions, repository_glob, package_glob, role, org_id,"
        " created_us) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    struct new_grant *new = argument;
    const struct grant *grant = new->grant;
    const char *const statements[] = {FIND, INSERT};
    struct query *query;
    char target[GLOB_MAX + 128];
    enum status rc;

    for (size_t i = 0; i < 2; i++) {
        query = db_query(tx->db, statements[i]);
        db_bind_int(query, 1, new->account_id);
        db_bind_int(query, 2, grant->effect);
        db_bind_int(query, 3, grant->actions);
        db_bind_text(query, 4, grant->repository);
        db_bind_text(query, 5, grant->package);
        if (i == 0) {
            if (!(rc = db_next_row(query, err))) {
                new->id = db_int(query, 0);
                db_reset(query);
                return STATUS_OK;
            }
            if (rc != STATUS_NOT_FOUND)
                return rc;
        }
    }
    db_bind_text(query, 6, grant->role);
    if (new->org_id)
        db_bind_int(query, 7, new->org_id);
    db_bind_int(query, 8, tx->now_us);
    if ((rc = db_run(query, err)))
        return rc;
    new->id = db_last_id(tx->db);
    tx_access_changed(tx);
    snprintf(target, sizeof target, "%s %s %s", grant->subject, grant->role ? grant->role : "actions",
             grant->repository);
    return tx_record(tx, new->actor, new->org_id, "grant.added", target, "{}", err);
}

/* The org that a glob stays in; NULL where its first segment is a pattern itself. */
static const char *org_of_glob(const char *glob, struct arena *arena)
{
    size_t length = strcspn(glob, "/");
    const char *org = arena_copy_bytes(arena, glob, length);

    return glob[length] == '/' && !strchr(org, '*') ? org : NULL;
}

enum status catalog_add_grant(struct catalog *catalog, const struct actor *actor,
                              const struct grant *grant, int64_t *id, struct error *err)
{
    struct new_grant new = {.actor = actor, .grant = grant};
    struct arena *arena = arena_new();
    struct account account;
    struct org org;
    const char *name;
    enum status rc;

    if (!grant->actions) {
        rc = fail(err, STATUS_INVALID, "invalid-role", "a grant needs a role or actions");
        goto done;
    }
    if (strlen(grant->repository) > GLOB_MAX || strlen(grant->package) > GLOB_MAX) {
        rc = fail(err, STATUS_INVALID, "invalid-glob", "a pattern has at most %d characters", GLOB_MAX);
        goto done;
    }
    if ((rc = catalog_find_account(catalog, grant->subject, arena, &account, err)))
        goto done;
    new.account_id = account.id;
    if ((name = org_of_glob(grant->repository, arena))) {
        if ((rc = catalog_find_org(catalog, name, arena, &org, err)))
            goto done;
        new.org_id = org.id;
    }
    rc = writer_run(catalog_writer(catalog), insert_grant, &new, NULL, 0, err);
    *id = new.id;
done:
    arena_free(arena);
    return rc;
}

struct removal {
    const struct actor *actor;
    int64_t id;
};

static enum status delete_grant(struct transaction *tx, void *argument, struct error *err)
{
    static const char DELETE[] = "DELETE FROM access_grant WHERE id = ?1 RETURNING org_id";
    struct removal *removal = argument;
    struct query *query = db_query(tx->db, DELETE);
    char target[32];
    int64_t org_id;
    enum status rc;

    snprintf(target, sizeof target, "grant:%lld", (long long)removal->id);
    db_bind_int(query, 1, removal->id);
    if ((rc = db_next_row(query, err)))
        return rc == STATUS_NOT_FOUND ? fail(err, rc, "", "there is no %s", target) : rc;
    org_id = db_int(query, 0);
    if ((rc = db_run(query, err))) /* to its end, which is when it is done */
        return rc;
    tx_access_changed(tx);
    return tx_record(tx, removal->actor, org_id, "grant.removed", target, "{}", err);
}

enum status catalog_remove_grant(struct catalog *catalog, const struct actor *actor, int64_t id,
                                 struct error *err)
{
    struct removal removal = {actor, id};

    return writer_run(catalog_writer(catalog), delete_grant, &removal, NULL, 0, err);
}

#define GRANT_COLUMNS                                                                              \
    "g.id, a.name, g.role, g.actions, g.repository_glob, g.package_glob, g.effect"                 \
    " FROM access_grant g JOIN account a ON a.id = g.account_id"

static void take_grant(struct query *query, struct arena *arena, struct grant *out)
{
    *out = (struct grant){
        .id = db_int(query, 0),
        .subject = arena_copy(arena, db_text(query, 1)),
        .role = arena_copy(arena, db_text(query, 2)),
        .actions = (unsigned)db_int(query, 3),
        .repository = arena_copy(arena, db_text(query, 4)),
        .package = arena_copy(arena, db_text(query, 5)),
        .effect = (enum grant_effect)db_int(query, 6),
    };
}

enum status catalog_find_grant(struct catalog *catalog, int64_t id, struct arena *arena,
                               struct grant *out, struct error *err)
{
    static const char FIND[] = "SELECT " GRANT_COLUMNS " WHERE g.id = ?1";
    struct reading reading;
    char name[24];
    enum status rc;

    snprintf(name, sizeof name, "%lld", (long long)id);
    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, id);
    if (!(rc = reading_one(&reading, "the grant", name, err)))
        take_grant(reading.query, arena, out);
    reading_end(&reading);
    return rc;
}

enum status catalog_list_grants(struct catalog *catalog, const char *org, int64_t after,
                                size_t limit, struct arena *arena, struct grant **out,
                                size_t *count, struct error *err)
{
    static const char OF_ALL[] = "SELECT " GRANT_COLUMNS " WHERE g.id > ?1 ORDER BY g.id LIMIT ?2";
    static const char OF_ORG[] = "SELECT " GRANT_COLUMNS
                                 " WHERE g.org_id = (SELECT id FROM org WHERE name = ?3) AND g.id > ?1"
                                 " ORDER BY g.id LIMIT ?2";
    struct reading reading;
    enum status rc;

    *count = 0;
    *out = arena_array(arena, limit, sizeof **out);
    if ((rc = reading_begin(catalog, org ? OF_ORG : OF_ALL, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, after);
    db_bind_int(reading.query, 2, (int64_t)limit);
    if (org)
        db_bind_text(reading.query, 3, org);
    while (!(rc = db_next_row(reading.query, err)))
        take_grant(reading.query, arena, &(*out)[(*count)++]);
    reading_end(&reading);
    return reading_list_end(rc);
}

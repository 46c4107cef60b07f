#include "storage/catalog/repository.h"

#include "storage/catalog/access.h"
#include "storage/catalog/access_cache.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"

#include <ctype.h>
#include <string.h>

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool org_name_is_valid(const char *name)
{
    size_t length = strlen(name);

    if (!length || length > 40 || !is_lower_alnum(name[0]) || !is_lower_alnum(name[length - 1]))
        return false;
    for (; *name; name++)
        if (!is_lower_alnum(*name) && *name != '-')
            return false;
    return true;
}

bool repository_name_is_valid(const char *name)
{
    size_t length = strlen(name);

    if (!length || length > 63 || !is_lower_alnum(name[0]))
        return false;
    for (; *name; name++)
        if (!is_lower_alnum(*name) && !strchr("._-", *name))
            return false;
    return true;
}

struct new_org {
    const struct actor *actor;
    const char *name;
    int64_t id;
};

static enum status insert_org(struct transaction *tx, void *argument, struct error *err)
{
    static const char INSERT[] = "INSERT INTO org(name, created_us) VALUES(?1, ?2)";
    static const char BEGIN_USAGE[] = "INSERT INTO org_usage(org_id, bytes, files) VALUES(?1, 0, 0)";
    struct new_org *org = argument;
    struct query *query = db_query(tx->db, INSERT);
    enum status rc;

    db_bind_text(query, 1, org->name);
    db_bind_int(query, 2, tx->now_us);
    if ((rc = name_taken(db_run(query, err), "the org", org->name, err)))
        return rc;
    org->id = db_last_id(tx->db);
    query = db_query(tx->db, BEGIN_USAGE);
    db_bind_int(query, 1, org->id);
    if ((rc = db_run(query, err)))
        return rc;
    tx_access_changed(tx);
    return tx_record(tx, org->actor, org->id, "org.created", org->name, "{}", err);
}

enum status catalog_create_org(struct catalog *catalog, const struct actor *actor,
                               const char *name, int64_t *id, struct error *err)
{
    struct new_org org = {actor, name, 0};
    enum status rc;

    if (!org_name_is_valid(name))
        return fail(err, STATUS_INVALID, "invalid-name",
                    "an org's name has 1 to 40 of a-z, 0-9 and '-', and begins and ends with one of the "
                    "former");
    rc = writer_run(catalog_writer(catalog), insert_org, &org, NULL, 0, err);
    *id = org.id;
    return rc;
}

struct new_repository {
    const struct actor *actor;
    struct org org;
    const char *name;
    bool anonymous_read;
    int64_t id;
};

static enum status insert_repository(struct transaction *tx, void *argument, struct error *err)
{
    static const char INSERT[] = "INSERT INTO repository(org_id, name, kind, anonymous_read, created_us)"
                                 " VALUES(?1, ?2, 1, ?3, ?4)";
    struct new_repository *repository = argument;
    struct query *query = db_query(tx->db, INSERT);
    enum status rc;

    db_bind_int(query, 1, repository->org.id);
    db_bind_text(query, 2, repository->name);
    db_bind_int(query, 3, repository->anonymous_read);
    db_bind_int(query, 4, tx->now_us);
    if ((rc = name_taken(db_run(query, err), "the repository", repository->name, err)))
        return rc;
    repository->id = db_last_id(tx->db);
    tx_access_changed(tx);
    return tx_record(tx, repository->actor, repository->org.id, "repository.created",
                     repository->name, repository->anonymous_read ? "{\"anonymous\":\"read\"}" : "{}",
                     err);
}

enum status catalog_create_repository(struct catalog *catalog, const struct actor *actor,
                                      const char *org, const char *name, bool anonymous_read,
                                      int64_t *id, struct error *err)
{
    struct new_repository repository = {.actor = actor, .name = name, .anonymous_read = anonymous_read};
    struct arena *arena;
    enum status rc;

    if (!repository_name_is_valid(name))
        return fail(err, STATUS_INVALID, "invalid-name",
                    "a repository's name has 1 to 63 of a-z, 0-9, '.', '_' and '-', and begins with a "
                    "letter or digit");
    arena = arena_new();
    if (!(rc = catalog_find_org(catalog, org, arena, &repository.org, err)))
        rc = writer_run(catalog_writer(catalog), insert_repository, &repository, NULL, 0, err);
    *id = repository.id;
    arena_free(arena);
    return rc;
}

struct anonymous_change {
    const struct actor *actor;
    const struct repository *repository;
    bool anonymous_read;
};

static enum status update_anonymous(struct transaction *tx, void *argument, struct error *err)
{
    static const char UPDATE[] = "UPDATE repository SET anonymous_read = ?2 WHERE id = ?1";
    struct anonymous_change *change = argument;
    struct query *query = db_query(tx->db, UPDATE);
    enum status rc;

    db_bind_int(query, 1, change->repository->id);
    db_bind_int(query, 2, change->anonymous_read);
    if ((rc = db_run(query, err)))
        return rc;
    tx_access_changed(tx);
    return tx_record(tx, change->actor, change->repository->org_id, "repository.changed",
                     change->repository->name,
                     change->anonymous_read ? "{\"anonymous\":\"read\"}" : "{\"anonymous\":\"none\"}", err);
}

enum status catalog_set_anonymous_read(struct catalog *catalog, const struct actor *actor,
                                       const struct repository *repository, bool anonymous_read,
                                       struct error *err)
{
    struct anonymous_change change = {actor, repository, anonymous_read};

    return writer_run(catalog_writer(catalog), update_anonymous, &change, NULL, 0, err);
}

static void take_repository(struct query *query, struct arena *arena, struct repository *out)
{
    *out = (struct repository){
        .id = db_int(query, 0),
        .org_id = db_int(query, 1),
        .org = arena_copy(arena, db_text(query, 2)),
        .name = arena_copy(arena, db_text(query, 3)),
        .anonymous_read = db_int(query, 4),
    };
}

enum status catalog_find_repository(struct catalog *catalog, const char *org, const char *name,
                                    struct arena *arena, struct repository *out,
                                    struct error *err)
{
    static const char FIND[] = "SELECT r.id, o.id, o.name, r.name, r.anonymous_read FROM org o"
                               " JOIN repository r ON r.org_id = o.id AND r.kind = 1"
                               " WHERE o.name = ?1 AND r.name = ?2";
    uint64_t generation;
    struct reading reading;
    enum status rc;

    if (access_cache_get_repository(catalog_access(catalog), org, name, arena, out, &generation))
        return STATUS_OK;
    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    db_bind_text(reading.query, 1, org);
    db_bind_text(reading.query, 2, name);
    if (!(rc = reading_one(&reading, "the repository", name, err))) {
        take_repository(reading.query, arena, out);
        access_cache_put_repository(catalog_access(catalog), out, generation);
    }
    reading_end(&reading);
    return rc;
}

enum status catalog_find_org_name(struct catalog *catalog, int64_t id, struct arena *arena,
                                  const char **out, struct error *err)
{
    static const char FIND[] = "SELECT name FROM org WHERE id = ?1";
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, id);
    if (!(rc = reading_one(&reading, "the org", "of this number", err)))
        *out = arena_copy(arena, db_text(reading.query, 0));
    reading_end(&reading);
    return rc;
}

enum status catalog_find_org(struct catalog *catalog, const char *name, struct arena *arena,
                             struct org *out, struct error *err)
{
    static const char FIND[] = "SELECT id, name, created_us FROM org WHERE name = ?1";
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    db_bind_text(reading.query, 1, name);
    if (!(rc = reading_one(&reading, "the org", name, err)))
        *out = (struct org){db_int(reading.query, 0), arena_copy(arena, db_text(reading.query, 1)),
                            db_int(reading.query, 2)};
    reading_end(&reading);
    return rc;
}

enum status catalog_list_orgs(struct catalog *catalog, const char *after, size_t limit,
                              struct arena *arena, struct org **out, size_t *count,
                              struct error *err)
{
    static const char LIST[] = "SELECT id, name, created_us FROM org WHERE name > ?1 ORDER BY name LIMIT ?2";
    struct reading reading;
    enum status rc;

    *count = 0;
    *out = arena_array(arena, limit, sizeof **out);
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    db_bind_text(reading.query, 1, after ? after : "");
    db_bind_int(reading.query, 2, (int64_t)limit);
    while (!(rc = db_next_row(reading.query, err)))
        (*out)[(*count)++] = (struct org){db_int(reading.query, 0),
                                          arena_copy(arena, db_text(reading.query, 1)),
                                          db_int(reading.query, 2)};
    reading_end(&reading);
    return reading_list_end(rc);
}

enum status catalog_list_repositories(struct catalog *catalog, int64_t org_id, const char *after,
                                      size_t limit, struct arena *arena, struct repository **out,
                                      size_t *count, struct error *err)
{
    static const char LIST[] = "SELECT r.id, o.id, o.name, r.name, r.anonymous_read FROM repository r"
                               " JOIN org o ON o.id = r.org_id"
                               " WHERE r.org_id = ?1 AND r.kind = 1 AND r.name > ?2"
                               " ORDER BY r.name LIMIT ?3";
    struct reading reading;
    enum status rc;

    *count = 0;
    *out = arena_array(arena, limit, sizeof **out);
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, org_id);
    db_bind_text(reading.query, 2, after ? after : "");
    db_bind_int(reading.query, 3, (int64_t)limit);
    while (!(rc = db_next_row(reading.query, err)))
        take_repository(reading.query, arena, &(*out)[(*count)++]);
    reading_end(&reading);
    return reading_list_end(rc);
}

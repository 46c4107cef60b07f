#include "storage/catalog/upstream.h"

#include "storage/catalog/home_map.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/sealed.h"
#include "storage/catalog/source.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/remote/url.h"

#include <stdio.h>
#include <string.h>

enum { WORDS_MAX = 4096, NAMES_TRIED = 1000, TARGET_MAX = 256 };

/* An upstream on its way in: what is checked and sealed before the writer is asked. */
struct new_upstream {
    const struct actor *actor;
    const struct repository *repository;
    const struct upstream_change *change;
    const char *url, *names, *file_hosts;
    const void *credential; /* NULL: none */
    size_t credential_length;
    struct arena *arena;

    int64_t id;
    char name[64];
};

/* Texts with blanks between. */
static enum status join_words(const char *const *words, struct arena *arena, const char **out,
                              struct error *err)
{
    struct strbuf text;

    *out = NULL;
    if (!words || !words[0])
        return STATUS_OK;
    strbuf_init(&text, arena, WORDS_MAX);
    for (size_t i = 0; words[i]; i++) {
        if (!*words[i] || strpbrk(words[i], " \t\r\n"))
            return fail(err, STATUS_INVALID, "invalid-value", "'%.80s' is empty or has a blank", words[i]);
        if (i)
            strbuf_char(&text, ' ');
        strbuf_text(&text, words[i]);
    }
    if (strbuf_failed(&text))
        return fail(err, STATUS_INVALID, "invalid-value", "that is more than %d characters", WORDS_MAX);
    *out = text.data;
    return STATUS_OK;
}

/* What a URL may not have as it is has become %… when it was resolved. */
static bool has_plain_host(const char *resolved)
{
    const char *host = strstr(resolved, "://");

    return host && !memchr(host + 3, '%', strcspn(host + 3, "/"));
}

/* "https://HOST[:PORT][/PATH]", without what would be sent along or be secret. */
static enum status check_url(const char *given, struct arena *arena, const char **out,
                             struct error *err)
{
    const char *resolved = url_resolve(arena, "", given);
    char *url;
    size_t length;

    if (!resolved || strpbrk(given, "?#@"))
        return fail(err, STATUS_INVALID, "invalid-url",
                    "an upstream's URL begins with https:// or http:// and a host, and has no user, query "
                    "or fragment");
    if (!has_plain_host(resolved)) /* RFC 5890: a name in other letters has an ASCII form */
        return fail(err, STATUS_INVALID, "invalid-url",
                    "a host's name has ASCII letters only: write the xn--… form of another");
    url = arena_copy(arena, resolved);
    length = strlen(url);
    while (length && url[length - 1] == '/')
        url[--length] = '\0';
    *out = url;
    return STATUS_OK;
}

/* Names are compared as they are folded, so the globs are folded as well. */
static enum status fold_names(const struct upstream_change *change, struct arena *arena,
                              const char **out, struct error *err)
{
    const char **folded;
    size_t count = 0;

    while (change->names && change->names[count])
        count++;
    folded = arena_array(arena, count + 1, sizeof *folded);
    for (size_t i = 0; i < count; i++)
        folded[i] = claim_fold(change->format, change->names[i], arena);
    return join_words(folded, arena, out, err);
}

static enum status name_is_taken(struct transaction *tx, int64_t org_id, const char *name,
                                 bool *is_taken, struct error *err)
{
    static const char FIND[] = "SELECT 1 FROM repository WHERE org_id = ?1 AND name = ?2";
    struct query *query = db_query(tx->db, FIND);
    enum status rc;

    db_bind_int(query, 1, org_id);
    db_bind_text(query, 2, name);
    rc = db_next_row(query, err);
    *is_taken = !rc;
    db_reset(query);
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

static enum status choose_name(struct transaction *tx, struct new_upstream *new, struct error *err)
{
    const char *wanted = new->change->name;
    bool is_taken = true;
    enum status rc;

    if (wanted) {
        snprintf(new->name, sizeof new->name, "%s", wanted);
        if ((rc = name_is_taken(tx, new->repository->org_id, wanted, &is_taken, err)))
            return rc;
        return is_taken ? name_taken(STATUS_CONFLICT, "a repository or upstream", wanted, err) : STATUS_OK;
    }
    for (int i = 1; is_taken && i < NAMES_TRIED; i++) {
        snprintf(new->name, sizeof new->name, i > 1 ? "%s-%d" : "%s", format_name(new->change->format), i);
        if ((rc = name_is_taken(tx, new->repository->org_id, new->name, &is_taken, err)))
            return rc;
    }
    return is_taken ? name_taken(STATUS_CONFLICT, "an upstream", new->name, err) : STATUS_OK;
}

/* The same registry, added again, is still the owner of its names. */
static enum status find_removed(struct transaction *tx, struct new_upstream *new, struct error *err)
{
    static const char FIND[] = "SELECT u.repository_id FROM repository r JOIN upstream u ON"
                               " u.repository_id = r.id WHERE r.org_id = ?1 AND r.kind = 2"
                               " AND u.removed_us > 0 AND u.format = ?2 AND u.url = ?3 ORDER BY r.id LIMIT 1";
    struct query *query = db_query(tx->db, FIND);
    enum status rc;

    db_bind_int(query, 1, new->repository->org_id);
    db_bind_int(query, 2, new->change->format);
    db_bind_text(query, 3, new->url);
    if (!(rc = db_next_row(query, err)))
        new->id = db_int(query, 0);
    db_reset(query);
    return rc;
}

static enum status rename_repository(struct transaction *tx, int64_t id, const char *name,
                                     struct error *err)
{
    static const char RENAME[] = "UPDATE repository SET name = ?2 WHERE id = ?1";
    struct query *query = db_query(tx->db, RENAME);

    db_bind_int(query, 1, id);
    db_bind_text(query, 2, name);
    return db_run(query, err);
}

static enum status make_repository(struct transaction *tx, struct new_upstream *new,
                                   struct error *err)
{
    static const char INSERT[] = "INSERT INTO repository(org_id, name, kind, created_us)"
                                 " VALUES(?1, ?2, 2, ?3)";
    struct query *query;
    enum status rc;

    if ((rc = find_removed(tx, new, err)) != STATUS_NOT_FOUND)
        return rc ? rc : rename_repository(tx, new->id, new->name, err);
    query = db_query(tx->db, INSERT);
    db_bind_int(query, 1, new->repository->org_id);
    db_bind_text(query, 2, new->name);
    db_bind_int(query, 3, tx->now_us);
    if ((rc = db_run(query, err)))
        return rc;
    new->id = db_last_id(tx->db);
    return STATUS_OK;
}

static enum status record_change(struct transaction *tx, const struct actor *actor, int64_t org_id,
                                 const char *action, const char *name, const char *detail,
                                 struct error *err)
{
    tx_home_changed(tx, org_id);
    return tx_record(tx, actor, org_id, action, name, detail, err);
}

static enum status insert_upstream(struct transaction *tx, void *argument, struct error *err)
{
    static const char INSERT[] =
        "INSERT INTO upstream(repository_id, format, url, names, file_hosts, may_be_private, credential,"
        " created_us) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(repository_id) DO UPDATE SET"
        " names = excluded.names, file_hosts = excluded.file_hosts, credential = excluded.credential,"
        " may_be_private = excluded.may_be_private, is_offline = 0, created_us = excluded.created_us,"
        " removed_us = 0";
    struct new_upstream *new = argument;
    struct strbuf detail;
    struct query *query;
    enum status rc;

    if ((rc = choose_name(tx, new, err)) || (rc = make_repository(tx, new, err)))
        return rc;
    query = db_query(tx->db, INSERT);
    db_bind_int(query, 1, new->id);
    db_bind_int(query, 2, new->change->format);
    db_bind_text(query, 3, new->url);
    db_bind_text(query, 4, new->names);
    db_bind_text(query, 5, new->file_hosts ? new->file_hosts : "");
    db_bind_int(query, 6, new->change->may_be_private);
    if (new->credential)
        db_bind_bytes(query, 7, new->credential, new->credential_length);
    else
        db_bind_null(query, 7);
    db_bind_int(query, 8, tx->now_us);
    if ((rc = db_run(query, err)) || (rc = tx_append_source(tx, new->repository->id, new->id, err)))
        return rc;
    strbuf_init(&detail, new->arena, 4 * WORDS_MAX);
    strbuf_text(&detail, "{\"url\":");
    strbuf_json(&detail, new->url);
    strbuf_text(&detail, ",\"repository\":");
    strbuf_json(&detail, new->repository->name);
    strbuf_text(&detail, ",\"names\":");
    strbuf_json(&detail, new->names);
    strbuf_format(&detail, ",\"private\":%s}", new->change->may_be_private ? "true" : "false");
    return record_change(tx, new->actor, new->repository->org_id, "upstream.added", new->name,
                         detail.data, err);
}

enum status catalog_add_upstream(struct catalog *catalog, const struct actor *actor,
                                 const struct repository *repository,
                                 const struct upstream_change *change, struct upstream *out,
                                 struct arena *arena, struct error *err)
{
    struct new_upstream new = {.actor = actor, .repository = repository, .change = change, .arena = arena};
    enum status rc;

    if (change->format != FORMAT_NPM && change->format != FORMAT_PYPI)
        return fail(err, STATUS_INVALID, "invalid-value", "an upstream's format is npm or pypi");
    if (change->name && !repository_name_is_valid(change->name))
        return fail(err, STATUS_INVALID, "invalid-name",
                    "an upstream's name has 1 to 63 of a-z, 0-9, '.', '_' and '-', and begins with a "
                    "letter or digit");
    if ((rc = check_url(change->url, arena, &new.url, err)) ||
        (rc = fold_names(change, arena, &new.names, err)) ||
        (rc = join_words(change->file_hosts, arena, &new.file_hosts, err)) ||
        (rc = credential_seal(catalog, new.url, change->credential, change->credential_file, arena,
                              &new.credential, &new.credential_length, err)))
        return rc;
    if ((rc = writer_run(catalog_writer(catalog), insert_upstream, &new, NULL, 0, err)))
        return rc;
    return catalog_find_upstream(catalog, repository->org_id, new.name, arena, out, err);
}

struct upstream_removal {
    const struct actor *actor;
    const struct upstream *upstream;
};

static enum status run_for(struct transaction *tx, const char *sql, int64_t id, struct error *err)
{
    struct query *query = db_query(tx->db, sql);

    db_bind_int(query, 1, id);
    return db_run(query, err);
}

/* Rows and pins stay, without bytes: the sweep takes those. */
static enum status forget_cache(struct transaction *tx, int64_t id, struct error *err)
{
    static const char DOCUMENTS[] = "DELETE FROM upstream_document WHERE package_id IN"
                                    " (SELECT id FROM package WHERE repository_id = ?1)";
    static const char ANSWERS[] = "DELETE FROM upstream_answer WHERE upstream_id = ?1";
    static const char USAGE[] =
        "UPDATE org_usage SET (bytes, files) = (SELECT org_usage.bytes - COALESCE(sum(f.size), 0),"
        " org_usage.files - count(f.id) FROM package p JOIN file f ON f.package_id = p.id"
        " WHERE p.repository_id = ?1 AND f.state = 0)"
        " WHERE org_id = (SELECT org_id FROM repository WHERE id = ?1)";
    static const char FILES[] = "UPDATE file SET state = 2, blob_id = NULL WHERE state = 0 AND package_id IN"
                                " (SELECT id FROM package WHERE repository_id = ?1)";
    enum status rc;

    if ((rc = run_for(tx, DOCUMENTS, id, err)) || (rc = run_for(tx, ANSWERS, id, err)) ||
        (rc = run_for(tx, USAGE, id, err)))
        return rc;
    return run_for(tx, FILES, id, err);
}

static enum status delete_upstream(struct transaction *tx, void *argument, struct error *err)
{
    static const char REMOVE[] = "UPDATE upstream SET removed_us = ?2, credential = NULL"
                                 " WHERE repository_id = ?1 AND removed_us = 0";
    static const char SOURCES[] = "DELETE FROM source WHERE source_id = ?1";
    struct upstream_removal *removal = argument;
    const struct upstream *upstream = removal->upstream;
    struct query *query = db_query(tx->db, REMOVE);
    char name[64 + 40];
    enum status rc;

    db_bind_int(query, 1, upstream->id);
    db_bind_int(query, 2, tx->now_us);
    if ((rc = db_run(query, err)))
        return rc;
    if (!db_changes(tx->db))
        return fail(err, STATUS_NOT_FOUND, "no-such-upstream", "there is no upstream %s", upstream->name);
    snprintf(name, sizeof name, "%s (removed, %lld)", upstream->name, (long long)upstream->id);
    if ((rc = rename_repository(tx, upstream->id, name, err)) ||
        (rc = run_for(tx, SOURCES, upstream->id, err)) || (rc = forget_cache(tx, upstream->id, err)))
        return rc;
    return record_change(tx, removal->actor, upstream->org_id, "upstream.removed", upstream->name, "{}", err);
}

enum status catalog_remove_upstream(struct catalog *catalog, const struct actor *actor,
                                    const struct upstream *upstream, struct error *err)
{
    struct upstream_removal removal = {actor, upstream};

    return writer_run(catalog_writer(catalog), delete_upstream, &removal, NULL, 0, err);
}

struct offline_change {
    const struct actor *actor;
    const struct upstream *upstream;
    bool is_offline;
};

static enum status update_offline(struct transaction *tx, void *argument, struct error *err)
{
    static const char UPDATE[] = "UPDATE upstream SET is_offline = ?2 WHERE repository_id = ?1"
                                 " AND removed_us = 0";
    struct offline_change *change = argument;
    const struct upstream *upstream = change->upstream;
    struct query *query = db_query(tx->db, UPDATE);
    enum status rc;

    db_bind_int(query, 1, upstream->id);
    db_bind_int(query, 2, change->is_offline);
    if ((rc = db_run(query, err)))
        return rc;
    if (!db_changes(tx->db))
        return fail(err, STATUS_NOT_FOUND, "no-such-upstream", "there is no upstream %s", upstream->name);
    return record_change(tx, change->actor, upstream->org_id, "upstream.changed", upstream->name,
                         change->is_offline ? "{\"offline\":true}" : "{\"offline\":false}", err);
}

enum status catalog_set_upstream_offline(struct catalog *catalog, const struct actor *actor,
                                         const struct upstream *upstream, bool is_offline,
                                         struct error *err)
{
    struct offline_change change = {actor, upstream, is_offline};

    return writer_run(catalog_writer(catalog), update_offline, &change, NULL, 0, err);
}

enum status catalog_find_upstream(struct catalog *catalog, int64_t org_id, const char *name,
                                  struct arena *arena, struct upstream *out, struct error *err)
{
    const struct org_homes *homes;
    const struct upstream *found;
    enum status rc;

    if ((rc = home_map_get(catalog, org_id, &homes, err)))
        return rc;
    if ((found = org_homes_upstream(homes, name)))
        *out = upstream_copy(found, arena);
    else
        rc = fail(err, STATUS_NOT_FOUND, "no-such-upstream", "there is no upstream %.80s", name);
    org_homes_release(homes);
    return rc;
}

enum status catalog_list_upstreams(struct catalog *catalog, int64_t org_id, const char *after,
                                   size_t limit, struct arena *arena, struct upstream **out,
                                   size_t *count, struct error *err)
{
    const struct org_homes *homes;
    enum status rc;

    *count = 0;
    if ((rc = home_map_get(catalog, org_id, &homes, err)))
        return rc;
    *out = arena_array(arena, homes->upstream_count + 1, sizeof **out);
    for (size_t i = 0; i < homes->upstream_count && *count < limit; i++)
        if (!after || strcmp(homes->upstreams[i].name, after) > 0)
            (*out)[(*count)++] = upstream_copy(&homes->upstreams[i], arena);
    org_homes_release(homes);
    return STATUS_OK;
}

enum status catalog_upstream_credential(struct catalog *catalog, const struct upstream *upstream,
                                        struct arena *arena, const char **out, struct error *err)
{
    static const char FIND[] = "SELECT credential FROM upstream WHERE repository_id = ?1";
    struct reading reading;
    const void *sealed = NULL;
    size_t length = 0;
    enum status rc;

    *out = NULL;
    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, upstream->id);
    if (!(rc = reading_one(&reading, "the upstream", upstream->name, err)) &&
        !db_is_null(reading.query, 0)) {
        sealed = db_bytes(reading.query, 0, &length);
        sealed = arena_copy_bytes(arena, sealed, length);
    }
    reading_end(&reading);
    if (rc || !sealed)
        return rc;
    return credential_open(catalog, upstream->url, sealed, length, arena, out, err);
}

#include "storage/catalog/upstream_keys.h"

#include "policy/facts.h"
#include "storage/catalog/eviction.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"

#include <string.h>

enum { BATCH_MAX = 500 };

struct accepting {
    const struct actor *actor;
    const struct upstream *upstream;
    const struct kept_answer *answer;
};

static enum status accept(struct transaction *tx, void *argument, struct error *err)
{
    const struct accepting *accepting = argument;
    const struct upstream *upstream = accepting->upstream;
    const struct kept_answer *answer = accepting->answer;
    enum status rc = tx_keep_upstream_answer(tx, upstream, answer, err);

    return rc ? rc : tx_record(tx, accepting->actor, upstream->org_id, answer->action, upstream->name,
                               answer->detail, err);
}

/* A file whose signature was found to be wrong. */
struct failed_file {
    const char *name, *name_fold, *file;
};

struct failed_files {
    const struct upstream *upstream;
    struct failed_file items[BATCH_MAX];
    size_t count;
};

static enum status list_failed(struct catalog *catalog, struct arena *arena, struct failed_files *out,
                               struct error *err)
{
    static const char LIST[] =
        "SELECT a.name_fold, a.file, a.facts FROM owner o JOIN archive_facts a ON a.org_id = o.org_id"
        " AND a.format = o.format AND a.name_fold = o.name_fold WHERE o.upstream_id = ?1"
        " AND a.facts LIKE '%\"signature\":\"invalid\"%' LIMIT ?2";
    struct reading reading;
    enum status rc;

    out->count = 0;
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, out->upstream->id);
    db_bind_int(reading.query, 2, BATCH_MAX);
    while (!(rc = db_next_row(reading.query, err))) {
        const char *text = db_text(reading.query, 2);
        struct facts facts;

        if ((rc = facts_read(text, strlen(text), arena, &facts, err)))
            break;
        out->items[out->count++] = (struct failed_file){facts.name, arena_copy(arena, db_text(reading.query, 0)),
                                                        arena_copy(arena, db_text(reading.query, 1))};
    }
    reading_end(&reading);
    return reading_list_end(rc);
}

static enum status forget_facts(struct transaction *tx, const struct upstream *upstream,
                                const struct failed_file *file, struct error *err)
{
    static const char FORGET[] =
        "DELETE FROM archive_facts WHERE org_id = ?1 AND format = ?2 AND name_fold = ?3 AND file = ?4";
    struct query *query = db_query(tx->db, FORGET);

    db_bind_int(query, 1, upstream->org_id);
    db_bind_int(query, 2, upstream->format);
    db_bind_text(query, 3, file->name_fold);
    db_bind_text(query, 4, file->file);
    return db_run(query, err);
}

/* What its archive says is written down when its bytes come, so they have to come again. */
static enum status evict(struct transaction *tx, const struct upstream *upstream,
                         const struct failed_file *file, struct error *err)
{
    static const char FIND[] =
        "SELECT f.id, f.blob_id, f.size FROM package p JOIN file f ON f.package_id = p.id AND f.name = ?4"
        " WHERE p.repository_id = ?1 AND p.format = ?2 AND p.name_norm = ?3 AND f.state = 0";
    struct query *query = db_query(tx->db, FIND);
    struct evictable kept = {
        .repository_id = upstream->id, .org_id = upstream->org_id, .name_norm = file->name};
    enum status rc;
    bool was_there;

    db_bind_int(query, 1, upstream->id);
    db_bind_int(query, 2, upstream->format);
    db_bind_text(query, 3, file->name);
    db_bind_text(query, 4, file->file);
    if ((rc = db_next_row(query, err)))
        return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
    kept.id = db_int(query, 0);
    kept.blob_id = db_int(query, 1);
    kept.size = db_int(query, 2);
    db_reset(query);
    return tx_evict_file(tx, &kept, &was_there, err);
}

static enum status forget(struct transaction *tx, void *argument, struct error *err)
{
    const struct failed_files *failed = argument;
    enum status rc = STATUS_OK;

    for (size_t i = 0; !rc && i < failed->count; i++) {
        if (!(rc = forget_facts(tx, failed->upstream, &failed->items[i], err)))
            rc = evict(tx, failed->upstream, &failed->items[i], err);
        tx_package_changed(tx, failed->upstream->id, failed->items[i].name);
    }
    return rc;
}

/* The keys first: what comes meanwhile is judged by them. */
enum status catalog_accept_upstream_keys(struct catalog *catalog, const struct actor *actor,
                                         const struct upstream *upstream,
                                         const struct kept_answer *answer, int64_t *forgotten,
                                         struct error *err)
{
    struct accepting accepting = {actor, upstream, answer};
    struct arena *arena = arena_new();
    struct failed_files *failed = arena_alloc(arena, sizeof *failed);
    enum status rc;

    *forgotten = 0;
    failed->upstream = upstream;
    if ((rc = writer_run(catalog_writer(catalog), accept, &accepting, NULL, 0, err)))
        goto done;
    while (!(rc = list_failed(catalog, arena, failed, err)) && failed->count) {
        if ((rc = writer_run(catalog_writer(catalog), forget, failed, NULL, 0, err)))
            break;
        *forgotten += (int64_t)failed->count;
    }
done:
    arena_free(arena);
    return rc;
}

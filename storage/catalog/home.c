#include "storage/catalog/home_cache.h"
#include "storage/catalog/home_map.h"
#include "storage/catalog/reading.h"
#include "storage/memory/arena.h"
#include "storage/memory/glob.h"

#include <string.h>

uint64_t catalog_home_generation(struct catalog *catalog, int64_t org_id)
{
    return home_map_generation(catalog_home_map(catalog), org_id);
}

uint64_t catalog_place_generation(struct catalog *catalog, int64_t org_id)
{
    return home_map_places(catalog_home_map(catalog), org_id);
}

/* One look-up, with what it needs. */
struct search {
    struct db *db;
    const struct org_homes *homes;
    const struct repository *repository; /* the asked one */
    enum format format;
    const char *name_norm, *name_fold;
    struct arena *arena;
};

static bool is_asked(const struct search *search, const struct home_source *source)
{
    return source->repository_id == search->repository->id;
}

static enum status has_package(const struct search *search, int64_t repository_id, bool *has,
                               struct error *err)
{
    static const char FIND[] = "SELECT 1 FROM package WHERE repository_id = ?1 AND format = ?2"
                               " AND name_norm = ?3";
    struct query *query = db_query(search->db, FIND);
    enum status rc;

    db_bind_int(query, 1, repository_id);
    db_bind_int(query, 2, search->format);
    db_bind_text(query, 3, search->name_norm);
    rc = db_next_row(query, err);
    *has = !rc;
    db_reset(query);
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

static struct repository copy_repository(const struct repository *from, struct arena *arena)
{
    struct repository copy = *from;

    copy.org = arena_copy(arena, from->org);
    copy.name = arena_copy(arena, from->name);
    return copy;
}

/* The asked repository, then its local sources in order. */
static enum status look_here(const struct search *search, struct home *out, struct error *err)
{
    bool has;
    enum status rc;

    if ((rc = has_package(search, search->repository->id, &has, err)))
        return rc;
    if (has) {
        out->kind = HOME_LOCAL;
        out->repository = *search->repository;
        return STATUS_OK;
    }
    for (size_t i = 0; i < search->homes->source_count; i++) {
        const struct home_source *source = &search->homes->sources[i];

        if (!is_asked(search, source) || source->upstream)
            continue;
        if ((rc = has_package(search, source->repository.id, &has, err)))
            return rc;
        if (has) {
            out->kind = HOME_LOCAL;
            out->repository = copy_repository(&source->repository, search->arena);
            return STATUS_OK;
        }
    }
    return STATUS_OK;
}

static bool keeps_name(const struct search *search, const struct upstream *upstream)
{
    if (upstream->format != search->format)
        return false;
    for (size_t i = 0; i < upstream->name_count; i++)
        if (glob_matches(upstream->names[i], search->name_fold))
            return true;
    return false;
}

/* Whether some upstream of the org keeps the name for itself alone. */
static bool is_kept(const struct search *search)
{
    for (size_t i = 0; i < search->homes->upstream_count; i++)
        if (keeps_name(search, &search->homes->upstreams[i]))
            return true;
    return false;
}

/* The upstreams among the sources that may be asked for an unowned name. */
static void look_outside(const struct search *search, struct home *out)
{
    struct upstream *upstreams =
        arena_array(search->arena, search->homes->source_count + 1, sizeof *upstreams);
    bool kept = is_kept(search);

    for (size_t i = 0; i < search->homes->source_count; i++) {
        const struct home_source *source = &search->homes->sources[i];

        if (!is_asked(search, source) || !source->upstream ||
            source->upstream->format != search->format)
            continue;
        if (kept ? keeps_name(search, source->upstream) : !source->upstream->names)
            upstreams[out->upstream_count++] = upstream_copy(source->upstream, search->arena);
    }
    out->upstreams = upstreams;
    out->kind = out->upstream_count ? HOME_UNOWNED : HOME_ABSENT;
}

/* That upstream alone, if it is among the sources. */
static void look_at_owner(const struct search *search, int64_t upstream_id, struct home *out)
{
    for (size_t i = 0; i < search->homes->source_count; i++) {
        const struct home_source *source = &search->homes->sources[i];

        if (is_asked(search, source) && source->upstream && source->upstream->id == upstream_id) {
            struct upstream *owner = arena_alloc(search->arena, sizeof *owner);

            *owner = upstream_copy(source->upstream, search->arena);
            out->kind = HOME_UPSTREAM;
            out->upstreams = owner;
            out->upstream_count = 1;
            return;
        }
    }
}

static enum status read_owner(const struct search *search, int64_t *upstream_id, struct error *err)
{
    static const char FIND[] = "SELECT upstream_id FROM owner WHERE org_id = ?1 AND format = ?2"
                               " AND name_fold = ?3";
    struct query *query = db_query(search->db, FIND);
    enum status rc;

    *upstream_id = 0;
    if (org_homes_claim(search->homes, search->format, search->name_fold))
        return STATUS_OK;
    db_bind_int(query, 1, search->repository->org_id);
    db_bind_int(query, 2, search->format);
    db_bind_text(query, 3, search->name_fold);
    if (!(rc = db_next_row(query, err)))
        *upstream_id = db_int(query, 0);
    db_reset(query);
    return rc;
}

static enum status look(const struct search *search, struct home *out, struct error *err)
{
    int64_t upstream_id;
    enum status rc;

    if (search->format == FORMAT_ARTIFACT)
        return look_here(search, out, err);
    rc = read_owner(search, &upstream_id, err);
    if (rc && rc != STATUS_NOT_FOUND)
        return rc;
    if (!rc && upstream_id) {
        look_at_owner(search, upstream_id, out);
        return STATUS_OK;
    }
    out->kind = rc ? HOME_ABSENT : HOME_CLAIMED;
    if ((rc = look_here(search, out, err)))
        return rc;
    if (out->kind == HOME_ABSENT)
        look_outside(search, out);
    return STATUS_OK;
}

/* The home as it was found before; false where what was found is not among the sources any more. */
static bool recall(const struct search *search, enum home_kind kind, int64_t id, struct home *out)
{
    if (kind == HOME_UPSTREAM) {
        look_at_owner(search, id, out);
        return out->kind == HOME_UPSTREAM;
    }
    out->kind = HOME_LOCAL;
    if (id == search->repository->id) {
        out->repository = *search->repository;
        return true;
    }
    for (size_t i = 0; i < search->homes->source_count; i++)
        if (is_asked(search, &search->homes->sources[i]) &&
            search->homes->sources[i].repository.id == id) {
            out->repository = copy_repository(&search->homes->sources[i].repository, search->arena);
            return true;
        }
    return false;
}

static enum status look_in_rows(struct catalog *catalog, struct search *search, struct home *out,
                                struct error *err)
{
    enum status rc;

    if ((rc = db_pool_take(catalog_readers(catalog), &search->db, err)))
        return rc;
    if (!(rc = db_execute(search->db, "BEGIN", err))) { /* owner and packages as of one moment */
        rc = look(search, out, err);
        db_execute(search->db, "COMMIT", NULL);
    }
    db_pool_give(catalog_readers(catalog), search->db);
    return rc;
}

enum status catalog_find_home(struct catalog *catalog, const struct repository *repository,
                              enum format format, const char *name_norm, struct arena *arena,
                              struct home *out, struct error *err)
{
    struct home_cache *cache = catalog_home_cache(catalog);
    struct search search = {.repository = repository, .format = format, .name_norm = name_norm,
                            .arena = arena};
    const struct home none = {.kind = HOME_ABSENT,
                              .generation = catalog_home_generation(catalog, repository->org_id)};
    const struct home_key key = {repository->id, format, name_norm,
                                 catalog_place_generation(catalog, repository->org_id),
                                 home_cache_changes(cache, name_norm)};
    enum home_kind kind;
    int64_t id;
    enum status rc;

    *out = none;
    if (!owner_fold_name(format, name_norm, arena, &search.name_fold))
        return STATUS_OK;
    if ((rc = home_map_get(catalog, repository->org_id, &search.homes, err)))
        return rc;
    if (home_cache_get(cache, &key, &kind, &id) && recall(&search, kind, id, out))
        goto done;
    *out = none;
    if ((rc = look_in_rows(catalog, &search, out, err)))
        goto done;
    if (out->kind == HOME_LOCAL)
        home_cache_put(cache, &key, HOME_LOCAL, out->repository.id);
    else if (out->kind == HOME_UPSTREAM)
        home_cache_put(cache, &key, HOME_UPSTREAM, out->upstreams->id);
done:
    org_homes_release(search.homes);
    return rc;
}

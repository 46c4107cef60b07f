#include "server/admin/owner_preview.h"

#include "storage/catalog/ingest.h"
#include "storage/memory/arena.h"
#include "storage/mirror/mirror.h"

#include <stdlib.h>
#include <string.h>

enum { VERSIONS_MAX = 10000 }; /* told of; more is no list for a person */

struct candidate {
    const char *version;
    size_t position;
    bool is_out; /* said before, or removed here */
};

/* Versions from several places, in the order in which they came. */
struct gathering {
    struct request *req;
    struct candidate *all;
    size_t count, room;
};

static void add(struct gathering *gathering, const char *version)
{
    struct arena *arena = gathering->req->arena;

    if (gathering->count == VERSIONS_MAX)
        return;
    if (gathering->count == gathering->room) {
        size_t room = 2 * gathering->room + 64;
        struct candidate *more = arena_array(arena, room, sizeof *more);

        if (gathering->count)
            memcpy(more, gathering->all, gathering->count * sizeof *more);
        gathering->all = more;
        gathering->room = room;
    }
    gathering->all[gathering->count] = (struct candidate){arena_copy(arena, version), gathering->count, false};
    gathering->count++;
}

static enum status add_listed(void *context, const char *version, const char *file,
                              int64_t published_us, struct error *err)
{
    (void)file;
    (void)published_us;
    (void)err;
    add(context, version);
    return STATUS_OK;
}

static int by_version(const void *a, const void *b)
{
    const struct candidate *one = a, *two = b;
    int order = strcmp(one->version, two->version);

    return order ? order : (one->position > two->position) - (one->position < two->position);
}

static int by_position(const void *a, const void *b)
{
    const struct candidate *one = a, *two = b;

    return (one->position > two->position) - (one->position < two->position);
}

static int is_version(const void *key, const void *candidate)
{
    return strcmp(key, ((const struct candidate *)candidate)->version);
}

/* While they are in order of their versions. */
static enum status leave_out(void *context, const char *version, const char *file, struct error *err)
{
    struct gathering *gathering = context;
    struct candidate *found;

    (void)err;
    if (!*file && gathering->count &&
        (found = bsearch(version, gathering->all, gathering->count, sizeof *found, is_version)))
        found->is_out = true;
    return STATUS_OK;
}

static enum status settle(struct gathering *gathering, int64_t org_id, enum format format,
                          const char *name, struct version_list *out)
{
    struct request *req = gathering->req;
    struct candidate *all = gathering->all;
    size_t kept = 0;
    const char *fold;
    enum status rc;

    if (!gathering->count)
        return STATUS_OK;
    qsort(all, gathering->count, sizeof *all, by_version);
    for (size_t i = 0; i < gathering->count; i++)
        if (!kept || strcmp(all[kept - 1].version, all[i].version))
            all[kept++] = all[i];
    gathering->count = kept;
    if (owner_fold_name(format, name, req->arena, &fold) &&
        (rc = catalog_walk_tombstones(req->service->catalog, org_id, format, fold, leave_out, gathering,
                                      &req->error)))
        return rc;
    qsort(all, gathering->count, sizeof *all, by_position);
    out->versions = arena_array(req->arena, gathering->count, sizeof *out->versions);
    for (size_t i = 0; i < gathering->count; i++)
        if (!all[i].is_out)
            out->versions[out->count++] = all[i].version;
    return STATUS_OK;
}

static enum status gather(struct request *req, int64_t org_id, enum format format, const char *name,
                          const struct upstream *owner, bool with_stored, struct version_list *out)
{
    struct gathering gathering = {.req = req};
    const char **stored;
    size_t count;
    enum status rc;

    *out = (struct version_list){0};
    if (with_stored) {
        if ((rc = catalog_list_stored_versions(req->service->catalog, org_id, format, name,
                                               owner ? owner->name : NULL, req->arena, &stored, &count,
                                               &req->error)))
            return rc;
        for (size_t i = 0; i < count; i++)
            add(&gathering, stored[i]);
    }
    if (owner && req->service->mirror &&
        (rc = mirror_visit_kept(req->service->mirror, owner, name, name, add_listed, &gathering, &req->error)))
        return rc;
    return settle(&gathering, org_id, format, name, out);
}

enum status owner_preview_read(struct request *req, int64_t org_id, enum format format, const char *name,
                               const struct upstream *to, struct owner_preview *out)
{
    struct catalog *catalog = req->service->catalog;
    struct upstream before;
    struct owner owner;
    enum status rc;

    *out = (struct owner_preview){0};
    rc = catalog_find_owner(catalog, org_id, format, name, req->arena, &owner, &req->error);
    if (rc && rc != STATUS_NOT_FOUND)
        return rc;
    if (!rc) {
        if (to ? owner.upstream && !strcmp(owner.upstream, to->name) : !owner.upstream)
            return STATUS_OK;
        if (owner.upstream && (rc = catalog_find_upstream(catalog, org_id, owner.upstream, req->arena, &before,
                                                          &req->error)) &&
            rc != STATUS_NOT_FOUND)
            return rc;
        /* The rows of an upstream that was removed are seen by nobody. */
        if (!rc && (rc = gather(req, org_id, format, name, owner.upstream ? &before : NULL, true, &out->gone)))
            return rc;
    }
    return gather(req, org_id, format, name, to, !to, &out->seen);
}

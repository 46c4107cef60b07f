#include "protocols/pypi/root.h"

#include "protocols/http/request.h"
#include "protocols/pypi/page.h"
#include "storage/catalog/owner.h"
#include "storage/catalog/package.h"
#include "storage/memory/arena.h"

#include <stdlib.h>
#include <string.h>

/* The names of the list while it grows: of the repository, and of all its sources. */
struct names {
    struct request *req;
    const char **names;
    size_t count, room;
};

static void add_name(struct names *names, const char *name)
{
    names->names = arena_grow(names->req->arena, names->names, names->count, &names->room,
                              sizeof *names->names);
    names->names[names->count++] = arena_copy(names->req->arena, name);
}

/* A name that was kept from an upstream may be another's by now. */
static enum status is_owned_by(struct names *names, const struct source *source, const char *name,
                               struct arena *arena, bool *is_owned, struct error *err)
{
    struct request *req = names->req;
    struct owner owner;
    enum status rc = catalog_find_owner(req->service->catalog, req->repository->org_id, FORMAT_PYPI,
                                        name, arena, &owner, err);

    *is_owned = !rc && owner.upstream && !strcmp(owner.upstream, source->name);
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

static enum status add_names_of(struct names *names, const struct source *source, struct error *err)
{
    enum { AT_ONCE = 1000 };
    struct request *req = names->req;
    const struct repository repository = {.id = source->id,
                                          .org_id = req->repository->org_id,
                                          .org = req->repository->org,
                                          .name = source->name};
    struct arena *arena = arena_new();
    const char *after = "";
    struct package *packages;
    bool is_shown = true;
    size_t count;
    enum status rc;

    do {
        rc = catalog_list_packages(req->service->catalog, &repository, FORMAT_PYPI, after, AT_ONCE,
                                   arena, &packages, &count, err);
        for (size_t i = 0; !rc && i < count; i++) {
            if (source->is_upstream)
                rc = is_owned_by(names, source, packages[i].name_norm, arena, &is_shown, err);
            if (!rc && is_shown)
                add_name(names, packages[i].name_norm);
        }
        if (!rc && count)
            after = arena_copy(req->arena, packages[count - 1].name_norm);
        arena_reset(arena);
    } while (!rc && count == AT_ONCE);
    arena_free(arena);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Local names and those that are kept from upstreams: what upstreams have besides is seldom wanted,
 * and would be a list of most of a million. */
enum status root_render(struct request *req, bool is_json, struct strbuf *out, struct error *err)
{
    struct names names = {.req = req};
    const struct source itself = {.id = req->repository->id, .name = req->repository->name};
    struct source *sources;
    struct page page;
    size_t count;
    enum status rc;

    if ((rc = add_names_of(&names, &itself, err)) ||
        (rc = catalog_list_sources(req->service->catalog, req->repository, req->arena, &sources,
                                   &count, err)))
        return rc;
    for (size_t i = 0; i < count; i++)
        if ((rc = add_names_of(&names, &sources[i], err)))
            return rc;
    if (names.count)
        qsort(names.names, names.count, sizeof *names.names, by_name);
    page_begin_root(&page, out, is_json);
    for (size_t i = 0; i < names.count; i++)
        if (!i || strcmp(names.names[i - 1], names.names[i]))
            page_add_project(&page, names.names[i]);
    page_end_root(&page);
    return STATUS_OK;
}

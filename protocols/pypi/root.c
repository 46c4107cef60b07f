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
    struct arena *scratch; /* of one name */
};

static void add_name(struct names *names, const char *name)
{
    names->names = arena_grow(names->req->arena, names->names, names->count, &names->room,
                              sizeof *names->names);
    names->names[names->count++] = arena_copy(names->req->arena, name);
}

/* A name that was kept from an upstream may be another's by now. */
static enum status is_owned_by(struct names *names, const struct source *source, const char *name,
                               bool *is_owned, struct error *err)
{
    struct request *req = names->req;
    struct owner owner;
    enum status rc = catalog_find_owner(req->service->catalog, req->repository->org_id, FORMAT_PYPI,
                                        name, names->scratch, &owner, err);

    *is_owned = !rc && owner.upstream && !strcmp(owner.upstream, source->name);
    arena_reset(names->scratch);
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

static enum status visit_name(void *context, const struct source *source,
                              const struct package *package, struct error *err)
{
    struct names *names = context;
    bool is_shown = true;
    enum status rc = STATUS_OK;

    if (source->is_upstream)
        rc = is_owned_by(names, source, package->name_norm, &is_shown, err);
    if (!rc && is_shown)
        add_name(names, package->name_norm);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Local names and those that are kept from upstreams: what upstreams have besides is seldom wanted,
 * and would be a list of most of a million. PEP 792 leaves quarantined projects out. Those of which
 * policy holds back all stay: to know them, each project would have to be judged, and its upstream
 * asked, whenever anything changes; clients ask for a project's page, and that says it. */
enum status root_render(struct request *req, bool is_json, struct strbuf *out, struct error *err)
{
    struct names names = {.req = req, .scratch = arena_new()};
    struct page page;
    enum status rc = catalog_walk_names(req->service->catalog, req->repository, FORMAT_PYPI, true,
                                        visit_name, &names, err);

    arena_free(names.scratch);
    if (rc)
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

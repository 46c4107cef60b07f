#include "protocols/http/publish_name.h"

#include "storage/memory/arena.h"
#include "storage/memory/glob.h"
#include "storage/mirror/mirror.h"

#include <stdint.h>

static bool keeps_name(const struct upstream *upstream, const char *name_fold)
{
    for (size_t i = 0; i < upstream->name_count; i++)
        if (glob_matches(upstream->names[i], name_fold))
            return true;
    return false;
}

/* Whether the upstream may hear of the name: one that keeps names for itself hears of those alone, and
 * of those nobody else does. */
static bool may_ask(const struct upstream *upstreams, size_t count, const struct upstream *upstream,
                    const char *name_fold)
{
    bool is_kept = false;

    for (size_t i = 0; i < count; i++)
        is_kept |= upstreams[i].format == upstream->format && keeps_name(&upstreams[i], name_fold);
    return is_kept ? keeps_name(upstream, name_fold) : !upstream->names;
}

/* STATUS_OK where it has not got the name. */
static enum status ask(struct request *req, const struct upstream *upstream, const char *name,
                       const char *name_norm)
{
    struct mirror *mirror = req->service->mirror;
    const struct mirror_document *document = NULL;
    struct error why = {0};
    enum status rc;

    rc = mirror ? mirror_get_document(mirror, upstream, name, name_norm, &document, &why)
                : STATUS_UPSTREAM_AWAY;
    if (rc == STATUS_NOT_FOUND)
        return STATUS_OK;
    mirror_release_document(document);
    if (!rc)
        return owner_is_upstream(STATUS_FORBIDDEN, upstream->format, name, upstream->name, &req->error);
    return fail(&req->error, STATUS_UPSTREAM_AWAY, "name-not-known",
                "nobody here owns %.150s yet, and the upstream %s cannot say whether it has that name: "
                "try again later, or have an administrator publish it first or claim it",
                name, upstream->name);
}

enum status publish_check_name(struct request *req, enum format format, const char *name,
                               const char *name_norm)
{
    struct catalog *catalog = req->service->catalog;
    const char *package = arena_format(req->arena, "%s:%s", format_name(format), name_norm);
    struct upstream *upstreams;
    struct owner owner;
    size_t count;
    enum status rc;

    if (access_allows(req->principal, req->repository, package, REPO_ADMIN))
        return STATUS_OK;
    if ((rc = catalog_list_upstreams(catalog, req->repository->org_id, NULL, SIZE_MAX, req->arena,
                                     &upstreams, &count, &req->error)) ||
        !count)
        return rc;
    rc = catalog_find_owner(catalog, req->repository->org_id, format, name_norm, req->arena, &owner,
                            &req->error);
    if (rc != STATUS_NOT_FOUND || !owner.name_fold)
        return rc;
    for (size_t i = 0; i < count; i++)
        if (upstreams[i].format == format && may_ask(upstreams, count, &upstreams[i], owner.name_fold) &&
            (rc = ask(req, &upstreams[i], name, name_norm)))
            return rc;
    return STATUS_OK;
}

static enum status find_home(struct request *req, enum format format, const char *name,
                             const char *name_norm, struct home *out)
{
    enum status rc = catalog_find_home(req->service->catalog, req->repository, format, name_norm,
                                       req->arena, out, &req->error);

    if (!rc && out->kind == HOME_UPSTREAM)
        return owner_is_upstream(STATUS_FORBIDDEN, format, name, out->upstreams->name, &req->error);
    return rc;
}

enum status publish_check_owner(struct request *req, enum format format, const char *name,
                                const char *name_norm)
{
    struct home home;

    return find_home(req, format, name, name_norm, &home);
}

enum status publish_no_package(struct request *req, enum format format, const char *name,
                               const char *name_norm)
{
    struct home home;
    enum status rc;

    if ((rc = find_home(req, format, name, name_norm, &home)))
        return rc;
    if (home.kind == HOME_LOCAL && home.repository.id != req->repository->id)
        return fail(&req->error, STATUS_FORBIDDEN, "kept-elsewhere",
                    "%.214s is kept in the repository %s: change it there", name, home.repository.name);
    return request_no_package(req);
}

#include "server/admin/admin.h"
#include "server/admin/exchange.h"

#include "storage/catalog/owner.h"
#include "storage/catalog/package.h"
#include "storage/memory/arena.h"

#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 1000 };

/* The names of one format that are the org's own, as the caller may know them. */
struct own_names {
    struct request *req;
    enum format format;
    struct claim *claims; /* those that are shown: a name that one of them covers is not listed beside it */
    size_t claim_count;
    const char **names;
    size_t count;
    bool has_more;
    struct arena *scratch; /* of one name */
};

static bool may_read(const struct own_names *own, const char *name, struct arena *arena)
{
    const struct request *req = own->req;

    return access_allows(req->principal, req->repository,
                         arena_format(arena, "%s:%s", format_name(own->format), name), REPO_READ);
}

/* A pattern tells of names that nobody has published yet: it is for those who may read what it covers, and
 * for nobody without a token. */
static enum status find_claims(struct own_names *own)
{
    struct request *req = own->req;
    struct claim *claims;
    size_t count;
    enum status rc;

    if (!req->principal->account_id)
        return STATUS_OK;
    if ((rc = catalog_list_claims(req->service->catalog, req->repository->org_id, req->arena, &claims, &count,
                                  &req->error)))
        return rc;
    own->claims = claims;
    for (size_t i = 0; i < count; i++) {
        struct claim claim = claims[i];

        if (claim.format && claim.format != own->format)
            continue;
        claim.pattern = claim_fold(own->format, claim.pattern, req->arena);
        if (may_read(own, claim.pattern, req->arena))
            own->claims[own->claim_count++] = claim;
    }
    return STATUS_OK;
}

static bool is_covered(const struct own_names *own, const char *name_fold)
{
    for (size_t i = 0; i < own->claim_count; i++)
        if (claim_covers(&own->claims[i], own->format, name_fold))
            return true;
    return false;
}

/* A name that is kept here may have been given to an upstream. */
static enum status is_own(struct own_names *own, const struct package *package, bool *out, struct error *err)
{
    struct request *req = own->req;
    const char *name_fold;
    struct owner owner;
    enum status rc;

    *out = false;
    if (!owner_fold_name(own->format, package->name_norm, own->scratch, &name_fold) ||
        is_covered(own, name_fold) || !may_read(own, package->name_norm, own->scratch))
        return STATUS_OK;
    rc = catalog_find_owner(req->service->catalog, req->repository->org_id, own->format, package->name_norm,
                            own->scratch, &owner, err);
    *out = !rc && !owner.upstream;
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

static enum status visit(void *context, const struct source *source, const struct package *package,
                         struct error *err)
{
    struct own_names *own = context;
    bool is_wanted;
    enum status rc = is_own(own, package, &is_wanted, err);

    (void)source;
    arena_reset(own->scratch);
    if (rc || !is_wanted)
        return rc;
    if ((own->has_more = own->count == NAMES_MAX))
        return STATUS_TOO_LARGE;
    own->names[own->count++] = arena_copy(own->req->arena, package->name_norm);
    return STATUS_OK;
}

static enum status find_names(struct own_names *own)
{
    struct request *req = own->req;
    enum status rc;

    own->scratch = arena_new();
    own->names = arena_array(req->arena, NAMES_MAX, sizeof *own->names);
    rc = catalog_walk_names(req->service->catalog, req->repository, own->format, false, visit, own,
                            &req->error);
    arena_free(own->scratch);
    return own->has_more ? STATUS_OK : rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum status admin_list_own_names(struct request *req, struct response *res)
{
    const char *format = request_query(req, "format"), *patterns = request_query(req, "patterns");
    struct own_names own = {.req = req, .format = format ? admin_format(format) : 0};
    struct strbuf out;
    enum status rc;

    if (!own.format)
        return admin_invalid(req, "format", "\"npm\" or \"pypi\"");
    if (patterns && strcmp(patterns, "no"))
        return admin_invalid(req, "patterns", "\"no\", or left out");
    if ((!patterns && (rc = find_claims(&own))) || (rc = find_names(&own)))
        return rc;
    qsort(own.names, own.count, sizeof *own.names, by_name);
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "patterns", '[');
    for (size_t i = 0; i < own.claim_count; i++)
        write_text(&out, NULL, own.claims[i].pattern);
    write_close(&out, ']');
    write_open(&out, "names", '[');
    for (size_t i = 0; i < own.count; i++)
        if (!i || strcmp(own.names[i - 1], own.names[i]))
            write_text(&out, NULL, own.names[i]);
    write_close(&out, ']');
    write_bool(&out, "more", own.has_more);
    write_close(&out, '}');
    return admin_respond(req, res, 200, &out);
}

#include "server/admin/admin.h"
#include "server/admin/exchange.h"

#include "storage/catalog/account.h"
#include "storage/memory/arena.h"

#include <stdio.h>
#include <string.h>

static void write_grant(struct strbuf *out, const struct grant *grant)
{
    write_open(out, NULL, '{');
    write_int(out, "id", grant->id);
    write_text(out, "subject", grant->subject);
    write_text(out, "role", grant->role);
    write_actions(out, "actions", grant->actions);
    write_text(out, "repository", grant->repository);
    write_text(out, "package", grant->package);
    write_text(out, "effect", grant->effect == GRANT_DENY ? "deny" : "allow");
    write_close(out, '}');
}

/* The org that a glob stays in; NULL where it spans orgs. */
static const char *org_of(struct request *req, const char *glob)
{
    size_t length = strcspn(glob, "/");
    const char *org = arena_copy_bytes(req->arena, glob, length);

    return glob[length] && !strchr(org, '*') ? org : NULL;
}

/* Grants within an org are its administrators'; those that span orgs are the instance owner's. */
static enum status check_glob(struct request *req, const char *glob)
{
    const char *org = org_of(req, glob);

    if (org)
        return gate_check_org(req, org, ORG_ADMIN);
    if (access_allows_instance(req->principal))
        return STATUS_OK;
    return fail(&req->error, STATUS_FORBIDDEN, "",
                "only the owner of the instance may grant on more than one org");
}

static bool is_pattern(const char *glob)
{
    return strchr(glob, '*') != NULL;
}

/* "org/repo" with stars; one that names a repository must name one that is there, for a slip of the
 * pen would grant nothing without a word. */
static enum status check_repository_glob(struct request *req, const char *glob)
{
    const char *slash = strchr(glob, '/');
    struct repository repository;
    enum status rc;

    if (strcmp(glob, "**") && (!slash || slash == glob || !slash[1]))
        return admin_invalid(req, "repository", "ORG/NAME, ORG/* or ORG/**, not \"%s\"", glob);
    if ((rc = check_glob(req, glob)))
        return rc;
    return is_pattern(glob) ? STATUS_OK : admin_find_visible(req, glob, &repository);
}

static enum status read_grant(struct request *req, const struct json *body, struct grant *out)
{
    const char *effect = "allow";
    enum status rc;

    *out = (struct grant){.package = "**", .effect = GRANT_ALLOW};
    if ((rc = admin_need_text(req, body, "subject", &out->subject)) ||
        (rc = admin_need_text(req, body, "repository", &out->repository)) ||
        (rc = admin_get_text(req, body, "package", &out->package)) ||
        (rc = admin_get_text(req, body, "effect", &effect)) ||
        (rc = admin_actions(req, body, &out->role, &out->actions)))
        return rc;
    if (!out->actions)
        return admin_invalid(req, "role", "a grant needs a role or actions");
    if (!*out->package)
        return admin_invalid(req, "package", "an empty pattern matches nothing");
    out->package = admin_package_glob(req, out->package);
    if (!strcmp(effect, "deny"))
        out->effect = GRANT_DENY;
    else if (strcmp(effect, "allow"))
        return admin_invalid(req, "effect", "\"allow\" or \"deny\", not \"%s\"", effect);
    return STATUS_OK;
}

enum status admin_add_grant(struct request *req, struct response *res)
{
    static const char *const members[] = {"subject", "repository", "package",
                                          "effect",  "role",       "actions"};
    struct catalog *catalog = req->service->catalog;
    struct actor actor = admin_actor(req);
    struct grant grant;
    struct strbuf out;
    struct json *body;
    enum status rc;

    if ((rc = admin_body(req, members, sizeof members / sizeof *members, &body)))
        goto done;
    if ((rc = read_grant(req, body, &grant)) || (rc = check_repository_glob(req, grant.repository)))
        goto done;
    rc = catalog_add_grant(catalog, &actor, &grant, &grant.id, &req->error);
    if ((rc = admin_about(req, "repository", rc)))
        goto done;
    if ((rc = catalog_find_grant(catalog, grant.id, req->arena, &grant, &req->error)))
        goto done;
    write_begin(&out, req);
    write_grant(&out, &grant);
    response_header_format(req, res, "Location", "/api/v1/grants/%lld", (long long)grant.id);
    rc = admin_respond(req, res, 201, &out);
done:
    json_free(body);
    return rc;
}

enum status admin_list_grants(struct request *req, struct response *res)
{
    const char *org = request_query(req, "org");
    struct grant *grants;
    struct page page;
    struct strbuf out;
    size_t count;
    enum status rc;

    if (org && (rc = gate_check_org(req, org, ORG_ADMIN)))
        return rc;
    if (!org && !access_allows_instance(req->principal))
        return fail(&req->error, STATUS_FORBIDDEN, "",
                    "only the owner of the instance may list all grants: ask with ?org=");
    if ((rc = admin_page(req, true, &page)))
        return rc;
    if ((rc = catalog_list_grants(req->service->catalog, org, page.id, page.limit + 1, req->arena,
                                  &grants, &count, &req->error)))
        return rc;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "items", '[');
    for (size_t i = 0; i < count && i < page.limit; i++)
        write_grant(&out, &grants[i]);
    write_next(&out, count > page.limit
                         ? arena_format(req->arena, "%lld", (long long)grants[page.limit - 1].id)
                         : NULL);
    return admin_respond(req, res, 200, &out);
}

enum status admin_remove_grant(struct request *req, struct response *res)
{
    struct catalog *catalog = req->service->catalog;
    struct actor actor = admin_actor(req);
    struct grant grant;
    int64_t id;
    enum status rc;

    if ((rc = admin_path_id(req, &id)))
        return rc;
    rc = catalog_find_grant(catalog, id, req->arena, &grant, &req->error);
    if (rc && rc != STATUS_NOT_FOUND)
        return rc;
    if (rc || check_glob(req, grant.repository)) /* whose grant it is, is nobody else's business */
        return fail(&req->error, STATUS_NOT_FOUND, "", "there is no grant %lld", (long long)id);
    if ((rc = catalog_remove_grant(catalog, &actor, id, &req->error)))
        return rc;
    return respond_empty(req, res, 204);
}

#include "server/admin/admin.h"
#include "server/admin/exchange.h"

#include "storage/catalog/quota.h"
#include "storage/memory/arena.h"

#include <stdio.h>
#include <string.h>

static void write_org(struct strbuf *out, const struct org *org)
{
    write_open(out, NULL, '{');
    write_text(out, "name", org->name);
    write_time(out, "created_at", org->created_us);
    write_close(out, '}');
}

/* What it keeps, too: for those who administer it. */
static void write_org_usage(struct strbuf *out, const struct org *org, const struct quota *quota)
{
    write_open(out, NULL, '{');
    write_text(out, "name", org->name);
    write_time(out, "created_at", org->created_us);
    write_int(out, "bytes", quota->used);
    write_int(out, "files", quota->files);
    write_int(out, "quota", quota->limit);
    write_close(out, '}');
}

/* Where clients find it, whatever address this request came to. */
static void write_urls(struct strbuf *out, const struct request *req,
                       const struct repository *repository)
{
    const char *base = req->service->public_url ? req->service->public_url : "";
    const char *org = repository->org, *name = repository->name;

    write_open(out, "urls", '{');
    write_text(out, "npm", arena_format(req->arena, "%s/npm/%s/%s/", base, org, name));
    write_text(out, "pypi", arena_format(req->arena, "%s/pypi/%s/%s/simple/", base, org, name));
    write_text(out, "artifacts", arena_format(req->arena, "%s/artifacts/%s/%s/", base, org, name));
    write_close(out, '}');
}

static void write_repository(struct strbuf *out, const struct request *req,
                             const struct repository *repository)
{
    write_open(out, NULL, '{');
    write_text(out, "org", repository->org);
    write_text(out, "name", repository->name);
    write_text(out, "anonymous", repository->anonymous_read ? "read" : "none");
    write_urls(out, req, repository);
    write_close(out, '}');
}

/* The org as the caller may know it. */
static enum status find_org(struct request *req, const char *name, struct org *out)
{
    enum status rc = catalog_find_org(req->service->catalog, name, req->arena, out, &req->error);

    if (rc == STATUS_NOT_FOUND || rc == STATUS_INVALID ||
        (!rc && !access_sees_org(req->principal, name)))
        return gate_no_org(req, name);
    return rc;
}

enum status admin_create_org(struct request *req, struct response *res)
{
    static const char *const members[] = {"name"};
    struct actor actor = admin_actor(req);
    struct strbuf out;
    struct json *body;
    struct org org;
    enum status rc;

    if ((rc = admin_body(req, members, 1, &body)))
        goto done;
    if ((rc = admin_need_text(req, body, "name", &org.name)))
        goto done;
    rc = catalog_create_org(req->service->catalog, &actor, org.name, &org.id, &req->error);
    if ((rc = admin_about(req, "name", rc)))
        goto done;
    if ((rc = find_org(req, org.name, &org)))
        goto done;
    write_begin(&out, req);
    write_org(&out, &org);
    response_header_format(req, res, "Location", "/api/v1/orgs/%s/repositories", org.name);
    rc = admin_respond(req, res, 201, &out);
done:
    json_free(body);
    return rc;
}

/* Pages are filled with what the caller may see, so that neither a short page nor a cursor tells of
 * what he may not. */
enum status admin_list_orgs(struct request *req, struct response *res)
{
    const char *last = NULL, *next = NULL;
    struct page page;
    struct strbuf out;
    struct org *orgs;
    size_t listed = 0, count;
    enum status rc;

    if ((rc = admin_page(req, false, &page)))
        return rc;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "items", '[');
    do {
        if ((rc = catalog_list_orgs(req->service->catalog, page.after, PAGE_MAX, req->arena, &orgs,
                                    &count, &req->error)))
            return rc;
        for (size_t i = 0; i < count && !next; i++) {
            page.after = orgs[i].name;
            if (!access_sees_org(req->principal, orgs[i].name))
                continue;
            if (listed++ == page.limit) {
                next = last;
            } else {
                write_org(&out, &orgs[i]);
                last = orgs[i].name;
            }
        }
    } while (count == PAGE_MAX && !next);
    write_next(&out, next);
    return admin_respond(req, res, 200, &out);
}

/* "none" or "read", as the member says; absent leaves *out as it was. */
static enum status read_anonymous(struct request *req, const struct json *body, bool *out)
{
    const char *text = NULL;
    enum status rc;

    if ((rc = admin_get_text(req, body, "anonymous", &text)) || !text)
        return rc;
    *out = !strcmp(text, "read");
    if (!*out && strcmp(text, "none"))
        return admin_invalid(req, "anonymous", "\"none\" or \"read\", not \"%s\"", text);
    return STATUS_OK;
}

static enum status respond_repository(struct request *req, struct response *res, int code,
                                      const struct repository *repository)
{
    struct strbuf out;

    write_begin(&out, req);
    write_repository(&out, req, repository);
    return admin_respond(req, res, code, &out);
}

enum status admin_create_repository(struct request *req, struct response *res)
{
    static const char *const members[] = {"name", "anonymous"};
    struct repository repository = {0};
    struct actor actor = admin_actor(req);
    struct json *body;
    struct org org;
    enum status rc;

    if ((rc = admin_body(req, members, 2, &body)))
        goto done;
    if ((rc = find_org(req, request_param(req, "org"), &org)))
        goto done;
    repository.org = org.name;
    if ((rc = admin_need_text(req, body, "name", &repository.name)) ||
        (rc = read_anonymous(req, body, &repository.anonymous_read)))
        goto done;
    rc = catalog_create_repository(req->service->catalog, &actor, org.name, repository.name,
                                   repository.anonymous_read, &repository.id, &req->error);
    if ((rc = admin_about(req, "name", rc)))
        goto done;
    response_header_format(req, res, "Location", "/api/v1/orgs/%s/repositories/%s", org.name,
                           repository.name);
    rc = respond_repository(req, res, 201, &repository);
done:
    json_free(body);
    return rc;
}

enum status admin_list_repositories(struct request *req, struct response *res)
{
    const char *last = NULL, *next = NULL;
    struct repository *repositories;
    struct page page;
    struct strbuf out;
    struct org org;
    size_t listed = 0, count;
    enum status rc;

    if ((rc = find_org(req, request_param(req, "org"), &org)) ||
        (rc = admin_page(req, false, &page)))
        return rc;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "items", '[');
    do {
        if ((rc = catalog_list_repositories(req->service->catalog, org.id, page.after, PAGE_MAX,
                                            req->arena, &repositories, &count, &req->error)))
            return rc;
        for (size_t i = 0; i < count && !next; i++) {
            page.after = repositories[i].name;
            if (!access_sees(req->principal, &repositories[i]))
                continue;
            if (listed++ == page.limit) {
                next = last;
            } else {
                write_repository(&out, req, &repositories[i]);
                last = repositories[i].name;
            }
        }
    } while (count == PAGE_MAX && !next);
    write_next(&out, next);
    return admin_respond(req, res, 200, &out);
}

enum status admin_get_repository(struct request *req, struct response *res)
{
    return respond_repository(req, res, 200, req->repository);
}

enum status admin_set_repository(struct request *req, struct response *res)
{
    static const char *const members[] = {"anonymous"};
    struct repository repository = *req->repository;
    struct actor actor = admin_actor(req);
    struct json *body;
    enum status rc;

    if ((rc = admin_body(req, members, 1, &body)))
        goto done;
    if ((rc = read_anonymous(req, body, &repository.anonymous_read)))
        goto done;
    if (repository.anonymous_read != req->repository->anonymous_read &&
        (rc = catalog_set_anonymous_read(req->service->catalog, &actor, req->repository,
                                         repository.anonymous_read, &req->error)))
        goto done;
    rc = respond_repository(req, res, 200, &repository);
done:
    json_free(body);
    return rc;
}

static enum status respond_org(struct request *req, struct response *res, const struct org *org)
{
    struct quota quota;
    struct strbuf out;
    enum status rc;

    if ((rc = catalog_find_quota(req->service->catalog, org->id, &quota, &req->error)))
        return rc;
    write_begin(&out, req);
    write_org_usage(&out, org, &quota);
    return admin_respond(req, res, 200, &out);
}

enum status admin_get_org(struct request *req, struct response *res)
{
    struct org org;
    enum status rc;

    if ((rc = find_org(req, request_param(req, "org"), &org)))
        return rc;
    return respond_org(req, res, &org);
}

enum status admin_set_org(struct request *req, struct response *res)
{
    static const char *const members[] = {"quota"};
    struct actor actor = admin_actor(req);
    int64_t limit = -1;
    struct json *body;
    struct org org;
    enum status rc;

    if (!(rc = admin_body(req, members, 1, &body)) &&
        !(rc = find_org(req, request_param(req, "org"), &org)) &&
        !(rc = admin_get_int(req, body, "quota", &limit)) &&
        !(rc = admin_about(req, "quota", catalog_set_quota(req->service->catalog, &actor, &org, limit,
                                                           &req->error))))
        rc = respond_org(req, res, &org);
    json_free(body);
    return rc;
}

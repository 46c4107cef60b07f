#include "server/admin/admin.h"
#include "server/admin/exchange.h"

#include "storage/catalog/upstream.h"

/* The :repo of the path: the gate has looked at the org alone. */
static enum status find(struct request *req, struct repository *out)
{
    return admin_repository(req, request_param(req, "repo"), out);
}

static enum status respond_sources(struct request *req, struct response *res, int code,
                                   const struct repository *repository)
{
    struct source *sources;
    struct strbuf out;
    size_t count;
    enum status rc;

    if ((rc = catalog_list_sources(req->service->catalog, repository, req->arena, &sources, &count,
                                   &req->error)))
        return rc;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "items", '[');
    for (size_t i = 0; i < count; i++) {
        write_open(&out, NULL, '{');
        write_text(&out, "name", sources[i].name);
        write_text(&out, "kind", sources[i].is_upstream ? "upstream" : "repository");
        write_close(&out, '}');
    }
    write_next(&out, NULL);
    return admin_respond(req, res, code, &out);
}

enum status admin_list_sources(struct request *req, struct response *res)
{
    struct repository repository;
    enum status rc;

    if ((rc = find(req, &repository)))
        return rc;
    return respond_sources(req, res, 200, &repository);
}

enum status admin_add_source(struct request *req, struct response *res)
{
    static const char *const members[] = {"name"};
    struct actor actor = admin_actor(req);
    struct repository repository;
    const char *name;
    struct json *body;
    enum status rc;

    if ((rc = admin_body(req, members, 1, &body)) || (rc = find(req, &repository)) ||
        (rc = admin_need_text(req, body, "name", &name)))
        goto done;
    rc = catalog_add_source(req->service->catalog, &actor, &repository, name, &req->error);
    if ((rc = admin_about(req, "name", rc)))
        goto done;
    rc = respond_sources(req, res, 201, &repository);
done:
    json_free(body);
    return rc;
}

enum status admin_remove_source(struct request *req, struct response *res)
{
    struct actor actor = admin_actor(req);
    struct repository repository;
    enum status rc;

    if ((rc = find(req, &repository)) ||
        (rc = catalog_remove_source(req->service->catalog, &actor, &repository,
                                    request_param(req, "source"), &req->error)))
        return rc;
    return respond_empty(req, res, 204);
}

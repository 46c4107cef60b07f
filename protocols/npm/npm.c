/* The npm registry, as npm, pnpm, Yarn, bun and deno speak it. */
#include "protocols/http/response.h"
#include "protocols/http/route.h"
#include "protocols/npm/dist_tag.h"
#include "protocols/npm/name.h"
#include "protocols/npm/packument.h"
#include "protocols/npm/publish.h"
#include "storage/catalog/access.h"
#include "storage/catalog/package.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static enum status get_ping(struct request *req, struct response *res)
{
    response_header(req, res, "Cache-Control", "no-store");
    return respond_text(req, res, 200, "application/json", "{}");
}

static enum status get_whoami(struct request *req, struct response *res)
{
    struct strbuf body;

    strbuf_init(&body, req->arena, 4096);
    strbuf_text(&body, "{\"username\":");
    strbuf_json(&body, req->principal->name);
    strbuf_char(&body, '}');
    response_header(req, res, "Cache-Control", "no-store");
    return respond_strbuf(req, res, 200, "application/json", &body);
}

/* Clients ask for what a registry may not have, and go on after a 404. */
static enum status refuse_unknown(struct request *req, struct response *res)
{
    (void)res;
    return fail(&req->error, STATUS_NOT_FOUND, "", "this registry does not offer /-/%.200s",
                request_param(req, "rest"));
}

/* A package that is not there looks like one that is not for these eyes. */
static enum status no_tarball(struct request *req, const char *name, const char *file)
{
    struct package package;
    enum status rc = catalog_find_package(req->service->catalog, req->repository, FORMAT_NPM, name,
                                          req->arena, &package, &req->error);

    if (rc == STATUS_NOT_FOUND)
        return request_no_package(req);
    return rc ? rc : fail(&req->error, STATUS_NOT_FOUND, "", "tarball not found: %.300s", file);
}

static enum status get_tarball(struct request *req, struct response *res)
{
    const char *name = request_param(req, "package");
    const char *asked = request_param(req, "file");
    const char *file = npm_name_base(asked); /* old lockfiles repeat the scope */
    const char *version = NULL;
    struct stored_file stored;
    enum status rc;

    if (file == asked || (file - asked == npm_name_base(name) - name &&
                          !strncmp(asked, name, (size_t)(file - asked))))
        version = npm_tarball_version(name, file, req->arena);
    rc = version ? catalog_find_file(req->service->catalog, req->repository, FORMAT_NPM, name,
                                     npm_tarball_name(name, version, req->arena), req->arena,
                                     &stored, &req->error)
                 : STATUS_NOT_FOUND;
    if (rc == STATUS_NOT_FOUND)
        return no_tarball(req, name, asked);
    return rc ? rc : respond_file(req, res, &stored, "application/octet-stream");
}

/* Nobody's package has such a name, so nobody is told more than that. */
static const char *readable_name(struct arena *arena, const char *package)
{
    (void)arena;
    return npm_name_is_readable(package) ? package : NULL;
}

enum { UNKNOWN_BODY_MAX = 64 << 20 }; /* audits of large trees are read, and answered with 404 */

static const struct route routes[] = {
    {METHOD_GET,    "/:package",                          MAY_READ,    0,                 npm_get_packument, NULL             },
    {METHOD_PUT,    "/:package",                          MAY_PUBLISH, 0,                 npm_put_package,   npm_publish_limit},
    {METHOD_GET,    "/:package/:version",                 MAY_READ,    0,                 npm_get_version,   NULL             },
    {METHOD_GET,    "/:package/-/:file",                  MAY_READ,    0,                 get_tarball,       NULL             },
    {METHOD_GET,    "/-/package/:package/dist-tags",      MAY_READ,    0,                 npm_get_tags,      NULL             },
    {METHOD_PUT,    "/-/package/:package/dist-tags",      MAY_TAG,     NPM_TAGS_BODY_MAX, npm_put_tags,      NULL             },
    {METHOD_POST,   "/-/package/:package/dist-tags",      MAY_TAG,     NPM_TAGS_BODY_MAX, npm_put_tags,      NULL             },
    {METHOD_PUT,    "/-/package/:package/dist-tags/:tag", MAY_TAG,     NPM_TAG_BODY_MAX,  npm_put_tag,
     NULL                                                                                                                     },
    {METHOD_DELETE, "/-/package/:package/dist-tags/:tag", MAY_TAG,     0,                 npm_delete_tag,    NULL             },
    {METHOD_GET,    "/-/ping",                            ANYONE,      0,                 get_ping,          NULL             },
    {METHOD_GET,    "/-/whoami",                          SIGNED_IN,   0,                 get_whoami,        NULL             },
    {METHOD_GET,    "/-/*rest",                           MAY_READ,    0,                 refuse_unknown,    NULL             },
    {METHOD_PUT,    "/-/*rest",                           MAY_READ,    UNKNOWN_BODY_MAX,  refuse_unknown,    NULL             },
    {METHOD_POST,   "/-/*rest",                           MAY_READ,    UNKNOWN_BODY_MAX,  refuse_unknown,    NULL             },
    {METHOD_DELETE, "/-/*rest",                           MAY_READ,    UNKNOWN_BODY_MAX,  refuse_unknown,    NULL             },
};

const struct mount npm_mount = {
    .prefix = "/npm/:org/:repo",
    .name = "npm",
    .format = "npm",
    .routes = routes,
    .count = COUNT(routes),
    .joins_scopes = true,
    .bodies_are_base64 = true,
    .reads_refused_body = true,
    .challenge = CHALLENGE_NONE,
    .normalize_package = readable_name,
};

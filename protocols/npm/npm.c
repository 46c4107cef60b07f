/* The npm registry, as npm, pnpm, Yarn, bun and deno speak it. */
#include "protocols/http/file_verdict.h"
#include "protocols/http/package_document.h"
#include "protocols/http/response.h"
#include "protocols/http/route.h"
#include "protocols/npm/advisories.h"
#include "protocols/npm/dist_tag.h"
#include "protocols/npm/keys.h"
#include "protocols/npm/name.h"
#include "protocols/npm/packument.h"
#include "protocols/npm/publish.h"
#include "protocols/npm/trust.h"
#include "protocols/npm/upstream.h"
#include "protocols/npm/unpublish.h"
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

/* The version in a tarball's name, in whatever way the path spells it; NULL where it is not ours.
 */
static const char *asked_version(struct request *req, const char *name, const char *asked)
{
    const char *file = npm_name_base(asked); /* old lockfiles repeat the scope */
    bool agrees = file == asked || (file - asked == npm_name_base(name) - name &&
                                    !strncmp(asked, name, (size_t)(file - asked)));

    return agrees ? npm_tarball_version(name, file, req->arena) : NULL;
}

static enum status get_local_tarball(struct request *req, struct response *res,
                                     const struct repository *repository, const char *name,
                                     const char *file)
{
    const struct verdict_subject subject = {
        .how = &npm_verdict_format, .repository = repository, .name = name, .name_norm = name};
    struct stored_file stored;
    enum status rc = file ? catalog_find_file(req->service->catalog, repository, FORMAT_NPM, name,
                                              file, req->arena, &stored, &req->error)
                          : STATUS_NOT_FOUND;

    if (rc || (rc = verdict_check_file(req, &subject, file, NULL)))
        return rc;
    return respond_file(req, res, &stored, "application/octet-stream");
}

/* What is kept is answered without looking at the package's document. */
static enum status get_at_home(struct request *req, struct response *res, const char *asked,
                               const char *version, bool *is_known)
{
    const char *name = request_param(req, "package");
    const char *file = version ? npm_tarball_name(name, version, req->arena) : NULL;
    const struct mirror_document *document = NULL;
    struct home home;
    enum status rc;

    *is_known = true;
    if ((rc = catalog_find_home(req->service->catalog, req->repository, FORMAT_NPM, name,
                                req->arena, &home, &req->error)))
        return rc;
    if (home.kind == HOME_LOCAL)
        return get_local_tarball(req, res, &home.repository, name, file);
    if (home.kind == HOME_UPSTREAM && file &&
        (rc = npm_respond_kept_tarball(req, res, home.upstreams, name, file)) != STATUS_NOT_FOUND)
        return rc;
    if ((rc = package_document_home(req, FORMAT_NPM, name, name, &home, &document)))
        goto done;
    if (home.kind == HOME_LOCAL)
        rc = get_local_tarball(req, res, &home.repository, name, file);
    else if (home.kind == HOME_UPSTREAM)
        rc = npm_respond_listed_tarball(req, res, home.upstreams, document, name,
                                        npm_name_base(asked), version);
    else
        *is_known = false;
done:
    if (document)
        mirror_release_document(document);
    if (rc == STATUS_NOT_FOUND && !document && home.kind != HOME_LOCAL)
        *is_known = false;
    return *is_known ? rc : STATUS_NOT_FOUND;
}

/* A package that is not there looks like one that is not for these eyes. */
static enum status get_tarball(struct request *req, struct response *res)
{
    const char *asked = request_param(req, "file");
    bool is_known;
    enum status rc = get_at_home(
        req, res, asked, asked_version(req, request_param(req, "package"), asked), &is_known);

    if (rc != STATUS_NOT_FOUND)
        return rc;
    return is_known ? fail(&req->error, STATUS_NOT_FOUND, "", "tarball not found: %.300s", asked)
                    : request_no_package(req);
}

/* Nobody's package has such a name, so nobody is told more than that. */
static const char *readable_name(struct arena *arena, const char *package)
{
    (void)arena;
    return npm_name_is_readable(package) ? package : NULL;
}

enum { UNKNOWN_BODY_MAX = 64 << 20 }; /* audits of large trees are read, and answered with 404 */

static const struct route routes[] = {
    {METHOD_GET,    "/:package",                                               MAY_READ,    0,                 npm_get_packument,    NULL             },
    {METHOD_PUT,    "/:package",                                               MAY_PUBLISH, 0,                 npm_put_package,      npm_publish_limit},
    {METHOD_GET,    "/:package/:version",                                      MAY_READ,    0,                 npm_get_version,      NULL             },
    {METHOD_GET,    "/:package/-/:file",                                       MAY_READ,    0,                 get_tarball,          NULL             },
    {METHOD_GET,    "/-/package/:package/dist-tags",                           MAY_READ,    0,                 npm_get_tags,         NULL             },
    {METHOD_PUT,    "/-/package/:package/dist-tags",                           MAY_TAG,     NPM_TAGS_BODY_MAX, npm_put_tags,         NULL             },
    {METHOD_POST,   "/-/package/:package/dist-tags",                           MAY_TAG,     NPM_TAGS_BODY_MAX, npm_put_tags,         NULL             },
    {METHOD_PUT,    "/-/package/:package/dist-tags/:tag",                      MAY_TAG,     NPM_TAG_BODY_MAX,  npm_put_tag,
     NULL                                                                                                                                             },
    {METHOD_DELETE, "/-/package/:package/dist-tags/:tag",                      MAY_TAG,     0,                 npm_delete_tag,       NULL             },
    {METHOD_PUT,    "/:package/-rev/:rev",                MAY_DELETE,  0,                 npm_put_revision,  npm_publish_limit},
    {METHOD_DELETE, "/:package/-rev/:rev",                MAY_DELETE,  0,                 npm_delete_package, NULL            },
    {METHOD_DELETE, "/:package/-/:file/-rev/:rev",        MAY_DELETE,  0,                 npm_delete_tarball, NULL            },
    {METHOD_GET,    "/-/ping",                                                 ANYONE,      0,                 get_ping,             NULL             },
    {METHOD_GET,    "/-/whoami",                                               SIGNED_IN,   0,                 get_whoami,           NULL             },
    {METHOD_POST,   "/-/npm/v1/security/advisories/bulk",                      MAY_READ,    0,                 npm_post_advisories,
     npm_audit_limit                                                                                                                                  },
    {METHOD_POST,   "/-/npm/v1/security/audits",                               MAY_READ,    0,                 npm_post_audit,       npm_audit_limit  },
    {METHOD_POST,   "/-/npm/v1/security/audits/quick",                         MAY_READ,    0,                 npm_post_audit,       npm_audit_limit  },
    {METHOD_GET,    "/-/npm/v1/keys",                                          MAY_READ,    0,                 npm_get_keys,         NULL             },
    {METHOD_GET,    "/-/npm/v1/attestations/:package",                            MAY_READ,    0,                 npm_get_attestations, NULL             },
 /* npm 10 appends the path of the URL to the registry's: 2.1. */
    {METHOD_GET,    "/npm/:org_again/:repo_again/-/npm/v1/attestations/:package", MAY_READ,    0,
     npm_get_attestations_again,                                                                                                     NULL             },
    {METHOD_GET,    "/-/*rest",                                                MAY_READ,    0,                 refuse_unknown,       NULL             },
    {METHOD_PUT,    "/-/*rest",                                                MAY_READ,    UNKNOWN_BODY_MAX,  refuse_unknown,       NULL             },
    {METHOD_POST,   "/-/*rest",                                                MAY_READ,    UNKNOWN_BODY_MAX,  refuse_unknown,       NULL             },
    {METHOD_DELETE, "/-/*rest",                                                MAY_READ,    UNKNOWN_BODY_MAX,  refuse_unknown,       NULL             },
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

#include "protocols/npm/packument.h"

#include "protocols/http/package_document.h"
#include "protocols/npm/local.h"
#include "protocols/npm/update_check.h"
#include "protocols/npm/upstream.h"
#include "storage/catalog/access.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <stdio.h>
#include <string.h>

static const char ABBREVIATED_TYPE[] = "application/vnd.npm.install-v1+json";

/* A packument in the making. */
struct rendering {
    struct request *req;
    struct npm_local_form how;
    struct verdict_effect effect;
};

/* The document is to be changed and sent back. */
static bool asks_to_write(struct request *req)
{
    const char *write = request_query(req, "write");

    return write && !strcmp(write, "true");
}

/* What is missing in what comes back is taken for removed, so that those who may change the package
 * are shown what policy holds back as well: 8.2. */
static bool may_write(struct request *req, const char *name)
{
    const char *subject = arena_format(req->arena, "npm:%s", name);

    return access_allows(req->principal, req->repository, subject, PKG_DELETE) ||
           access_allows(req->principal, req->repository, subject, PKG_DEPRECATE) ||
           access_allows(req->principal, req->repository, subject, PKG_PUBLISH);
}

/* 5.3: abbreviated only where it is liked better than anything else. */
static enum npm_form asked_form(struct request *req)
{
    static const char *const offers[] = {"application/json", ABBREVIATED_TYPE};

    if (asks_to_write(req))
        return NPM_FULL;
    return request_accept(req, offers, 2) == 1 ? NPM_ABBREVIATED : NPM_FULL;
}

static enum status render_upstream(void *context, const struct upstream *upstream,
                                   const struct mirror_document *document, struct strbuf *out,
                                   int64_t *modified_us, struct error *err)
{
    struct rendering *rendering = context;
    const struct npm_local_form *how = &rendering->how;

    return npm_upstream_render(rendering->req, upstream, document, how->name, how->form,
                               how->with_restrictions, out, modified_us, &rendering->effect, err);
}

static enum status render_local(void *context, const struct repository *repository,
                                struct strbuf *out, int64_t *modified_us, struct error *err)
{
    struct rendering *rendering = context;

    return npm_local_render(rendering->req, repository, &rendering->how, out, modified_us,
                            &rendering->effect, err);
}

/* `npm publish` looks first which versions there are. That must not make an upstream the owner of a
 * name which is about to become the org's; whether it may is decided by the publish. */
static bool is_look_before_publish(struct request *req, const char *name)
{
    const char *command = request_header(req, "npm-command");
    struct home home;

    return command && !strcmp(command, "publish") &&
           !catalog_find_home(req->service->catalog, req->repository, FORMAT_NPM, name, req->arena,
                              &home, NULL) &&
           home.kind == HOME_UNOWNED;
}

/* npm before 10.9 may choose a version that it is told is restricted: C6. */
static bool misreads_restrictions(struct request *req)
{
    const char *agent = request_header(req, "User-Agent");
    int major, minor;

    return agent && sscanf(agent, "npm/%d.%d", &major, &minor) == 2 &&
           (major < 10 || (major == 10 && minor < 9));
}

static int kind_of(const struct npm_local_form *how)
{
    if (how->is_for_writing)
        return DOCUMENT_NPM_FULL_FOR_WRITING;
    if (how->with_restrictions)
        return how->form == NPM_FULL ? DOCUMENT_NPM_FULL : DOCUMENT_NPM_ABBREVIATED;
    return how->form == NPM_FULL ? DOCUMENT_NPM_FULL_PLAIN : DOCUMENT_NPM_ABBREVIATED_PLAIN;
}

enum status npm_get_packument(struct request *req, struct response *res)
{
    const char *name = request_param(req, "package");
    struct rendering rendering = {
        .req = req,
        .how = {.name = name,
                .form = asked_form(req),
                .with_restrictions = !misreads_restrictions(req),
                .is_for_writing = asks_to_write(req) && may_write(req, name)}
    };
    const struct package_rendering made = {
        .req = req,
        .format = FORMAT_NPM,
        .kind = kind_of(&rendering.how),
        .verdicts = &npm_verdict_format,
        .effect = &rendering.effect,
        .name = name,
        .name_norm = name,
        .context = &rendering,
        .local = render_local,
        .upstream = render_upstream,
    };
    const struct document *document;
    enum home_kind home;
    enum status rc;

    if (npm_update_check_is_hopeless(req, name) || is_look_before_publish(req, name))
        return request_no_package(req);
    if ((rc = package_document_get(&made, res, &document, &home)))
        return rc == STATUS_NOT_FOUND || npm_update_check_may_fail(name, rc)
                   ? request_no_package(req)
                   : rc;
    return respond_document(req, res, document,
                            rendering.how.form == NPM_FULL ? "application/json" : ABBREVIATED_TYPE);
}

struct tags_rendering {
    struct request *req;
    const char *name;
    struct verdict_effect effect;
};

static enum status render_tags(void *context, const struct repository *repository,
                               struct strbuf *out, int64_t *modified_us, struct error *err)
{
    struct tags_rendering *rendering = context;

    return npm_local_render_tags(rendering->req, repository, rendering->name, out, modified_us,
                                 &rendering->effect, err);
}

static enum status render_upstream_tags(void *context, const struct upstream *upstream,
                                        const struct mirror_document *document, struct strbuf *out,
                                        int64_t *modified_us, struct error *err)
{
    struct tags_rendering *rendering = context;
    struct npm_upstream_packument packument;
    struct package_verdicts verdicts;
    enum status rc;

    if ((rc = npm_upstream_open(rendering->req, upstream, document, rendering->name, &packument,
                                &verdicts, err)))
        return rc;
    rendering->effect = verdicts.effect;
    npm_upstream_show_tags(&packument, out);
    *modified_us = npm_upstream_modified(&packument);
    return STATUS_OK;
}

enum status npm_get_tags(struct request *req, struct response *res)
{
    struct tags_rendering rendering = {.req = req, .name = request_param(req, "package")};
    const struct package_rendering made = {
        .req = req,
        .format = FORMAT_NPM,
        .kind = DOCUMENT_NPM_TAGS,
        .verdicts = &npm_verdict_format,
        .effect = &rendering.effect,
        .name = rendering.name,
        .name_norm = rendering.name,
        .context = &rendering,
        .local = render_tags,
        .upstream = render_upstream_tags,
    };
    const struct document *document;
    enum home_kind home;
    enum status rc;

    if ((rc = package_document_get(&made, res, &document, &home)))
        return rc == STATUS_NOT_FOUND ? request_no_package(req) : rc;
    return respond_document(req, res, document, "application/json");
}

enum status npm_get_version(struct request *req, struct response *res)
{
    const char *name = request_param(req, "package"), *wanted = request_param(req, "version");
    const struct mirror_document *document;
    struct home home;
    struct strbuf body;
    int64_t modified_us;
    enum status rc;

    if ((rc = package_document_home(req, FORMAT_NPM, name, name, &home, &document)))
        return rc == STATUS_NOT_FOUND ? request_no_package(req) : rc;
    strbuf_init(&body, req->arena, 2 * NPM_MANIFEST_MAX);
    if (home.kind == HOME_UPSTREAM)
        rc = npm_upstream_render_version(req, home.upstreams, document, name, wanted, &body,
                                         &modified_us, &req->error);
    else if (home.kind == HOME_LOCAL)
        rc = npm_local_render_version(req, &home.repository, name, wanted, &body, &modified_us);
    else
        rc = request_no_package(req);
    if (document)
        mirror_release_document(document);
    return rc ? rc
              : respond_document(req, res, document_new(body.data, body.length, modified_us),
                                 "application/json");
}

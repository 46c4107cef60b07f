#include "protocols/npm/packument.h"

#include "config/clock.h"
#include "protocols/http/package_document.h"
#include "protocols/npm/manifest.h"
#include "protocols/npm/name.h"
#include "protocols/npm/update_check.h"
#include "protocols/npm/upstream.h"
#include "storage/memory/arena.h"
#include "storage/memory/json_cursor.h"
#include "storage/memory/strbuf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char ABBREVIATED_TYPE[] = "application/vnd.npm.install-v1+json";

enum { DOCUMENT_MAX = 1 << 30 };

/* A packument in the making: what the walk sees is sorted into its parts. */
struct rendering {
    struct request *req;
    const char *name;
    enum npm_form form;
    bool with_restrictions;
    int64_t ends_us;
    struct strbuf tags, versions, times, hoisted;
    const char *latest;
    const char *maintainers; /* of whoever published first */
    int64_t first_us;
};

const char *npm_revision(const struct package *package, struct arena *arena)
{
    return arena_format(arena, "%" PRId64 "-%016" PRIx64, package->updated_us, package->id);
}

static const char *tarball_url(struct request *req, const char *name, const char *version)
{
    return arena_format(req->arena, "%s/npm/%s/%s/%s/-/%s", req->service->public_url,
                        req->repository->org, req->repository->name, name,
                        npm_tarball_name(name, version, req->arena));
}

static void begin_member(struct strbuf *out, const char *key)
{
    strbuf_char(out, out->length ? ',' : '{');
    strbuf_json(out, key);
    strbuf_char(out, ':');
}

static void put_time(struct strbuf *out, const char *key, int64_t time_us)
{
    char text[CLOCK_TEXT_SIZE];

    clock_format_iso(time_us, text);
    begin_member(out, key);
    strbuf_json(out, text);
}

static enum status render_tag(void *context, const struct tag *tag, struct error *err)
{
    struct rendering *rendering = context;

    (void)err;
    begin_member(&rendering->tags, tag->tag);
    strbuf_json(&rendering->tags, tag->version);
    if (!strcmp(tag->tag, "latest"))
        rendering->latest = arena_copy(rendering->req->arena, tag->version);
    return STATUS_OK;
}

/* The package belongs to whoever published first, so his version names the maintainers. */
static void remember_first(struct rendering *rendering, const struct version *version)
{
    struct json_range range;

    if (rendering->first_us && version->published_us >= rendering->first_us)
        return;
    rendering->first_us = version->published_us;
    if (rendering->form == NPM_FULL &&
        !json_find_member(version->document, version->document_length, "maintainers", &range, NULL))
        rendering->maintainers =
            arena_copy_bytes(rendering->req->arena, version->document + range.start,
                             (size_t)(range.end - range.start));
}

static enum status render_version(void *context, const struct version *version, struct error *err)
{
    struct rendering *rendering = context;
    struct npm_view view = {.form = rendering->form,
                            .tarball_url =
                                tarball_url(rendering->req, rendering->name, version->version)};
    enum status rc;

    if (version->state != VERSION_LIVE || !version->document)
        return STATUS_OK;
    begin_member(&rendering->versions, version->version);
    if ((rc = npm_manifest_show(version->document, version->document_length, &view,
                                &rendering->versions, err)))
        return rc;
    put_time(&rendering->times, version->version, version->published_us);
    remember_first(rendering, version);
    if (rendering->form == NPM_FULL && rendering->latest &&
        !strcmp(version->version, rendering->latest))
        return npm_manifest_hoist(version->document, version->document_length, &rendering->hoisted,
                                  err);
    return STATUS_OK;
}

static void put_part(struct strbuf *out, const char *key, const struct strbuf *part)
{
    begin_member(out, key);
    strbuf_bytes(out, part->length ? part->data : "{", part->length ? part->length : 1);
    strbuf_char(out, '}');
}

static void put_text(struct strbuf *out, const char *key, const char *text)
{
    begin_member(out, key);
    strbuf_json(out, text);
}

static void assemble(struct rendering *rendering, const struct package *package, struct strbuf *out)
{
    char modified[CLOCK_TEXT_SIZE];

    clock_format_iso(package->updated_us, modified);
    put_time(&rendering->times, "created", rendering->first_us);
    put_time(&rendering->times, "modified", package->updated_us);
    if (rendering->form == NPM_FULL) {
        put_text(out, "_id", rendering->name);
        put_text(out, "_rev", npm_revision(package, rendering->req->arena));
    }
    put_text(out, "name", rendering->name);
    if (rendering->form == NPM_ABBREVIATED)
        put_text(out, "modified", modified);
    put_part(out, "dist-tags", &rendering->tags);
    put_part(out, "versions", &rendering->versions);
    put_part(out, "time", &rendering->times);
    if (rendering->maintainers) {
        begin_member(out, "maintainers");
        strbuf_text(out, rendering->maintainers);
    }
    strbuf_bytes(out, rendering->hoisted.data, rendering->hoisted.length);
    strbuf_char(out, '}');
}

static struct strbuf *const *parts_of(struct rendering *rendering, struct strbuf *parts[4])
{
    parts[0] = &rendering->tags;
    parts[1] = &rendering->versions;
    parts[2] = &rendering->times;
    parts[3] = &rendering->hoisted;
    return parts;
}

static enum status render_packument(void *context, const struct repository *repository,
                                    struct strbuf *out, int64_t *modified_us, struct error *err)
{
    struct rendering *rendering = context;
    const struct package_visitor visitor = {
        .context = rendering, .version = render_version, .tag = render_tag};
    struct request *req = rendering->req;
    struct strbuf *all[4], *const *parts = parts_of(rendering, all);
    struct package package;
    enum status rc;

    for (size_t i = 0; i < 4; i++)
        strbuf_init(parts[i], NULL, DOCUMENT_MAX);
    if ((rc = catalog_walk_package(req->service->catalog, repository, FORMAT_NPM, rendering->name,
                                   &package, req->arena, &visitor, err)))
        goto done;
    if (!rendering->versions.length) {
        rc = STATUS_NOT_FOUND; /* some clients fall over an empty "versions" */
        goto done;
    }
    assemble(rendering, &package, out);
    *modified_us = package.updated_us;
    for (size_t i = 0; i < 4; i++)
        if (strbuf_failed(parts[i]))
            rc = fail(err, STATUS_INTERNAL, "", "the packument of %s is larger than %d bytes",
                      rendering->name, DOCUMENT_MAX);
done:
    for (size_t i = 0; i < 4; i++)
        strbuf_free(parts[i]);
    return rc;
}

/* 5.3: abbreviated only where it is liked better than anything else. */
static enum npm_form asked_form(struct request *req)
{
    static const char *const offers[] = {"application/json", ABBREVIATED_TYPE};
    const char *write = request_query(req, "write");

    if (write && !strcmp(write, "true"))
        return NPM_FULL; /* the document is to be changed and sent back */
    return request_accept(req, offers, 2) == 1 ? NPM_ABBREVIATED : NPM_FULL;
}

static enum status render_upstream(void *context, const struct upstream *upstream,
                                   const struct mirror_document *document, struct strbuf *out,
                                   int64_t *modified_us, struct error *err)
{
    struct rendering *rendering = context;

    return npm_upstream_render(rendering->req, upstream, document, rendering->name, rendering->form,
                               rendering->with_restrictions, out, modified_us, &rendering->ends_us,
                               err);
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

static int kind_of(const struct rendering *rendering)
{
    if (rendering->with_restrictions)
        return rendering->form == NPM_FULL ? DOCUMENT_NPM_FULL : DOCUMENT_NPM_ABBREVIATED;
    return rendering->form == NPM_FULL ? DOCUMENT_NPM_FULL_PLAIN : DOCUMENT_NPM_ABBREVIATED_PLAIN;
}

enum status npm_get_packument(struct request *req, struct response *res)
{
    const char *name = request_param(req, "package");
    struct rendering rendering = {.req = req,
                                  .name = name,
                                  .form = asked_form(req),
                                  .with_restrictions = !misreads_restrictions(req)};
    const struct package_rendering made = {
        .req = req,
        .format = FORMAT_NPM,
        .kind = kind_of(&rendering),
        .ends_us = &rendering.ends_us,
        .name = name,
        .name_norm = name,
        .context = &rendering,
        .local = render_packument,
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
                            rendering.form == NPM_FULL ? "application/json" : ABBREVIATED_TYPE);
}

struct tags_rendering {
    struct request *req;
    const char *name;
    struct strbuf *out;
    int64_t ends_us;
};

static enum status render_one_tag(void *context, const struct tag *tag, struct error *err)
{
    struct tags_rendering *rendering = context;

    (void)err;
    begin_member(rendering->out, tag->tag);
    strbuf_json(rendering->out, tag->version);
    return STATUS_OK;
}

static enum status render_tags(void *context, const struct repository *repository,
                               struct strbuf *out, int64_t *modified_us, struct error *err)
{
    struct tags_rendering *rendering = context;
    const struct package_visitor visitor = {.context = rendering, .tag = render_one_tag};
    struct request *req = rendering->req;
    struct package package;
    enum status rc;

    rendering->out = out;
    if ((rc = catalog_walk_package(req->service->catalog, repository, FORMAT_NPM, rendering->name,
                                   &package, req->arena, &visitor, err)))
        return rc;
    strbuf_text(out, out->length ? "}" : "{}");
    *modified_us = package.updated_us;
    return STATUS_OK;
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
    rendering->ends_us = verdicts.changes_us;
    npm_upstream_show_tags(&packument, out);
    *modified_us = npm_upstream_time(&packument, "modified", 0);
    return STATUS_OK;
}

enum status npm_get_tags(struct request *req, struct response *res)
{
    struct tags_rendering rendering = {.req = req, .name = request_param(req, "package")};
    const struct package_rendering made = {
        .req = req,
        .format = FORMAT_NPM,
        .kind = DOCUMENT_NPM_TAGS,
        .ends_us = &rendering.ends_us,
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

struct tag_search {
    const char *tag;
    const char *version; /* NULL until found */
    struct arena *arena;
};

static enum status match_tag(void *context, const struct tag *tag, struct error *err)
{
    struct tag_search *search = context;

    (void)err;
    if (!strcmp(tag->tag, search->tag))
        search->version = arena_copy(search->arena, tag->version);
    return STATUS_OK;
}

/* Exact versions, in any spelling, and tags; ranges are for clients to resolve. */
static enum status find_version(struct request *req, const struct repository *repository,
                                const char *name, const char *wanted, struct version *out)
{
    struct tag_search search = {.tag = wanted, .arena = req->arena};
    const struct package_visitor visitor = {.context = &search, .tag = match_tag};
    struct package package;
    enum status rc;

    if ((rc = catalog_walk_package(req->service->catalog, repository, FORMAT_NPM, name, &package,
                                   req->arena, &visitor, &req->error)))
        return rc == STATUS_NOT_FOUND ? request_no_package(req) : rc;
    if (!search.version)
        search.version = npm_version_clean(wanted, req->arena);
    rc = search.version ? catalog_find_version(req->service->catalog, &package, search.version,
                                               req->arena, out, &req->error)
                        : STATUS_NOT_FOUND;
    if (rc == STATUS_NOT_FOUND || (!rc && (out->state != VERSION_LIVE || !out->document)))
        return fail(&req->error, STATUS_NOT_FOUND, "", "version not found: %.256s", wanted);
    return rc;
}

static enum status render_local_version(struct request *req, const struct repository *repository,
                                        const char *name, const char *wanted, struct strbuf *out,
                                        int64_t *modified_us)
{
    struct npm_view view = {.form = NPM_FULL};
    struct version version;
    enum status rc;

    if ((rc = find_version(req, repository, name, wanted, &version)))
        return rc;
    view.tarball_url = tarball_url(req, name, version.version);
    *modified_us = version.published_us;
    return npm_manifest_show(version.document, version.document_length, &view, out, &req->error);
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
        rc = render_local_version(req, &home.repository, name, wanted, &body, &modified_us);
    else
        rc = request_no_package(req);
    if (document)
        mirror_release_document(document);
    return rc ? rc
              : respond_document(req, res, document_new(body.data, body.length, modified_us),
                                 "application/json");
}

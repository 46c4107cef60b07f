#include "protocols/npm/local.h"

#include "config/clock.h"
#include "protocols/npm/held_back.h"
#include "protocols/npm/name.h"
#include "protocols/npm/packument.h"
#include "protocols/npm/upstream.h"
#include "storage/memory/arena.h"
#include "storage/memory/json_cursor.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

#include <inttypes.h>
#include <string.h>

enum { DOCUMENT_MAX = 1 << 30 };

/* A packument in the making: what the walk sees is sorted into its parts. */
struct rendering {
    struct request *req;
    const char *name;
    enum npm_form form;
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

static struct npm_view view_of(struct request *req, enum npm_form form, const char *name,
                               const struct version *version)
{
    return (struct npm_view){.form = form,
                             .tarball_url = tarball_url(req, name, version->version),
                             .keyid = version->keyid,
                             .signature = version->signature,
                             .signature_length = version->signature_length};
}

static enum status render_version(void *context, const struct version *version, struct error *err)
{
    struct rendering *rendering = context;
    const struct npm_view view = view_of(rendering->req, rendering->form, rendering->name, version);
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

/* All of it, whatever policy says. */
static enum status render_plain(struct rendering *rendering, const struct repository *repository,
                                struct strbuf *out, int64_t *modified_us, struct error *err)
{
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

static enum status render_one_tag(void *context, const struct tag *tag, struct error *err)
{
    (void)err;
    begin_member(context, tag->tag);
    strbuf_json(context, tag->version);
    return STATUS_OK;
}

static enum status render_plain_tags(struct request *req, const struct repository *repository,
                                     const char *name, struct strbuf *out, int64_t *modified_us,
                                     struct error *err)
{
    const struct package_visitor visitor = {.context = out, .tag = render_one_tag};
    struct package package;
    enum status rc;

    if ((rc = catalog_walk_package(req->service->catalog, repository, FORMAT_NPM, name, &package,
                                   req->arena, &visitor, err)))
        return rc;
    strbuf_text(out, out->length ? "}" : "{}");
    *modified_us = package.updated_us;
    return STATUS_OK;
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

static enum status render_plain_version(struct request *req, const struct repository *repository,
                                        const char *name, const char *wanted, struct strbuf *out,
                                        int64_t *modified_us)
{
    struct version version;
    struct npm_view view;
    enum status rc;

    if ((rc = find_version(req, repository, name, wanted, &version)))
        return rc;
    view = view_of(req, NPM_FULL, name, &version);
    *modified_us = version.published_us;
    return npm_manifest_show(version.document, version.document_length, &view, out, &req->error);
}

enum status npm_local_read(struct request *req, const struct repository *repository,
                           const char *name, struct arena *arena, struct npm_local *out,
                           struct error *err)
{
    struct rendering rendering = {.req = req, .name = name, .form = NPM_FULL};
    int64_t modified_us;
    enum status rc;

    strbuf_init(&out->text, arena, DOCUMENT_MAX);
    if ((rc = render_plain(&rendering, repository, &out->text, &modified_us, err)))
        return rc;
    return npm_upstream_read(npm_local_reader(out), name, arena, &out->packument, err);
}

struct reader *npm_local_reader(struct npm_local *local)
{
    memory_reader_init(&local->reader, local->text.data, local->text.length);
    return &local->reader.reader;
}

static enum status get_verdicts(struct request *req, const struct repository *repository,
                                const char *name, struct package_verdicts *out, struct error *err)
{
    const struct verdict_subject subject = {
        .how = &npm_verdict_format, .repository = repository, .name = name, .name_norm = name};

    return package_verdicts_get(req, &subject, NULL, out, err);
}

/* The package as an upstream's would be looked at, without what is held back. */
static enum status open_held(struct request *req, const struct repository *repository,
                             const char *name, const struct package_verdicts *verdicts,
                             struct npm_local *out, struct error *err)
{
    enum status rc = npm_local_read(req, repository, name, req->arena, out, err);

    if (rc)
        return rc;
    npm_hold_back(&out->packument, verdicts, req->arena);
    npm_upstream_settle_tags(&out->packument);
    return STATUS_OK;
}

static const char *base_url(struct request *req)
{
    return arena_format(req->arena, "%s/npm/%s/%s", req->service->public_url, req->repository->org,
                        req->repository->name);
}

static enum status render_held(struct request *req, const struct repository *repository,
                               const struct npm_local_form *how,
                               const struct package_verdicts *verdicts, struct strbuf *out,
                               int64_t *modified_us, struct error *err)
{
    struct npm_upstream_view view = {.form = how->form, .base = base_url(req)};
    const struct npm_sink sink = {npm_put, out};
    struct npm_local local;
    enum status rc;

    if ((rc = open_held(req, repository, how->name, verdicts, &local, err)))
        return rc;
    if (how->with_restrictions)
        view.restricted = npm_restriction(&local.packument, verdicts, req->arena);
    rc = npm_upstream_show(&local.packument, npm_local_reader(&local), &view, &sink, modified_us,
                           err);
    return rc == STATUS_NOT_FOUND ? npm_refuse_all(&local.packument, verdicts, req->arena, err)
                                  : rc;
}

/* The rows are read first, so that the verdicts know of all that is in them. */
enum status npm_local_render(struct request *req, const struct repository *repository,
                             const struct npm_local_form *how, struct strbuf *out,
                             int64_t *modified_us, struct verdict_effect *effect, struct error *err)
{
    struct rendering rendering = {.req = req, .name = how->name, .form = how->form};
    struct package_verdicts verdicts;
    enum status rc;

    if ((rc = render_plain(&rendering, repository, out, modified_us, err)) || how->is_for_writing ||
        (rc = get_verdicts(req, repository, how->name, &verdicts, err)))
        return rc;
    *effect = verdicts.effect;
    if (!verdicts.blocked)
        return STATUS_OK;
    strbuf_clear(out);
    return render_held(req, repository, how, &verdicts, out, modified_us, err);
}

enum status npm_local_render_tags(struct request *req, const struct repository *repository,
                                  const char *name, struct strbuf *out, int64_t *modified_us,
                                  struct verdict_effect *effect, struct error *err)
{
    struct package_verdicts verdicts;
    struct npm_local local;
    enum status rc;

    if ((rc = render_plain_tags(req, repository, name, out, modified_us, err)) ||
        (rc = get_verdicts(req, repository, name, &verdicts, err)))
        return rc;
    *effect = verdicts.effect;
    if (!verdicts.blocked)
        return STATUS_OK;
    strbuf_clear(out);
    if (!(rc = open_held(req, repository, name, &verdicts, &local, err)))
        npm_upstream_show_tags(&local.packument, out);
    return rc;
}

enum status npm_local_render_version(struct request *req, const struct repository *repository,
                                     const char *name, const char *wanted, struct strbuf *out,
                                     int64_t *modified_us)
{
    struct npm_upstream_view view = {.form = NPM_FULL, .base = base_url(req)};
    struct error *err = &req->error;
    const struct npm_entry *version;
    struct package_verdicts verdicts;
    struct npm_listing listing;
    struct npm_local local;
    enum status rc;

    if ((rc = render_plain_version(req, repository, name, wanted, out, modified_us)) ||
        (rc = get_verdicts(req, repository, name, &verdicts, err)) || !verdicts.blocked)
        return rc;
    strbuf_clear(out);
    if ((rc = open_held(req, repository, name, &verdicts, &local, err)))
        return rc;
    if (!(version = npm_upstream_find(&local.packument, wanted)))
        return npm_no_version(&local.packument, &verdicts, wanted, req->arena, err);
    if ((rc = npm_upstream_take(&local.packument, version, npm_local_reader(&local), req->arena,
                                &listing, err)))
        return rc;
    *modified_us = npm_upstream_time(&local.packument, version->key, 0);
    return npm_upstream_show_version(&local.packument, version, &listing, &view, out, err);
}

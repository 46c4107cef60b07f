#include "protocols/npm/upstream.h"

#include "protocols/http/package_document.h"
#include "protocols/npm/held_back.h"
#include "protocols/npm/name.h"
#include "storage/catalog/ingest.h"
#include "storage/catalog/package.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

#include <string.h>

/* 2.2: a scoped name is one segment. */
static const char *document_path(struct arena *arena, const char *name)
{
    const char *base = npm_name_base(name);
    struct strbuf path;

    strbuf_init(&path, arena, 8 * NPM_NAME_READ_MAX);
    strbuf_char(&path, '/');
    if (base != name) {
        strbuf_char(&path, '@');
        strbuf_url(&path, arena_copy_bytes(arena, name + 1, (size_t)(base - name) - 2));
        strbuf_text(&path, "%2f");
    }
    strbuf_url(&path, base);
    return path.data;
}

static enum status check(struct reader *document, const char *content_type, const char *name,
                         struct arena *arena, struct error *err)
{
    struct npm_upstream_packument packument;

    (void)content_type; /* some static registries call theirs text/plain */
    return npm_upstream_read(document, name, arena, &packument, err);
}

static enum status list(struct reader *reader, const struct mirror_document *document,
                        struct arena *arena, visit_listed visit, void *context, struct error *err)
{
    struct npm_upstream_packument packument;
    enum status rc = npm_upstream_read(reader, document->name, arena, &packument, err);

    for (size_t i = 0; !rc && i < packument.versions.count; i++) {
        const char *version = packument.versions.list[i].key;

        rc = visit(context, version, npm_tarball_name(document->name, version, arena),
                   npm_upstream_time(&packument, version, 0), err);
    }
    return rc;
}

const struct mirror_format npm_mirror_format = {
    .format = FORMAT_NPM,
    .accept = "application/json", /* 16.5: the full form, which has times and scripts */
    .document_path = document_path,
    .check = check,
    .list = list,
};

static enum status remove_version(void *context, const char *version, const char *file,
                                  struct error *err)
{
    (void)file; /* a version is its one tarball */
    (void)err;
    npm_upstream_remove(context, version);
    return STATUS_OK;
}

enum status npm_upstream_open_unjudged(struct request *req, const struct upstream *upstream,
                                       const struct mirror_document *document, const char *name,
                                       struct arena *arena, struct npm_upstream_packument *out,
                                       struct error *err)
{
    struct reader *reader;
    const char *fold;
    enum status rc;

    if (!owner_fold_name(FORMAT_NPM, name, arena, &fold))
        return fail(err, STATUS_NOT_FOUND, "", "no package has such a name");
    if ((rc = mirror_read_document(document, &reader, err)))
        return rc;
    rc = npm_upstream_read(reader, name, arena, out, err);
    reader_close(reader);
    return rc ? rc
              : catalog_walk_tombstones(req->service->catalog, upstream->org_id, FORMAT_NPM, fold,
                                        remove_version, out, err);
}

enum status npm_upstream_open(struct request *req, const struct upstream *upstream,
                              const struct mirror_document *document, const char *name,
                              struct npm_upstream_packument *out, struct package_verdicts *verdicts,
                              struct error *err)
{
    const struct verdict_subject subject = {
        .how = &npm_verdict_format, .upstream = upstream, .name = name, .name_norm = name};
    const struct read_document known = {document, out};
    enum status rc;

    if ((rc = npm_upstream_open_unjudged(req, upstream, document, name, req->arena, out, err)) ||
        (rc = catalog_find_own_change(req->service->catalog, upstream->org_id, FORMAT_NPM, name,
                                      &out->changed_us, err)) ||
        (rc = package_verdicts_get(req, &subject, &known, verdicts, err)))
        return rc;
    if (verdicts->list)
        npm_hold_back(out, verdicts, req->arena);
    npm_upstream_settle_tags(out);
    return STATUS_OK;
}

enum { CHANGES_MAX = 64, LISTED_MAX = 200 };

/* What is pinned of a package, by file. */
struct pins {
    struct request *req;
    const struct upstream *upstream;
    const char *name, *fold;
    struct npm_entries entries; /* text: the integrity */
    struct npm_entries told;    /* text: what the listing said of it, which was told as an event */
    struct listing_change changes[CHANGES_MAX]; /* to be told; the others next time */
    size_t change_count;
};

static enum status remember_pin(void *context, const char *file, const struct pin *pin,
                                struct error *err)
{
    struct pins *pins = context;
    struct npm_entry *entry;
    struct strbuf text;

    if (!(pin->digests.kinds & DIGEST_SHA512))
        return STATUS_OK;
    if (!(entry = npm_entries_add(&pins->entries, file)))
        return fail(err, STATUS_INTERNAL, "", "%.214s has too many pins", pins->name);
    strbuf_init(&text, pins->req->arena, 128);
    strbuf_text(&text, "sha512-");
    strbuf_base64(&text, pin->digests.sha512, SHA512_SIZE);
    entry->text = text.data;
    if (pin->listed && (entry = npm_entries_add(&pins->told, file)))
        entry->text = arena_copy(pins->req->arena, pin->listed);
    return STATUS_OK;
}

static struct repository cache_of(struct request *req, const struct upstream *upstream)
{
    return (struct repository){.id = upstream->id,
                               .org_id = upstream->org_id,
                               .org = req->repository->org,
                               .name = upstream->name};
}

/* The SHA-1 of bytes that are kept; NULL where it is not known. */
static const char *kept_shasum(const struct pins *pins, const char *file)
{
    struct request *req = pins->req;
    struct repository cache = cache_of(req, pins->upstream);
    struct stored_file stored;
    char *hex;

    if (catalog_find_file(req->service->catalog, &cache, FORMAT_NPM, pins->name, file, req->arena,
                          &stored, NULL) ||
        !(stored.digests.kinds & DIGEST_SHA1))
        return NULL;
    hex = arena_alloc(req->arena, DIGEST_HEX_MAX);
    digest_hex(stored.digests.sha1, SHA1_SIZE, hex);
    return hex;
}

/* An upstream that has come to say other bytes; one that says less than is known has not. */
static void see_change(struct pins *pins, const char *version, const char *file,
                       const struct npm_listing *listing, const struct npm_pinned *pinned,
                       const char *integrity)
{
    bool is_other = listing->integrity && strstr(listing->integrity, "sha512-");
    const struct npm_entry *told = npm_entries_find(&pins->told, file);
    struct arena *arena = pins->req->arena;
    const char *listed;

    if (!is_other &&
        (!listing->shasum || !pinned->shasum || !strcmp(listing->shasum, pinned->shasum)))
        return;
    listed = is_other ? arena_format(arena, "%.*s", LISTED_MAX, listing->integrity)
                      : arena_format(arena, "sha1:%.*s", LISTED_MAX, listing->shasum);
    if (pins->change_count < CHANGES_MAX && !(told && !strcmp(told->text, listed)))
        pins->changes[pins->change_count++] = (struct listing_change){
            arena_copy(arena, version), file,
            is_other ? integrity : arena_format(arena, "sha1:%s", pinned->shasum), listed};
}

/* C5: what the upstream lists now is shown while it is the bytes that were first seen. */
static void show_pin(void *context, const char *version, const struct npm_listing *listing,
                     struct npm_pinned *out)
{
    struct pins *pins = context;
    struct npm_entry *pin;
    const char *file;

    if (!pins->entries.count)
        return;
    file = npm_tarball_name(pins->name, version, pins->req->arena);
    pin = npm_entries_find(&pins->entries, file);
    if (!pin || (listing->integrity && strstr(listing->integrity, pin->text)))
        return;
    out->shasum = kept_shasum(pins, file);
    see_change(pins, version, file, listing, out, pin->text);
    if (!listing->integrity && listing->shasum && out->shasum &&
        !strcmp(listing->shasum, out->shasum))
        out->shasum = NULL; /* an old package, as it was: shown as listed */
    else
        out->integrity = pin->text;
}

static enum status begin_view(struct pins *pins, struct npm_upstream_view *view, struct error *err)
{
    struct request *req = pins->req;

    npm_entries_init(&pins->entries, req->arena);
    npm_entries_init(&pins->told, req->arena);
    view->base = arena_format(req->arena, "%s/npm/%s/%s", req->service->public_url,
                              req->repository->org, req->repository->name);
    view->pinned = show_pin;
    view->pins = pins;
    if (!owner_fold_name(FORMAT_NPM, pins->name, req->arena, &pins->fold))
        return fail(err, STATUS_NOT_FOUND, "", "no package has such a name");
    return catalog_walk_pins(req->service->catalog, pins->upstream->org_id, FORMAT_NPM, pins->fold,
                             remember_pin, pins, err);
}

static void tell_changes(const struct pins *pins)
{
    upstream_tell_changes(pins->req, pins->upstream, pins->name, pins->fold, pins->changes,
                          pins->change_count);
}

enum status npm_upstream_render(struct request *req, const struct upstream *upstream,
                                const struct mirror_document *document, const char *name,
                                enum npm_form form, bool with_restrictions, struct strbuf *out,
                                int64_t *modified_us, struct verdict_effect *effect, struct error *err)
{
    struct pins pins = {.req = req, .upstream = upstream, .name = name};
    struct npm_upstream_view view = {.form = form};
    struct package_verdicts verdicts;
    const struct npm_sink sink = {npm_put, out};
    struct npm_upstream_packument packument;
    struct reader *reader;
    enum status rc;

    if ((rc = npm_upstream_open(req, upstream, document, name, &packument, &verdicts, err)) ||
        (rc = begin_view(&pins, &view, err)) || (rc = mirror_read_document(document, &reader, err)))
        return rc;
    *effect = verdicts.effect;
    if (with_restrictions && verdicts.blocked)
        view.restricted = npm_restriction(&packument, &verdicts, req->arena);
    rc = npm_upstream_show(&packument, reader, &view, &sink, modified_us, err);
    reader_close(reader);
    tell_changes(&pins);
    if (rc == STATUS_NOT_FOUND && verdicts.blocked)
        return npm_refuse_all(&packument, &verdicts, req->arena, err);
    return rc;
}

enum status npm_upstream_render_version(struct request *req, const struct upstream *upstream,
                                        const struct mirror_document *document, const char *name,
                                        const char *wanted, struct strbuf *out,
                                        int64_t *modified_us, struct error *err)
{
    struct pins pins = {.req = req, .upstream = upstream, .name = name};
    struct npm_upstream_view view = {.form = NPM_FULL};
    struct npm_upstream_packument packument;
    struct package_verdicts verdicts;
    const struct npm_entry *version;
    struct npm_listing listing;
    struct reader *reader;
    enum status rc;

    if ((rc = npm_upstream_open(req, upstream, document, name, &packument, &verdicts, err)))
        return rc;
    if (!(version = npm_upstream_find(&packument, wanted)))
        return npm_no_version(&packument, &verdicts, wanted, req->arena, err);
    if ((rc = begin_view(&pins, &view, err)) || (rc = mirror_read_document(document, &reader, err)))
        return rc;
    rc = npm_upstream_take(&packument, version, reader, req->arena, &listing, err);
    reader_close(reader);
    if (rc)
        return rc;
    *modified_us = npm_upstream_time(&packument, version->key, 0);
    rc = npm_upstream_show_version(&packument, version, &listing, &view, out, err);
    tell_changes(&pins);
    return rc;
}

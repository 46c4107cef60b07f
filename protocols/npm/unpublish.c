#include "protocols/npm/unpublish.h"

#include "config/settings.h"
#include "protocols/http/content_coding.h"
#include "protocols/http/publish_name.h"
#include "protocols/npm/name.h"
#include "protocols/npm/packument.h"
#include "storage/catalog/removal.h"
#include "storage/memory/arena.h"
#include "storage/memory/json_cursor.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

#include <string.h>

enum { VERSION_MAX = 512, BUFFER_SIZE = 64 << 10 };

/* The versions that a document names. */
struct named {
    struct arena *arena;
    const char **versions;
    size_t count, capacity;
    bool has_versions; /* a body without "versions" is about owners: it must never remove any */
};

static void add_version(struct named *named, const char *version)
{
    if (named->count == named->capacity) {
        size_t capacity = 2 * named->capacity + 64;
        const char **larger = arena_array(named->arena, capacity, sizeof *larger);

        if (named->count)
            memcpy(larger, named->versions, named->count * sizeof *larger);
        named->versions = larger;
        named->capacity = capacity;
    }
    named->versions[named->count++] = arena_copy(named->arena, version);
}

static enum status read_versions(struct json_cursor *cursor, struct named *named, struct error *err)
{
    struct strbuf key;
    enum status rc;

    named->has_versions = true;
    strbuf_init(&key, named->arena, VERSION_MAX);
    rc = json_enter(cursor, TOKEN_OBJECT, err);
    while (!rc && !(rc = json_next_key(cursor, &key, err)) && cursor->kind == TOKEN_KEY) {
        add_version(named, key.data);
        rc = json_skip_value(cursor, err);
    }
    return rc;
}

static enum status read_document(struct request *req, struct named *named)
{
    int64_t limit = req->service->settings->npm_publish_max;
    struct reader *opened;
    struct json_cursor cursor;
    struct strbuf key;
    enum status rc;

    *named = (struct named){.arena = req->arena};
    if ((rc = request_decode_body(req, limit ? limit : -1, &opened)))
        goto done;
    strbuf_init(&key, req->arena, VERSION_MAX);
    json_cursor_init(&cursor, req->body, arena_alloc(req->arena, BUFFER_SIZE), BUFFER_SIZE,
                     (unsigned)req->service->settings->npm_json_depth);
    rc = json_enter(&cursor, TOKEN_OBJECT, &req->error);
    while (!rc && !(rc = json_next_key(&cursor, &key, &req->error)) && cursor.kind == TOKEN_KEY)
        rc = strcmp(key.data, "versions") ? json_skip_value(&cursor, &req->error)
                                          : read_versions(&cursor, named, &req->error);
    if (!rc)
        rc = json_finish(&cursor, &req->error);
done:
    reader_close(opened);
    return rc;
}

/* 110: somebody else changed the package since the client read it. */
static enum status check_revision(struct request *req, const struct package *package)
{
    if (strcmp(request_param(req, "rev"), npm_revision(package, req->arena)))
        return fail(&req->error, STATUS_CONFLICT, "ECONFLICT",
                    "%.214s has changed since you read it: try again", package->name);
    return STATUS_OK;
}

struct comparison {
    const struct named *named;
    struct arena *arena;
    const char *missing;
    size_t missing_count;
};

static enum status compare_version(void *context, const struct version *version, struct error *err)
{
    struct comparison *comparison = context;

    (void)err;
    if (version->state != VERSION_LIVE || !version->document)
        return STATUS_OK; /* not in what the client was shown */
    for (size_t i = 0; i < comparison->named->count; i++)
        if (!strcmp(comparison->named->versions[i], version->version))
            return STATUS_OK;
    comparison->missing = arena_copy(comparison->arena, version->version);
    comparison->missing_count++;
    return STATUS_OK;
}

static enum status remove_versions(struct request *req, const char *version)
{
    const struct actor actor = {req->principal, req->peer, req->id};
    struct removal removal = {.repository = req->repository,
                              .actor = &actor,
                              .format = FORMAT_NPM,
                              .name_norm = request_param(req, "package"),
                              .version = version,
                              .reason = "npm unpublish",
                              .trash_us = req->service->settings->trash_days * 86400 * 1000000};

    return catalog_remove_version(req->service->catalog, &removal, &req->error);
}

static enum status no_package(struct request *req)
{
    const char *name = request_param(req, "package");

    return publish_no_package(req, FORMAT_NPM, name, name);
}

static enum status find_package(struct request *req, struct package *out)
{
    enum status rc = catalog_find_package(req->service->catalog, req->repository, FORMAT_NPM,
                                          request_param(req, "package"), req->arena, out, &req->error);

    return rc == STATUS_NOT_FOUND ? no_package(req) : rc;
}

static enum status respond_ok(struct request *req, struct response *res)
{
    response_header(req, res, "Cache-Control", "no-store");
    return respond_text(req, res, 200, "application/json", "{\"ok\":true}");
}

enum status npm_put_revision(struct request *req, struct response *res)
{
    struct named named;
    struct comparison comparison = {.named = &named, .arena = req->arena};
    const struct package_visitor visitor = {.context = &comparison, .version = compare_version};
    struct package package;
    enum status rc;

    if ((rc = read_document(req, &named)))
        return rc;
    if (!named.has_versions)
        return fail(&req->error, STATUS_FORBIDDEN, "EUNSUPPORTED",
                    "Owners are not kept with the package here: use packhouse grant");
    rc = catalog_walk_package(req->service->catalog, req->repository, FORMAT_NPM,
                              request_param(req, "package"), &package, req->arena, &visitor,
                              &req->error);
    if (rc == STATUS_NOT_FOUND)
        return no_package(req);
    if (rc || (rc = check_revision(req, &package)))
        return rc;
    if (comparison.missing_count > 1)
        return fail(&req->error, STATUS_INVALID, "too-many-versions",
                    "The document lacks %zu versions: unpublish one at a time",
                    comparison.missing_count);
    if (comparison.missing && (rc = remove_versions(req, comparison.missing)))
        return rc;
    return respond_ok(req, res);
}

enum status npm_delete_package(struct request *req, struct response *res)
{
    struct package package;
    enum status rc;

    if ((rc = find_package(req, &package)) || (rc = check_revision(req, &package)) ||
        (rc = remove_versions(req, NULL)))
        return rc;
    return respond_ok(req, res);
}

/* The version went with the document that lacks it; clients take a 404 for success. */
enum status npm_delete_tarball(struct request *req, struct response *res)
{
    const char *file = npm_name_base(request_param(req, "file"));
    const char *version = npm_tarball_version(request_param(req, "package"), file, req->arena);
    struct package package;
    enum status rc;

    if ((rc = find_package(req, &package)))
        return rc;
    rc = version ? remove_versions(req, version) : STATUS_NOT_FOUND;
    if (rc == STATUS_NOT_FOUND)
        return fail(&req->error, rc, "", "tarball not found: %.300s", file);
    return rc ? rc : respond_ok(req, res);
}

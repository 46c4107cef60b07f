#include "protocols/npm/dist_tag.h"

#include "protocols/http/publish_name.h"
#include "protocols/npm/name.h"
#include "protocols/npm/publish_body.h"
#include "storage/catalog/tag.h"
#include "storage/memory/arena.h"
#include "storage/memory/json_cursor.h"
#include "storage/memory/strbuf.h"

#include <string.h>

static enum status respond_ok(struct request *req, struct response *res)
{
    response_header(req, res, "Cache-Control", "no-store");
    return respond_text(req, res, 200, "application/json", "{\"ok\":true}");
}

/* What is missing of a package of this repository, or whose the package is. */
static enum status not_found(struct request *req, const char *sentence)
{
    const char *name = request_param(req, "package");
    enum status rc = publish_no_package(req, FORMAT_NPM, name, name);

    return rc == STATUS_NOT_FOUND ? fail(&req->error, rc, "", "%s", sentence) : rc;
}

static enum status set_tag(struct request *req, const char *tag, const char *wanted)
{
    const struct actor actor = {req->principal, req->peer, req->id};
    const char *version = npm_version_clean(wanted, req->arena);
    const char *name = request_param(req, "package");
    enum status rc;

    if ((rc = npm_tag_check(tag, req->arena, &req->error)))
        return rc;
    if (!version)
        return fail(&req->error, STATUS_INVALID, "EBADSEMVER", "Invalid version: %.256s", wanted);
    rc = catalog_set_tag(req->service->catalog, &actor, req->repository, FORMAT_NPM, name, tag,
                         version, &req->error);
    return rc == STATUS_NOT_FOUND ? not_found(req, arena_format(req->arena, "version not found: %s", version)) : rc;
}

/* A JSON string, or the bare version that some tools send. */
static enum status read_version(struct request *req, const char **out)
{
    struct json_cursor cursor;
    struct strbuf version;
    char *text;
    size_t length;
    enum status rc;

    if ((rc = request_body_text(req, NPM_TAG_BODY_MAX, &text, &length)))
        return rc;
    *out = text;
    if (text[strspn(text, " \t\r\n")] != '"')
        return STATUS_OK;
    strbuf_init(&version, req->arena, NPM_TAG_BODY_MAX);
    json_cursor_init_text(&cursor, text, length, 0);
    if (!(rc = json_take_string(&cursor, &version, &req->error)))
        rc = json_finish(&cursor, &req->error);
    *out = version.data;
    return rc;
}

enum status npm_put_tag(struct request *req, struct response *res)
{
    const char *version;
    enum status rc;

    if ((rc = read_version(req, &version)) ||
        (rc = set_tag(req, request_param(req, "tag"), version)))
        return rc;
    return respond_ok(req, res);
}

enum status npm_delete_tag(struct request *req, struct response *res)
{
    const struct actor actor = {req->principal, req->peer, req->id};
    const char *tag = request_param(req, "tag");
    enum status rc;

    if (!strcmp(tag, "latest"))
        return fail(&req->error, STATUS_FORBIDDEN, "ELATEST",
                    "The tag \"latest\" can be moved, but not removed: installers need it");
    if ((rc = catalog_remove_tag(req->service->catalog, &actor, req->repository, FORMAT_NPM,
                                 request_param(req, "package"), tag, &req->error)))
        return rc == STATUS_NOT_FOUND
                   ? not_found(req, arena_format(req->arena, "%s is not a dist-tag of %s", tag,
                                               request_param(req, "package")))
                   : rc;
    return respond_ok(req, res);
}

enum status npm_put_tags(struct request *req, struct response *res)
{
    struct npm_body_tag tags[NPM_BODY_TAGS_MAX];
    struct json_cursor cursor;
    struct strbuf key, version;
    size_t length, count = 0;
    char *text;
    enum status rc;

    if ((rc = request_body_text(req, NPM_TAGS_BODY_MAX, &text, &length)))
        return rc;
    strbuf_init(&key, req->arena, NPM_NAME_MAX);
    json_cursor_init_text(&cursor, text, length, 0);
    rc = json_enter(&cursor, TOKEN_OBJECT, &req->error);
    while (!rc && !(rc = json_next_key(&cursor, &key, &req->error)) && cursor.kind == TOKEN_KEY) {
        if (count == NPM_BODY_TAGS_MAX)
            return fail(&req->error, STATUS_INVALID, "too-many-tags", "At most %d tags at a time",
                        NPM_BODY_TAGS_MAX);
        strbuf_init(&version, req->arena, NPM_TAG_BODY_MAX);
        rc = json_take_string(&cursor, &version, &req->error);
        tags[count++] = (struct npm_body_tag){arena_copy(req->arena, key.data), version.data};
    }
    if (rc || (rc = json_finish(&cursor, &req->error)))
        return rc;
    for (size_t i = 0; i < count; i++)
        if ((rc = set_tag(req, tags[i].tag, tags[i].version)))
            return rc;
    return respond_ok(req, res);
}

#include "protocols/npm/trust.h"

#include "protocols/http/package_document.h"
#include "protocols/npm/member.h"
#include "protocols/npm/name.h"
#include "protocols/npm/upstream.h"
#include "storage/catalog/access.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

#include <string.h>

enum { KEYS_MAX = 1 << 20, ATTESTATIONS_MAX = 16 << 20, PATIENCE_MS = 15000 };

struct keys {
    struct request *req;
    struct npm_entries seen; /* by keyid */
    struct strbuf out;
};

static enum status add_keys(void *context, const char *key, struct npm_value value,
                            struct error *err)
{
    struct keys *keys = context;
    struct json_cursor cursor;
    bool has = false;
    enum status rc;

    if (strcmp(key, "keys"))
        return STATUS_OK;
    json_cursor_init_text(&cursor, value.text, value.length, 0);
    rc = json_enter(&cursor, TOKEN_ARRAY, err);
    while (!rc && !(rc = json_has_element(&cursor, &has, err)) && has) {
        const char *one, *id;
        size_t length;

        if ((rc = json_skip_value(&cursor, err)))
            break;
        one = value.text + cursor.range.start;
        length = (size_t)(cursor.range.end - cursor.range.start);
        id = *one == '{' ? npm_value_text(npm_value_get(one, length, "keyid"), keys->req->arena)
                         : NULL;
        if (!id || npm_entries_find(&keys->seen, id) || !npm_entries_add(&keys->seen, id))
            continue;
        strbuf_text(&keys->out, keys->out.length ? "," : "");
        strbuf_bytes(&keys->out, one, length);
    }
    return rc;
}

static enum status ask_keys(struct keys *keys, const struct upstream *upstream)
{
    const struct mirror_question question = {
        .path = "/-/npm/v1/keys", .timeout_ms = PATIENCE_MS, .bytes_max = KEYS_MAX};
    struct request *req = keys->req;
    struct strbuf answer;
    int code = 0;
    enum status rc;

    strbuf_init(&answer, req->arena, KEYS_MAX);
    if ((rc = mirror_ask(req->service->mirror, upstream, &question, &answer, &code, &req->error)))
        return rc;
    if (code >= 400 && code < 500)
        return STATUS_OK; /* it has none */
    if (code != 200 || npm_each_last_member(answer.data, answer.length, add_keys, keys, NULL))
        return fail(&req->error, STATUS_BAD_UPSTREAM, "upstream-invalid",
                    "The upstream %s answered with no keys", upstream->name);
    return STATUS_OK;
}

enum status npm_get_keys(struct request *req, struct response *res)
{
    struct keys keys = {.req = req};
    struct catalog *catalog = req->service->catalog;
    struct source *sources = NULL;
    struct strbuf body;
    size_t count = 0;
    enum status rc;

    npm_entries_init(&keys.seen, req->arena);
    strbuf_init(&keys.out, req->arena, KEYS_MAX);
    if ((rc = catalog_list_sources(catalog, req->repository, req->arena, &sources, &count,
                                   &req->error)))
        return rc;
    for (size_t i = 0; i < count; i++) {
        struct upstream upstream;

        if (!sources[i].is_upstream)
            continue;
        if ((rc = catalog_find_upstream(catalog, req->repository->org_id, sources[i].name,
                                        req->arena, &upstream, &req->error)))
            return rc;
        if (upstream.format == FORMAT_NPM && (rc = ask_keys(&keys, &upstream)))
            return rc;
    }
    if (!keys.seen.count)
        return fail(&req->error, STATUS_NOT_FOUND, "", "this registry has no keys");
    strbuf_init(&body, req->arena, 2 * KEYS_MAX);
    strbuf_format(&body, "{\"keys\":[%s]}", keys.out.data);
    return respond_strbuf(req, res, 200, "application/json", &body);
}

/* Where the upstream says that it keeps them, below its own URL; else where npm would look. */
static const char *attestations_path(struct request *req, const struct upstream *upstream,
                                     const char *url, const char *name, const char *version)
{
    size_t length = strlen(upstream->url);
    const char *base = npm_name_base(name);

    if (url && !strncmp(url, upstream->url, length) && url[length] == '/')
        return url + length;
    return arena_format(req->arena, "/-/npm/v1/attestations/%.*s%s%s@%s",
                        base == name ? 0 : (int)(base - name - 1), name, base == name ? "" : "%2f",
                        base, version);
}

static enum status find_listing(struct request *req, const struct upstream *upstream,
                                const struct mirror_document *document, const char *name,
                                const char *version, struct npm_listing *out)
{
    struct npm_upstream_packument packument;
    const struct npm_entry *entry;
    struct reader *reader;
    enum status rc;

    if ((rc = npm_upstream_open(req, upstream, document, name, &packument, &req->error)))
        return rc;
    entry = npm_entries_find(&packument.versions, version);
    if (!entry || entry->is_gone)
        return STATUS_NOT_FOUND;
    if ((rc = mirror_read_document(document, &reader, &req->error)))
        return rc;
    rc = npm_upstream_take(&packument, entry, reader, req->arena, out, &req->error);
    reader_close(reader);
    return rc;
}

static enum status see_member(void *context, const char *key, struct npm_value value,
                              struct error *err)
{
    bool *has = context;

    (void)err;
    *has = *has || (!strcmp(key, "attestations") && *value.text == '[');
    return STATUS_OK;
}

static bool is_attestations(const struct strbuf *answer)
{
    bool has = false;

    return !npm_each_member(answer->data, answer->length, see_member, &has, NULL) && has;
}

static enum status ask_attestations(struct request *req, struct response *res, const char *name,
                                    const char *version)
{
    struct mirror_question question = {.timeout_ms = PATIENCE_MS, .bytes_max = ATTESTATIONS_MAX};
    const struct mirror_document *document = NULL;
    struct npm_listing listing;
    struct strbuf answer;
    struct home home;
    int code = 0;
    enum status rc;

    if ((rc = package_document_home(req, FORMAT_NPM, name, name, &home, &document)))
        return rc;
    rc = home.kind == HOME_UPSTREAM
             ? find_listing(req, home.upstreams, document, name, version, &listing)
             : STATUS_NOT_FOUND;
    if (document)
        mirror_release_document(document);
    if (rc || !listing.attestations_url)
        return rc ? rc : STATUS_NOT_FOUND;
    question.path = attestations_path(req, home.upstreams, listing.attestations_url, name, version);
    strbuf_init(&answer, req->arena, ATTESTATIONS_MAX);
    if ((rc = mirror_ask(req->service->mirror, home.upstreams, &question, &answer, &code,
                         &req->error)))
        return rc;
    if (code == 404)
        return STATUS_NOT_FOUND;
    if (code != 200 || !is_attestations(&answer))
        return fail(&req->error, STATUS_BAD_UPSTREAM, "upstream-invalid",
                    "The upstream %s answered with no attestations", home.upstreams->name);
    return respond_strbuf(req, res, 200, "application/json", &answer);
}

enum status npm_get_attestations(struct request *req, struct response *res)
{
    const char *spec = request_param(req, "package"), *at = strrchr(spec, '@');
    const char *name =
        at && at > spec ? arena_copy_bytes(req->arena, spec, (size_t)(at - spec)) : "";
    enum status rc = STATUS_NOT_FOUND;

    /* The gate has looked at the :package of the path, which has the version behind its name. */
    if (npm_name_is_readable(name) &&
        access_allows(req->principal, req->repository, arena_format(req->arena, "npm:%s", name),
                      REPO_READ))
        rc = ask_attestations(req, res, name, at + 1);
    return rc == STATUS_NOT_FOUND
               ? fail(&req->error, STATUS_NOT_FOUND, "", "nothing is attested of %.300s", spec)
               : rc;
}

enum status npm_get_attestations_again(struct request *req, struct response *res)
{
    if (strcmp(request_param(req, "org_again"), req->repository->org) ||
        strcmp(request_param(req, "repo_again"), req->repository->name))
        return fail(&req->error, STATUS_NOT_FOUND, "", "nothing is attested there");
    return npm_get_attestations(req, res);
}

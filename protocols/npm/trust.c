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

enum { ATTESTATIONS_MAX = 16 << 20, PATIENCE_MS = 15000 };

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
    struct package_verdicts verdicts;
    const struct npm_entry *entry;
    struct reader *reader;
    enum status rc;

    if ((rc = npm_upstream_open(req, upstream, document, name, &packument, &verdicts,
                                &req->error)))
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

/* Whether it is what clients can read. */
static bool is_attestations(const struct strbuf *answer)
{
    bool has = false;

    return !npm_each_member(answer->data, answer->length, see_member, &has, NULL) && has;
}

static enum status ask_attestations(struct request *req, struct response *res, const char *name,
                                    const char *version)
{
    struct mirror_question question = {.timeout_ms = PATIENCE_MS, .bytes_max = ATTESTATIONS_MAX};
    struct mirror_lasting lasting = {
        .kept_as = arena_format(req->arena, "/-/npm/v1/attestations/%s@%s", name, version),
        .is_good = is_attestations,
    };
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
    if (!owner_fold_name(FORMAT_NPM, name, req->arena, &lasting.name_fold))
        return STATUS_NOT_FOUND;
    if ((rc = mirror_ask_once(req->service->mirror, home.upstreams, &question, &lasting, &answer, &code,
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

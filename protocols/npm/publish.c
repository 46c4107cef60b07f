#include "protocols/npm/publish.h"

#include "config/settings.h"
#include "protocols/http/content_coding.h"
#include "protocols/http/publish_name.h"
#include "protocols/npm/manifest.h"
#include "protocols/npm/name.h"
#include "protocols/npm/packument.h"
#include "protocols/npm/publish_body.h"
#include "protocols/npm/signature.h"
#include "protocols/npm/tarball.h"
#include "storage/catalog/publish.h"
#include "storage/memory/arena.h"
#include "storage/memory/semver.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

#include <inttypes.h>
#include <string.h>

enum { SORT_KEY_MAX = 2048, SESSION_MAX = 128, INTEGRITY_MAX = 128 };

int64_t npm_publish_limit(const struct settings *settings)
{
    return settings->npm_publish_max;
}

/* One version on its way in. */
struct publishing {
    struct request *req;
    const char *name, *version;
    struct npm_body body;
    struct npm_claims claims;
    struct npm_tarball tarball;
    struct strbuf document;
    const char *tags[NPM_BODY_TAGS_MAX];
    size_t tag_count;
};

static enum status wrong(struct publishing *publishing, const char *code, const char *what)
{
    return fail(&publishing->req->error, STATUS_INVALID, code, "%s", what);
}

/* 7.4: the same PUT without a tarball is another request. */
static enum status check_is_publish(struct publishing *publishing)
{
    const struct npm_body *body = &publishing->body;

    if (body->has_attachments)
        return STATUS_OK;
    if (body->manifest)
        return fail(&publishing->req->error, STATUS_FORBIDDEN, "EUNSUPPORTED",
                    "Published metadata cannot be changed on this server: deprecation is not "
                    "offered");
    return wrong(publishing, "no-tarball", "A publish brings a tarball in \"_attachments\"");
}

static enum status check_names(struct publishing *publishing)
{
    const struct npm_body *body = &publishing->body;
    const char *const names[] = {body->id, body->name, publishing->claims.name};
    struct error *err = &publishing->req->error;

    for (size_t i = 0; i < 3; i++)
        if (!names[i] || strcmp(names[i], publishing->name))
            return fail(err, STATUS_INVALID, "name-mismatch",
                        "The body is for the package \"%.214s\", the address for \"%.214s\"",
                        names[i] ? names[i] : "", publishing->name);
    return STATUS_OK;
}

static enum status check_version(struct publishing *publishing)
{
    const char *claimed = publishing->claims.version;
    struct request *req = publishing->req;
    const char *clean = npm_version_clean(publishing->body.version, req->arena);

    if (!clean)
        return fail(&req->error, STATUS_INVALID, "EBADSEMVER", "Invalid version: %.256s",
                    publishing->body.version);
    claimed = claimed ? npm_version_clean(claimed, req->arena) : NULL;
    if (!claimed || strcmp(clean, claimed))
        return fail(&req->error, STATUS_INVALID, "version-mismatch",
                    "The manifest of version %s has the version \"%.256s\"", clean,
                    publishing->claims.version ? publishing->claims.version : "");
    publishing->version = clean;
    return STATUS_OK;
}

/* Only tags that name this version count; a publish moves no other. */
static enum status collect_tags(struct publishing *publishing)
{
    const struct npm_body *body = &publishing->body;
    struct request *req = publishing->req;
    enum status rc;

    for (size_t i = 0; i < body->tag_count; i++) {
        const char *version = npm_version_clean(body->tags[i].version, req->arena);

        if ((rc = npm_tag_check(body->tags[i].tag, req->arena, &req->error)))
            return rc;
        if (version && !strcmp(version, publishing->version))
            publishing->tags[publishing->tag_count++] = body->tags[i].tag;
    }
    return STATUS_OK;
}

static enum status check_bytes(struct publishing *publishing)
{
    const struct npm_body *body = &publishing->body;
    struct error *err = &publishing->req->error;
    int64_t size;

    if (!body->stage)
        return wrong(publishing, "no-tarball", "A publish brings exactly one tarball");
    size = stage_size(body->stage);
    if (body->declared_length >= 0 && body->declared_length != size)
        return fail(err, STATUS_INVALID, "EINTEGRITY",
                    "The tarball has %" PRId64 " bytes, not the %" PRId64 " that were announced",
                    size, body->declared_length);
    return npm_claims_check_bytes(&publishing->claims, stage_digests(body->stage), err);
}

/* Everything of 7.2 that can be known without looking at what is stored. */
static enum status check(struct publishing *publishing)
{
    const struct npm_body *body = &publishing->body;
    struct request *req = publishing->req;
    enum status rc;

    if ((rc = check_is_publish(publishing)))
        return rc;
    if (!body->manifest)
        return wrong(publishing, "no-version", "A publish brings exactly one version");
    if ((rc = npm_manifest_read(body->manifest, body->manifest_length, req->arena,
                                &publishing->claims, &req->error)) ||
        (rc = check_names(publishing)) || (rc = check_version(publishing)) ||
        (rc = collect_tags(publishing)) || (rc = check_bytes(publishing)))
        return rc;
    if (publishing->claims.is_private)
        return fail(&req->error, STATUS_FORBIDDEN, "EPRIVATE",
                    "This package has been marked as private; remove the \"private\" field from "
                    "its package.json to publish it");
    return npm_tarball_read(stage_fd(body->stage), stage_size(body->stage), NPM_TARBALL_OURS,
                            req->service->settings, req->arena, &publishing->tarball, &req->error);
}

static enum status build_document(struct publishing *publishing)
{
    const struct npm_body *body = &publishing->body;
    struct request *req = publishing->req;
    const struct npm_facts facts = {
        .name = publishing->name,
        .version = publishing->version,
        .publisher = req->principal->name,
        .digests = stage_digests(body->stage),
        .tarball = &publishing->tarball,
        .readme = body->readme,
    };

    strbuf_init(&publishing->document, req->arena, 2 * NPM_MANIFEST_MAX);
    return npm_manifest_build(body->manifest, body->manifest_length, &facts, &publishing->document,
                              &req->error);
}

/* npm sends one npm-session per command, so a retry of it is known by it. */
static const char *session_of(const struct request *req)
{
    const char *session = request_header(req, "npm-session");

    return session && *session && strlen(session) <= SESSION_MAX ? session : NULL;
}

/* Of the integrity that its document says. */
static const char *words_to_sign(const struct publishing *publishing)
{
    const struct digests *digests = stage_digests(publishing->body.stage);
    struct arena *arena = publishing->req->arena;
    struct strbuf integrity;

    strbuf_init(&integrity, arena, INTEGRITY_MAX);
    strbuf_text(&integrity, "sha512-");
    strbuf_base64(&integrity, digests->sha512, SHA512_SIZE);
    return npm_signed_words(publishing->name, publishing->version, integrity.data, arena);
}

static enum status store(struct publishing *publishing, bool *unchanged)
{
    struct request *req = publishing->req;
    const struct actor actor = {req->principal, req->peer, req->id};
    const struct publication_file file = {
        .name = npm_tarball_name(publishing->name, publishing->version, req->arena),
        .kind = FILE_MAIN,
        .stage = publishing->body.stage,
    };
    struct publication publication = {
        .repository = req->repository,
        .actor = &actor,
        .format = FORMAT_NPM,
        .name = publishing->name,
        .name_norm = publishing->name,
        .version = publishing->version,
        .document = publishing->document.data,
        .document_length = publishing->document.length,
        .signed_words = words_to_sign(publishing),
        .session = session_of(req),
        .version_must_be_new = true,
        .tags = publishing->tags,
        .tag_count = publishing->tag_count,
        .first_tag = "latest",
        .files = &file,
        .file_count = 1,
    };
    struct semver semver;
    struct strbuf sort_key;
    enum status rc;

    strbuf_init(&sort_key, req->arena, SORT_KEY_MAX);
    if (semver_parse(publishing->version, &semver))
        semver_sort_key(&semver, &sort_key);
    publication.sort_key = sort_key.data;
    publication.sort_key_length = sort_key.length;
    rc = catalog_publish(req->service->catalog, &publication, &req->error);
    *unchanged = publication.unchanged;
    if (rc != STATUS_CONFLICT)
        return rc;
    if (!strcmp(req->error.code, "version-removed"))
        return fail(&req->error, STATUS_FORBIDDEN, "EPUBLISHCONFLICT",
                    "You cannot publish over the previously published versions: %s was removed, and "
                    "is never published again.",
                    publishing->version);
    if (!publication.conflict) { /* npm takes 409 as a reason to publish once more */
        req->error.status = STATUS_FORBIDDEN;
        return STATUS_FORBIDDEN;
    }
    /* 7.3: release tools look for exactly these words, and for 403. */
    return fail(&req->error, STATUS_FORBIDDEN, "EPUBLISHCONFLICT",
                "You cannot publish over the previously published versions: %s.",
                publishing->version);
}

static enum status answer(struct publishing *publishing, bool unchanged, struct response *res)
{
    struct request *req = publishing->req;
    struct package package;
    struct strbuf body;
    enum status rc;

    if ((rc = catalog_find_package(req->service->catalog, req->repository, FORMAT_NPM,
                                   publishing->name, req->arena, &package, &req->error)))
        return rc;
    strbuf_init(&body, req->arena, 4096);
    strbuf_text(&body, "{\"ok\":true,\"id\":");
    strbuf_json(&body, publishing->name);
    strbuf_text(&body, ",\"rev\":");
    strbuf_json(&body, npm_revision(&package, req->arena));
    strbuf_char(&body, '}');
    response_header(req, res, "Cache-Control", "no-store");
    if (publishing->body.has_provenance)
        response_header(req, res, "npm-notice",
                        "This registry keeps no provenance: the package was published without it");
    return respond_strbuf(req, res, unchanged ? 200 : 201, "application/json", &body);
}

static enum status read_body(struct publishing *publishing)
{
    struct request *req = publishing->req;
    const struct settings *settings = req->service->settings;
    int64_t limit = settings->npm_publish_max;
    struct reader *opened;
    enum status rc;

    if (!(rc = request_decode_body(req, limit ? limit : -1, &opened)))
        rc = npm_body_read(req->service->catalog, req->body, req->content_length,
                           (unsigned)settings->npm_json_depth, req->arena, &publishing->body,
                           &req->error);
    reader_close(opened);
    return rc;
}

enum status npm_put_package(struct request *req, struct response *res)
{
    struct publishing *publishing = arena_alloc(req->arena, sizeof *publishing);
    bool unchanged = false;
    enum status rc;

    publishing->req = req;
    publishing->name = request_param(req, "package");
    if ((rc = npm_name_check_publish(publishing->name, &req->error)) ||
        (rc = publish_check_owner(req, FORMAT_NPM, publishing->name, publishing->name)))
        return rc;
    if (!(rc = read_body(publishing)) && !(rc = check(publishing)) &&
        !(rc = publish_check_name(req, FORMAT_NPM, publishing->name, publishing->name)) &&
        !(rc = build_document(publishing)))
        rc = store(publishing, &unchanged);
    stage_close(publishing->body.stage);
    return rc ? rc : answer(publishing, unchanged, res);
}

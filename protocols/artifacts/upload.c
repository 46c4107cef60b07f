#include "config/clock.h"
#include "protocols/artifacts/artifact.h"
#include "protocols/artifacts/assertions.h"
#include "storage/memory/arena.h"
#include "storage/memory/semver.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

#include <string.h>

enum { PIECE_SIZE = 64 << 10, SORT_KEY_MAX = 1024 };

/* Greater bytes are listed first: versions that are no semantic ones come after those that are. */
enum { SORT_PLAIN = 1, SORT_SEMANTIC = 2 };

static void make_sort_key(const char *version, struct strbuf *key)
{
    struct semver parsed;

    if (semver_parse(version, &parsed)) {
        strbuf_char(key, SORT_SEMANTIC);
        semver_sort_key(&parsed, key);
    } else {
        strbuf_char(key, SORT_PLAIN);
        strbuf_text(key, version);
    }
}

static enum status answer_stored(struct request *req, struct response *res,
                                 const struct digests *digests, bool unchanged)
{
    artifact_digest_headers(req, res, digests);
    response_header_format(req, res, "Location", "%s%s", req->service->public_url, req->target);
    response_header(req, res, "X-Artifact-Result", unchanged ? "unchanged" : "created");
    return respond_empty(req, res, unchanged ? 200 : 201);
}

static enum status path_exists(struct request *req, const struct artifact *artifact,
                               const uint8_t *existing, int64_t existing_us)
{
    char *hex = arena_alloc(req->arena, 2 * SHA256_SIZE + 1);
    char *time = arena_alloc(req->arena, CLOCK_TEXT_SIZE);

    digest_hex(existing, SHA256_SIZE, hex);
    clock_format_iso(existing_us, time);
    request_fact(req, "existing_sha256", hex);
    request_fact(req, "existing_since", time);
    return fail(&req->error, STATUS_CONFLICT, "path-exists",
                "%s in %s@%s is stored already with other bytes, sha256 %s", artifact->path,
                artifact->package, artifact->version, hex);
}

static enum status must_be_new(struct request *req, const struct artifact *artifact)
{
    return fail(&req->error, STATUS_PRECONDITION, "precondition-failed",
                "If-None-Match: * does not hold: %s in %s@%s exists", artifact->path,
                artifact->package, artifact->version);
}

/* Decides before a byte of the body is read, where what the client states is enough: a large upload
 * that is tried again costs one round trip. *decided is false where the bytes are needed. */
static enum status answer_early(struct request *req, struct response *res,
                                const struct artifact *artifact,
                                const struct assertions *assertions, bool *decided)
{
    struct stored_file stored;
    enum status rc =
        catalog_find_file(req->service->catalog, req->repository, FORMAT_ARTIFACT,
                          artifact->package, artifact->file, req->arena, &stored, &req->error);

    *decided = rc != STATUS_NOT_FOUND;
    if (rc)
        return *decided ? rc : STATUS_OK;
    if (assertions->must_be_new)
        return must_be_new(req, artifact);
    *decided = assertions_decide(assertions, &stored.digests, stored.size);
    if (!*decided)
        return STATUS_OK;
    if (!assertions_hold(assertions, &stored.digests))
        return path_exists(req, artifact, stored.digests.sha256, stored.created_us);
    return answer_stored(req, res, &stored.digests, true);
}

static enum status receive(struct request *req, struct stage *stage)
{
    char *piece = arena_alloc(req->arena, PIECE_SIZE);
    enum status rc;
    size_t got;

    for (;;) {
        if ((rc = reader_read(req->body, piece, PIECE_SIZE, &got, &req->error)))
            return rc;
        if (!got)
            return stage_end(stage, &req->error);
        if ((rc = stage_write(stage, piece, got, &req->error)))
            return rc;
    }
}

static enum status publish(struct request *req, struct response *res,
                           const struct artifact *artifact, const struct assertions *assertions,
                           struct stage *stage)
{
    struct publication_file file = {.name = artifact->file, .kind = FILE_MAIN, .stage = stage};
    struct actor actor = {req->principal, req->peer, req->id};
    struct publication publication = {
        .repository = req->repository,
        .actor = &actor,
        .format = FORMAT_ARTIFACT,
        .name = artifact->package,
        .name_norm = artifact->package,
        .version = artifact->version,
        .files = &file,
        .file_count = 1,
    };
    struct strbuf key;
    enum status rc;

    strbuf_init(&key, req->arena, SORT_KEY_MAX);
    make_sort_key(artifact->version, &key);
    publication.sort_key = key.data;
    publication.sort_key_length = key.length;
    rc = catalog_publish(req->service->catalog, &publication, &req->error);
    if (rc == STATUS_CONFLICT && publication.conflict)
        return path_exists(req, artifact, publication.existing_sha256, publication.existing_us);
    if (rc)
        return rc;
    if (publication.unchanged && assertions->must_be_new)
        return must_be_new(req, artifact);
    return answer_stored(req, res, stage_digests(stage), publication.unchanged);
}

enum status artifact_put_file(struct request *req, struct response *res)
{
    struct artifact artifact;
    struct assertions assertions;
    struct stage *stage = NULL;
    bool decided;
    enum status rc;

    if ((rc = artifact_locate(req, &artifact, &req->error)))
        return rc;
    if ((rc = assertions_read(req, &assertions, &req->error)))
        return rc;
    if ((rc = answer_early(req, res, &artifact, &assertions, &decided)) || decided)
        return rc;
    if ((rc = catalog_stage(req->service->catalog, assertions.size,
                            DIGEST_SHA512 | assertions.digests.kinds | assertions.announced, &stage,
                            &req->error)))
        return rc;
    if ((rc = receive(req, stage)) ||
        (rc = assertions_read_trailers(req, &assertions, &req->error)))
        goto done;
    if ((rc = assertions_check(req, &assertions, stage_digests(stage), stage_size(stage),
                               &req->error)))
        goto done;
    rc = publish(req, res, &artifact, &assertions, stage);
done:
    stage_close(stage);
    return rc;
}

#include "protocols/http/file_verdict.h"
#include "protocols/http/package_document.h"
#include "protocols/http/response.h"
#include "protocols/pypi/fetched_file.h"
#include "protocols/pypi/page.h"
#include "protocols/pypi/pypi.h"
#include "storage/catalog/eviction.h"
#include "storage/catalog/package.h"
#include "storage/memory/arena.h"
#include "storage/memory/project_name.h"
#include "storage/mirror/mirror.h"

#include <string.h>

/* What is asked for. */
struct wanted {
    const char *project; /* normalised */
    const char *main;    /* the file, or the one whose sidecar is asked for */
    bool is_sidecar;
};

static const char sidecar_end[] = ".metadata"; /* PEP 658 */

/* The file whose metadata is asked for, or the file itself. */
static const char *main_file(struct request *req, const char *file, bool *is_sidecar)
{
    size_t length = strlen(file), end = sizeof sidecar_end - 1;

    *is_sidecar = length > end && !strcmp(file + length - end, sidecar_end);
    return *is_sidecar ? arena_copy_bytes(req->arena, file, length - end) : file;
}

/* An address names its file's digest, so that what it gives never changes; one that names none was
 * given before anybody knew the digest. */
static bool digest_fits(struct request *req, const struct stored_file *stored)
{
    const char *asked = request_param(req, "digest");
    char sha256[DIGEST_HEX_MAX];

    digest_hex(stored->digests.sha256, SHA256_SIZE, sha256);
    return !strcmp(sha256, asked) || !strcmp(asked, PAGE_NO_DIGEST);
}

static enum status no_such_file(struct request *req)
{
    return fail(&req->error, STATUS_NOT_FOUND, "no-such-file", "there is no file %s here",
                request_param(req, "file"));
}

/* What policy says of a file holds for the metadata beside it. */
static enum status check_verdict(struct request *req, const struct home *home,
                                 const struct wanted *wanted)
{
    const struct verdict_subject subject =
        verdict_subject_at(&pypi_verdict_format, home, wanted->project);

    return verdict_check_file(req, &subject, wanted->main, NULL);
}

/* What is here already, in a repository of ours or, with its home, kept from an upstream. */
static enum status respond_stored(struct request *req, struct response *res,
                                  const struct repository *repository, const struct wanted *wanted,
                                  const struct home *home)
{
    struct catalog *catalog = req->service->catalog;
    struct stored_file stored;
    enum status rc = catalog_find_file(catalog, repository, FORMAT_PYPI, wanted->project,
                                       wanted->main, req->arena, &stored, &req->error);

    if (!rc && !digest_fits(req, &stored))
        rc = STATUS_NOT_FOUND;
    if (!rc && home && (rc = check_verdict(req, home, wanted)))
        return rc;
    if (!rc && wanted->is_sidecar)
        rc = catalog_find_file(catalog, repository, FORMAT_PYPI, wanted->project,
                               request_param(req, "file"), req->arena, &stored, &req->error);
    if (rc)
        return rc == STATUS_NOT_FOUND ? no_such_file(req) : rc;
    if (home)
        catalog_note_seen(catalog, stored.id);
    return respond_file(req, res, &stored, "application/octet-stream");
}

static struct repository kept_from(struct request *req, const struct upstream *upstream)
{
    return (struct repository){.id = upstream->id,
                               .org_id = upstream->org_id,
                               .org = req->repository->org,
                               .name = upstream->name,
                               .anonymous_read = req->repository->anonymous_read};
}

/* What is published here. */
static enum status respond_local(struct request *req, struct response *res,
                                 const struct home *home, const struct wanted *wanted)
{
    enum status rc = check_verdict(req, home, wanted);

    if (rc)
        return rc == STATUS_NOT_FOUND ? no_such_file(req) : rc;
    return respond_stored(req, res, &home->repository, wanted, NULL);
}

/* What has to be asked for. The upstream's page is read first: what it does not name is not
 * fetched. */
static enum status respond_fetched(struct request *req, struct response *res,
                                   const struct wanted *wanted)
{
    const struct mirror_document *document;
    struct home home;
    enum status rc =
        package_document_home(req, FORMAT_PYPI, wanted->project, wanted->project, &home, &document);

    if (rc)
        return rc == STATUS_NOT_FOUND ? no_such_file(req) : rc;
    if (home.kind == HOME_LOCAL)
        rc = respond_local(req, res, &home, wanted);
    else if (home.kind != HOME_UPSTREAM)
        rc = no_such_file(req);
    else
        rc = fetched_file_respond(req, res, &home.upstreams[0], document, wanted->project,
                                  wanted->main, wanted->is_sidecar);
    if (document)
        mirror_release_document(document);
    return rc;
}

static int64_t sent_bytes(const struct response *res)
{
    return res->fd >= 0 ? res->file_length : (int64_t)res->length;
}

/* A file that is kept needs no upstream, and none that is alive. */
enum status pypi_get_file(struct request *req, struct response *res)
{
    struct wanted wanted = {.project =
                                project_name_normalize(req->arena, request_param(req, "package"))};
    struct repository kept;
    struct home home;
    enum status rc;

    if (!wanted.project)
        return request_no_package(req);
    wanted.main = main_file(req, request_param(req, "file"), &wanted.is_sidecar);
    if (strcmp(request_param(req, "digest"), PAGE_NO_DIGEST) == 0)
        response_header(req, res, "Cache-Control", "no-cache");
    if ((rc = catalog_find_home(req->service->catalog, req->repository, FORMAT_PYPI, wanted.project,
                                req->arena, &home, &req->error)))
        return rc == STATUS_NOT_FOUND ? no_such_file(req) : rc;
    if (home.kind == HOME_LOCAL)
        return respond_local(req, res, &home, &wanted);
    if (home.kind == HOME_UPSTREAM) {
        kept = kept_from(req, &home.upstreams[0]);
        if (!(rc = respond_stored(req, res, &kept, &wanted, &home)))
            mirror_count_hit(req->service->mirror, &home.upstreams[0], true, sent_bytes(res));
        if (rc != STATUS_NOT_FOUND)
            return rc;
    }
    if (home.kind != HOME_UPSTREAM && home.kind != HOME_UNOWNED)
        return no_such_file(req);
    return respond_fetched(req, res, &wanted);
}

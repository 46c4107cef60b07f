#include "protocols/http/response.h"
#include "protocols/pypi/project_name.h"
#include "protocols/pypi/pypi.h"
#include "storage/catalog/package.h"
#include "storage/memory/arena.h"

#include <string.h>

static const char sidecar_end[] = ".metadata"; /* PEP 658 */

/* The file whose metadata is asked for, or the file itself. */
static const char *main_file(struct request *req, const char *file, bool *is_sidecar)
{
    size_t length = strlen(file), end = sizeof sidecar_end - 1;

    *is_sidecar = length > end && !strcmp(file + length - end, sidecar_end);
    return *is_sidecar ? arena_copy_bytes(req->arena, file, length - end) : file;
}

/* An address names its file's digest, so that what it gives never changes. */
static bool digest_fits(struct request *req, const struct stored_file *stored)
{
    char sha256[DIGEST_HEX_MAX];

    digest_hex(stored->digests.sha256, SHA256_SIZE, sha256);
    return !strcmp(sha256, request_param(req, "digest"));
}

enum status pypi_get_file(struct request *req, struct response *res)
{
    const char *project = project_name_normalize(req->arena, request_param(req, "package"));
    const char *file = request_param(req, "file");
    struct stored_file stored;
    bool is_sidecar;
    enum status rc;

    if (!project)
        return request_no_package(req);
    rc = catalog_find_file(req->service->catalog, req->repository, FORMAT_PYPI, project,
                           main_file(req, file, &is_sidecar), req->arena, &stored, &req->error);
    if (!rc && !digest_fits(req, &stored))
        rc = STATUS_NOT_FOUND;
    if (!rc && is_sidecar)
        rc = catalog_find_file(req->service->catalog, req->repository, FORMAT_PYPI, project, file,
                               req->arena, &stored, &req->error);
    if (rc == STATUS_NOT_FOUND)
        return fail(&req->error, rc, "no-such-file", "there is no file %s here", file);
    if (rc)
        return rc;
    return respond_file(req, res, &stored, "application/octet-stream");
}

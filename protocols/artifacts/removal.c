/* Access spec A2.6: a version goes whole, unless a channel names it. */
#include "config/settings.h"
#include "protocols/artifacts/artifact.h"
#include "storage/catalog/removal.h"

enum status artifact_remove(struct request *req, struct response *res)
{
    const struct actor actor = {req->principal, req->peer, req->id};
    struct removal removal = {.repository = req->repository,
                              .actor = &actor,
                              .format = FORMAT_ARTIFACT,
                              .name_norm = request_param(req, "package"),
                              .version = request_param(req, "version"),
                              .reason = "DELETE of the version",
                              .unless_tagged = true,
                              .trash_us = req->service->settings->trash_days * 86400 * 1000000};
    enum status rc = catalog_remove_version(req->service->catalog, &removal, &req->error);

    if (rc == STATUS_NOT_FOUND)
        return request_no_package(req);
    return rc ? rc : respond_empty(req, res, 204);
}

#include "protocols/http/whole_file.h"

#include "storage/catalog/package.h"
#include "storage/mirror/mirror.h"

#include <unistd.h>

enum status whole_file_open(struct request *req, const struct verdict_subject *subject, const char *file,
                            struct whole_file *out)
{
    const struct upstream *upstream = subject->upstream;
    struct catalog *catalog = req->service->catalog;
    struct stored_file stored;
    struct repository kept;
    enum status rc;

    *out = (struct whole_file){.fd = -1};
    if (upstream)
        kept = (struct repository){.id = upstream->id,
                                   .org_id = upstream->org_id,
                                   .org = req->repository->org,
                                   .name = upstream->name};
    if ((rc = catalog_find_file(catalog, upstream ? &kept : subject->repository, subject->how->format,
                                subject->name_norm, file, req->arena, &stored, &req->error)))
        return rc;
    out->size = stored.size;
    return catalog_open_file(catalog, &stored, &out->fd, &req->error);
}

enum status whole_file_fetch(struct request *req, const struct mirror_wish *wish, struct whole_file *out)
{
    int64_t available = 0;
    enum status rc;

    *out = (struct whole_file){.fd = -1};
    if ((rc = mirror_get_file(req->service->mirror, wish, &out->arriving, &req->error)))
        return rc;
    out->size = mirror_file_size(out->arriving);
    while (!rc && available < out->size)
        rc = mirror_file_wait(out->arriving, available, &available, &req->error);
    out->fd = mirror_file_fd(out->arriving);
    if (rc)
        whole_file_close(out);
    return rc;
}

void whole_file_close(struct whole_file *file)
{
    if (file->arriving)
        mirror_file_close(file->arriving);
    else if (file->fd >= 0)
        close(file->fd);
    *file = (struct whole_file){.fd = -1};
}

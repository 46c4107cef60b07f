#include "protocols/artifacts/artifact.h"
#include "protocols/artifacts/digest_field.h"
#include "storage/memory/strbuf.h"

#include <string.h>

enum { DISPOSITION_MAX = 4096 };

/* RFC 6266 4.3: the plain form for names that every client reads alike, RFC 8187 for the others. */
static void set_disposition(struct request *req, struct response *res, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    bool is_plain = true;
    struct strbuf text;

    for (const char *c = name; *c; c++)
        is_plain = is_plain && (unsigned char)*c < 0x80 && !strchr("\"%", *c);
    strbuf_init(&text, req->arena, DISPOSITION_MAX);
    strbuf_text(&text, is_plain ? "attachment; filename=\"" : "attachment; filename*=UTF-8''");
    if (is_plain) {
        strbuf_text(&text, name);
        strbuf_char(&text, '"');
    } else {
        strbuf_url(&text, name);
    }
    response_header(req, res, "Content-Disposition", text.data);
}

/* What a browser gets from here runs in nobody's name. */
static void set_headers(struct request *req, struct response *res, const struct artifact *artifact,
                        const struct stored_file *file)
{
    artifact_digest_headers(req, res, &file->digests);
    set_disposition(req, res, artifact->path);
    response_header(req, res, "X-Content-Type-Options", "nosniff");
    response_header(req, res, "Content-Security-Policy", "sandbox");
}

/* RFC 9530 3: of what is in this very answer, so only where that is the whole file. */
static void set_content_digest(struct request *req, struct response *res,
                               const struct stored_file *file)
{
    const char *wanted = request_header(req, "Want-Content-Digest");
    unsigned kinds = wanted ? digest_field_wanted(wanted) : 0;
    const char *field = artifact_digest_field(req, &file->digests, kinds);

    if (*field && res->code == 200 && req->method == METHOD_GET)
        response_header(req, res, "Content-Digest", field);
}

/* A package that is not there looks like one that may not be seen. */
static enum status tell_absent(struct request *req, const struct artifact *artifact)
{
    struct package package;
    enum status rc = catalog_find_package(req->service->catalog, req->repository, FORMAT_ARTIFACT,
                                          artifact->package, req->arena, &package, &req->error);

    if (rc)
        return rc == STATUS_NOT_FOUND ? request_no_package(req) : rc;
    return fail(&req->error, STATUS_NOT_FOUND, "", "%s@%s has no file %s", artifact->package,
                artifact->version, artifact->path);
}

enum status artifact_get_file(struct request *req, struct response *res)
{
    struct artifact artifact;
    struct stored_file file;
    enum status rc;

    if ((rc = artifact_locate(req, &artifact, &req->error)))
        return rc;
    rc = catalog_find_file(req->service->catalog, req->repository, FORMAT_ARTIFACT,
                           artifact.package, artifact.file, req->arena, &file, &req->error);
    if (rc)
        return rc == STATUS_NOT_FOUND ? tell_absent(req, &artifact) : rc;
    set_headers(req, res, &artifact, &file);
    if ((rc = respond_file(req, res, &file, artifact_media_type(artifact.path))))
        return rc;
    set_content_digest(req, res, &file);
    return STATUS_OK;
}

#include "protocols/pypi/provenance.h"

#include "protocols/http/file_verdict.h"
#include "protocols/http/package_document.h"
#include "protocols/http/response.h"
#include "protocols/pypi/listing.h"
#include "protocols/pypi/pypi.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/project_name.h"
#include "storage/memory/pypi_version.h"
#include "storage/memory/strbuf.h"
#include "storage/mirror/mirror.h"
#include "storage/remote/url.h"

#include <string.h>

enum { ANSWER_MAX = 1 << 20, PATIENCE_MS = 15000 };

static bool is_served(const struct upstream *upstream, const struct upstream_file *file)
{
    return file->provenance && url_same_origin(file->provenance, upstream->url);
}

const char *provenance_address(struct request *req, const struct upstream *upstream,
                               const char *project, const struct upstream_file *file)
{
    const char *base = req->service->public_url;
    struct strbuf out;

    if (!is_served(upstream, file) || !base || strncmp(base, "https://", 8))
        return NULL;
    strbuf_init(&out, req->arena, 4096);
    strbuf_format(&out, "%s/pypi/%s/%s/integrity/%s/", base, req->repository->org, req->repository->name,
                  project);
    strbuf_url(&out, file->version);
    strbuf_char(&out, '/');
    strbuf_url(&out, file->name);
    strbuf_text(&out, "/provenance");
    return strbuf_failed(&out) ? NULL : out.data;
}

static bool is_provenance(const struct strbuf *answer)
{
    struct json *json = NULL;
    bool is_good = !json_parse(answer->data, answer->length, ANSWER_MAX, &json, NULL) &&
                   json_is_list(json_get(json, "attestation_bundles"));

    json_free(json);
    return is_good;
}

static enum status nothing_attested(struct request *req)
{
    return fail(&req->error, STATUS_NOT_FOUND, "not-attested", "nothing is attested of %.200s",
                request_param(req, "file"));
}

static enum status ask(struct request *req, const struct upstream *upstream, const char *project,
                       const struct upstream_file *file, struct strbuf *out)
{
    const struct mirror_question question = {
        .url = file->provenance, .timeout_ms = PATIENCE_MS, .bytes_max = ANSWER_MAX};
    struct mirror_lasting lasting = {
        .kept_as = arena_format(req->arena, "/integrity/%s/%s/%s/provenance", project, file->version, file->name),
        .is_good = is_provenance,
    };
    int code = 0;
    enum status rc;

    if (!owner_fold_name(FORMAT_PYPI, project, req->arena, &lasting.name_fold))
        return nothing_attested(req);
    strbuf_init(out, req->arena, ANSWER_MAX);
    if ((rc = mirror_ask_once(req->service->mirror, upstream, &question, &lasting, out, &code, &req->error)))
        return rc;
    if (code == 404 || code == 410)
        return nothing_attested(req);
    return code == 200 && is_provenance(out)
               ? STATUS_OK
               : fail(&req->error, STATUS_BAD_UPSTREAM, "upstream-invalid",
                      "the upstream %s answered with no provenance", upstream->name);
}

static bool is_version(const char *asked, const char *version)
{
    struct pypi_version one, two;

    return pypi_version_parse(asked, &one) && pypi_version_parse(version, &two) &&
           !pypi_version_compare(&one, &two);
}

static enum status find(struct request *req, const char *project, const struct home *home,
                        const struct mirror_document *document, struct strbuf *out)
{
    const struct verdict_subject subject =
        verdict_subject_at(&pypi_verdict_format, home, project);
    const struct upstream *upstream = home->upstreams;
    const char *file = request_param(req, "file");
    struct listing listing;
    enum status rc;

    if (home->kind == HOME_LOCAL) { /* whoever publishes here attests nothing */
        rc = verdict_check_file(req, &subject, file, NULL);
        return rc && rc != STATUS_NOT_FOUND ? rc : nothing_attested(req);
    }
    if ((rc = listing_read(req, upstream, document, project, file, &listing, &req->error)) ||
        (listing.count && (rc = verdict_check_file(req, &subject, file, NULL))))
        return rc;
    if (!listing.count || !strcmp(listing.page.status, "quarantined") ||
        !is_version(request_param(req, "version"), listing.files->file.version) ||
        !is_served(upstream, &listing.files->file))
        return nothing_attested(req);
    return ask(req, upstream, project, &listing.files->file, out);
}

enum status pypi_get_provenance(struct request *req, struct response *res)
{
    static const char *const types[] = {"application/vnd.pypi.integrity.v1+json", "application/json"};
    const char *project = project_name_normalize(req->arena, request_param(req, "package"));
    const struct mirror_document *document = NULL;
    int type = request_accept(req, types, sizeof types / sizeof *types);
    struct strbuf answer;
    struct home home;
    enum status rc;

    if (!project)
        return request_no_package(req);
    rc = package_document_home(req, FORMAT_PYPI, project, project, &home, &document);
    if (!rc)
        rc = home.kind == HOME_UPSTREAM || home.kind == HOME_LOCAL
                 ? find(req, project, &home, document, &answer)
                 : nothing_attested(req);
    if (document)
        mirror_release_document(document);
    if (rc)
        return rc;
    response_header(req, res, "Vary", "Accept");
    if (type < 0)
        return respond_text(req, res, 406, "text/plain; charset=utf-8",
                            "application/vnd.pypi.integrity.v1+json\napplication/json\n");
    response_header(req, res, "Cache-Control", "no-cache");
    return respond_strbuf(req, res, 200, types[type], &answer);
}

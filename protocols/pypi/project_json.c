#include "protocols/pypi/project_json.h"

#include "config/clock.h"
#include "protocols/http/package_document.h"
#include "protocols/http/response.h"
#include "protocols/pypi/fetched_file.h"
#include "protocols/pypi/listing_page.h"
#include "protocols/pypi/local_page.h"
#include "protocols/pypi/page.h"
#include "protocols/pypi/project_info.h"
#include "protocols/pypi/pypi.h"
#include "storage/memory/arena.h"
#include "storage/memory/project_name.h"
#include "storage/memory/pypi_version.h"
#include "storage/memory/strbuf.h"
#include "storage/mirror/mirror.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOCUMENT_MAX = 256 << 20 };

/* What an answer is made from. */
struct rendering {
    struct request *req;
    const char *project;
    const char *version; /* NULL: of the project */
    struct page_gathered gathered;
    struct verdict_effect effect;
};

static bool is_same(const char *a, const char *b)
{
    struct pypi_version one, two;

    return pypi_version_parse(a, &one) && pypi_version_parse(b, &two) &&
           !pypi_version_compare(&one, &two);
}

static bool is_yanked(const struct page_gathered *gathered, const char *version)
{
    for (size_t i = 0; i < gathered->file_count; i++)
        if (is_same(gathered->files[i].version, version) && !gathered->files[i].yanked)
            return false;
    return true;
}

static int rank(const char *version, bool is_all_yanked)
{
    struct pypi_version parsed;

    if (is_all_yanked)
        return 0;
    return pypi_version_parse(version, &parsed) && !pypi_version_is_prerelease(&parsed) ? 2 : 1;
}

/* 13.1: the highest final one that is not yanked; else a pre-release that is not; else one that is.
 * The files stand in order of version. */
static const char *find_latest(const struct page_gathered *gathered)
{
    const struct page_file *files = gathered->files;
    const char *latest = NULL;
    int best = -1;

    for (size_t i = 0, end; i < gathered->file_count; i = end) {
        bool is_all_yanked = files[i].yanked;
        int here;

        for (end = i + 1;
             end < gathered->file_count && is_same(files[end].version, files[i].version); end++)
            is_all_yanked &= files[end].yanked != NULL;
        here = rank(files[i].version, is_all_yanked);
        if (here >= best) {
            best = here;
            latest = files[i].version;
        }
    }
    return latest;
}

static void put(struct strbuf *out, const char *name, const char *value)
{
    strbuf_format(out, ",\"%s\":", name);
    if (value)
        strbuf_json(out, value);
    else
        strbuf_text(out, "null");
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);

    return length > tail && !strcmp(text + length - tail, end);
}

static void put_python(struct strbuf *out, const char *file)
{
    const char *tags;
    int dashes = 0;

    if (!ends_with(file, ".whl")) {
        put(out, "packagetype", "sdist");
        put(out, "python_version", "source");
        return;
    }
    /* NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl */
    for (tags = file + strlen(file); tags > file && dashes < 3; tags--)
        dashes += tags[-1] == '-';
    tags += dashes == 3;
    put(out, "packagetype", "bdist_wheel");
    strbuf_text(out, ",\"python_version\":\"");
    for (; *tags && *tags != '-'; tags++)
        if ((*tags >= '0' && *tags <= '9') || (*tags >= 'a' && *tags <= 'z') || *tags == '.' ||
            *tags == '_')
            strbuf_char(out, *tags);
    strbuf_char(out, '"');
}

/* The same moment without its zone, and with it. */
static void put_times(struct strbuf *out, const struct page_file *file)
{
    char text[CLOCK_TEXT_SIZE], plain[20];
    const char *uploaded = file->uploaded;

    if (!uploaded && file->uploaded_us) {
        clock_format_iso(file->uploaded_us, text);
        uploaded = text;
    }
    if (uploaded) {
        snprintf(plain, sizeof plain, "%.19s", uploaded);
        plain[10] = strlen(plain) > 10 ? 'T' : '\0';
    }
    put(out, "upload_time", uploaded ? plain : NULL);
    put(out, "upload_time_iso_8601", uploaded);
}

static void put_url(struct strbuf *out, const struct rendering *rendering,
                    const struct page_file *file)
{
    const struct request *req = rendering->req;

    strbuf_format(out, ",\"url\":\"%s/pypi/%s/%s/files/", req->service->public_url,
                  req->repository->org, req->repository->name);
    strbuf_url(out, rendering->project);
    strbuf_format(out, "/%s/", file->sha256 ? file->sha256 : PAGE_NO_DIGEST);
    strbuf_url(out, file->name);
    strbuf_char(out, '"');
}

static void put_file(struct strbuf *out, const struct rendering *rendering,
                     const struct page_file *file)
{
    bool has_md5 = file->other_kind && !strcmp(file->other_kind, "md5");

    strbuf_text(out, "{\"filename\":");
    strbuf_json(out, file->name);
    strbuf_text(out, ",\"digests\":{");
    if (file->sha256)
        strbuf_format(out, "\"sha256\":\"%s\"", file->sha256);
    if (file->other_kind)
        strbuf_format(out, "%s\"%s\":\"%s\"", file->sha256 ? "," : "", file->other_kind,
                      file->other_digest);
    strbuf_char(out, '}');
    put(out, "md5_digest", has_md5 ? file->other_digest : NULL);
    if (file->metadata_sha256)
        strbuf_format(out, ",\"core-metadata\":{\"sha256\":\"%s\"}", file->metadata_sha256);
    put_python(out, file->name);
    if (file->size >= 0)
        strbuf_format(out, ",\"size\":%lld", (long long)file->size);
    put_times(out, file);
    put_url(out, rendering, file);
    put(out, "requires_python", file->requires_python);
    strbuf_format(out, ",\"yanked\":%s", file->yanked ? "true" : "false");
    put(out, "yanked_reason", file->yanked && *file->yanked ? file->yanked : NULL);
    strbuf_text(out, ",\"comment_text\":\"\",\"downloads\":-1,\"has_sig\":false}");
}

static void put_files(struct strbuf *out, const struct rendering *rendering, const char *version)
{
    const struct page_gathered *gathered = &rendering->gathered;
    bool is_first = true;

    strbuf_char(out, '[');
    for (size_t i = 0; i < gathered->file_count; i++) {
        if (!is_same(gathered->files[i].version, version))
            continue;
        strbuf_text(out, is_first ? "" : ",");
        put_file(out, rendering, &gathered->files[i]);
        is_first = false;
    }
    strbuf_char(out, ']');
}

static int by_version(const void *a, const void *b)
{
    const struct page_file *one = a, *two = b;
    struct pypi_version first, second;
    int difference = 0;

    if (pypi_version_parse(one->version, &first) && pypi_version_parse(two->version, &second))
        difference = pypi_version_compare(&first, &second);
    return difference ? difference : strcmp(one->name, two->name);
}

/* The files stand in order of version. */
static void put_releases(struct strbuf *out, const struct rendering *rendering)
{
    const struct page_gathered *gathered = &rendering->gathered;
    const struct page_file *files = gathered->files;

    strbuf_text(out, ",\"releases\":{");
    for (size_t i = 0; i < gathered->file_count; i++) {
        bool is_next = !i || !is_same(files[i - 1].version, files[i].version);

        if (is_next) {
            strbuf_text(out, i ? "]," : "");
            strbuf_json(out, files[i].version);
            strbuf_text(out, ":[");
        } else {
            strbuf_char(out, ',');
        }
        put_file(out, rendering, &files[i]);
    }
    strbuf_text(out, gathered->file_count ? "]}" : "}");
}

static const char *reason_of(const struct page_gathered *gathered, const char *version)
{
    for (size_t i = 0; i < gathered->file_count; i++)
        if (is_same(gathered->files[i].version, version) && gathered->files[i].yanked)
            return gathered->files[i].yanked;
    return "";
}

/* What the release's wheel says of it; for want of one, or of what it says, less. */
static const char *read_metadata(struct rendering *rendering, const struct repository *repository,
                                 const struct upstream *upstream,
                                 const struct mirror_document *document, const char *version)
{
    const struct page_gathered *gathered = &rendering->gathered;

    for (size_t i = 0; i < gathered->file_count; i++) {
        const struct page_file *file = &gathered->files[i];

        /* A yanked one may be held: nothing of it is looked up. */
        if (!is_same(file->version, version) || file->yanked || !ends_with(file->name, ".whl") ||
            !(file->has_metadata || file->metadata_sha256))
            continue;
        return fetched_sidecar_read(rendering->req,
                                    &(struct verdict_subject){.how = &pypi_verdict_format,
                                                              .upstream = upstream,
                                                              .repository = repository,
                                                              .name = rendering->project,
                                                              .name_norm = rendering->project},
                                    document, file->name);
    }
    return NULL;
}

static enum status write_answer(struct rendering *rendering, const struct repository *repository,
                                const struct upstream *upstream,
                                const struct mirror_document *document, struct strbuf *out,
                                struct error *err)
{
    struct page_gathered *gathered = &rendering->gathered;
    struct project_info info = {.project = rendering->project};
    const char *version;

    if (gathered->is_quarantined)
        return fail(err, STATUS_NOT_FOUND, "", "%s is quarantined: %s", rendering->project,
                    gathered->reason ? gathered->reason : "its index says so");
    if (gathered->file_count)
        qsort(gathered->files, gathered->file_count, sizeof *gathered->files, by_version);
    version = find_latest(gathered);
    if (rendering->version) {
        version = NULL;
        for (size_t i = 0; i < gathered->file_count && !version; i++)
            if (is_same(gathered->files[i].version, rendering->version))
                version = gathered->files[i].version;
    }
    if (!version)
        return fail(err, STATUS_NOT_FOUND, "", "there is no such version of %s here",
                    rendering->project);
    info.version = version;
    info.is_yanked = is_yanked(gathered, version);
    info.yanked_reason = info.is_yanked ? reason_of(gathered, version) : NULL;
    info.metadata = read_metadata(rendering, repository, upstream, document, version);
    for (size_t i = 0; i < gathered->file_count && !info.requires_python; i++)
        if (is_same(gathered->files[i].version, version))
            info.requires_python = gathered->files[i].requires_python;
    strbuf_text(out, "{\"info\":");
    project_info_write(rendering->req, &info, out);
    strbuf_text(out, ",\"last_serial\":0,\"ownership\":{\"organization\":null,\"roles\":[]}");
    if (!rendering->version)
        put_releases(out, rendering);
    strbuf_text(out, ",\"urls\":");
    put_files(out, rendering, version);
    strbuf_text(out, ",\"vulnerabilities\":[]}\n");
    return STATUS_OK;
}

static enum status render_local(void *context, const struct repository *repository,
                                struct strbuf *out, int64_t *modified_us, struct error *err)
{
    struct rendering *rendering = context;
    const struct page_form form = {.gathered = &rendering->gathered};
    enum status rc = local_page_render(rendering->req, repository, rendering->project, &form, out,
                                       modified_us, &rendering->effect, err);

    return rc ? rc : write_answer(rendering, repository, NULL, NULL, out, err);
}

static enum status render_upstream(void *context, const struct upstream *upstream,
                                   const struct mirror_document *document, struct strbuf *out,
                                   int64_t *modified_us, struct error *err)
{
    struct rendering *rendering = context;
    const struct page_form form = {.gathered = &rendering->gathered};
    enum status rc = listing_page_render(rendering->req, upstream, document, rendering->project,
                                         &form, out, modified_us, &rendering->effect, err);

    return rc ? rc : write_answer(rendering, NULL, upstream, document, out, err);
}

static enum status not_here(struct request *req, enum status rc)
{
    return rc == STATUS_NOT_FOUND && !*req->error.message ? request_no_package(req) : rc;
}

enum status pypi_get_project_json(struct request *req, struct response *res)
{
    const char *project = project_name_normalize(req->arena, request_param(req, "package"));
    struct rendering rendering = {.req = req, .project = project, .gathered.arena = req->arena};
    struct package_rendering how = {
        .req = req,
        .format = FORMAT_PYPI,
        .kind = DOCUMENT_PYPI_PROJECT,
        .name = project,
        .name_norm = project,
        .context = &rendering,
        .effect = &rendering.effect,
        .local = render_local,
        .upstream = render_upstream,
    };
    const struct document *document;
    enum home_kind home;
    enum status rc;

    if (!project)
        return request_no_package(req);
    if ((rc = package_document_get(&how, res, &document, &home)))
        return not_here(req, rc);
    return respond_document(req, res, document, "application/json");
}

enum status pypi_get_version_json(struct request *req, struct response *res)
{
    const char *project = project_name_normalize(req->arena, request_param(req, "package"));
    struct rendering rendering = {.req = req,
                                  .project = project,
                                  .version = request_param(req, "version"),
                                  .gathered.arena = req->arena};
    const struct mirror_document *document = NULL;
    int64_t modified_us = 0;
    struct strbuf body;
    struct home home;
    enum status rc;

    if (!project)
        return request_no_package(req);
    strbuf_init(&body, req->arena, DOCUMENT_MAX);
    if ((rc = package_document_home(req, FORMAT_PYPI, project, project, &home, &document)))
        return not_here(req, rc);
    if (home.kind == HOME_LOCAL)
        rc = render_local(&rendering, &home.repository, &body, &modified_us, &req->error);
    else if (home.kind == HOME_UPSTREAM)
        rc =
            render_upstream(&rendering, home.upstreams, document, &body, &modified_us, &req->error);
    else
        rc = request_no_package(req);
    if (document)
        mirror_release_document(document);
    return rc ? not_here(req, rc)
              : respond_document(req, res, document_new(body.data, body.length, modified_us),
                                 "application/json");
}

#include "protocols/http/package_document.h"
#include "protocols/http/response.h"
#include "protocols/http/route.h"
#include "protocols/pypi/listing_page.h"
#include "protocols/pypi/local_page.h"
#include "protocols/pypi/page.h"
#include "protocols/pypi/pypi.h"
#include "protocols/pypi/root.h"
#include "storage/memory/arena.h"
#include "storage/memory/project_name.h"
#include "storage/memory/strbuf.h"

#include <string.h>

/* What a page is rendered from. */
struct rendering {
    struct request *req;
    struct page page;
    const char *project;
    struct page_form form;
    struct verdict_effect effect;
};

static bool has_final_slash(const struct request *req)
{
    size_t length = strlen(req->target);

    return length && req->target[length - 1] == '/';
}

/* Redirects lead to the one address of a page: normalised, with a final slash, from which its links
 * are relative. They are relative themselves, for a proxy may have put a path in front of ours. */
static enum status redirect(struct request *req, struct response *res, const char *where)
{
    response_header_format(req, res, "Location", "%s/%s%s", where, *req->query ? "?" : "",
                           req->query);
    return respond_text(req, res, 301, "text/plain; charset=utf-8", "");
}

static enum status redirect_root(struct request *req, struct response *res)
{
    return redirect(req, res, strrchr(req->route->pattern, '/') + 1);
}

/* The folder of the pages is named too, unless empty segments hide how many steps up it is. */
static enum status redirect_page(struct request *req, struct response *res, const char *project)
{
    const char *up = has_final_slash(req) ? "../" : "", *end, *folder;

    if (strstr(req->target, "//"))
        return redirect(req, res, arena_format(req->arena, "%s%s", up, project));
    end = folder = strrchr(req->route->pattern, '/');
    while (folder[-1] != '/')
        folder--;
    return redirect(
        req, res,
        arena_format(req->arena, "../%s%.*s/%s", up, (int)(end - folder), folder, project));
}

static enum status not_acceptable(struct request *req, struct response *res)
{
    response_header(req, res, "Vary", "Accept, Accept-Encoding");
    return respond_text(req, res, 406, "text/plain; charset=utf-8", page_forms_text);
}

static enum status render_local(void *context, const struct repository *repository,
                                struct strbuf *out, int64_t *modified_us, struct error *err)
{
    struct rendering *rendering = context;

    return local_page_render(rendering->req, repository, rendering->project, &rendering->form, out,
                             modified_us, &rendering->effect, err);
}

static enum status render_upstream(void *context, const struct upstream *upstream,
                                   const struct mirror_document *document, struct strbuf *out,
                                   int64_t *modified_us, struct error *err)
{
    struct rendering *rendering = context;

    return listing_page_render(rendering->req, upstream, document, rendering->project,
                               &rendering->form, out, modified_us, &rendering->effect, err);
}

/* A name that the org has claimed is no other index's: 200 ends a client's search, 404 does not. */
static const struct document *empty_page(struct rendering *rendering)
{
    struct strbuf out;

    strbuf_init(&out, rendering->req->arena, 4096);
    page_begin(&rendering->page, &out, &rendering->form,
               &(struct page_head){.project = rendering->project});
    page_end(&rendering->page);
    return document_new(out.data, out.length, 0);
}

enum status pypi_get_page(struct request *req, struct response *res)
{
    const char *given = request_param(req, "package");
    const char *project = project_name_normalize(req->arena, given);
    struct rendering rendering = {.req = req, .project = project};
    struct package_rendering how = {
        .req = req,
        .format = FORMAT_PYPI,
        .name = project,
        .name_norm = project,
        .context = &rendering,
        .verdicts = &pypi_verdict_format,
        .effect = &rendering.effect,
        .local = render_local,
        .upstream = render_upstream,
    };
    const struct document *document;
    enum home_kind home;
    struct page_form form;
    enum status rc;

    if (!project)
        return request_no_package(req);
    if (strcmp(given, project) || !has_final_slash(req))
        return redirect_page(req, res, project);
    if (!page_form_choose(req, &form))
        return not_acceptable(req, res);
    rendering.form = form;
    how.kind = form.is_json ? DOCUMENT_PYPI_JSON : DOCUMENT_PYPI_HTML;
    rc = package_document_get(&how, res, &document, &home);
    if (rc == STATUS_NOT_FOUND && home != HOME_CLAIMED)
        return request_no_package(req);
    if (rc && rc != STATUS_NOT_FOUND)
        return rc;
    if (rc)
        document = empty_page(&rendering);
    return respond_document(req, res, document, form.content_type);
}

static enum status render_root(void *context, struct strbuf *out, int64_t *modified_us,
                               struct error *err)
{
    struct rendering *rendering = context;

    *modified_us = 0;
    return root_render(rendering->req, rendering->form.is_json, out, err);
}

enum status pypi_get_root(struct request *req, struct response *res)
{
    struct rendering rendering = {.req = req};
    const struct document *document;
    struct document_key key;
    struct page_form form;
    enum status rc;

    if (!has_final_slash(req))
        return redirect_root(req, res);
    if (!page_form_choose(req, &form))
        return not_acceptable(req, res);
    rendering.form = form;
    key = (struct document_key){
        .repository_id = req->repository->id,
        .kind = form.is_json ? DOCUMENT_PYPI_ROOT_JSON : DOCUMENT_PYPI_ROOT_HTML,
        .name = "",
        .generation = catalog_home_generation(req->service->catalog, req->repository->org_id),
    };
    if ((rc = document_cache_get(req->service->documents, &key, render_root, &rendering, &document,
                                 &req->error)))
        return rc;
    return respond_document(req, res, document, form.content_type);
}

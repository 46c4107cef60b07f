#include "protocols/pypi/local_page.h"

#include "protocols/pypi/listing_page.h"
#include "protocols/pypi/page.h"
#include "protocols/pypi/pypi.h"
#include "storage/catalog/package.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"

#include <string.h>

/* What a page is rendered from. */
struct rendering {
    struct request *req;
    struct page page;
    struct package_verdicts verdicts;
    bool shows_none;     /* policy holds back all of it */
    const char **yanked; /* versions */
    size_t yanked_count, yanked_room;
};

/* What policy did not look at, because it came this moment, is not shown before it has. */
static bool is_left_out(const struct rendering *rendering, const struct file_verdict *verdict)
{
    if (!rendering->verdicts.list)
        return false;
    return rendering->shows_none || !verdict ||
           (verdict->is_blocked && verdict->action == VERDICT_DENY);
}

static bool has_file(const struct rendering *rendering, const char *version)
{
    const struct package_verdicts *verdicts = &rendering->verdicts;

    for (size_t i = 0; i < verdicts->count; i++)
        if (!strcmp(verdicts->list[i].version, version) &&
            !is_left_out(rendering, &verdicts->list[i]))
            return true;
    return !verdicts->list;
}

static enum status add_version(void *context, const struct version *version, struct error *err)
{
    struct rendering *rendering = context;

    (void)err;
    if (has_file(rendering, version->version))
        page_add_version(&rendering->page, version->version);
    if (version->state != VERSION_YANKED)
        return STATUS_OK;
    rendering->yanked =
        arena_grow(rendering->req->arena, rendering->yanked, rendering->yanked_count,
                   &rendering->yanked_room, sizeof *rendering->yanked);
    rendering->yanked[rendering->yanked_count++] =
        arena_copy(rendering->req->arena, version->version);
    return STATUS_OK;
}

static const char *yanked_for(const struct rendering *rendering, const char *version,
                              const struct file_verdict *verdict)
{
    if (verdict && verdict->is_blocked)
        return verdict->sentence;
    for (size_t i = 0; i < rendering->yanked_count; i++)
        if (!strcmp(rendering->yanked[i], version))
            return "";
    return NULL;
}

/* Sidecars are told with their wheels. */
static enum status add_file(void *context, const struct stored_file *file, struct error *err)
{
    struct rendering *rendering = context;
    const struct file_verdict *verdict = NULL;
    char sha256[DIGEST_HEX_MAX];
    struct json *meta = NULL;
    enum status rc;

    if (file->kind != FILE_MAIN)
        return STATUS_OK;
    if (rendering->verdicts.list)
        verdict = package_verdicts_find(&rendering->verdicts, file->name);
    if (is_left_out(rendering, verdict))
        return STATUS_OK;
    if (file->meta && (rc = json_parse(file->meta, strlen(file->meta), 0, &meta, err)))
        return rc;
    digest_hex(file->digests.sha256, SHA256_SIZE, sha256);
    page_add_file(&rendering->page,
                  &(struct page_file){
                      .name = file->name,
                      .version = file->version,
                      .sha256 = sha256,
                      .metadata_sha256 = json_text(json_get(meta, "metadata_sha256")),
                      .requires_python = json_text(json_get(meta, "requires_python")),
                      .size = file->size,
                      .uploaded_us = file->created_us,
                      .yanked = yanked_for(rendering, file->version, verdict),
                  });
    json_free(meta);
    return STATUS_OK;
}

enum status local_page_render(struct request *req, const struct repository *repository,
                              const char *project, const struct page_form *form, struct strbuf *out,
                              int64_t *modified_us, struct verdict_effect *effect, struct error *err)
{
    const struct verdict_subject subject = {.how = &pypi_verdict_format,
                                            .repository = repository,
                                            .name = project,
                                            .name_norm = project};
    struct rendering rendering = {.req = req};
    const struct package_visitor visitor = {&rendering, add_version, NULL, add_file};
    struct package_verdicts *verdicts = &rendering.verdicts;
    struct page_head head = {.project = project};
    struct package package;
    enum status rc;

    if ((rc = package_verdicts_get(req, &subject, NULL, verdicts, err)))
        return rc;
    *effect = verdicts->effect;
    rendering.shows_none = verdicts->count && verdicts->blocked == verdicts->count;
    if (rendering.shows_none)
        page_quarantine(req, verdicts, project, &head);
    page_begin(&rendering.page, out, form, &head);
    if ((rc = catalog_walk_package(req->service->catalog, repository, FORMAT_PYPI, project,
                                   &package, req->arena, &visitor, err)))
        return rc;
    page_end(&rendering.page);
    *modified_us = package.updated_us;
    return STATUS_OK;
}

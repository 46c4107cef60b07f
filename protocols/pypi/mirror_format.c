#include "config/clock.h"
#include "config/log.h"
#include "protocols/pypi/pypi.h"
#include "protocols/pypi/upstream_page.h"
#include "storage/memory/arena.h"
#include "storage/mirror/mirror.h"

/* With the final slash, for without it most indexes redirect. */
static const char *page_path(struct arena *arena, const char *name)
{
    return arena_format(arena, "/%s/", name);
}

static enum status pass_over(void *context, const struct upstream_file *file, struct error *err)
{
    (void)context;
    (void)file;
    (void)err;
    return STATUS_OK;
}

/* Where the page stands matters for its links alone, which nobody follows yet. */
static enum status check_page(struct reader *document, const char *content_type, const char *name,
                              struct arena *arena, struct error *err)
{
    struct upstream_page page;
    enum status rc = upstream_page_read(document, content_type, "https://upstream.invalid/", name,
                                        pass_over, NULL, arena, &page, err);

    if (!rc && page.is_mislabelled)
        log_event(LOG_WARN, "upstream.mislabelled", "package=%s content_type=\"%s\"", name,
                  content_type ? content_type : "");
    return rc;
}

struct listing_visit {
    visit_listed visit;
    void *context;
};

static enum status pass_name(void *context, const struct upstream_file *file, struct error *err)
{
    const struct listing_visit *visit = context;
    int64_t uploaded_us = file->uploaded ? clock_parse_iso(file->uploaded) : 0;

    return visit->visit(visit->context, file->version, file->name, uploaded_us > 0 ? uploaded_us : 0,
                        err);
}

static enum status list_page(struct reader *reader, const struct mirror_document *document,
                             struct arena *arena, visit_listed visit, void *context,
                             struct error *err)
{
    struct listing_visit each = {visit, context};
    struct upstream_page page;

    return upstream_page_read(reader, document->content_type, document->url, document->name,
                              pass_name, &each, arena, &page, err);
}

const struct mirror_format pypi_mirror_format = {
    .format = FORMAT_PYPI,
    .accept = "application/vnd.pypi.simple.v1+json, "
              "application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01",
    .document_path = page_path,
    .check = check_page,
    .list = list_page,
};

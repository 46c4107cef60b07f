#include "protocols/pypi/page.h"

#include "config/clock.h"
#include "storage/memory/strbuf.h"

/* HTML is frozen at this version (PEP 833). */
#define API_VERSION "1.4"

static const char html_head[] =
    "<!DOCTYPE html>\n<html>\n<head>\n"
    "<meta name=\"pypi:repository-version\" content=\"" API_VERSION "\"/>\n<title>";

/* Relative, so that it holds behind any proxy. The digest makes what an address gives immutable. */
static void add_url(struct page *page, const struct page_file *file)
{
    strbuf_text(page->out, "../../files/");
    strbuf_url(page->out, page->project);
    strbuf_char(page->out, '/');
    strbuf_text(page->out, file->sha256);
    strbuf_char(page->out, '/');
    strbuf_url(page->out, file->name);
}

static void add_attribute(struct page *page, const char *name, const char *value)
{
    strbuf_format(page->out, " %s=\"", name);
    strbuf_html(page->out, value);
    strbuf_char(page->out, '"');
}

/* PEP 714: the attribute under its old name too, for pip 22.3 to 23.1. */
static void add_metadata_attributes(struct page *page, const char *sha256)
{
    strbuf_format(page->out,
                  " data-core-metadata=\"sha256=%s\" data-dist-info-metadata=\"sha256=%s\"", sha256,
                  sha256);
}

/* One line and one anchor for each file: some clients read the page with a string splitter. */
static void add_anchor(struct page *page, const struct page_file *file)
{
    char time[CLOCK_TEXT_SIZE];

    strbuf_text(page->out, "<a href=\"");
    add_url(page, file);
    strbuf_format(page->out, "#sha256=%s\"", file->sha256);
    if (file->requires_python)
        add_attribute(page, "data-requires-python", file->requires_python);
    if (file->metadata_sha256)
        add_metadata_attributes(page, file->metadata_sha256);
    if (file->is_yanked)
        add_attribute(page, "data-yanked", "");
    clock_format_iso(file->uploaded_us, time);
    strbuf_format(page->out, " data-size=\"%lld\" data-upload-time=\"%s\">", (long long)file->size,
                  time);
    strbuf_html(page->out, file->name);
    strbuf_text(page->out, "</a><br/>\n");
}

/* Keys are left out where there is no value: null makes uv refuse the whole page. The old spelling
 * of core-metadata is for HTML alone, pip 23.0 dies of it in JSON. */
static void add_object(struct page *page, const struct page_file *file)
{
    char time[CLOCK_TEXT_SIZE];

    strbuf_text(page->out, page->files ? "},{\"filename\":" : "],\"files\":[{\"filename\":");
    strbuf_json(page->out, file->name);
    strbuf_text(page->out, ",\"url\":\"");
    add_url(page, file);
    strbuf_format(page->out, "\",\"hashes\":{\"sha256\":\"%s\"}", file->sha256);
    if (file->requires_python) {
        strbuf_text(page->out, ",\"requires-python\":");
        strbuf_json(page->out, file->requires_python);
    }
    if (file->metadata_sha256)
        strbuf_format(page->out, ",\"core-metadata\":{\"sha256\":\"%s\"}", file->metadata_sha256);
    if (file->is_yanked)
        strbuf_text(page->out, ",\"yanked\":true");
    clock_format_iso(file->uploaded_us, time);
    strbuf_format(page->out, ",\"size\":%lld,\"upload-time\":\"%s\"", (long long)file->size, time);
}

void page_begin(struct page *page, struct strbuf *out, bool is_json, const char *project)
{
    *page = (struct page){.out = out, .is_json = is_json, .project = project};
    if (is_json) {
        strbuf_text(out, "{\"meta\":{\"api-version\":\"" API_VERSION "\"},\"name\":");
        strbuf_json(out, project);
        strbuf_text(out, ",\"versions\":[");
        return;
    }
    strbuf_text(out, html_head);
    strbuf_format(out, "Links for %s</title>\n</head>\n<body>\n", project);
}

void page_add_version(struct page *page, const char *version)
{
    if (!page->is_json)
        return;
    if (page->versions++)
        strbuf_char(page->out, ',');
    strbuf_json(page->out, version);
}

void page_add_file(struct page *page, const struct page_file *file)
{
    if (page->is_json)
        add_object(page, file);
    else
        add_anchor(page, file);
    page->files++;
}

void page_end(struct page *page)
{
    if (page->is_json)
        strbuf_text(page->out, page->files ? "}]}\n" : "],\"files\":[]}\n");
    else
        strbuf_text(page->out, "</body>\n</html>\n");
}

void page_begin_root(struct page *page, struct strbuf *out, bool is_json)
{
    *page = (struct page){.out = out, .is_json = is_json};
    if (is_json) {
        strbuf_text(out, "{\"meta\":{\"api-version\":\"" API_VERSION "\"},\"projects\":[");
        return;
    }
    strbuf_text(out, html_head);
    strbuf_text(out, "Simple index</title>\n</head>\n<body>\n");
}

void page_add_project(struct page *page, const char *project)
{
    if (!page->is_json) {
        strbuf_format(page->out, "<a href=\"%s/\">%s</a><br/>\n", project, project);
        return;
    }
    strbuf_text(page->out, page->files++ ? ",{\"name\":" : "{\"name\":");
    strbuf_json(page->out, project);
    strbuf_char(page->out, '}');
}

void page_end_root(struct page *page)
{
    strbuf_text(page->out, page->is_json ? "]}\n" : "</body>\n</html>\n");
}

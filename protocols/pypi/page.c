#include "protocols/pypi/page.h"

#include "config/clock.h"
#include "storage/catalog/catalog.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <stdio.h>
#include <string.h>

/* HTML is frozen at this version (PEP 833). */
#define API_VERSION "1.4"

static const char html_head[] =
    "<!DOCTYPE html>\n<html>\n<head>\n"
    "<meta name=\"pypi:repository-version\" content=\"" API_VERSION "\"/>\n";

/* Relative, so that it holds behind any proxy. The digest makes what an address gives immutable. */
static void add_url(struct page *page, const struct page_file *file)
{
    strbuf_text(page->out, "../../files/");
    strbuf_url(page->out, page->project);
    strbuf_char(page->out, '/');
    strbuf_text(page->out, file->sha256 ? file->sha256 : PAGE_NO_DIGEST);
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
static void add_metadata_attributes(struct page *page, const char *value)
{
    strbuf_format(page->out, " data-core-metadata=\"%s\" data-dist-info-metadata=\"%s\"", value,
                  value);
}

/* "" where the time is not known. */
static const char *upload_time(const struct page_file *file, char out[CLOCK_TEXT_SIZE])
{
    *out = '\0';
    if (file->uploaded)
        return file->uploaded;
    if (file->uploaded_us)
        clock_format_iso(file->uploaded_us, out);
    return out;
}

/* A link has one digest at most, for uv reads no more. */
static void add_link(struct page *page, const struct page_file *file)
{
    strbuf_text(page->out, "<a href=\"");
    add_url(page, file);
    if (file->sha256)
        strbuf_format(page->out, "#sha256=%s", file->sha256);
    else if (file->other_kind)
        strbuf_format(page->out, "#%s=%s", file->other_kind, file->other_digest);
    strbuf_char(page->out, '"');
}

/* One line and one anchor for each file: some clients read the page with a string splitter. */
static void add_anchor(struct page *page, const struct page_file *file)
{
    char value[DIGEST_HEX_MAX], time[CLOCK_TEXT_SIZE];
    const char *uploaded = upload_time(file, time);

    add_link(page, file);
    if (file->requires_python)
        add_attribute(page, "data-requires-python", file->requires_python);
    if (file->metadata_sha256)
        snprintf(value, sizeof value, "sha256=%s", file->metadata_sha256);
    if (file->metadata_sha256 || file->has_metadata)
        add_metadata_attributes(page, file->metadata_sha256 ? value : "true");
    if (file->yanked)
        add_attribute(page, "data-yanked", file->yanked);
    if (file->size >= 0)
        strbuf_format(page->out, " data-size=\"%lld\"", (long long)file->size);
    if (*uploaded)
        add_attribute(page, "data-upload-time", uploaded);
    if (file->provenance)
        add_attribute(page, "data-provenance", file->provenance);
    strbuf_char(page->out, '>');
    strbuf_html(page->out, file->name);
    strbuf_text(page->out, "</a><br/>\n");
}

static void add_member(struct page *page, const char *name, const char *value)
{
    strbuf_format(page->out, ",\"%s\":", name);
    strbuf_json(page->out, value);
}

static void add_hashes(struct page *page, const struct page_file *file)
{
    strbuf_text(page->out, "\",\"hashes\":{");
    if (file->sha256)
        strbuf_format(page->out, "\"sha256\":\"%s\"", file->sha256);
    if (file->other_kind)
        strbuf_format(page->out, "%s\"%s\":\"%s\"", file->sha256 ? "," : "", file->other_kind,
                      file->other_digest);
    strbuf_char(page->out, '}');
}

/* Keys are left out where there is no value: null makes uv refuse the whole page. The old spelling
 * of core-metadata is for HTML alone, pip 23.0 dies of it in JSON. */
static void add_object(struct page *page, const struct page_file *file)
{
    char time[CLOCK_TEXT_SIZE];
    const char *uploaded = upload_time(file, time);

    strbuf_text(page->out, page->files ? "},{\"filename\":" : "],\"files\":[{\"filename\":");
    strbuf_json(page->out, file->name);
    strbuf_text(page->out, ",\"url\":\"");
    add_url(page, file);
    add_hashes(page, file);
    if (file->requires_python)
        add_member(page, "requires-python", file->requires_python);
    if (file->metadata_sha256)
        strbuf_format(page->out, ",\"core-metadata\":{\"sha256\":\"%s\"}", file->metadata_sha256);
    else if (file->has_metadata)
        strbuf_text(page->out, ",\"core-metadata\":true");
    if (file->yanked && *file->yanked)
        add_member(page, "yanked", file->yanked);
    else if (file->yanked)
        strbuf_text(page->out, ",\"yanked\":true");
    if (file->size >= 0)
        strbuf_format(page->out, ",\"size\":%lld", (long long)file->size);
    if (*uploaded)
        add_member(page, "upload-time", uploaded);
    if (file->provenance)
        add_member(page, "provenance", file->provenance);
}

static void begin_json(struct page *page, const struct page_head *head)
{
    strbuf_format(page->out, "{\"meta\":{\"api-version\":\"%s\"},\"name\":",
                  head->sizes_are_unknown ? "1.0" : API_VERSION);
    strbuf_json(page->out, head->project);
    if (head->status) {
        strbuf_text(page->out, ",\"project-status\":{\"status\":");
        strbuf_json(page->out, head->status);
        if (head->status_reason)
            add_member(page, "reason", head->status_reason);
        strbuf_char(page->out, '}');
    }
    strbuf_text(page->out, ",\"versions\":[");
}

static void add_meta(struct page *page, const char *name, const char *content)
{
    strbuf_format(page->out, "<meta name=\"%s\"", name);
    add_attribute(page, "content", content);
    strbuf_text(page->out, "/>\n");
}

static void gather_head(struct page_gathered *gathered, const struct page_head *head)
{
    gathered->is_quarantined = head->status && !strcmp(head->status, "quarantined");
    gathered->reason = arena_copy(gathered->arena, head->status_reason);
}

static void gather_file(struct page_gathered *gathered, const struct page_file *file)
{
    struct arena *arena = gathered->arena;
    struct page_file copy = *file;

    copy.name = arena_copy(arena, file->name);
    copy.version = arena_copy(arena, file->version);
    copy.sha256 = arena_copy(arena, file->sha256);
    copy.other_digest = arena_copy(arena, file->other_kind ? file->other_digest : NULL);
    copy.metadata_sha256 = arena_copy(arena, file->metadata_sha256);
    copy.requires_python = arena_copy(arena, file->requires_python);
    copy.uploaded = arena_copy(arena, file->uploaded);
    copy.yanked = arena_copy(arena, file->yanked);
    gathered->files =
        arena_grow(arena, gathered->files, gathered->file_count, &gathered->room, sizeof copy);
    gathered->files[gathered->file_count++] = copy;
}

void page_begin(struct page *page, struct strbuf *out, const struct page_form *form,
                const struct page_head *head)
{
    *page = (struct page){
        .out = out, .is_json = form->is_json, .gathered = form->gathered, .project = head->project};
    if (page->gathered) {
        gather_head(page->gathered, head);
        return;
    }
    if (page->is_json) {
        begin_json(page, head);
        return;
    }
    strbuf_text(out, html_head);
    if (head->status) {
        add_meta(page, "pypi:project-status", head->status);
        if (head->status_reason)
            add_meta(page, "pypi:project-status-reason", head->status_reason);
    }
    strbuf_format(out, "<title>Links for %s</title>\n</head>\n<body>\n", head->project);
}

void page_add_version(struct page *page, const char *version)
{
    if (!page->is_json || page->gathered)
        return;
    if (page->versions++)
        strbuf_char(page->out, ',');
    strbuf_json(page->out, version);
}

void page_add_file(struct page *page, const struct page_file *file)
{
    if (page->gathered)
        gather_file(page->gathered, file);
    else if (page->is_json)
        add_object(page, file);
    else
        add_anchor(page, file);
    page->files++;
}

void page_end(struct page *page)
{
    if (page->gathered)
        return;
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
    strbuf_text(out, "<title>Simple index</title>\n</head>\n<body>\n");
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

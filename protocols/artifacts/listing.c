/* The files of a version and the versions of a package: as JSON, as a page whose links wget -r can
 * follow, and as plain lines. */
#include "config/clock.h"
#include "protocols/artifacts/artifact.h"
#include "protocols/artifacts/path.h"
#include "protocols/http/document_cache.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <stdlib.h>
#include <string.h>

enum {
    ENTRIES_MAX = 10000, /* in one answer */
    BATCH = 500,         /* in one query */
    LISTING_MAX = 64 << 20,
};

enum form { FORM_JSON, FORM_HTML, FORM_TEXT };
static const char *const forms[] = {
    [FORM_JSON] = "application/json",
    [FORM_HTML] = "text/html",
    [FORM_TEXT] = "text/plain",
};
static const char *const content_types[] = {
    [FORM_JSON] = "application/json",
    [FORM_HTML] = "text/html; charset=utf-8",
    [FORM_TEXT] = "text/plain; charset=utf-8",
};

struct listing {
    struct request *req;
    enum form form;
    struct artifact artifact;
    struct package package;
    const char *base; /* from the request's address to the things in it: "" or "1.4.2/" */
    struct strbuf out;
    struct arena *batch; /* of the rows at hand, so that memory does not grow with their number */
    size_t limit, count;
    char *last; /* name of the last entry that was written */
    char *next; /* reference to the next page; NULL: this is the last one */
};

/* One thing of a listing; a version has neither size nor digests. */
struct entry {
    const char *name;
    int64_t time_us;
    const struct stored_file *file;
};

/* wget -r says that it takes anything, and then follows only the links of a page. */
static enum form choose_form(const struct request *req)
{
    const char *accept = request_header(req, "Accept"), *agent = request_header(req, "User-Agent");
    int choice;

    if ((!accept || !strcmp(accept, "*/*")) && agent && !strncmp(agent, "Wget/", 5))
        return FORM_HTML;
    choice = request_accept(req, forms, sizeof forms / sizeof *forms);
    return choice < 0 ? FORM_JSON : (enum form)choice;
}

/* A link that is relative works behind any proxy. */
static const char *find_base(const struct request *req)
{
    const char *segment = strrchr(req->target, '/') + 1;

    return *segment ? arena_format(req->arena, "%s/", segment) : "";
}

static enum status read_limit(const struct request *req, size_t *limit, struct error *err)
{
    const char *text = request_query(req, "limit");
    char *end;
    unsigned long value = text ? strtoul(text, &end, 10) : ENTRIES_MAX;

    if (text && (*text < '0' || *text > '9' || *end || !value || value > ENTRIES_MAX))
        return fail(err, STATUS_INVALID, "invalid-query", "limit is a number from 1 to %d",
                    ENTRIES_MAX);
    *limit = value;
    return STATUS_OK;
}

static enum status listing_begin(struct listing *list, struct request *req)
{
    enum status rc;

    *list = (struct listing){.req = req, .form = choose_form(req), .base = find_base(req)};
    strbuf_init(&list->out, NULL, LISTING_MAX);
    if ((rc = artifact_locate(req, &list->artifact, &req->error)) ||
        (rc = read_limit(req, &list->limit, &req->error)))
        return rc;
    rc = catalog_find_package(req->service->catalog, req->repository, FORMAT_ARTIFACT,
                              list->artifact.package, req->arena, &list->package, &req->error);
    if (rc)
        return rc == STATUS_NOT_FOUND ? request_no_package(req) : rc;
    list->batch = arena_new();
    return STATUS_OK;
}

static void listing_end(struct listing *list)
{
    if (list->batch)
        arena_free(list->batch);
    free(list->last);
    strbuf_free(&list->out);
}

static void add_head(struct listing *list, const char *list_name)
{
    const struct repository *repository = list->req->repository;
    const struct artifact *artifact = &list->artifact;
    struct strbuf *out = &list->out;

    if (list->form == FORM_JSON) {
        strbuf_format(out, "{\"org\":\"%s\",\"repo\":\"%s\",\"package\":\"%s\",", repository->org,
                      repository->name, artifact->package);
        if (*artifact->version)
            strbuf_format(out, "\"version\":\"%s\",\"state\":\"open\",", artifact->version);
        strbuf_format(out, "\"%s\":[", list_name);
    } else if (list->form == FORM_HTML) {
        strbuf_format(out,
                      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                      "<title>%s %s</title></head>\n<body><h1>%s %s</h1>\n<ul>\n",
                      artifact->package, artifact->version, artifact->package, artifact->version);
    }
}

/* A path with its slashes, the rest encoded; "./" because "a:b" would be read as a scheme. */
static void add_reference(struct strbuf *out, const char *base, const char *path, bool is_folder)
{
    strbuf_text(out, "./");
    strbuf_text(out, base);
    for (size_t length; *path; path += length + (path[length] == '/')) {
        char segment[ARTIFACT_SEGMENT_MAX + 1];

        length = strcspn(path, "/");
        snprintf(segment, sizeof segment, "%.*s", (int)length, path);
        strbuf_url(out, segment);
        if (path[length] == '/')
            strbuf_char(out, '/');
    }
    if (is_folder)
        strbuf_char(out, '/');
}

static void add_json_file(struct strbuf *out, const struct entry *entry, const char *time)
{
    const struct stored_file *file = entry->file;

    strbuf_text(out, "{\"path\":");
    strbuf_json(out, entry->name);
    strbuf_format(out, ",\"size\":%lld,\"sha256\":\"", (long long)file->size);
    strbuf_hex(out, file->digests.sha256, SHA256_SIZE);
    if (file->digests.kinds & DIGEST_SHA512) {
        strbuf_text(out, "\",\"sha512\":\"");
        strbuf_hex(out, file->digests.sha512, SHA512_SIZE);
    }
    strbuf_format(out, "\",\"media_type\":\"%s\",\"uploaded_at\":\"%s\"}",
                  artifact_media_type(entry->name), time);
}

static void add_html(struct listing *list, const struct entry *entry, const char *time)
{
    struct strbuf *out = &list->out;

    strbuf_text(out, "<li><a href=\"");
    add_reference(out, list->base, entry->name, !entry->file);
    strbuf_text(out, "\">");
    strbuf_html(out, entry->name);
    strbuf_format(out, "</a> <time>%s</time>", time);
    if (entry->file) {
        strbuf_format(out, " %lld bytes <code>sha256:", (long long)entry->file->size);
        strbuf_hex(out, entry->file->digests.sha256, SHA256_SIZE);
        strbuf_text(out, "</code>");
    }
    strbuf_text(out, "</li>\n");
}

static void add_entry(struct listing *list, const struct entry *entry)
{
    struct strbuf *out = &list->out;
    char time[CLOCK_TEXT_SIZE];

    clock_format_iso(entry->time_us, time);
    if (list->form == FORM_HTML) {
        add_html(list, entry, time);
    } else if (list->form == FORM_TEXT) {
        strbuf_text(out, entry->name);
        strbuf_char(out, '\n');
    } else {
        strbuf_text(out, list->count ? ",\n" : "\n");
        if (entry->file)
            add_json_file(out, entry, time);
        else
            strbuf_format(out, "{\"version\":\"%s\",\"published_at\":\"%s\"}", entry->name, time);
    }
    list->count++;
}

static void remember_last(struct listing *list, const char *name)
{
    free(list->last);
    list->last = strdup(name);
    if (!list->last)
        abort();
}

static void set_next(struct listing *list, const char *after)
{
    struct strbuf text;

    strbuf_init(&text, list->req->arena, 8 * ARTIFACT_PATH_MAX);
    strbuf_format(&text, "?limit=%zu&after=", list->limit);
    strbuf_url(&text, after);
    list->next = text.data;
}

static void add_foot(struct listing *list)
{
    struct strbuf *out = &list->out;

    if (list->form == FORM_JSON) {
        strbuf_text(out, "\n],\"next\":");
        strbuf_json(out, list->next);
        strbuf_text(out, "}\n");
    } else if (list->form == FORM_HTML) {
        strbuf_text(out, "</ul>\n");
        if (list->next) {
            strbuf_text(out, "<p><a href=\"");
            strbuf_html(out, list->next);
            strbuf_text(out, "\">more</a></p>\n");
        }
        strbuf_text(out, "</body></html>\n");
    }
}

static enum status listing_answer(struct listing *list, struct response *res)
{
    struct request *req = list->req;

    add_foot(list);
    if (strbuf_failed(&list->out))
        return fail(&req->error, STATUS_INTERNAL, "", "a list is larger than %d bytes",
                    LISTING_MAX);
    if (list->next)
        response_header_format(req, res, "Link", "<%s>; rel=\"next\"", list->next);
    response_header(req, res, "Vary", "Accept, Accept-Encoding, Authorization, User-Agent");
    response_header(req, res, "X-Content-Type-Options", "nosniff");
    response_header(req, res, "Content-Security-Policy", "default-src 'none'");
    return respond_document(req, res, document_new(list->out.data, list->out.length, 0),
                            content_types[list->form]);
}

/* One batch of files behind list->last; *done where there are no more, or no more are wanted. */
static enum status add_files(struct listing *list, const char *prefix, bool *done)
{
    struct request *req = list->req;
    struct stored_file *files;
    size_t count, wanted = list->limit - list->count + 1; /* one more tells of the next page */
    enum status rc;

    wanted = wanted < BATCH ? wanted : BATCH;
    rc = catalog_list_files(req->service->catalog, &list->package, prefix, list->last, wanted,
                            list->batch, &files, &count, &req->error);
    if (rc)
        return rc;
    for (size_t i = 0; i < count; i++) {
        struct entry entry = {files[i].name + strlen(prefix), files[i].created_us, &files[i]};

        if (list->count == list->limit) {
            set_next(list, list->last + strlen(prefix));
            *done = true;
            return STATUS_OK;
        }
        add_entry(list, &entry);
        remember_last(list, files[i].name);
    }
    *done = count < wanted;
    arena_reset(list->batch);
    return STATUS_OK;
}

enum status artifact_list_files(struct request *req, struct response *res)
{
    const char *after = request_query(req, "after");
    struct listing list;
    bool done = false;
    enum status rc;

    if ((rc = listing_begin(&list, req)))
        goto done;
    if (after)
        remember_last(&list, arena_format(req->arena, "%s%s", list.artifact.file, after));
    add_head(&list, "files");
    while (!done)
        if ((rc = add_files(&list, list.artifact.file, &done)))
            goto done;
    /* A version comes with its first file, so there is none without files. */
    rc = list.count || after ? listing_answer(&list, res)
                             : fail(&req->error, STATUS_NOT_FOUND, "", "%s has no version %s",
                                    list.artifact.package, list.artifact.version);
done:
    listing_end(&list);
    return rc;
}

static enum status add_versions(struct listing *list, bool *done)
{
    struct request *req = list->req;
    struct version *versions;
    size_t count, wanted = list->limit - list->count + 1;
    enum status rc;

    wanted = wanted < BATCH ? wanted : BATCH;
    rc = catalog_list_versions(req->service->catalog, &list->package, list->last, wanted,
                               list->batch, &versions, &count, &req->error);
    if (rc)
        return rc;
    for (size_t i = 0; i < count; i++) {
        struct entry entry = {versions[i].version, versions[i].published_us, NULL};

        if (list->count == list->limit) {
            set_next(list, list->last);
            *done = true;
            return STATUS_OK;
        }
        add_entry(list, &entry);
        remember_last(list, versions[i].version);
    }
    *done = count < wanted;
    arena_reset(list->batch);
    return STATUS_OK;
}

enum status artifact_list_versions(struct request *req, struct response *res)
{
    const char *after = request_query(req, "after");
    struct listing list;
    bool done = false;
    enum status rc;

    if ((rc = listing_begin(&list, req)))
        goto done;
    if (after)
        remember_last(&list, after);
    add_head(&list, "versions");
    while (!done)
        if ((rc = add_versions(&list, &done)))
            goto done;
    rc = listing_answer(&list, res);
done:
    listing_end(&list);
    return rc;
}

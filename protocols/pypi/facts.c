/* What an upstream's page says of its files, as facts for policy: access spec C2. */
#include "config/clock.h"
#include "protocols/http/document_cache.h"
#include "protocols/http/gathered_facts.h"
#include "protocols/pypi/core_metadata.h"
#include "protocols/pypi/listing.h"
#include "protocols/pypi/pypi.h"
#include "protocols/pypi/wheel_name.h"
#include "storage/catalog/package.h"
#include "storage/catalog/upstream.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"
#include "storage/mirror/mirror.h"

#include <string.h>
#include <unistd.h>

/* Of a version that has no wheel, installing runs its build code. */
static bool has_wheel(const struct listing *listing, const char *version)
{
    for (size_t i = 0; i < listing->count; i++)
        if (file_name_is_wheel(listing->files[i].file.name) &&
            !strcmp(listing->files[i].file.version, version))
            return true;
    return false;
}

static void add_file(const struct listing *listing, const struct listed_file *listed,
                     const char *project, const struct upstream *upstream, struct facts_list *out)
{
    const struct upstream_file *file = &listed->file;
    int64_t uploaded_us = file->uploaded ? clock_parse_iso(file->uploaded) : 0;
    struct facts *facts = facts_list_add(out);

    facts->format = FORMAT_PYPI;
    facts->name = project;
    facts->version = file->version;
    facts->file = file->name;
    facts->upstream = upstream->name;
    facts->published_us = uploaded_us > 0 ? uploaded_us : 0;
    facts_set_digests(facts, &file->digests, out->arena); /* the page's: the pin is compared */
    facts->size_bytes = file->size > 0 ? file->size : 0;
    facts->yanked = file->yanked ? FACT_YES : FACT_NO;
    if (file_name_is_wheel(file->name))
        facts->sdist_only = FACT_NO;
    else
        facts->sdist_only = has_wheel(listing, file->version) ? FACT_NO : FACT_YES;
}

static enum status list_facts(struct request *req, const struct upstream *upstream,
                              const struct mirror_document *document, const char *name,
                              const void *read, struct facts_list *out, struct error *err)
{
    const struct listing *listing = read;
    struct listing own;
    enum status rc = STATUS_OK;

    if (!listing) {
        listing = &own;
        rc = listing_read(req, upstream, document, name, NULL, &own, err);
    }
    for (size_t i = 0; !rc && i < listing->count; i++)
        add_file(listing, &listing->files[i], name, upstream, out);
    return rc;
}

struct local_sidecar {
    struct stored_file file;
    size_t of; /* the facts of its wheel */
};

/* A project that is published here, while it is looked through. */
struct local_project {
    struct facts_list *out;
    const char *name;
    struct local_sidecar *sidecars;
    const char **yanked; /* versions */
    size_t sidecar_count, sidecar_room, yanked_count, yanked_room;
};

static enum status see_version(void *context, const struct version *version, struct error *err)
{
    struct local_project *project = context;
    struct arena *arena = project->out->arena;

    (void)err;
    if (version->state != VERSION_YANKED)
        return STATUS_OK;
    project->yanked = arena_grow(arena, project->yanked, project->yanked_count,
                                 &project->yanked_room, sizeof *project->yanked);
    project->yanked[project->yanked_count++] = arena_copy(arena, version->version);
    return STATUS_OK;
}

static enum fact is_yanked(const struct local_project *project, const char *version)
{
    for (size_t i = 0; i < project->yanked_count; i++)
        if (!strcmp(project->yanked[i], version))
            return FACT_YES;
    return FACT_NO;
}

/* Files come in order of name, and so a wheel just before its METADATA. */
static void keep_sidecar(struct local_project *project, const struct stored_file *file)
{
    struct facts_list *list = project->out;
    const char *main = list->count ? list->list[list->count - 1].file : "";
    size_t length = strlen(main);
    struct local_sidecar *kept;

    if (!length || strncmp(file->name, main, length) || strcmp(file->name + length, ".metadata"))
        return;
    project->sidecars = arena_grow(list->arena, project->sidecars, project->sidecar_count,
                                   &project->sidecar_room, sizeof *project->sidecars);
    kept = &project->sidecars[project->sidecar_count++];
    kept->of = list->count - 1;
    kept->file = *file;
    kept->file.name = arena_copy(list->arena, file->name);
    kept->file.bytes = NULL;
}

/* It was first seen when it was published, so that nothing of it was there long before. */
static enum status see_file(void *context, const struct stored_file *file, struct error *err)
{
    struct local_project *project = context;
    struct arena *arena = project->out->arena;
    char sha256[DIGEST_HEX_MAX];
    struct facts *facts;

    (void)err;
    if (file->kind == FILE_SIDECAR)
        keep_sidecar(project, file);
    if (file->kind != FILE_MAIN)
        return STATUS_OK;
    digest_hex(file->digests.sha256, SHA256_SIZE, sha256);
    facts = facts_list_add(project->out);
    facts->format = FORMAT_PYPI;
    facts->name = project->name;
    facts->version = arena_copy(arena, file->version);
    facts->file = arena_copy(arena, file->name);
    facts->published_us = facts->first_seen_us = file->created_us;
    facts->digests[0] = arena_format(arena, "sha256:%s", sha256);
    facts->size_bytes = file->size;
    facts->yanked = is_yanked(project, file->version);
    facts->sdist_only = file_name_is_wheel(file->name) ? FACT_NO : FACT_YES;
    return STATUS_OK;
}

/* Of a version with a wheel nobody has to build anything. */
static void see_wheels(struct facts_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; list->list[i].sdist_only == FACT_YES && j < list->count; j++)
            if (list->list[j].sdist_only == FACT_NO && file_name_is_wheel(list->list[j].file) &&
                !strcmp(list->list[j].version, list->list[i].version))
                list->list[i].sdist_only = FACT_NO;
}

/* What the upload looked at; a licence that cannot be read is unknown. */
static enum status read_sidecar(struct request *req, const struct local_sidecar *sidecar,
                                struct facts_list *out, struct error *err)
{
    size_t size = (size_t)sidecar->file.size;
    char *text = arena_alloc(out->arena, size + 1);
    struct core_metadata metadata;
    struct file_reader reader;
    size_t got;
    int fd;
    enum status rc;

    if ((rc = catalog_open_file(req->service->catalog, &sidecar->file, &fd, err)))
        return rc;
    file_reader_init(&reader, fd, 0, sidecar->file.size);
    rc = reader_read_all(&reader.reader, text, size, &got, err);
    close(fd);
    if (rc)
        return rc;
    text[got] = '\0';
    if (!core_metadata_parse(text, got, out->arena, &metadata, NULL))
        out->list[sidecar->of].license = metadata.license;
    return STATUS_OK;
}

static enum status list_local(struct request *req, const struct repository *repository,
                              const char *name, struct facts_list *out, struct error *err)
{
    struct local_project project = {.out = out, .name = name};
    const struct package_visitor visitor = {&project, see_version, NULL, see_file};
    struct package package;
    enum status rc = catalog_walk_package(req->service->catalog, repository, FORMAT_PYPI, name,
                                          &package, out->arena, &visitor, err);

    see_wheels(out);
    for (size_t i = 0; !rc && i < project.sidecar_count; i++)
        rc = read_sidecar(req, &project.sidecars[i], out, err);
    return rc;
}

const struct verdict_format pypi_verdict_format = {
    .format = FORMAT_PYPI,
    .kind = DOCUMENT_PYPI_VERDICTS,
    .facts_kind = DOCUMENT_PYPI_FACTS,
    .sidecar_suffix = ".metadata",
    .list = list_facts,
    .list_local = list_local,
};

const char *pypi_archive_facts(const struct mirror_wish *wish, const struct core_metadata *metadata,
                               bool contradicts, struct arena *arena)
{
    const struct facts facts = {.format = FORMAT_PYPI,
                                .name = wish->name,
                                .version = wish->version,
                                .file = wish->file,
                                .license = metadata->license,
                                .manifest_mismatch = contradicts ? FACT_YES : FACT_UNKNOWN};
    struct strbuf text;

    if (!metadata->license && !contradicts)
        return NULL;
    strbuf_init(&text, arena, FACTS_JSON_MAX);
    facts_write(&facts, &text);
    return text.data;
}

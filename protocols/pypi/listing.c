#include "protocols/pypi/listing.h"

#include "protocols/http/package_document.h"
#include "storage/catalog/ingest.h"
#include "storage/memory/arena.h"
#include "storage/memory/pypi_version.h"
#include "storage/mirror/mirror.h"

#include <stdlib.h>
#include <string.h>

/* No honest project has as many; memory ends with them. Changed files over their limit are told the
 * next time. */
enum { FILES_MAX = 200000, CHANGES_MAX = 64 };

struct reading_list {
    struct request *req;
    const struct upstream *upstream;
    const char *project, *only;
    struct listing *out;
    size_t room;
    struct listing_change changes[CHANGES_MAX];
    size_t change_count;
};

static bool same_version(const char *a, const char *b)
{
    struct pypi_version one, two;

    return !strcmp(a, b) || (pypi_version_parse(a, &one) && pypi_version_parse(b, &two) &&
                             !pypi_version_compare(&one, &two));
}

static enum status add_file(void *context, const struct upstream_file *file, struct error *err)
{
    struct reading_list *list = context;
    struct arena *arena = list->req->arena;
    struct listing *out = list->out;
    struct listed_file *listed;

    if (list->only && strcmp(file->name, list->only))
        return STATUS_OK;
    if (out->count == FILES_MAX)
        return fail(err, STATUS_BAD_UPSTREAM, "page-too-large",
                    "the upstream's page of %s has more than %d files", list->project, FILES_MAX);
    out->files = arena_grow(arena, out->files, out->count, &list->room, sizeof *out->files);
    listed = &out->files[out->count++];
    *listed = (struct listed_file){.file = *file};
    listed->file.name = arena_copy(arena, file->name);
    listed->file.version = arena_copy(arena, file->version);
    listed->file.url = arena_copy(arena, file->url);
    listed->file.requires_python = arena_copy(arena, file->requires_python);
    listed->file.yanked = arena_copy(arena, file->yanked);
    listed->file.uploaded = arena_copy(arena, file->uploaded);
    listed->file.metadata_sha256 = arena_copy(arena, file->metadata_sha256);
    listed->file.provenance = arena_copy(arena, file->provenance);
    if (file->digests.kinds & DIGEST_SHA256)
        digest_hex(file->digests.sha256, SHA256_SIZE, listed->sha256);
    return STATUS_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct listed_file *one = a, *two = b;

    return strcmp(one->file.name, two->file.name);
}

static struct listed_file *find(struct listing *listing, const char *name)
{
    const struct listed_file key = {.file = {.name = name}};

    return listing->count ? bsearch(&key, listing->files, listing->count, sizeof key, by_name)
                          : NULL;
}

/* A page that says one name twice contradicts itself: neither entry is better, so that the digests
 * must agree or nothing of the name is told. */
static void drop_doubles(struct listing *listing)
{
    size_t kept = 0;

    if (listing->count)
        qsort(listing->files, listing->count, sizeof *listing->files, by_name);
    for (size_t i = 0, end; i < listing->count; i = end) {
        bool agrees = true;

        for (end = i + 1;
             end < listing->count && !by_name(&listing->files[i], &listing->files[end]); end++)
            agrees &= !strcmp(listing->files[i].sha256, listing->files[end].sha256);
        if (agrees)
            listing->files[kept++] = listing->files[i];
    }
    listing->count = kept;
}

/* C5: what was seen first stays. A page that has come to say something else is shown with the old
 * digest, and the old bytes are behind it. */
static enum status apply_pin(void *context, const char *name, const struct pin *pin,
                             struct error *err)
{
    struct reading_list *list = context;
    struct listed_file *listed = find(list->out, name);
    char sha256[DIGEST_HEX_MAX];

    (void)err;
    if (!listed)
        return STATUS_OK;
    digest_hex(pin->digests.sha256, SHA256_SIZE, sha256);
    if (*listed->sha256 && strcmp(listed->sha256, sha256) &&
        !(pin->listed && !strcmp(pin->listed, listed->sha256)) && list->change_count < CHANGES_MAX)
        list->changes[list->change_count++] = (struct listing_change){
            listed->file.version, listed->file.name, arena_copy(list->req->arena, sha256),
            arena_copy(list->req->arena, listed->sha256)};
    memcpy(listed->sha256, sha256, sizeof sha256);
    listed->file.size = pin->size;
    return STATUS_OK;
}

static enum status apply_tombstone(void *context, const char *version, const char *file,
                                   struct error *err)
{
    struct reading_list *list = context;
    struct listing *out = list->out;
    size_t kept = 0;

    (void)err;
    for (size_t i = 0; i < out->count; i++)
        if (file && *file ? strcmp(out->files[i].file.name, file)
                          : !same_version(out->files[i].file.version, version))
            out->files[kept++] = out->files[i];
    out->count = kept;
    return STATUS_OK;
}

/* A sidecar that is here is offered, whatever the page says of it. */
static enum status apply_sidecar(void *context, const struct stored_file *stored, struct error *err)
{
    static const char end[] = ".metadata";
    struct reading_list *list = context;
    struct arena *arena = list->req->arena;
    size_t length = strlen(stored->name), end_length = sizeof end - 1;
    struct listed_file *listed;
    char *sha256;

    (void)err;
    if (stored->kind != FILE_SIDECAR || length <= end_length ||
        strcmp(stored->name + length - end_length, end))
        return STATUS_OK;
    listed = find(list->out, arena_copy_bytes(arena, stored->name, length - end_length));
    if (!listed)
        return STATUS_OK;
    sha256 = arena_alloc(arena, DIGEST_HEX_MAX);
    digest_hex(stored->digests.sha256, SHA256_SIZE, sha256);
    listed->file.has_metadata = true;
    listed->file.metadata_sha256 = sha256;
    return STATUS_OK;
}

static enum status apply_what_is_known(struct reading_list *list, struct error *err)
{
    struct request *req = list->req;
    struct catalog *catalog = req->service->catalog;
    const struct upstream *upstream = list->upstream;
    const struct repository cached = {.id = upstream->id,
                                      .org_id = upstream->org_id,
                                      .org = req->repository->org,
                                      .name = upstream->name};
    const struct package_visitor visitor = {.context = list, .file = apply_sidecar};
    const char *fold;
    struct package package;
    enum status rc;

    if (!owner_fold_name(FORMAT_PYPI, list->project, req->arena, &fold))
        return fail(err, STATUS_NOT_FOUND, "", "%s is no name of a project", list->project);
    if ((rc = catalog_walk_tombstones(catalog, upstream->org_id, FORMAT_PYPI, fold, apply_tombstone,
                                      list, err)) ||
        (rc =
             catalog_walk_pins(catalog, upstream->org_id, FORMAT_PYPI, fold, apply_pin, list, err)))
        return rc;
    upstream_tell_changes(req, upstream, list->project, fold, list->changes, list->change_count);
    rc = catalog_walk_package(catalog, &cached, FORMAT_PYPI, list->project, &package, req->arena,
                              &visitor, err);
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

enum status listing_read(struct request *req, const struct upstream *upstream,
                         const struct mirror_document *document, const char *project,
                         const char *only, struct listing *out, struct error *err)
{
    struct reading_list list = {
        .req = req, .upstream = upstream, .project = project, .only = only, .out = out};
    struct reader *reader;
    enum status rc;

    *out = (struct listing){0};
    if ((rc = mirror_read_document(document, &reader, err)))
        return rc;
    rc = upstream_page_read(reader, document->content_type, document->url, project, add_file, &list,
                            req->arena, &out->page, err);
    reader_close(reader);
    if (rc)
        return rc;
    drop_doubles(out);
    return apply_what_is_known(&list, err);
}

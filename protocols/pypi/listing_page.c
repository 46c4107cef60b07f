#include "protocols/pypi/listing_page.h"

#include "protocols/pypi/listing.h"
#include "protocols/pypi/page.h"
#include "protocols/pypi/provenance.h"
#include "protocols/pypi/pypi.h"
#include "storage/memory/arena.h"
#include "storage/memory/pypi_version.h"
#include "storage/mirror/mirror.h"

#include <stdlib.h>
#include <string.h>

static int by_version(const void *a, const void *b)
{
    struct pypi_version one, two;

    pypi_version_parse(*(const char *const *)a, &one);
    pypi_version_parse(*(const char *const *)b, &two);
    return pypi_version_compare(&one, &two);
}

/* Those that have a file: which others there were is not known to every form of page. */
static void add_versions(struct request *req, const struct listing *listing, struct page *page)
{
    const char **versions = arena_array(req->arena, listing->count + 1, sizeof *versions);

    for (size_t i = 0; i < listing->count; i++)
        versions[i] = listing->files[i].file.version;
    qsort(versions, listing->count, sizeof *versions, by_version);
    for (size_t i = 0; i < listing->count; i++)
        if (!i || by_version(&versions[i - 1], &versions[i]))
            page_add_version(page, versions[i]);
}

/* The best of what the page gave for want of a SHA-256. What this index cannot check, clients do.
 */
static const char *other_digest(const struct digests *digests, char hex[DIGEST_HEX_MAX])
{
    if (digests->kinds & DIGEST_SHA256)
        return NULL;
    if (digests->kinds & DIGEST_SHA512) {
        digest_hex(digests->sha512, SHA512_SIZE, hex);
        return "sha512";
    }
    if (digests->kinds & DIGEST_MD5) {
        digest_hex(digests->md5, MD5_SIZE, hex);
        return "md5";
    }
    return NULL;
}

static void add_file(struct page *page, const struct listed_file *listed, const char *provenance)
{
    const struct upstream_file *file = &listed->file;
    char hex[DIGEST_HEX_MAX];

    page_add_file(page, &(struct page_file){
                            .name = file->name,
                            .version = file->version,
                            .sha256 = *listed->sha256 ? listed->sha256 : NULL,
                            .other_kind = other_digest(&file->digests, hex),
                            .other_digest = hex,
                            .metadata_sha256 = file->metadata_sha256,
                            .has_metadata = file->has_metadata,
                            .requires_python = file->requires_python,
                            .size = file->size,
                            .uploaded = file->uploaded,
                            .yanked = file->yanked,
                            .provenance = provenance,
                        });
}

static bool is_status(const struct listing *listing, const char *status)
{
    return !strcmp(listing->page.status, status);
}

/* Whatever the policy did not look at, because the listing has just changed, waits for its verdict.
 * False: there were files, and nothing of them may come in. */
static bool apply_verdicts(struct listing *listing, const struct package_verdicts *verdicts)
{
    size_t kept = 0, passing = 0, count = listing->count;

    for (size_t i = 0; i < count; i++) {
        struct listed_file *listed = &listing->files[i];
        const struct file_verdict *verdict = package_verdicts_find(verdicts, listed->file.name);

        if (!verdict || (verdict->is_blocked && verdict->action == VERDICT_DENY))
            continue;
        if (verdict->is_blocked)
            listed->file.yanked = verdict->sentence;
        passing += !verdict->is_blocked;
        listing->files[kept++] = *listed;
    }
    listing->count = passing ? kept : 0;
    return passing || !count;
}

static const char *newest_sentence(const struct package_verdicts *verdicts)
{
    for (size_t i = verdicts->count; i--;)
        if (verdicts->list[i].is_blocked)
            return verdicts->list[i].sentence;
    return "not looked at yet";
}

void page_quarantine(struct request *req, const struct package_verdicts *verdicts,
                     const char *project, struct page_head *head)
{
    head->status = "quarantined";
    head->status_reason = arena_format(req->arena, "%s; ask: packhouse request create pypi:%s@VERSION",
                                       newest_sentence(verdicts), project);
}

enum status listing_page_render(struct request *req, const struct upstream *upstream,
                                const struct mirror_document *document, const char *project,
                                const struct page_form *form, struct strbuf *out,
                                int64_t *modified_us, struct verdict_effect *effect, struct error *err)
{
    struct page_head head = {.project = project};
    struct package_verdicts verdicts;
    struct listing listing;
    const struct verdict_subject subject = {
        .how = &pypi_verdict_format, .upstream = upstream, .name = project, .name_norm = project};
    const struct read_document known = {document, &listing};
    struct page page;
    enum status rc;

    if ((rc = listing_read(req, upstream, document, project, NULL, &listing, err)) ||
        (rc = package_verdicts_get(req, &subject, &known, &verdicts, err)))
        return rc;
    *effect = verdicts.effect;
    if (verdicts.list && !apply_verdicts(&listing, &verdicts))
        page_quarantine(req, &verdicts, project, &head);
    if (*listing.page.status && !is_status(&listing, "active")) {
        head.status = listing.page.status;
        head.status_reason = listing.page.reason;
    }
    if (is_status(&listing, "quarantined"))
        listing.count = 0;
    for (size_t i = 0; i < listing.count; i++)
        head.sizes_are_unknown |= listing.files[i].file.size < 0;
    page_begin(&page, out, form, &head);
    add_versions(req, &listing, &page);
    for (size_t i = 0; i < listing.count; i++)
        add_file(&page, &listing.files[i],
                 provenance_address(req, upstream, project, &listing.files[i].file));
    page_end(&page);
    *modified_us = document->fetched_us;
    return STATUS_OK;
}

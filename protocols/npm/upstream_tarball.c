#include "config/clock.h"
#include "protocols/http/file_verdict.h"
#include "protocols/http/package_document.h"
#include "protocols/http/whole_file.h"
#include "protocols/npm/member.h"
#include "protocols/npm/name.h"
#include "protocols/npm/tarball.h"
#include "protocols/npm/upstream.h"
#include "storage/catalog/eviction.h"
#include "storage/catalog/ingest.h"
#include "storage/memory/arena.h"
#include "storage/memory/semver.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"
#include "storage/remote/url.h"

#include <string.h>

static const char TARBALL_TYPE[] = "application/octet-stream";

/* The same whether the file is on its way or kept: of the one digest that the listing has, too. */
static void set_etag(struct request *req, struct response *res, const struct digests *digests)
{
    char hex[DIGEST_HEX_MAX];

    if (!(digests->kinds & DIGEST_SHA512))
        return;
    digest_hex(digests->sha512, SHA512_SIZE, hex);
    response_header_format(req, res, "ETag", "\"%.64s\"", hex);
}

static struct verdict_subject subject_of(const struct upstream *upstream, const char *name)
{
    return (struct verdict_subject){
        .how = &npm_verdict_format, .upstream = upstream, .name = name, .name_norm = name};
}

static enum status check_verdict(struct request *req, const struct upstream *upstream,
                                 const char *name, const char *file)
{
    const struct verdict_subject subject = subject_of(upstream, name);

    return verdict_check_file(req, &subject, file, NULL);
}

enum status npm_respond_kept_tarball(struct request *req, struct response *res,
                                     const struct upstream *upstream, const char *name,
                                     const char *file)
{
    struct repository cache = {.id = upstream->id,
                               .org_id = upstream->org_id,
                               .org = req->repository->org,
                               .name = upstream->name};
    struct stored_file stored;
    enum status rc;

    if ((rc = catalog_find_file(req->service->catalog, &cache, FORMAT_NPM, name, file, req->arena,
                                &stored, &req->error)) ||
        (rc = check_verdict(req, upstream, name, file)))
        return rc;
    set_etag(req, res, &stored.digests);
    catalog_note_seen(req->service->catalog, stored.id);
    mirror_count_hit(req->service->mirror, upstream, true, stored.size);
    return respond_file(req, res, &stored, TARBALL_TYPE);
}

/* The first digest of an algorithm in an SRI text. */
static bool read_integrity(const char *integrity, const char *prefix, uint8_t *out, size_t size)
{
    size_t prefix_length = strlen(prefix);

    for (const char *at = integrity; at && *(at += strspn(at, " \t\r\n"));) {
        size_t length = strcspn(at, "? \t\r\n");

        if (!strncmp(at, prefix, prefix_length) &&
            digest_parse_base64(at + prefix_length, length - prefix_length, out, size))
            return true;
        at += strcspn(at, " \t\r\n");
    }
    return false;
}

void npm_listing_digests(const struct npm_listing *listing, struct digests *out)
{
    *out = (struct digests){0};
    if (read_integrity(listing->integrity, "sha512-", out->sha512, SHA512_SIZE))
        out->kinds |= DIGEST_SHA512;
    if (read_integrity(listing->integrity, "sha256-", out->sha256, SHA256_SIZE))
        out->kinds |= DIGEST_SHA256;
    if (listing->shasum ? digest_parse_hex(listing->shasum, out->sha1, SHA1_SIZE)
                        : read_integrity(listing->integrity, "sha1-", out->sha1, SHA1_SIZE))
        out->kinds |= DIGEST_SHA1;
}

/* What a publisher would be told of his archive is the upstream's fault here. */
static enum status blame_upstream(enum status rc, struct error *err)
{
    char message[sizeof err->message];

    if (rc != STATUS_INVALID && rc != STATUS_UNPROCESSABLE)
        return rc;
    memcpy(message, err->message, sizeof message);
    return fail(err, STATUS_BAD_UPSTREAM, "EBADTARBALL", "%.500s", message);
}

/* What is installed must be what was asked for. A package.json that is no strict JSON is the
 * clients' to judge, for the bytes are those that the upstream lists. */
static enum status inspect(const struct mirror_wish *wish, int fd, int64_t size,
                           struct arena *arena, struct mirror_inspection *out, struct error *err)
{
    const struct npm_expectation *expected = wish->context;
    struct npm_tarball tarball;
    const char *name, *version;
    enum status rc;

    if ((rc = npm_tarball_read(fd, size, NPM_TARBALL_FOREIGN, expected->settings, arena, &tarball,
                               err)))
        return blame_upstream(rc, err);
    name = npm_value_text(npm_value_get(tarball.package_json, tarball.package_json_length, "name"),
                          arena);
    version = npm_value_text(
        npm_value_get(tarball.package_json, tarball.package_json_length, "version"), arena);
    if (name && strcmp(name, wish->name))
        return fail(err, STATUS_BAD_UPSTREAM, "EMANIFESTCONFUSION",
                    "The tarball's package.json is for the package \"%.100s\", not \"%.214s\"",
                    name, wish->name);
    version = version ? npm_version_clean(version, arena) : NULL;
    if (version && strcmp(version, wish->version))
        return fail(err, STATUS_BAD_UPSTREAM, "EMANIFESTCONFUSION",
                    "The tarball's package.json is for the version \"%.100s\", not \"%.100s\"",
                    version, wish->version);
    out->archive_facts = npm_archive_facts(&tarball, expected, wish, arena, &out->changes_verdicts);
    return STATUS_OK;
}

static enum status make_wish(struct request *req, const struct upstream *upstream,
                             const struct mirror_document *document, const char *name,
                             const char *version, const struct npm_listing *listing,
                             int64_t published_us, struct mirror_wish *out)
{
    const char *fold = name;
    struct semver parsed;
    struct strbuf key;
    struct pin pin;
    enum status rc;

    *out = (struct mirror_wish){
        .upstream = upstream,
        .name = name,
        .name_norm = name,
        .version = version,
        .file = npm_tarball_name(name, version, req->arena),
        .url = url_resolve(req->arena, document->url, listing->tarball),
        .generation = document->generation,
        .size = -1,
        .file_kind = FILE_MAIN,
        .digest_kinds = DIGEST_SHA512 | DIGEST_SHA1,
        .inspect = inspect,
        .asker = upstream_asker(req),
    };
    out->context = npm_expect(req, upstream, listing, published_us, &out->context_size);
    if (!out->url)
        return fail(&req->error, STATUS_BAD_UPSTREAM, "upstream-invalid",
                    "The upstream lists %.214s %.100s with a tarball that is nowhere", name,
                    version);
    strbuf_init(&key, req->arena, 4096);
    if (semver_parse(version, &parsed))
        semver_sort_key(&parsed, &key);
    out->sort_key = key.data;
    out->sort_key_length = key.length;
    npm_listing_digests(listing, &out->expected);
    /* C5: the bytes that were first seen, whatever is listed by now. */
    owner_fold_name(FORMAT_NPM, name, req->arena, &fold);
    rc = catalog_find_pin(req->service->catalog, upstream->org_id, FORMAT_NPM, fold, out->file,
                          &pin, &req->error);
    if (!rc) {
        out->expected = pin.digests;
        out->size = pin.size;
    } else {
        out->changes_listing = !(out->expected.kinds & DIGEST_SHA512); /* which is shown from now on */
    }
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

/* The archive has been read by now, or will have been before the last piece leaves: the verdict is
 * taken again. */
static enum status respond_wish(struct request *req, struct response *res,
                                const struct mirror_wish *wish)
{
    struct stored_file arriving = {.name = wish->file, .version = wish->version};
    struct mirror_file *file;
    enum status rc;

    if ((rc = mirror_get_file(req->service->mirror, wish, &file, &req->error)))
        return rc;
    if ((rc = verdict_guard_arriving(req, res, &npm_verdict_format, wish, file))) {
        mirror_file_close(file);
        return rc;
    }
    arriving.size = mirror_file_size(file);
    arriving.created_us = clock_now_us();
    arriving.digests = *mirror_file_digests(file);
    set_etag(req, res, &arriving.digests);
    return respond_arriving_file(req, res, file, &arriving, TARBALL_TYPE);
}

/* While the packument is read: the check of the file finds them. */
static enum status take_verdicts(struct request *req, const struct upstream *upstream,
                                 const struct mirror_document *document,
                                 const struct npm_upstream_packument *packument, const char *name)
{
    const struct verdict_subject subject = subject_of(upstream, name);
    const struct read_document known = {document, packument};
    struct package_verdicts verdicts;

    return package_verdicts_get(req, &subject, &known, &verdicts, &req->error);
}

enum status npm_respond_listed_tarball(struct request *req, struct response *res,
                                       const struct upstream *upstream,
                                       const struct mirror_document *document, const char *name,
                                       const char *file, const char *version)
{
    struct npm_upstream_packument packument;
    const struct npm_entry *entry = NULL;
    struct npm_listing listing;
    struct mirror_wish wish;
    struct reader *reader = NULL;
    enum status rc;

    if ((rc = npm_upstream_open_unjudged(req, upstream, document, name, req->arena, &packument,
                                         &req->error)))
        return rc;
    if (version)
        entry = npm_entries_find(&packument.versions, version);
    if (!entry || entry->is_gone) {
        if ((rc = mirror_read_document(document, &reader, &req->error)))
            return rc;
        rc = npm_upstream_find_file(&packument, reader, file, &entry, &req->error);
        reader_close(reader);
        if (rc)
            return rc;
        if (!entry)
            return STATUS_NOT_FOUND;
        rc = npm_respond_kept_tarball(req, res, upstream, name,
                                      npm_tarball_name(name, entry->key, req->arena));
        if (rc != STATUS_NOT_FOUND)
            return rc;
    }
    if ((rc = take_verdicts(req, upstream, document, &packument, name)) ||
        (rc = check_verdict(req, upstream, name,
                            npm_tarball_name(name, entry->key, req->arena))) ||
        (rc = mirror_read_document(document, &reader, &req->error)))
        return rc;
    rc = npm_upstream_take(&packument, entry, reader, req->arena, &listing, &req->error);
    reader_close(reader);
    if (rc || (rc = make_wish(req, upstream, document, name, entry->key, &listing,
                              npm_upstream_time(&packument, entry->key, 0), &wish)))
        return rc;
    return respond_wish(req, res, &wish);
}

enum status npm_open_tarball(struct request *req, const struct verdict_subject *subject,
                             const struct mirror_document *document, const char *version,
                             struct npm_listing *listing, struct whole_file *out)
{
    const struct upstream *upstream = subject->upstream;
    struct npm_upstream_packument packument;
    const char *name = subject->name;
    const struct npm_entry *entry;
    struct mirror_wish wish;
    struct reader *reader;
    enum status rc;

    *listing = (struct npm_listing){0};
    if ((rc = npm_upstream_open_unjudged(req, upstream, document, name, req->arena, &packument,
                                         &req->error)))
        return rc;
    entry = npm_entries_find(&packument.versions, version);
    if (!entry || entry->is_gone)
        return whole_file_open(req, subject, npm_tarball_name(name, version, req->arena), out);
    if ((rc = mirror_read_document(document, &reader, &req->error)))
        return rc;
    rc = npm_upstream_take(&packument, entry, reader, req->arena, listing, &req->error);
    reader_close(reader);
    if (rc || (rc = make_wish(req, upstream, document, name, entry->key, listing,
                              npm_upstream_time(&packument, entry->key, 0), &wish)))
        return rc;
    return whole_file_fetch(req, &wish, out);
}

#include "protocols/pypi/fetched_file.h"

#include "config/log.h"
#include "protocols/http/file_verdict.h"
#include "protocols/http/package_document.h"
#include "protocols/http/response.h"
#include "protocols/http/whole_file.h"
#include "protocols/pypi/core_metadata.h"
#include "protocols/pypi/expectation.h"
#include "protocols/pypi/listing.h"
#include "protocols/pypi/page.h"
#include "protocols/pypi/pypi.h"
#include "protocols/pypi/wheel.h"
#include "protocols/pypi/wheel_name.h"
#include "storage/catalog/upstream.h"
#include "storage/memory/arena.h"
#include "storage/memory/project_name.h"
#include "storage/memory/pypi_version.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"
#include "storage/memory/unpack.h"
#include "storage/memory/utf8.h"
#include "storage/mirror/mirror.h"

#include <string.h>

enum { META_MAX = 3 * UPSTREAM_TEXT_MAX, SIDECAR_READ_MAX = 1 << 20 };

static enum status not_itself(const struct mirror_wish *wish, const char *field, const char *inside,
                              struct error *err)
{
    return fail(err, STATUS_BAD_UPSTREAM, "metadata-mismatch",
                "the upstream's %s has METADATA of another wheel: its %s is %.100s", wish->file,
                field, inside);
}

/* A wheel under another's name would be installed as what it is not. */
static enum status check_metadata(const struct mirror_wish *wish,
                                  const struct core_metadata *metadata, struct arena *arena,
                                  struct error *err)
{
    const char *name = project_name_normalize(arena, metadata->name);
    struct pypi_version inside, wanted;

    if (!name || strcmp(name, wish->name_norm))
        return not_itself(wish, "Name", metadata->name, err);
    if (!pypi_version_parse(metadata->version, &inside) ||
        !pypi_version_parse(wish->version, &wanted) || pypi_version_compare(&inside, &wanted))
        return not_itself(wish, "Version", metadata->version, err);
    return STATUS_OK;
}

/* It goes to those who asked for it, and gets no sidecar. */
static void log_odd(const struct mirror_wish *wish, const struct error *why)
{
    log_event(LOG_INFO, "upstream.odd-archive", "upstream=%s package=%s file=%s why=\"%s\"",
              wish->upstream->name, wish->name_norm, wish->file, why->message);
}

/* Where the listing had no digest, the first bytes count for ever: they are an archive at least,
 * and no page that says sorry. Elsewhere the digest vouches for what an old tool made. */
static enum status judge_odd_archive(const struct mirror_wish *wish, enum status rc,
                                     struct error *err)
{
    struct error why = *err;

    if (rc != STATUS_INVALID)
        return rc;
    if (!wish->expected.kinds)
        return fail(err, STATUS_BAD_UPSTREAM, "archive-broken",
                    "the upstream's %s, which it gives no digest of, cannot be read: %.300s",
                    wish->file, why.message);
    log_odd(wish, &why);
    return STATUS_OK;
}

/* PEP 658 for upstreams that know nothing of it: the METADATA becomes a file beside its wheel. */
static enum status inspect_wheel(const struct mirror_wish *wish, int fd, int64_t size,
                                 struct arena *arena, struct mirror_inspection *out,
                                 struct error *err)
{
    const struct pypi_expectation *expected = wish->context;
    struct core_metadata metadata;
    struct strbuf text;
    enum status rc;

    if ((rc = wheel_read_metadata(fd, size, NULL, expected->settings, arena, &text, err)))
        return judge_odd_archive(wish, rc, err);
    if (core_metadata_parse(text.data, text.length, arena, &metadata, err)) {
        log_odd(wish, err); /* such as Metadata-Version 2.0, which many an old wheel has */
        return STATUS_OK;
    }
    if ((rc = check_metadata(wish, &metadata, arena, err)))
        return rc;
    out->sidecar_suffix = ".metadata";
    out->sidecar = text.data;
    out->sidecar_length = text.length;
    out->archive_facts =
        pypi_archive_facts(wish, &metadata, pypi_contradicts(expected, text.data, arena), arena);
    out->changes_verdicts = out->archive_facts;
    return STATUS_OK;
}

/* The upstream has a sidecar of its own, which is fetched and verified when it is asked for. */
static enum status inspect_wheel_alone(const struct mirror_wish *wish, int fd, int64_t size,
                                       struct arena *arena, struct mirror_inspection *out,
                                       struct error *err)
{
    enum status rc = inspect_wheel(wish, fd, size, arena, out, err);

    out->sidecar_suffix = NULL;
    out->sidecar = NULL;
    out->sidecar_length = 0;
    return rc;
}

/* NULL where it cannot be, or is too large to be METADATA. */
static const char *read_text(int fd, int64_t size, struct arena *arena)
{
    struct file_reader reader;
    char *text;
    size_t got;

    if (size < 0 || size > SIDECAR_READ_MAX)
        return NULL;
    text = arena_alloc(arena, (size_t)size + 1);
    file_reader_init(&reader, fd, 0, size);
    if (reader_read_all(&reader.reader, text, (size_t)size, &got, NULL))
        return NULL;
    text[got] = '\0';
    return text;
}

/* Where the licence is known by what is beside a wheel, that need not come before it is refused. */
static enum status inspect_sidecar(const struct mirror_wish *wish, int fd, int64_t size,
                                   struct arena *arena, struct mirror_inspection *out,
                                   struct error *err)
{
    const char *text = read_text(fd, size, arena);
    struct core_metadata metadata;

    (void)err;
    if (text && !core_metadata_parse(text, strlen(text), arena, &metadata, NULL))
        out->archive_facts = pypi_archive_facts(wish, &metadata, false, arena);
    out->changes_verdicts = out->archive_facts;
    return STATUS_OK;
}

static enum status see_entry(void *context, const struct unpack_entry *entry,
                             struct reader *content, struct error *err)
{
    (void)context;
    (void)entry;
    (void)content;
    (void)err;
    return STATUS_OK;
}

static enum status inspect_sdist(const struct mirror_wish *wish, int fd, int64_t size,
                                 struct arena *arena, struct mirror_inspection *out,
                                 struct error *err)
{
    size_t length = strlen(wish->file);
    bool is_zip = length > 4 && !strcmp(wish->file + length - 4, ".zip");
    enum status rc;

    (void)arena;
    (void)out;
    rc = unpack_walk(fd, (uint64_t)size, is_zip ? UNPACK_ZIP : UNPACK_TAR_GZIP, NULL, see_entry,
                     NULL, NULL, err);
    return rc ? judge_odd_archive(wish, rc, err) : STATUS_OK;
}

static bool is_readable_sdist(const char *file)
{
    static const char *const ends[] = {".tar.gz", ".tgz", ".zip"};
    size_t length = strlen(file);

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (length > strlen(ends[i]) && !strcmp(file + length - strlen(ends[i]), ends[i]))
            return true;
    return false;
}

/* What hosted files' rows say. */
static const char *describe(struct arena *arena, const struct upstream_file *file)
{
    struct strbuf meta;

    strbuf_init(&meta, arena, META_MAX);
    strbuf_char(&meta, '{');
    if (file->requires_python) {
        strbuf_text(&meta, "\"requires_python\":");
        strbuf_json(&meta, file->requires_python);
    }
    strbuf_char(&meta, '}');
    return strbuf_failed(&meta) ? "{}" : meta.data;
}

static void set_sort_key(struct arena *arena, struct mirror_wish *wish)
{
    struct pypi_version version;
    struct strbuf key;

    strbuf_init(&key, arena, 4 * PYPI_VERSION_LENGTH_MAX);
    if (pypi_version_parse(wish->version, &version))
        pypi_version_sort_key(&version, &key);
    wish->sort_key = key.data;
    wish->sort_key_length = key.length;
}

/* sidecar: the METADATA beside it, to be compared with; NULL: not here. */
static struct mirror_wish wish_for(struct request *req, const struct upstream *upstream,
                                   const char *project, const struct listed_file *listed,
                                   const char *sidecar)
{
    const struct upstream_file *file = &listed->file;
    struct mirror_wish wish = {
        .upstream = upstream,
        .name = project,
        .name_norm = project,
        .version = file->version,
        .file = file->name,
        .url = file->url,
        .expected = file->digests,
        .size = file->size,
        .meta = describe(req->arena, file),
        .file_kind = FILE_MAIN,
        .changes_listing = !*listed->sha256 || file->size < 0,
        .any_host = file->digests.kinds != 0,
        .asker = upstream_asker(req),
    };

    set_sort_key(req->arena, &wish);
    wish.context = pypi_expect(req->service->settings, file->requires_python, sidecar, req->arena,
                               &wish.context_size);
    if (file_name_is_wheel(file->name))
        wish.inspect = file->has_metadata ? inspect_wheel_alone : inspect_wheel;
    else if (!file->digests.kinds && is_readable_sdist(file->name))
        wish.inspect = inspect_sdist;
    return wish;
}

/* PEP 658: at the file's address, with ".metadata" behind it. */
static void turn_to_sidecar(struct arena *arena, const struct upstream_file *file,
                            struct mirror_wish *wish)
{
    wish->file = arena_format(arena, "%s.metadata", file->name);
    wish->url = arena_format(arena, "%s.metadata", file->url);
    wish->expected = (struct digests){0};
    if (file->metadata_sha256 &&
        digest_parse_hex(file->metadata_sha256, wish->expected.sha256, SHA256_SIZE))
        wish->expected.kinds = DIGEST_SHA256;
    wish->changes_listing = !wish->expected.kinds;
    wish->size = -1;
    wish->meta = NULL;
    wish->file_kind = FILE_SIDECAR;
    wish->any_host = wish->expected.kinds != 0;
    wish->inspect = inspect_sidecar;
}

static enum status respond(struct request *req, struct response *res,
                           const struct mirror_wish *wish)
{
    struct mirror_file *arriving;
    struct stored_file file = {
        .name = wish->file,
        .version = wish->version,
        .kind = wish->file_kind,
    };
    enum status rc;

    if ((rc = mirror_get_file(req->service->mirror, wish, &arriving, &req->error)))
        return rc;
    if (wish->file_kind == FILE_MAIN &&
        (rc = verdict_guard_arriving(req, res, &pypi_verdict_format, wish, arriving))) {
        mirror_file_close(arriving);
        return rc;
    }
    file.size = mirror_file_size(arriving);
    file.digests = *mirror_file_digests(arriving);
    return respond_arriving_file(req, res, arriving, &file, "application/octet-stream");
}

/* 15.2: the upstream's own sidecar is not what it says, or not there, though the page offers it.
 * The wheel has it too, and once that is here, the page shows what was in it. */
static enum status respond_from_wheel(struct request *req, struct response *res,
                                      const struct mirror_wish *wheel)
{
    struct mirror_wish wish = *wheel;
    struct whole_file whole;
    struct strbuf text;
    enum status rc;

    wish.inspect = inspect_wheel;
    if ((rc = whole_file_fetch(req, &wish, &whole)))
        return rc;
    rc = wheel_read_metadata(whole.fd, whole.size, NULL, req->service->settings, req->arena, &text,
                             &req->error);
    if (!rc) /* it is whole by now */
        rc = verdict_guard_arriving(req, res, &pypi_verdict_format, &wish, whole.arriving);
    whole_file_close(&whole);
    if (rc)
        return rc == STATUS_INVALID ? STATUS_BAD_UPSTREAM : rc;
    response_header(req, res, "Cache-Control", "no-cache");
    return respond_strbuf(req, res, 200, "application/octet-stream", &text);
}

static enum status respond_sidecar(struct request *req, struct response *res,
                                   const struct upstream_file *file,
                                   const struct mirror_wish *wheel)
{
    struct mirror_wish wish = *wheel;
    enum status rc;

    turn_to_sidecar(req->arena, file, &wish);
    rc = respond(req, res, &wish);
    if ((rc != STATUS_BAD_UPSTREAM && rc != STATUS_NOT_FOUND) || !file_name_is_wheel(file->name))
        return rc;
    log_event(LOG_WARN, "upstream.bad-sidecar", "upstream=%s package=%s file=%s why=\"%s\"",
              wish.upstream->name, wish.name_norm, wish.file, req->error.message);
    return respond_from_wheel(req, res, wheel);
}

/* What is beside a wheel. */
struct sidecar {
    const char *text;  /* NULL: not here */
    const char *facts; /* that may not be in rows yet; NULL: none */
};

/* Through the mirror, like any file; what is wrong with it is logged. */
static void fetch_sidecar(struct request *req, const struct upstream *upstream, const char *project,
                          const struct listed_file *listed, struct sidecar *out)
{
    struct mirror_wish wish = wish_for(req, upstream, project, listed, NULL);
    struct whole_file whole;
    const char *facts;

    turn_to_sidecar(req->arena, &listed->file, &wish);
    if (whole_file_fetch(req, &wish, &whole)) {
        log_event(LOG_WARN, "upstream.bad-sidecar", "upstream=%s package=%s file=%s why=\"%s\"",
                  upstream->name, project, wish.file, req->error.message);
        req->error = (struct error){0};
        return;
    }
    facts = whole.arriving ? mirror_file_archive_facts(whole.arriving) : NULL;
    out->facts = facts ? arena_copy(req->arena, facts) : NULL;
    out->text = read_text(whole.fd, whole.size, req->arena);
    whole_file_close(&whole);
}

/* Before the wheel comes, and before its verdict: where a policy asks for what archives tell, the
 * METADATA beside it is fetched, so that a wheel that is refused for it never comes. Without it the
 * verdict is that of what nobody can tell, until the wheel is looked into. */
static enum status find_sidecar(struct request *req, const struct verdict_subject *subject,
                                const struct listed_file *listed, struct sidecar *out)
{
    const char *name = arena_format(req->arena, "%s.metadata", listed->file.name);
    struct error none = {0};
    struct whole_file whole;
    bool is_asked;
    enum status rc;

    *out = (struct sidecar){0};
    if (!listed->file.has_metadata || !file_name_is_wheel(listed->file.name))
        return STATUS_OK;
    if (!(rc = whole_file_open(req, subject, name, &whole))) {
        out->text = read_text(whole.fd, whole.size, req->arena);
        whole_file_close(&whole);
        return STATUS_OK;
    }
    req->error = none;
    if (rc != STATUS_NOT_FOUND || (rc = policy_asks_archives(req, &is_asked, &req->error)))
        return rc;
    if (is_asked)
        fetch_sidecar(req, subject->upstream, subject->name_norm, listed, out);
    return STATUS_OK;
}

static bool is_asked_for(struct request *req, const struct listed_file *listed)
{
    const char *asked = request_param(req, "digest");

    return !strcmp(asked, PAGE_NO_DIGEST) || !strcmp(asked, listed->sha256);
}

enum status fetched_file_open(struct request *req, const struct verdict_subject *subject,
                              const struct mirror_document *document, const char *file,
                              struct whole_file *out)
{
    struct sidecar sidecar;
    struct listing listing;
    struct mirror_wish wish;
    enum status rc;

    if (!document)
        return whole_file_open(req, subject, file, out);
    if ((rc = listing_read(req, subject->upstream, document, subject->name_norm, file, &listing,
                           &req->error)))
        return rc;
    if (!listing.count)
        return whole_file_open(req, subject, file, out);
    if ((rc = find_sidecar(req, subject, listing.files, &sidecar)))
        return rc;
    wish = wish_for(req, subject->upstream, subject->name_norm, listing.files, sidecar.text);
    wish.generation = document->generation;
    return whole_file_fetch(req, &wish, out);
}

const char *fetched_sidecar_read(struct request *req, const struct verdict_subject *subject,
                                 const struct mirror_document *document, const char *wheel)
{
    struct sidecar sidecar = {0};
    struct whole_file whole;
    struct listing listing;

    if (!document) {
        if (whole_file_open(req, subject, arena_format(req->arena, "%s.metadata", wheel), &whole))
            return NULL;
        sidecar.text = read_text(whole.fd, whole.size, req->arena);
        whole_file_close(&whole);
    } else if (!listing_read(req, subject->upstream, document, subject->name_norm, wheel, &listing,
                             &req->error) &&
               listing.count && !find_sidecar(req, subject, listing.files, &sidecar) &&
               !sidecar.text && listing.files->file.has_metadata) {
        fetch_sidecar(req, subject->upstream, subject->name_norm, listing.files, &sidecar);
    }
    return sidecar.text && utf8_is_valid(sidecar.text) ? sidecar.text : NULL;
}

enum status fetched_file_respond(struct request *req, struct response *res,
                                 const struct upstream *upstream,
                                 const struct mirror_document *document, const char *project,
                                 const char *file, bool is_sidecar)
{
    const struct verdict_subject subject = {
        .how = &pypi_verdict_format, .upstream = upstream, .name = project, .name_norm = project};
    struct sidecar sidecar = {0};
    struct listing listing;
    struct mirror_wish wish;
    enum status rc;

    if ((rc = listing_read(req, upstream, document, project, file, &listing, &req->error)))
        return rc;
    if (listing.count &&
        ((rc = find_sidecar(req, &subject, listing.files, &sidecar)) ||
         (rc = verdict_check_file(req, &subject, listing.files->file.name, sidecar.facts))))
        return rc;
    if (!listing.count || !is_asked_for(req, listing.files) ||
        !strcmp(listing.page.status, "quarantined") ||
        (is_sidecar && !listing.files->file.has_metadata))
        return fail(&req->error, STATUS_NOT_FOUND, "no-such-file", "there is no file %s here",
                    file);
    wish = wish_for(req, upstream, project, listing.files, sidecar.text);
    wish.generation = document->generation;
    return is_sidecar ? respond_sidecar(req, res, &listing.files->file, &wish)
                      : respond(req, res, &wish);
}

/* Fetching a file: as it comes, verifying it when it has come, and handing it to the rows. */
#include "config/clock.h"
#include "config/log.h"
#include "storage/memory/arena.h"
#include "storage/mirror/files.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    ATTEMPTS_MAX = 2,        /* of a file that came wrong before anybody was given a byte of it */
    REFUSAL_MAX = 64 * 1024, /* of a body that says why not: read, so that the connection lives on */
    WAKE_STEP = 256 * 1024,
    FAILED_US = 60000000,
};
static const int64_t UNANNOUNCED_MAX = INT64_C(1) << 30; /* of a body whose length nobody told */
static const int64_t FETCHED_ALONE_MAX = INT64_C(64) << 20; /* goes on though nobody waits */

static const struct {
    enum digest_kind kind;
    size_t offset, size;
    const char *name;
} kinds[] = {
    {DIGEST_SHA512, offsetof(struct digests, sha512), SHA512_SIZE, "sha512"},
    {DIGEST_SHA256, offsetof(struct digests, sha256), SHA256_SIZE, "sha256"},
    {DIGEST_BLAKE2B, offsetof(struct digests, blake2b), BLAKE2B_SIZE, "blake2b-256"},
    {DIGEST_SHA1, offsetof(struct digests, sha1), SHA1_SIZE, "sha1"},
    {DIGEST_MD5, offsetof(struct digests, md5), MD5_SIZE, "md5"},
};

/* The first kind that both know and that differs; -1: they agree, or share none. */
static int compare_digests(const struct digests *a, const struct digests *b)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (a->kinds & b->kinds & kinds[i].kind &&
            memcmp((const char *)a + kinds[i].offset, (const char *)b + kinds[i].offset, kinds[i].size))
            return (int)i;
    return -1;
}

static const char *digest_text(const struct digests *digests, int kind, struct arena *arena)
{
    char hex[DIGEST_HEX_MAX];

    if (kind < 0)
        return NULL;
    digest_hex((const uint8_t *)digests + kinds[kind].offset, kinds[kind].size, hex);
    return arena_format(arena, "%s:%s", kinds[kind].name, hex);
}

static void report(struct mirror_file *file, const char *event, const struct digests *expected,
                   const struct digests *found)
{
    int kind = compare_digests(expected, found);
    const struct byte_fault fault = {
        .kind = event,
        .name = file->wish.name_norm,
        .version = file->wish.version,
        .file = file->wish.file,
        .expected = digest_text(expected, kind, file->arena),
        .found = digest_text(found, kind, file->arena),
    };
    struct error err;

    if (catalog_report_bytes(file->mirror->options.catalog, &file->upstream, &fault, &err))
        log_event(LOG_ERROR, "upstream.report-failed", "event=%s file=%s reason=\"%s\"", event, file->wish.file,
                  err.message);
}

static bool is_wrong_bytes(const struct error *error)
{
    return !strcmp(error->code, "bytes-wrong") || !strcmp(error->code, "bytes-changed");
}

void file_fail(struct mirror_file *file, enum status rc, const struct error *error)
{
    struct mirror *mirror = file->mirror;

    file->rc = rc;
    file->error = *error;
    pthread_cond_broadcast(&file->moved);
    if (rc == STATUS_BAD_UPSTREAM && is_wrong_bytes(error))
        file_table_remember(mirror->files, file, clock_now_us() + FAILED_US);
    else
        file_table_remove(mirror->files, file);
}

/* No row was written that could be lost. Without the lock. */
static void end(struct mirror_file *file, enum status rc, const struct error *error)
{
    struct mirror *mirror = file->mirror;

    pthread_mutex_lock(&mirror->lock);
    if (!file->rc)
        file_fail(file, rc, error);
    file_drop(file);
    pthread_mutex_unlock(&mirror->lock);
}

static enum status begin(struct mirror_file *file, int64_t size, struct error *err)
{
    return blob_store_stage(catalog_blobs(file->mirror->options.catalog), size,
                            file->expected.kinds | file->wish.expected.kinds | file->wish.digest_kinds,
                            &file->stage, err);
}

static enum status wrong_size(const struct mirror_file *file, int64_t found, struct error *err)
{
    return fail(err, STATUS_BAD_UPSTREAM, "bytes-wrong", "%s has %lld bytes, and not the %lld that were said",
                file->wish.file, (long long)found,
                (long long)(file->expected_size >= 0 ? file->expected_size : file->size));
}

static enum status too_large(const struct mirror_file *file, struct error *err)
{
    return fail(err, STATUS_BAD_UPSTREAM, "file-too-large", "%s is larger than is fetched", file->wish.file);
}

/* Room was looked for before a length that was told; one that was not could be endless. */
static int64_t unannounced_max(const struct mirror *mirror)
{
    return mirror->options.file_max ? mirror->options.file_max : UNANNOUNCED_MAX;
}

static enum status take_head(void *context, const struct transfer_head *head, struct error *err)
{
    struct mirror_file *file = context;
    struct mirror *mirror = file->mirror;
    const struct mirror_options *options = &mirror->options;
    int64_t size = head->content_length >= 0 ? head->content_length : file->expected_size;
    enum status rc;

    pthread_mutex_lock(&mirror->lock);
    file->has_begun = true;
    pthread_mutex_unlock(&mirror->lock);
    file->code = head->code;
    if (head->code != 200)
        return STATUS_OK;
    if (file->expected_size >= 0 && size != file->expected_size)
        return wrong_size(file, size, err);
    if (options->file_max && size > options->file_max)
        return too_large(file, err);
    if (!file->stage && (rc = begin(file, size > 1 << 20 ? size : -1, err)))
        return rc;
    pthread_mutex_lock(&mirror->lock);
    if (file->is_tailing && size != file->size)
        rc = fail(err, STATUS_BAD_UPSTREAM, "bytes-wrong", "%s changed its size while it came", file->wish.file);
    else
        rc = STATUS_OK;
    file->size = size;
    if (size > options->verify_first_max)
        file->is_tailing = true;
    pthread_cond_broadcast(&file->moved);
    pthread_mutex_unlock(&mirror->lock);
    return rc;
}

/* The upstream sends again what came before: it must be the same. */
static enum status replay(struct mirror_file *file, const char **bytes, size_t *length,
                          struct error *err)
{
    int64_t left = stage_size(file->stage) - file->replay;
    char before[8192];

    while (left > 0 && *length) {
        size_t piece = *length < sizeof before ? *length : sizeof before;
        ssize_t got;

        if ((int64_t)piece > left)
            piece = (size_t)left;
        got = pread(stage_fd(file->stage), before, piece, file->replay);
        if (got <= 0)
            return fail_errno(err, "could not read what came of a file");
        if (memcmp(before, *bytes, (size_t)got))
            return fail(err, STATUS_BAD_UPSTREAM, "bytes-wrong", "%s came with other bytes after a break",
                        file->wish.file);
        file->replay += got;
        left -= got;
        *bytes += got;
        *length -= (size_t)got;
    }
    return STATUS_OK;
}

/* With the lock: nobody waits, it is large, and the better part is still to come. */
static bool is_abandoned(const struct mirror_file *file)
{
    int64_t size = file->size < 0 ? file->written + 1 : file->size;

    return !file->readers && size > FETCHED_ALONE_MAX && (file->size < 0 || file->written < size / 4);
}

static enum status take_bytes(void *context, const void *given, size_t length, struct error *err)
{
    struct mirror_file *file = context;
    struct mirror *mirror = file->mirror;
    const char *bytes = given;
    enum status rc;

    if (file->code != 200) {
        file->replay += (int64_t)length; /* counts them: there is nothing to compare */
        return file->replay > REFUSAL_MAX ? mirror_refusal(file->code, file->wish.url, err) : STATUS_OK;
    }
    if ((rc = replay(file, &bytes, &length, err)))
        return rc;
    if (file->size >= 0 && stage_size(file->stage) + (int64_t)length > file->size)
        return wrong_size(file, stage_size(file->stage) + (int64_t)length, err);
    if (file->size < 0 && stage_size(file->stage) + (int64_t)length > unannounced_max(mirror))
        return too_large(file, err);
    if (length) {
        if ((rc = stage_write(file->stage, bytes, length, err)))
            return rc;
        file->replay = stage_size(file->stage);
    }
    pthread_mutex_lock(&mirror->lock);
    file->written = stage_size(file->stage);
    if (file->is_tailing && file->written - file->told >= WAKE_STEP) {
        file->told = file->written;
        pthread_cond_broadcast(&file->moved);
    }
    if (is_abandoned(file)) {
        rc = fail(err, STATUS_UPSTREAM_AWAY, "abandoned", "nobody waits for %s any more", file->wish.file);
        file_fail(file, rc, err); /* now, so that nobody joins what is ending */
    }
    pthread_mutex_unlock(&mirror->lock);
    return rc;
}

static enum status begin_again(void *context, struct error *err)
{
    struct mirror_file *file = context;

    (void)err;
    file->replay = 0;
    return STATUS_OK;
}

static void finish(struct job *job);

static void take_end(void *context, enum status rc, const struct error *err)
{
    struct mirror_file *file = context;

    /* Once there is a job, nothing else touches these until it is done. */
    if (rc) {
        pthread_mutex_lock(&file->mirror->lock);
        if (!file->rc)
            file->error = *err;
        pthread_mutex_unlock(&file->mirror->lock);
    }
    file->code = rc ? -(int)rc : file->code;
    file->job.run = finish;
    crew_post(file->mirror->crew, &file->job);
}

static enum status add_sidecar(struct mirror_file *file, const void *bytes, size_t length,
                               struct error *err)
{
    enum status rc;

    if ((rc = blob_store_stage(catalog_blobs(file->mirror->options.catalog), -1, 0, &file->sidecar, err)))
        return rc;
    if ((rc = stage_write(file->sidecar, bytes, length, err)))
        return rc;
    return stage_end(file->sidecar, err);
}

/* All of it, before its last piece leaves. */
static enum status verify(struct mirror_file *file, struct error *err)
{
    struct mirror_inspection inspection = {0};
    struct digests found;
    int differing;
    enum status rc;

    if (file->code < 0) {
        *err = file->error;
        return (enum status)-file->code;
    }
    if (file->code != 200)
        return mirror_refusal(file->code, file->wish.url, err);
    if ((rc = stage_end(file->stage, err)))
        return rc;
    if (file->expected_size >= 0 && stage_size(file->stage) != file->expected_size)
        return wrong_size(file, stage_size(file->stage), err);
    if (file->size >= 0 && stage_size(file->stage) != file->size)
        return fail(err, STATUS_BAD_UPSTREAM, "cut-short", "%s ended before its end", file->wish.file);
    found = *stage_digests(file->stage);
    if ((differing = compare_digests(&file->expected, &found)) >= 0)
        return fail(err, STATUS_BAD_UPSTREAM, "bytes-wrong", "%s does not have the %s that was %s", file->wish.file,
                    kinds[differing].name, file->attempts ? "listed, twice" : "listed");
    if (file->wish.inspect) {
        if ((rc = file->wish.inspect(&file->wish, stage_fd(file->stage), stage_size(file->stage), file->arena,
                                     &inspection, err)))
            return rc;
        file->sidecar_suffix = inspection.sidecar_suffix;
        file->archive_facts = inspection.archive_facts;
        file->changes_verdicts = inspection.changes_verdicts;
        if (inspection.sidecar &&
            (rc = add_sidecar(file, inspection.sidecar, inspection.sidecar_length, err)))
            return rc;
    }
    file->digests = found;
    return STATUS_OK;
}

struct file_fill {
    struct fill fill; /* first */
    struct mirror_file *file;
};

static void file_kept(struct fill *base)
{
    struct file_fill *fill = (struct file_fill *)base;
    struct mirror_file *file = fill->file;
    struct mirror *mirror = file->mirror;
    const struct ingest *ingest = &base->ingests[0];

    if (ingest->rc)
        log_event(LOG_WARN, "upstream.not-kept", "upstream=%s package=%s file=%s status=%s reason=\"%s\"",
                  file->upstream.name, file->wish.name, file->wish.file, status_word(ingest->rc),
                  ingest->error.message);
    pthread_mutex_lock(&mirror->lock);
    file_table_remove(mirror->files, file);
    file_drop(file);
    pthread_mutex_unlock(&mirror->lock);
    free(fill);
}

static void keep(struct mirror_file *file)
{
    struct file_fill *fill = calloc(1, sizeof *fill);
    struct ingest *ingest;

    if (!fill)
        abort();
    fill->file = file;
    fill->fill.done = file_kept;
    fill->fill.count = file->sidecar ? 2 : 1;
    ingest = fill->fill.ingests;
    ingest[0] = (struct ingest){
        .upstream = &file->upstream,
        .name = file->wish.name,
        .name_norm = file->wish.name_norm,
        .name_fold = file->name_fold,
        .kind = INGEST_FILE,
        .stage = file->stage,
        .version = file->wish.version,
        .file = file->wish.file,
        .meta = file->wish.meta,
        .sort_key = file->wish.sort_key,
        .sort_key_length = file->wish.sort_key_length,
        .file_kind = file->wish.file_kind,
        .asker = file->wish.asker,
        .archive_facts = file->archive_facts,
        .changes_listing = file->wish.changes_listing,
        .changes_verdicts = file->changes_verdicts,
        .generation = (int64_t)file->wish.generation,
    };
    if (file->sidecar) {
        ingest[1] = ingest[0];
        ingest[1].stage = file->sidecar;
        ingest[1].file = arena_format(file->arena, "%s%s", file->wish.file, file->sidecar_suffix);
        ingest[1].meta = ingest[1].archive_facts = NULL;
        ingest[1].file_kind = FILE_SIDECAR;
        ingest[1].with_previous = ingest[1].changes_listing = true;
    }
    committer_add(file->mirror->committer, &fill->fill, FILL_SOON);
}

static enum status send_request(struct mirror_file *file, struct error *err);

/* Once more, where it came wrong and nobody has a byte of it: an upstream's cache may have had it cut. */
static bool try_again(struct mirror_file *file)
{
    struct mirror *mirror = file->mirror;
    struct error err;
    bool may;

    pthread_mutex_lock(&mirror->lock);
    may = !file->is_tailing && !file->rc && ++file->attempts < ATTEMPTS_MAX;
    if (may) {
        stage_close(file->stage);
        stage_close(file->sidecar);
        file->stage = file->sidecar = NULL;
        file->replay = file->written = file->told = 0;
        file->size = -1;
    }
    pthread_mutex_unlock(&mirror->lock);
    return may && !send_request(file, &err);
}

static void finish(struct job *job)
{
    struct mirror_file *file = (struct mirror_file *)job;
    struct mirror *mirror = file->mirror;
    struct error err = {0};
    enum status rc = verify(file, &err);

    mirror_count_end(mirror, file->home, file->stage ? stage_size(file->stage) : 0, file->wish.name,
                     file->wish.file, rc, &err);
    if (rc == STATUS_BAD_UPSTREAM && is_wrong_bytes(&err) && try_again(file))
        return;
    if (rc) {
        bool is_known = file->stage && stage_digests(file->stage)->kinds;
        struct digests found = {0};

        if (is_known)
            found = *stage_digests(file->stage);
        pthread_mutex_lock(&mirror->lock);
        file->references++; /* for the report, which is written when nobody waits for it */
        pthread_mutex_unlock(&mirror->lock);
        end(file, rc, &err);
        if (is_wrong_bytes(&err))
            report(file, "upstream.bytes-wrong", &file->expected, &found);
        pthread_mutex_lock(&mirror->lock);
        file->has_failed = true;
        file_let_go_of_stage(file);
        file_drop(file);
        pthread_mutex_unlock(&mirror->lock);
        return;
    }
    pthread_mutex_lock(&mirror->lock);
    file->size = file->written = stage_size(file->stage);
    file->is_whole = true;
    file->home->stats.file_misses++;
    pthread_cond_broadcast(&file->moved);
    pthread_mutex_unlock(&mirror->lock);
    keep(file); /* the flight's reference is the fill's from now on */
}

/* host: "name", of any port, or "name:port". */
static bool host_is(const struct url_origin *origin, const char *host)
{
    const char *colon = strrchr(host, ':');
    size_t length = colon ? (size_t)(colon - host) : strlen(host);

    if (colon && atoi(colon + 1) != origin->port)
        return false;
    return strlen(origin->host) == length && !strncasecmp(origin->host, host, length);
}

/* Where files may come from: the upstream itself, hosts that were named, or over https anywhere that a
 * page with a digest says. */
static enum status check_host(const struct mirror_file *file, struct error *err)
{
    const char *url = file->wish.url;
    struct url_origin origin;

    if (!url_origin(url, &origin))
        return fail(err, STATUS_BAD_UPSTREAM, "bad-url", "the upstream %s lists no usable URL for %s",
                    file->upstream.name, file->wish.file);
    if (url_same_origin(url, file->upstream.url))
        return STATUS_OK;
    for (const char *const *host = file->upstream.file_hosts; host && *host; host++)
        if (host_is(&origin, *host))
            return STATUS_OK;
    if (file->wish.any_host && file->wish.expected.kinds && origin.is_https)
        return STATUS_OK;
    return fail(err, STATUS_BAD_UPSTREAM, "foreign-host",
                "the upstream %s lists %s under a host that is not its own; --file-host allows one",
                file->upstream.name, file->wish.file);
}

static enum status send_request(struct mirror_file *file, struct error *err)
{
    static const char *const headers[] = {"Accept: */*", "Accept-Encoding: identity", NULL};
    const struct transfer_sink sink = {file, take_head, take_bytes, begin_again, take_end};
    const struct mirror_options *options = &file->mirror->options;
    struct transfer_request request;
    enum status rc;

    if ((rc = mirror_may_fetch(file->mirror, &file->upstream, err)))
        return rc;
    if ((rc = mirror_address(file->mirror, file->home, &file->upstream, file->wish.url, file->arena, &request, err)))
        return rc;
    request.headers = headers;
    request.any_host = file->wish.any_host && file->wish.expected.kinds;
    request.is_resumable = true;
    request.bytes_max = options->file_max ? options->file_max : INT64_MAX;
    return mirror_submit(file->mirror, file->home, &request, &sink, err);
}

/* What the pin and the tombstones say. Bytes that came first count more than a listing that changed. */
static enum status consult_rows(struct mirror_file *file, struct error *err)
{
    struct catalog *catalog = file->mirror->options.catalog;
    const struct upstream *upstream = &file->upstream;
    struct pin pin;
    enum status rc;

    if ((rc = catalog_check_removed(catalog, upstream->org_id, upstream->format, file->name_fold,
                                    file->wish.version, file->wish.file, err)))
        return rc;
    if (file->wish.file_kind != FILE_MAIN)
        return STATUS_OK;
    rc = catalog_find_pin(catalog, upstream->org_id, upstream->format, file->name_fold, file->wish.file, &pin, err);
    if (rc)
        return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
    if (compare_digests(&pin.digests, &file->wish.expected) >= 0) {
        report(file, "upstream.bytes-changed", &pin.digests, &file->wish.expected);
        file->expected = pin.digests;
        file->expected_size = pin.size;
        return STATUS_OK;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (pin.digests.kinds & kinds[i].kind)
            memcpy((char *)&file->expected + kinds[i].offset, (const char *)&pin.digests + kinds[i].offset,
                   kinds[i].size);
    file->expected.kinds |= pin.digests.kinds;
    file->expected_size = pin.size;
    return STATUS_OK;
}

void file_flight_launch(struct mirror_file *file)
{
    struct mirror *mirror = file->mirror;
    struct error err = {0};
    enum status rc;

    pthread_mutex_lock(&mirror->lock);
    file->references++; /* the flight's own */
    pthread_mutex_unlock(&mirror->lock);
    if (!(rc = check_host(file, &err)) && !(rc = consult_rows(file, &err)))
        rc = send_request(file, &err);
    if (rc)
        end(file, rc, &err);
}

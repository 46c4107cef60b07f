/* Asking for documents: what is kept, how old it may be, and who waits for whom. */
#include "config/clock.h"
#include "storage/memory/arena.h"
#include "storage/memory/gzip.h"
#include "storage/mirror/documents.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INFLATED_AT_ONCE_MAX = 4 << 20 };

enum age {
    AGE_FRESH,
    AGE_STALE, /* served while it is refreshed */
    AGE_OLD,   /* served only where the upstream fails */
    AGE_DEAD,
};

/* With the lock. Forgotten ones are asked for first, whatever their age. Where the upstream is left alone
 * nobody waits to see it fail again. */
static enum age age_of(const struct mirror *mirror, const struct mirror_upstream *home,
                       const struct kept_document *document, int64_t now_us)
{
    const struct mirror_options *options = &mirror->options;
    int64_t since_us = now_us - document->row.checked_us - options->fresh_us;
    int64_t last_us =
        options->stale_us > options->stale_if_error_us ? options->stale_us : options->stale_if_error_us;
    bool is_forgotten = document->row.checked_us <= home->forgotten_us;

    if (since_us < 0 && !is_forgotten)
        return AGE_FRESH;
    if (since_us < options->stale_us && !is_forgotten)
        return AGE_STALE;
    if (since_us >= last_us)
        return AGE_DEAD;
    return !is_forgotten && mirror_is_left_alone(home, document->upstream.url) ? AGE_STALE : AGE_OLD;
}

/* Reads the rows of an entry that is new here. With the lock, which is let go meanwhile. */
static enum status load(struct mirror *mirror, struct entry *entry, const struct upstream *upstream,
                        const char *name, const char *name_norm, struct error *err)
{
    struct kept_document *document;
    enum status rc;

    while (entry->is_loading)
        pthread_cond_wait(&mirror->left, &mirror->lock);
    if (entry->is_loaded)
        return STATUS_OK;
    entry->is_loading = true;
    pthread_mutex_unlock(&mirror->lock);
    document = kept_document_new(mirror, upstream, name, name_norm);
    rc = catalog_find_upstream_document(mirror->options.catalog, upstream, name_norm,
                                        document->arena, &document->row, err);
    if (!rc)
        kept_document_show(document);
    pthread_mutex_lock(&mirror->lock);
    if (rc) {
        kept_document_drop(document);
        document = NULL;
    }
    if (!entry->document)
        entry_set_document(mirror->documents, entry, document);
    else
        kept_document_drop(document);
    entry->is_loaded = !rc || rc == STATUS_NOT_FOUND;
    entry->is_loading = false;
    pthread_cond_broadcast(&mirror->left);
    return entry->is_loaded ? STATUS_OK : rc;
}

/* Joins the flight, or begins one. With the lock, which is let go meanwhile. */
static struct document_flight *join(struct mirror *mirror, struct mirror_upstream *home,
                                    struct entry *entry, const struct upstream *upstream,
                                    const char *name, const char *name_norm)
{
    struct document_flight *flight = entry->flight;

    if (flight) {
        flight->references++;
        return flight;
    }
    flight = document_flight_new(mirror, home, entry, upstream, name, name_norm);
    flight->references++;
    pthread_mutex_unlock(&mirror->lock);
    document_flight_launch(flight);
    pthread_mutex_lock(&mirror->lock);
    return flight;
}

static enum status wait_for(struct mirror *mirror, struct document_flight *flight,
                            struct error *err)
{
    const struct upstream *upstream = &flight->coming->upstream;
    struct mirror_patience patience = {.home = flight->home, .url = upstream->url};
    enum status rc;

    while (!flight->is_done && mirror_wait(mirror, &flight->done, &patience, flight->has_begun))
        ;
    rc = flight->is_done ? flight->rc : mirror_gave_up(upstream, err);
    if (rc && flight->is_done && err)
        *err = flight->error;
    document_flight_drop(flight);
    return rc;
}

static void serve(struct mirror_upstream *home, struct kept_document *document, bool is_hit,
                  const struct mirror_document **out)
{
    *out = &kept_document_hold(document)->shown;
    if (is_hit) {
        home->stats.document_hits++;
        home->stats.bytes_saved += (uint64_t)document->row.size;
    } else {
        home->stats.document_misses++;
    }
}

/* With the lock. */
static enum status find(struct mirror *mirror, struct mirror_upstream *home, struct entry *entry,
                        const struct upstream *upstream, const char *name, const char *name_norm,
                        const struct mirror_document **out, struct error *err)
{
    int64_t now_us = clock_now_us();
    enum age age = AGE_DEAD;
    bool joined;
    enum status rc;

    if ((rc = load(mirror, entry, upstream, name, name_norm, err)))
        return rc;
    if (entry->document) {
        age = age_of(mirror, home, entry->document, now_us);
        if (age == AGE_FRESH || upstream->is_offline ||
            (age != AGE_DEAD && now_us < entry->retry_us)) {
            serve(home, entry->document, true, out);
            return STATUS_OK;
        }
        if (age == AGE_STALE) {
            struct kept_document *document = kept_document_hold(entry->document);

            if (mirror_is_left_alone(home, upstream->url))
                atomic_store(&document->shown.is_stale, true);
            if (!entry->flight)
                document_flight_drop(join(mirror, home, entry, upstream, name, name_norm));
            serve(home, document, true, out);
            kept_document_drop(document);
            return STATUS_OK;
        }
    } else if (now_us < entry->absent_until_us) {
        return fail(err, STATUS_NOT_FOUND, "not-found", "the upstream %s has not got %s", upstream->name, name);
    }
    joined = entry->flight != NULL;
    rc = wait_for(mirror, join(mirror, home, entry, upstream, name, name_norm), err);
    if (entry->document && (!rc || (age == AGE_OLD && rc != STATUS_NOT_FOUND && rc != STATUS_CONFLICT))) {
        serve(home, entry->document, joined || rc, out);
        return STATUS_OK;
    }
    /* Fetched, and withdrawn before we looked. */
    return rc ? rc : fail(err, STATUS_CONFLICT, "owner-changed", "%s is another's by now", name);
}

enum status mirror_get_document(struct mirror *mirror, const struct upstream *upstream,
                                const char *name, const char *name_norm,
                                const struct mirror_document **out, struct error *err)
{
    struct mirror_upstream *home;
    struct entry *entry;
    enum status rc;

    *out = NULL;
    if ((rc = mirror_enter(mirror, err)))
        return rc;
    home = mirror_home(mirror, upstream);
    pthread_mutex_lock(&mirror->lock);
    entry = document_table_use(mirror->documents, upstream->id, name_norm);
    entry->users++;
    rc = find(mirror, home, entry, upstream, name, name_norm, out, err);
    entry->users--;
    pthread_mutex_unlock(&mirror->lock);
    mirror_leave(mirror);
    return rc;
}

void mirror_release_document(const struct mirror_document *shown)
{
    struct kept_document *document = (struct kept_document *)(uintptr_t)shown;
    struct mirror *mirror;

    if (!document)
        return;
    mirror = document->mirror;
    pthread_mutex_lock(&mirror->lock);
    kept_document_drop(document);
    pthread_mutex_unlock(&mirror->lock);
}

/* With the lock. */
static int64_t refresh(struct mirror *mirror, struct mirror_upstream *home, struct entry *entry,
                       const struct upstream *upstream, const char *name, const char *name_norm)
{
    int64_t now_us = clock_now_us();
    enum age age;

    if (load(mirror, entry, upstream, name, name_norm, NULL) || !entry->document)
        return -1;
    age = age_of(mirror, home, entry->document, now_us);
    if (age == AGE_FRESH)
        return atomic_load(&entry->document->shown.fresh_until_us);
    if (upstream->is_offline || (age != AGE_DEAD && now_us < entry->retry_us))
        return 0;
    if (age != AGE_STALE)
        return -1;
    if (!entry->flight)
        document_flight_drop(join(mirror, home, entry, upstream, name, name_norm));
    return 0;
}

int64_t mirror_refresh(struct mirror *mirror, const struct upstream *upstream, const char *name,
                       const char *name_norm)
{
    struct mirror_upstream *home;
    struct entry *entry;
    int64_t until_us;

    if (mirror_enter(mirror, NULL))
        return 0;
    home = mirror_home(mirror, upstream);
    pthread_mutex_lock(&mirror->lock);
    entry = document_table_use(mirror->documents, upstream->id, name_norm);
    entry->users++;
    until_us = refresh(mirror, home, entry, upstream, name, name_norm);
    entry->users--;
    pthread_mutex_unlock(&mirror->lock);
    mirror_leave(mirror);
    return until_us;
}

/* The bytes as kept, and what inflates them. */
struct document_reader {
    struct reader reader;
    struct file_reader file;
    struct memory_reader memory;
    struct reader *source, *inflating; /* NULL: they are kept as they are */
    struct plain *plain;               /* NULL: they are not at hand */
    int fd;
};

static enum status read_document(struct reader *base, void *buffer, size_t size, size_t *got,
                                 struct error *err)
{
    struct document_reader *reader = (struct document_reader *)base;

    return reader_read(reader->inflating ? reader->inflating : reader->source, buffer, size, got, err);
}

static void close_document(struct reader *base)
{
    struct document_reader *reader = (struct document_reader *)base;

    reader_close(reader->inflating);
    plain_drop(reader->plain);
    if (reader->fd >= 0)
        close(reader->fd);
    free(reader);
}

static enum status open_bytes(const struct kept_document *document, int *fd, struct error *err)
{
    struct mirror *mirror = document->mirror;
    struct blob_name name = {.nonce = document->row.blob_nonce};
    int staged = -1;
    enum status rc;

    pthread_mutex_lock(&mirror->lock);
    if (document->stage)
        staged = dup(stage_fd(document->stage));
    else
        name.nonce = document->row.blob_nonce;
    pthread_mutex_unlock(&mirror->lock);
    if ((*fd = staged) >= 0)
        return STATUS_OK;
    for (size_t i = 0; i < SHA256_SIZE; i++)
        name.sha256[i] = document->row.sha256[i]; /* a document is staged as it was received */
    rc = blob_store_read(catalog_blobs(mirror->options.catalog), &name, document->row.size, fd, err);
    return rc == STATUS_NOT_FOUND ? fail(err, STATUS_INTERNAL, "blob-missing",
                                         "the stored document of %s is not there", document->shown.name)
                                  : rc;
}

static struct gzip_limits limits_of(const struct mirror *mirror)
{
    return (struct gzip_limits){.bytes = (uint64_t)mirror->options.document_max,
                                .ratio = (unsigned)mirror->options.document_ratio_max};
}

/* All of what is kept; NULL where it is too large. The caller free()s it. */
static void *read_kept(const struct kept_document *document)
{
    size_t size = (size_t)document->row.size, got = 0;
    struct file_reader file;
    enum status rc;
    void *bytes;
    int fd;

    if (size > INFLATED_AT_ONCE_MAX || !(bytes = malloc(size + 1)))
        return NULL;
    if (document->row.body)
        return memcpy(bytes, document->row.body, size);
    if (!(rc = open_bytes(document, &fd, NULL))) {
        file_reader_init(&file, fd, 0, document->row.size);
        rc = reader_read_all(&file.reader, bytes, size, &got, NULL);
        close(fd);
    }
    if (!rc && got == size)
        return bytes;
    free(bytes);
    return NULL;
}

void kept_document_inflate(struct kept_document *document)
{
    struct mirror *mirror = document->mirror;
    const struct gzip_limits limits = limits_of(mirror);
    void *gzip, *bytes;
    size_t length;

    if (document->row.coding != CODING_GZIP || !(gzip = read_kept(document)))
        return;
    bytes = gzip_inflate_at_once(gzip, (size_t)document->row.size, &limits, INFLATED_AT_ONCE_MAX, &length);
    free(gzip);
    if (!bytes)
        return;
    pthread_mutex_lock(&mirror->lock);
    plain_put(mirror->plains, document, bytes, length);
    pthread_mutex_unlock(&mirror->lock);
}

static struct plain *hold_plain(const struct kept_document *document)
{
    struct mirror *mirror = document->mirror;
    struct plain *plain;

    pthread_mutex_lock(&mirror->lock);
    plain = plain_hold(mirror->plains, document);
    pthread_mutex_unlock(&mirror->lock);
    return plain;
}

enum status mirror_read_document(const struct mirror_document *shown, struct reader **out,
                                 struct error *err)
{
    const struct kept_document *document = (const struct kept_document *)shown;
    const struct gzip_limits limits = limits_of(document->mirror);
    struct document_reader *reader = calloc(1, sizeof *reader);
    const void *bytes;
    size_t length;
    enum status rc;

    *out = NULL;
    if (!reader)
        return fail(err, STATUS_INTERNAL, "", "out of memory");
    reader->reader = (struct reader){read_document, close_document};
    reader->fd = -1;
    if ((reader->plain = hold_plain(document))) {
        bytes = plain_bytes(reader->plain, &length);
        memory_reader_init(&reader->memory, bytes, length);
        reader->source = &reader->memory.reader;
        *out = &reader->reader;
        return STATUS_OK;
    }
    if (document->row.body) {
        memory_reader_init(&reader->memory, document->row.body, (size_t)document->row.size);
        reader->source = &reader->memory.reader;
    } else if ((rc = open_bytes(document, &reader->fd, err))) {
        free(reader);
        return rc;
    } else {
        file_reader_init(&reader->file, reader->fd, 0, document->row.size);
        reader->source = &reader->file.reader;
    }
    if (document->row.coding == CODING_GZIP)
        reader->inflating = gzip_reader_new(reader->source, &limits);
    *out = &reader->reader;
    return STATUS_OK;
}

static enum status visit_files(const struct kept_document *document, visit_listed visit,
                               void *context, struct error *err)
{
    const struct mirror_format *const *formats = document->mirror->options.formats;
    struct reader *reader;
    enum status rc;

    while (*formats && (*formats)->format != document->upstream.format)
        formats++;
    if (!*formats || !(*formats)->list)
        return STATUS_OK;
    if ((rc = mirror_read_document(&document->shown, &reader, err)))
        return rc;
    rc = (*formats)->list(reader, &document->shown, document->arena, visit, context, err);
    reader_close(reader);
    return rc;
}

enum status mirror_visit_kept(struct mirror *mirror, const struct upstream *upstream, const char *name,
                              const char *name_norm, visit_listed visit, void *context,
                              struct error *err)
{
    struct kept_document *document;
    enum status rc;

    if ((rc = mirror_enter(mirror, err)))
        return rc;
    document = kept_document_new(mirror, upstream, name, name_norm);
    rc = catalog_find_upstream_document(mirror->options.catalog, upstream, name_norm, document->arena,
                                        &document->row, err);
    if (!rc) {
        kept_document_show(document);
        rc = visit_files(document, visit, context, err);
    }
    pthread_mutex_lock(&mirror->lock);
    kept_document_drop(document);
    pthread_mutex_unlock(&mirror->lock);
    mirror_leave(mirror);
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

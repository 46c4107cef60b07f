/* Fetching a document: as it comes, when it has come, and when it has been kept. */
#include "config/clock.h"
#include "config/log.h"
#include "storage/catalog/publish.h"
#include "storage/memory/arena.h"
#include "storage/mirror/appeared.h"
#include "storage/mirror/documents.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    INLINE_MAX = 32 * 1024,
    REFUSAL_MAX = 64 * 1024, /* of a body that says why not: read, so that the connection lives on */
    ABSENT_MAX_US = 300000000,
    RETRY_US = 5000000,
};

struct document_flight *document_flight_new(struct mirror *mirror, struct mirror_upstream *home,
                                            struct entry *entry, const struct upstream *upstream,
                                            const char *name, const char *name_norm)
{
    struct document_flight *flight = calloc(1, sizeof *flight);

    if (!flight)
        abort();
    flight->mirror = mirror;
    flight->home = home;
    flight->entry = entry;
    for (size_t i = 0; mirror->options.formats[i]; i++)
        if (mirror->options.formats[i]->format == upstream->format)
            flight->format = mirror->options.formats[i];
    flight->before = entry->document ? kept_document_hold(entry->document) : NULL;
    flight->coming = kept_document_new(mirror, upstream, name, name_norm);
    flight->references = 1; /* its own, until it is done */
    pthread_cond_init(&flight->done, NULL);
    entry->flight = flight;
    return flight;
}

void document_flight_drop(struct document_flight *flight)
{
    if (--flight->references)
        return;
    kept_document_drop(flight->before);
    kept_document_drop(flight->coming);
    pthread_cond_destroy(&flight->done);
    free(flight->buffer);
    free(flight);
}

static void start_over(struct document_flight *flight)
{
    stage_close(flight->coming->stage);
    flight->coming->stage = NULL;
    flight->length = 0;
    flight->size = 0;
}

static enum status take_coding(const struct transfer_head *head, enum document_coding *coding,
                               struct error *err)
{
    const char *given = head->content_encoding;

    *coding = CODING_IDENTITY;
    if (!given || !*given || !strcasecmp(given, "identity"))
        return STATUS_OK;
    *coding = CODING_GZIP;
    if (!strcasecmp(given, "gzip") || !strcasecmp(given, "x-gzip"))
        return STATUS_OK;
    return fail(err, STATUS_BAD_UPSTREAM, "bad-coding", "the upstream answered in %.40s, which was not asked for",
                given);
}

static enum status take_head(void *context, const struct transfer_head *head, struct error *err)
{
    struct document_flight *flight = context;
    struct upstream_document *row = &flight->coming->row;
    struct arena *arena = flight->coming->arena;

    pthread_mutex_lock(&flight->mirror->lock);
    flight->has_begun = true;
    pthread_mutex_unlock(&flight->mirror->lock);
    start_over(flight);
    flight->code = head->code;
    row->url = arena_copy(arena, head->url);
    if (head->code != 200)
        return STATUS_OK;
    row->content_type = arena_copy(arena, head->content_type ? head->content_type : "");
    row->etag = arena_copy(arena, head->etag);
    row->last_modified = arena_copy(arena, head->last_modified);
    row->serial = head->serial ? strtoll(head->serial, NULL, 10) : 0;
    return take_coding(head, &row->coding, err);
}

/* More than fits into a row goes to the disk. */
static enum status spill(struct document_flight *flight, struct error *err)
{
    enum status rc;

    if ((rc = blob_store_stage(catalog_blobs(flight->mirror->options.catalog), -1, 0,
                               &flight->coming->stage, err)))
        return rc;
    return stage_write(flight->coming->stage, flight->buffer, flight->length, err);
}

static enum status take_bytes(void *context, const void *bytes, size_t length, struct error *err)
{
    struct document_flight *flight = context;
    enum status rc;

    flight->size += (int64_t)length;
    if (flight->code != 200)
        return flight->size > REFUSAL_MAX
                   ? mirror_refusal(flight->code, flight->coming->row.url, err)
                   : STATUS_OK;
    if (!flight->coming->stage && flight->length + length > INLINE_MAX && (rc = spill(flight, err)))
        return rc;
    if (flight->coming->stage)
        return stage_write(flight->coming->stage, bytes, length, err);
    if (!flight->buffer && !(flight->buffer = malloc(INLINE_MAX)))
        abort();
    memcpy(flight->buffer + flight->length, bytes, length);
    flight->length += length;
    return STATUS_OK;
}

static enum status begin_again(void *context, struct error *err)
{
    (void)err;
    start_over(context);
    return STATUS_OK;
}

static void finish(struct job *job);

static void take_end(void *context, enum status rc, const struct error *err)
{
    struct document_flight *flight = context;

    flight->rc = rc;
    if (rc)
        flight->error = *err;
    flight->job.run = finish;
    crew_post(flight->mirror->crew, &flight->job);
}

/* The last act: everybody who waits goes on. new_document is the entry's from now on. With the lock. */
static void settle(struct document_flight *flight, struct kept_document *new_document)
{
    struct mirror *mirror = flight->mirror;
    struct entry *entry = flight->entry;
    int64_t now_us = clock_now_us();

    if (new_document)
        entry_set_document(mirror->documents, entry, kept_document_hold(new_document));
    if (!flight->rc) {
        entry->absent_until_us = entry->retry_us = 0;
        entry->absent_for_us = ABSENT_MAX_US / 5;
    } else if (flight->rc == STATUS_NOT_FOUND && !entry->document) {
        entry->absent_until_us = now_us + entry->absent_for_us;
        entry->absent_for_us =
            entry->absent_for_us * 2 > ABSENT_MAX_US ? ABSENT_MAX_US : entry->absent_for_us * 2;
    } else {
        entry->retry_us = now_us + RETRY_US;
    }
    if (entry->document)
        atomic_store(&entry->document->shown.is_stale, flight->rc != STATUS_OK);
    entry->flight = NULL;
    flight->is_done = true;
    pthread_cond_broadcast(&flight->done);
    document_flight_drop(flight);
}

/* A fill of a document, with the flight that waits for it. */
struct document_fill {
    struct fill fill; /* first */
    struct kept_document *document;
    struct document_flight *flight;
};

/* It belongs to another by now, or was refused: the next who asks reads the rows. With the lock. */
static void withdraw(struct mirror *mirror, struct kept_document *document)
{
    struct entry *entry =
        document_table_use(mirror->documents, document->upstream.id, document->name_norm);

    if (entry->document == document) {
        entry_set_document(mirror->documents, entry, NULL);
        entry->is_loaded = false;
    }
}

static void document_kept(struct fill *base)
{
    struct document_fill *fill = (struct document_fill *)base;
    struct kept_document *document = fill->document;
    struct document_flight *flight = fill->flight;
    const struct ingest *ingest = &base->ingests[0];
    struct mirror *mirror = document->mirror;
    struct stage *stage = NULL;
    bool is_other = flight && flight->before && !ingest->rc;

    if (ingest->rc)
        log_event(LOG_WARN, "upstream.not-kept", "upstream=%s package=%s status=%s reason=\"%s\"",
                  document->upstream.name, document->shown.name, status_word(ingest->rc), ingest->error.message);
    pthread_mutex_lock(&mirror->lock);
    if (!ingest->rc && ingest->kind == INGEST_DOCUMENT) {
        document->row.blob_nonce = ingest->document.blob_nonce;
        stage = document->stage;
        document->stage = NULL;
    } else if (ingest->rc == STATUS_CONFLICT) {
        withdraw(mirror, document);
        if (flight && flight->before)
            withdraw(mirror, flight->before);
    }
    if (ingest->kind == INGEST_CHECKED)
        document->check_waits = false;
    if (is_other) { /* what was rendered since the commit was of the one before */
        entry_set_document(mirror->documents, flight->entry, kept_document_hold(document));
        pthread_mutex_unlock(&mirror->lock);
        catalog_tell_document(mirror->options.catalog, &document->upstream, document->name_norm);
        pthread_mutex_lock(&mirror->lock);
    }
    if (flight) {
        flight->rc = ingest->rc;
        flight->error = ingest->error;
        settle(flight, ingest->rc || is_other ? NULL : document);
    }
    kept_document_drop(document);
    pthread_mutex_unlock(&mirror->lock);
    stage_close(stage);
    free(fill);
}

/* With the lock, for it reads what a check moves on. */
static void keep(struct kept_document *document, int kind, struct document_flight *flight,
                 enum fill_hurry hurry)
{
    struct document_fill *fill = calloc(1, sizeof *fill);

    if (!fill)
        abort();
    fill->document = kept_document_hold(document);
    fill->flight = flight;
    fill->fill.count = 1;
    fill->fill.done = document_kept;
    fill->fill.ingests[0] = (struct ingest){
        .upstream = &document->upstream,
        .name = document->shown.name,
        .name_norm = document->name_norm,
        .name_fold = document->name_fold,
        .kind = kind,
        .document = document->row,
        .stage = kind == INGEST_DOCUMENT ? document->stage : NULL,
    };
    committer_add(document->mirror->committer, &fill->fill, hurry);
}

/* What was kept still holds. With the lock. */
static void renew(struct document_flight *flight)
{
    struct kept_document *document = flight->before;

    document->row.checked_us = clock_now_us();
    atomic_store(&document->shown.fresh_until_us,
                 document->row.checked_us + flight->mirror->options.fresh_us);
    if (!document->check_waits) {
        document->check_waits = true;
        keep(document, INGEST_CHECKED, NULL, FILL_SOMEDAY);
    }
    settle(flight, NULL);
}

static enum status read_whole(struct document_flight *flight, struct error *err)
{
    const struct mirror_document *shown = &flight->coming->shown;
    struct arena *arena = arena_new();
    struct reader *reader;
    char buffer[8192];
    size_t got;
    enum status rc;

    if (!(rc = mirror_read_document(shown, &reader, err))) {
        if (flight->format->check)
            rc = flight->format->check(reader, shown->content_type, shown->name, arena, err);
        else
            while (!(rc = reader_read(reader, buffer, sizeof buffer, &got, err)) && got)
                ;
        reader_close(reader);
    }
    arena_free(arena);
    if (rc == STATUS_INVALID || rc == STATUS_TOO_LARGE || rc == STATUS_UNPROCESSABLE)
        err->status = rc = STATUS_BAD_UPSTREAM;
    return rc;
}

static enum status note_appeared(struct document_flight *flight, struct error *err)
{
    struct kept_document *coming = flight->coming;
    const struct kept_document *before = flight->before;
    struct listed *appeared;

    coming->row.appeared_count = 0;
    if (!flight->format->list)
        return STATUS_OK;
    if (appeared_find(flight->format, &before->shown, &coming->shown, before->row.checked_us,
                      coming->arena, &appeared, &coming->row.appeared_count, err))
        return err->status;
    coming->row.appeared = appeared;
    return STATUS_OK;
}

/* Whether there is something new, and of use. is_same: what was kept holds. */
static enum status judge(struct document_flight *flight, bool *is_same, struct error *err)
{
    struct kept_document *coming = flight->coming, *before = flight->before;
    struct upstream_document *row = &coming->row;
    enum status rc;

    *is_same = false;
    if (flight->code == 304 && before) {
        *is_same = true;
        return STATUS_OK;
    }
    if (flight->code != 200)
        return mirror_refusal(flight->code, row->url, err);
    row->size = flight->size;
    row->fetched_us = row->checked_us = clock_now_us();
    /* Of time, so that it means one document also after the package's rows went and came again. */
    row->generation = row->fetched_us;
    if (before && row->generation <= before->row.generation)
        row->generation = before->row.generation + 1;
    if (coming->stage) {
        if ((rc = stage_end(coming->stage, err)))
            return rc;
        memcpy(row->sha256, stage_digests(coming->stage)->sha256, SHA256_SIZE);
    } else {
        row->body = arena_copy_bytes(coming->arena, flight->buffer ? flight->buffer : "", flight->length);
        digest_sha256(row->body, flight->length, row->sha256);
    }
    /* A mirror behind others, or the same bytes from an upstream without validators. */
    if (before && ((row->serial && row->serial < before->row.serial) ||
                   (row->size == before->row.size && !memcmp(row->sha256, before->row.sha256, SHA256_SIZE)))) {
        *is_same = true;
        return STATUS_OK;
    }
    kept_document_show(coming);
    kept_document_inflate(coming);
    if ((rc = read_whole(flight, err)))
        return rc;
    return before ? note_appeared(flight, err) : STATUS_OK;
}

static void finish(struct job *job)
{
    struct document_flight *flight = (struct document_flight *)job;
    struct mirror *mirror = flight->mirror;
    struct kept_document *coming = flight->coming;
    bool is_same = false;

    if (!flight->rc)
        flight->rc = judge(flight, &is_same, &flight->error);
    mirror_count_end(mirror, flight->home, flight->code == 200 ? flight->size : 0, coming->shown.name,
                     NULL, flight->rc, &flight->error);
    pthread_mutex_lock(&mirror->lock);
    if (flight->rc) {
        settle(flight, NULL);
    } else if (is_same) {
        renew(flight);
    } else {
        /* Shown once it is kept: who owns the name, and since when its files are listed, must be known to
         * whoever is asked about a file that it brings. */
        keep(coming, INGEST_DOCUMENT, flight, flight->references > 1 ? FILL_NOW : FILL_SOON);
    }
    pthread_mutex_unlock(&mirror->lock);
}

static enum status launch(struct document_flight *flight, struct error *err)
{
    const struct transfer_sink sink = {flight, take_head, take_bytes, begin_again, take_end};
    const struct kept_document *coming = flight->coming, *before = flight->before;
    const struct upstream *upstream = &coming->upstream;
    struct mirror *mirror = flight->mirror;
    struct arena *arena = coming->arena;
    struct transfer_request request;
    const char *headers[5], *url;
    size_t count = 0;
    enum status rc;

    if (!flight->format)
        return fail(err, STATUS_INTERNAL, "", "upstreams of this format are not asked");
    if ((rc = mirror_may_fetch(mirror, upstream, err)))
        return rc;
    url = arena_format(arena, "%s%s", upstream->url, flight->format->document_path(arena, coming->shown.name));
    if ((rc = mirror_address(mirror, flight->home, upstream, url, arena, &request, err)))
        return rc;
    headers[count++] = arena_format(arena, "Accept: %s", flight->format->accept);
    headers[count++] = "Accept-Encoding: gzip";
    if (before && before->row.etag)
        headers[count++] = arena_format(arena, "If-None-Match: %s", before->row.etag);
    if (before && before->row.last_modified)
        headers[count++] = arena_format(arena, "If-Modified-Since: %s", before->row.last_modified);
    headers[count] = NULL;
    request.headers = headers;
    request.bytes_max = mirror->options.document_max;
    return mirror_submit(mirror, flight->home, &request, &sink, err);
}

void document_flight_launch(struct document_flight *flight)
{
    struct mirror *mirror = flight->mirror;
    struct error error = {0};
    enum status rc;

    if (!(rc = launch(flight, &error)))
        return; /* the flight may be over by now */
    pthread_mutex_lock(&mirror->lock);
    flight->rc = rc;
    flight->error = error;
    settle(flight, NULL);
    pthread_mutex_unlock(&mirror->lock);
}

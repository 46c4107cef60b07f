#include "protocols/http/document_cache.h"

#include "config/clock.h"
#include "storage/catalog/catalog.h" /* digest_sha256(), which is part of its face */
#include "storage/memory/gzip.h"
#include "storage/memory/secret.h"
#include "storage/memory/strbuf.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHARDS = 32,
    BUCKETS = 2048, /* of each shard: one document each at 256 MiB of small ones */
    PLAIN_MAX = 1 << 20,
    GZIP_MIN = 512, /* below, the answer fits one packet either way */
    ETAG_BYTES = 16,
    WHOLE_SHARE = 4, /* a document larger than this part of the cache is not kept */
    COMPRESSORS_MAX = 4, /* that are kept while nobody compresses */
    STREAM_FROM = 16 << 20, /* larger texts are compressed as they are made, and never held whole */
};

#define CORRECTION_US (INT64_C(60) * 1000000) /* clocks are set right by less all the time */
static const size_t RENDER_MAX = (size_t)1 << 30;

struct kept {
    struct document document; /* first, so that a document is its kept */
    atomic_uint references;
    struct document_value value;
    char etag[2 * ETAG_BYTES + 3];
};

/* How one is made: a text, or a value. */
struct making {
    document_render render;
    document_make make;
    void *context;
};

/* One key's place: being rendered (document NULL) or rendered. Whoever renders it and whoever waits
 * holds a reference, so that an invalidation can unlink it at once: later askers then find nothing
 * and render anew, while earlier ones still get what they waited for. */
struct entry {
    struct entry *next;          /* in its bucket */
    struct entry *newer, *older; /* in its shard, once rendered */
    int64_t repository_id;
    int kind;
    uint64_t generation;
    unsigned references;
    bool is_linked, is_done, is_counted, was_used;
    const struct document *document;
    enum status status; /* of a render that failed */
    struct error error;
    pthread_cond_t done;
    char name[];
};

struct shard {
    pthread_mutex_t lock; /* guards all below, and its entries */
    struct entry *buckets[BUCKETS];
    struct entry *newest, *oldest;
};

struct document_cache {
    size_t max_bytes;
    uint64_t seed;
    atomic_size_t bytes, documents;
    atomic_uint_fast64_t hits, misses, renders, evictions;
    atomic_uint hand; /* the shard that gives way next */
    pthread_mutex_t idle_lock;
    struct gzip_compressor *idle[COMPRESSORS_MAX];
    size_t idle_count;
    struct shard shards[SHARDS];
};

static void *or_abort(void *memory)
{
    if (!memory) {
        fputs("packhouse: out of memory\n", stderr);
        abort();
    }
    return memory;
}

static struct kept *make_kept(struct digester *digester, size_t length, int64_t modified_us)
{
    struct kept *kept = or_abort(calloc(1, sizeof *kept));
    struct digests digests;

    digester_finish(digester, &digests);
    digester_free(digester);
    kept->etag[0] = '"';
    digest_hex(digests.sha256, ETAG_BYTES, kept->etag + 1);
    kept->etag[1 + 2 * ETAG_BYTES] = '"';
    atomic_init(&kept->references, 1);
    kept->document.etag = kept->etag;
    kept->document.modified_us = modified_us;
    kept->document.made_us = clock_wall_us();
    kept->document.plain_length = length;
    return kept;
}

static char *compress(struct document_cache *cache, const char *text, size_t length, size_t *out)
{
    struct gzip_compressor *compressor = NULL;
    char *gzip;

    pthread_mutex_lock(&cache->idle_lock);
    if (cache->idle_count)
        compressor = cache->idle[--cache->idle_count];
    pthread_mutex_unlock(&cache->idle_lock);
    if (!compressor)
        compressor = gzip_compressor_new();
    gzip = gzip_compress_with(compressor, text, length, out);
    pthread_mutex_lock(&cache->idle_lock);
    if (cache->idle_count < COMPRESSORS_MAX) {
        cache->idle[cache->idle_count++] = compressor;
        compressor = NULL;
    }
    pthread_mutex_unlock(&cache->idle_lock);
    gzip_compressor_free(compressor);
    return gzip;
}

/* Takes over text, which is on the heap. cache NULL: it is not kept. */
static const struct document *make(struct document_cache *cache, char *text, size_t length,
                                   int64_t modified_us)
{
    struct digester *digester = digester_new(DIGEST_SHA256);
    struct kept *kept;
    char *fitting;

    digester_update(digester, text, length);
    kept = make_kept(digester, length, modified_us);
    if (length >= GZIP_MIN) {
        size_t *to = &kept->document.gzip_length;
        char *gzip = cache ? compress(cache, text, length, to) : gzip_compress(text, length, to);

        if (kept->document.gzip_length < length || length > PLAIN_MAX)
            kept->document.gzip = gzip;
        else
            free(gzip);
    }
    if (length > PLAIN_MAX) {
        free(text);
        return &kept->document;
    }
    fitting = realloc(text, length + 1);
    kept->document.plain = fitting ? fitting : text;
    return &kept->document;
}

/* A text too large to be held: what has been made of it is digested and compressed at once. */
struct stream {
    struct digester *digester; /* NULL until it proves large */
    struct gzip_writer *gzip;
    size_t length;
};

static void drain(void *context, const void *bytes, size_t length)
{
    struct stream *stream = context;

    if (!stream->digester) {
        stream->digester = digester_new(DIGEST_SHA256);
        stream->gzip = gzip_writer_new();
    }
    stream->length += length;
    digester_update(stream->digester, bytes, length);
    gzip_writer_add(stream->gzip, bytes, length);
}

static const struct document *make_streamed(struct stream *stream, int64_t modified_us)
{
    struct kept *kept = make_kept(stream->digester, stream->length, modified_us);

    kept->document.gzip = gzip_writer_finish(stream->gzip, &kept->document.gzip_length);
    return &kept->document;
}

static void abandon(struct stream *stream)
{
    size_t length;

    if (!stream->digester)
        return;
    digester_free(stream->digester);
    free(gzip_writer_finish(stream->gzip, &length));
}

const struct document *document_new(const char *text, size_t length, int64_t modified_us)
{
    char *copy = or_abort(malloc(length + 1));

    memcpy(copy, text, length);
    copy[length] = '\0';
    return make(NULL, copy, length, modified_us);
}

static const struct document *hold(const struct document *document)
{
    struct kept *kept = (struct kept *)(uintptr_t)document;

    atomic_fetch_add_explicit(&kept->references, 1, memory_order_relaxed);
    return document;
}

void document_release(const struct document *document)
{
    struct kept *kept = (struct kept *)(uintptr_t)document;

    if (!kept || atomic_fetch_sub_explicit(&kept->references, 1, memory_order_acq_rel) > 1)
        return;
    free((void *)(uintptr_t)kept->document.plain);
    free((void *)(uintptr_t)kept->document.gzip);
    if (kept->value.free)
        kept->value.free(kept->value.value);
    free(kept);
}

static size_t cost(const struct entry *entry)
{
    const struct document *document = entry->document;
    const struct kept *kept = (const struct kept *)(uintptr_t)document;

    return sizeof *entry + strlen(entry->name) + sizeof(struct kept) + document->gzip_length +
           (document->plain ? document->plain_length : 0) + kept->value.size;
}

struct document_cache *document_cache_new(size_t max_bytes)
{
    struct document_cache *cache = or_abort(calloc(1, sizeof *cache));

    cache->max_bytes = max_bytes;
    cache->seed = secret_random_u64();
    pthread_mutex_init(&cache->idle_lock, NULL);
    for (size_t i = 0; i < SHARDS; i++)
        pthread_mutex_init(&cache->shards[i].lock, NULL);
    return cache;
}

/* All kinds of one package have one bucket. The seed keeps uploaders from choosing it. */
static uint64_t hash(const struct document_cache *cache, int64_t repository_id, const char *name)
{
    uint64_t sum = cache->seed ^ (uint64_t)repository_id * UINT64_C(0x9e3779b97f4a7c15);

    for (; *name; name++)
        sum = (sum ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    sum ^= sum >> 32;
    sum *= UINT64_C(0xd6e8feb86659fd93);
    return sum ^ sum >> 32;
}

static struct shard *shard_of(struct document_cache *cache, uint64_t sum)
{
    return &cache->shards[sum % SHARDS];
}

static struct entry **bucket_of(struct shard *shard, uint64_t sum)
{
    return &shard->buckets[sum / SHARDS % BUCKETS];
}

static bool is_of(const struct entry *entry, int64_t repository_id, const char *name)
{
    return entry->repository_id == repository_id && !strcmp(entry->name, name);
}

static struct entry *find(struct entry *entry, const struct document_key *key)
{
    while (entry && (entry->kind != key->kind || !is_of(entry, key->repository_id, key->name)))
        entry = entry->next;
    return entry;
}

/* From here on to unlink_found() the shard's lock is held. */
static void drop(struct entry *entry)
{
    if (--entry->references)
        return;
    document_release(entry->document);
    pthread_cond_destroy(&entry->done);
    free(entry);
}

static void leave_line(struct shard *shard, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &shard->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &shard->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
}

static void join_line(struct shard *shard, struct entry *entry)
{
    entry->older = shard->newest;
    *(shard->newest ? &shard->newest->newer : &shard->oldest) = entry;
    shard->newest = entry;
}

static struct entry *link_entry(struct entry **bucket, const struct document_key *key)
{
    size_t size = strlen(key->name) + 1;
    struct entry *entry = or_abort(calloc(1, sizeof *entry + size));

    entry->repository_id = key->repository_id;
    entry->kind = key->kind;
    entry->generation = key->generation;
    memcpy(entry->name, key->name, size);
    pthread_cond_init(&entry->done, NULL);
    entry->references = 2; /* the bucket's and the renderer's */
    entry->is_linked = true;
    entry->next = *bucket;
    *bucket = entry;
    return entry;
}

static void unlink_entry(struct document_cache *cache, struct shard *shard, struct entry **at)
{
    struct entry *entry = *at;

    *at = entry->next;
    entry->is_linked = false;
    if (entry->is_counted) {
        entry->is_counted = false;
        leave_line(shard, entry);
        atomic_fetch_sub(&cache->bytes, cost(entry));
        atomic_fetch_sub(&cache->documents, 1);
    }
    drop(entry);
}

static void unlink_found(struct document_cache *cache, struct shard *shard, struct entry *entry)
{
    struct entry **at = bucket_of(shard, hash(cache, entry->repository_id, entry->name));

    while (*at != entry)
        at = &(*at)->next;
    unlink_entry(cache, shard, at);
}

/* The oldest goes; what was asked for since it last came up gets a second chance, all of a shard if
 * need be. */
static bool evict_one(struct document_cache *cache, struct shard *shard)
{
    struct entry *entry, *last;
    bool all_were_used = false;

    pthread_mutex_lock(&shard->lock);
    last = shard->newest;
    while ((entry = shard->oldest) && entry->was_used && !all_were_used) {
        entry->was_used = false;
        leave_line(shard, entry);
        join_line(shard, entry);
        all_were_used = entry == last;
    }
    if (all_were_used)
        entry = NULL;
    if (entry) {
        unlink_found(cache, shard, entry);
        atomic_fetch_add(&cache->evictions, 1);
    }
    pthread_mutex_unlock(&shard->lock);
    return entry;
}

/* Two vain rounds mean that all of it is asked for meanwhile; then the next render goes on. */
static void make_room(struct document_cache *cache)
{
    for (unsigned vain = 0; vain < 2 * SHARDS && atomic_load(&cache->bytes) > cache->max_bytes;) {
        unsigned hand = atomic_fetch_add(&cache->hand, 1) % SHARDS;

        vain = evict_one(cache, &cache->shards[hand]) ? 0 : vain + 1;
    }
}

static enum status make_value(const struct making *making, const struct document **out,
                              struct error *err)
{
    struct kept *kept = or_abort(calloc(1, sizeof *kept));
    enum status rc;

    atomic_init(&kept->references, 1);
    if ((rc = making->make(making->context, &kept->value, err))) {
        free(kept);
        return rc;
    }
    kept->document.value = kept->value.value;
    kept->document.made_us = clock_wall_us();
    *out = &kept->document;
    return STATUS_OK;
}

static enum status render_now(struct document_cache *cache, const struct making *making,
                              const struct document **out, struct error *err)
{
    struct stream stream = {0};
    struct strbuf text;
    int64_t modified_us = 0;
    size_t length;
    char *bytes;
    enum status rc;

    strbuf_init(&text, NULL, RENDER_MAX);
    strbuf_drain(&text, STREAM_FROM, drain, &stream);
    if (!(rc = making->render(making->context, &text, &modified_us, err)) &&
        (strbuf_failed(&text) || stream.length > RENDER_MAX))
        rc = fail(err, STATUS_INTERNAL, "", "a document passes %zu bytes", RENDER_MAX);
    if (rc) {
        abandon(&stream);
        strbuf_free(&text);
        return rc;
    }
    if (stream.digester) {
        drain(&stream, text.data, text.length);
        strbuf_free(&text);
        *out = make_streamed(&stream, modified_us);
        return STATUS_OK;
    }
    bytes = strbuf_detach(&text, &length);
    *out = make(cache, bytes, length, modified_us);
    return STATUS_OK;
}

/* Puts what was rendered into the entry, unless it has been invalidated or is too large to stay. */
static void keep(struct document_cache *cache, struct shard *shard, struct entry *entry)
{
    if (!entry->is_linked)
        return;
    if (entry->status || cost(entry) > cache->max_bytes / WHOLE_SHARE) {
        unlink_found(cache, shard, entry);
        return;
    }
    join_line(shard, entry);
    entry->is_counted = true;
    atomic_fetch_add(&cache->bytes, cost(entry));
    atomic_fetch_add(&cache->documents, 1);
}

/* Renders an entry that this thread has linked; comes and goes with the lock held. */
static void render_entry(struct document_cache *cache, struct shard *shard, struct entry *entry,
                         const struct making *making)
{
    const struct document *document = NULL;
    struct error error = {0};
    enum status rc;

    pthread_mutex_unlock(&shard->lock);
    atomic_fetch_add(&cache->renders, 1);
    rc = making->make ? make_value(making, &document, &error)
                      : render_now(cache, making, &document, &error);
    pthread_mutex_lock(&shard->lock);
    entry->document = document;
    entry->status = rc;
    entry->error = error;
    entry->is_done = true;
    keep(cache, shard, entry);
    pthread_cond_broadcast(&entry->done);
}

/* The result of an entry that is done; drops the asker's reference to it. */
static enum status take(struct entry *entry, const struct document **out, struct error *err)
{
    enum status rc = entry->status;

    if (rc && err)
        *err = entry->error;
    if (!rc)
        *out = hold(entry->document);
    drop(entry);
    return rc;
}

static enum status get(struct document_cache *cache, const struct document_key *key,
                       const struct making *making, const struct document **out, struct error *err)
{
    uint64_t sum = hash(cache, key->repository_id, key->name);
    struct shard *shard = shard_of(cache, sum);
    struct entry **bucket = bucket_of(shard, sum), *entry;
    bool renders = false;
    enum status rc;

    pthread_mutex_lock(&shard->lock);
    if ((entry = find(*bucket, key)) && entry->generation != key->generation) {
        unlink_found(cache, shard, entry);
        entry = NULL;
    }
    if (entry) {
        entry->references++;
        entry->was_used = true;
        atomic_fetch_add_explicit(entry->is_done ? &cache->hits : &cache->misses, 1,
                                  memory_order_relaxed);
        while (!entry->is_done)
            pthread_cond_wait(&entry->done, &shard->lock);
    } else {
        atomic_fetch_add_explicit(&cache->misses, 1, memory_order_relaxed);
        entry = link_entry(bucket, key);
        render_entry(cache, shard, entry, making);
        renders = true;
    }
    rc = take(entry, out, err);
    pthread_mutex_unlock(&shard->lock);
    if (renders)
        make_room(cache);
    return rc;
}

enum status document_cache_get(struct document_cache *cache, const struct document_key *key,
                               document_render render, void *context, const struct document **out,
                               struct error *err)
{
    const struct making making = {.render = render, .context = context};

    return get(cache, key, &making, out, err);
}

enum status document_cache_get_value(struct document_cache *cache, const struct document_key *key,
                                     document_make how, void *context,
                                     const struct document **out, struct error *err)
{
    const struct making making = {.make = how, .context = context};

    return get(cache, key, &making, out, err);
}

bool document_cache_has(struct document_cache *cache, const struct document_key *key)
{
    uint64_t sum = hash(cache, key->repository_id, key->name);
    struct shard *shard = shard_of(cache, sum);
    struct entry *entry;
    bool has;

    pthread_mutex_lock(&shard->lock);
    entry = find(*bucket_of(shard, sum), key);
    has = entry && entry->generation == key->generation;
    pthread_mutex_unlock(&shard->lock);
    return has;
}

void document_set_fresh(const struct document *document, int64_t until_us)
{
    struct kept *kept = (struct kept *)(uintptr_t)document;

    atomic_store(&kept->document.fresh_until_us, until_us);
}

void document_set_end(const struct document *document, int64_t at_us)
{
    struct kept *kept = (struct kept *)(uintptr_t)document;

    atomic_store(&kept->document.ends_us, at_us);
}

bool document_has_ended(const struct document *document)
{
    int64_t at_us = document->ends_us, now_us = clock_wall_us();

    return (at_us && now_us >= at_us) || now_us < document->made_us - CORRECTION_US;
}

void document_set_outcome(const struct document *document, uint64_t outcome)
{
    struct kept *kept = (struct kept *)(uintptr_t)document;

    atomic_store(&kept->document.outcome, outcome);
}

void document_set_tally(const struct document *document, void *tally)
{
    struct kept *kept = (struct kept *)(uintptr_t)document;

    atomic_store(&kept->document.tally, tally);
}

void document_cache_drop(struct document_cache *cache, const struct document_key *key,
                         const struct document *document)
{
    uint64_t sum = hash(cache, key->repository_id, key->name);
    struct shard *shard = shard_of(cache, sum);
    struct entry *entry;

    pthread_mutex_lock(&shard->lock);
    entry = find(*bucket_of(shard, sum), key);
    if (entry && entry->document == document)
        unlink_found(cache, shard, entry);
    pthread_mutex_unlock(&shard->lock);
}

const struct document *document_cache_old(struct document_cache *cache,
                                          const struct document_key *key)
{
    uint64_t sum = hash(cache, key->repository_id, key->name);
    struct shard *shard = shard_of(cache, sum);
    const struct document *document = NULL;
    struct entry *entry;

    pthread_mutex_lock(&shard->lock);
    entry = find(*bucket_of(shard, sum), key);
    if (entry && entry->generation != key->generation && entry->document)
        document = hold(entry->document);
    pthread_mutex_unlock(&shard->lock);
    return document;
}

bool document_cache_renew(struct document_cache *cache, const struct document_key *key,
                          const struct document *document)
{
    uint64_t sum = hash(cache, key->repository_id, key->name);
    struct shard *shard = shard_of(cache, sum);
    struct entry *entry;
    bool is_kept;

    pthread_mutex_lock(&shard->lock);
    entry = find(*bucket_of(shard, sum), key);
    is_kept = entry && entry->document == document;
    if (is_kept && entry->generation < key->generation) /* others may be further on */
        entry->generation = key->generation;
    pthread_mutex_unlock(&shard->lock);
    return is_kept;
}

static void forget(struct document_cache *cache, int64_t repository_id, const char *name)
{
    uint64_t sum = hash(cache, repository_id, name);
    struct shard *shard = shard_of(cache, sum);
    struct entry **at = bucket_of(shard, sum);

    pthread_mutex_lock(&shard->lock);
    while (*at)
        if (is_of(*at, repository_id, name))
            unlink_entry(cache, shard, at);
        else
            at = &(*at)->next;
    pthread_mutex_unlock(&shard->lock);
}

void document_cache_invalidate(struct document_cache *cache, int64_t repository_id,
                               const char *name)
{
    forget(cache, repository_id, name);
    if (*name)
        forget(cache, repository_id, "");
}

void document_cache_free(struct document_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &cache->shards[i];

        for (size_t bucket = 0; bucket < BUCKETS; bucket++)
            while (shard->buckets[bucket])
                unlink_entry(cache, shard, &shard->buckets[bucket]);
        pthread_mutex_destroy(&shard->lock);
    }
    while (cache->idle_count)
        gzip_compressor_free(cache->idle[--cache->idle_count]);
    pthread_mutex_destroy(&cache->idle_lock);
    free(cache);
}

void document_cache_stats(const struct document_cache *cache, struct document_cache_stats *out)
{
    *out = (struct document_cache_stats){
        .hits = atomic_load(&cache->hits),
        .misses = atomic_load(&cache->misses),
        .renders = atomic_load(&cache->renders),
        .evictions = atomic_load(&cache->evictions),
        .bytes = atomic_load(&cache->bytes),
        .documents = atomic_load(&cache->documents),
    };
}

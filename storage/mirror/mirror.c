#include "storage/mirror/state.h"

#include "config/clock.h"
#include "config/log.h"
#include "storage/catalog/repository.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/mirror/documents.h"
#include "storage/mirror/files.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    BREAKER_FAILURES = 10, /* in a row: an upstream that fails one time in five stays in use */
    BREAKER_OPEN_US = 2000000,
    BREAKER_OPEN_MAX_US = 60000000,
    ASK_TIMEOUT_MS = 60000,
    TRIED_WAIT_MS = 3000,
    URL_MAX_LENGTH = 4096,
};

enum status mirror_start(const struct mirror_options *options, struct mirror **out,
                         struct error *err)
{
    struct mirror *mirror = calloc(1, sizeof *mirror);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    enum status rc;

    *out = NULL;
    if (!mirror) {
        fetcher_stop(options->fetcher);
        return fail(err, STATUS_INTERNAL, "", "out of memory");
    }
    mirror->options = *options;
    pthread_mutex_init(&mirror->lock, NULL);
    pthread_cond_init(&mirror->left, NULL);
    mirror->arena = arena_new();
    mirror->documents = document_table_new();
    mirror->plains = plain_shelf_new();
    mirror->files = file_table_new();
    if (!(rc = crew_start(cores > 2 ? (size_t)cores : 2, &mirror->crew, err)))
        rc = committer_start(options->catalog, &mirror->committer, err);
    if (rc) {
        mirror_stop(mirror);
        mirror = NULL;
    }
    *out = mirror;
    return rc;
}

void mirror_stop(struct mirror *mirror)
{
    if (!mirror)
        return;
    pthread_mutex_lock(&mirror->lock);
    mirror->is_stopping = true;
    while (mirror->submitting)
        pthread_cond_wait(&mirror->left, &mirror->lock);
    pthread_mutex_unlock(&mirror->lock);
    fetcher_stop(mirror->options.fetcher);
    crew_stop(mirror->crew);
    committer_stop(mirror->committer);
    pthread_mutex_lock(&mirror->lock);
    while (mirror->callers || mirror->open_files)
        pthread_cond_wait(&mirror->left, &mirror->lock);
    pthread_mutex_unlock(&mirror->lock);
    file_table_free(mirror->files);
    document_table_free(mirror->documents);
    plain_shelf_free(mirror->plains);
    for (struct mirror_upstream *home = mirror->upstreams; home; home = home->next)
        breaker_set_free(home->breakers);
    arena_free(mirror->arena);
    pthread_mutex_destroy(&mirror->lock);
    pthread_cond_destroy(&mirror->left);
    free(mirror);
}

enum status mirror_enter(struct mirror *mirror, struct error *err)
{
    enum status rc = STATUS_OK;

    pthread_mutex_lock(&mirror->lock);
    if (mirror->is_stopping)
        rc = fail(err, STATUS_UPSTREAM_AWAY, "stopping", "the server is stopping");
    else
        mirror->callers++;
    pthread_mutex_unlock(&mirror->lock);
    return rc;
}

void mirror_leave(struct mirror *mirror)
{
    pthread_mutex_lock(&mirror->lock);
    mirror->callers--;
    pthread_cond_broadcast(&mirror->left);
    pthread_mutex_unlock(&mirror->lock);
}

static struct mirror_upstream *find_home(struct mirror *mirror, int64_t id)
{
    struct mirror_upstream *home = mirror->upstreams;

    while (home && home->id != id)
        home = home->next;
    return home;
}

struct mirror_upstream *mirror_home(struct mirror *mirror, const struct upstream *upstream)
{
    static const struct breaker_options options = {BREAKER_FAILURES, BREAKER_OPEN_US, BREAKER_OPEN_MAX_US};
    struct url_origin origin = {0};
    struct mirror_upstream *home;
    struct arena *arena;
    const char *org = "";

    pthread_mutex_lock(&mirror->lock);
    home = find_home(mirror, upstream->id);
    pthread_mutex_unlock(&mirror->lock);
    if (home)
        return home;
    arena = arena_new();
    catalog_find_org_name(mirror->options.catalog, upstream->org_id, arena, &org, NULL);
    pthread_mutex_lock(&mirror->lock);
    if (!(home = find_home(mirror, upstream->id))) {
        home = arena_alloc(mirror->arena, sizeof *home);
        home->id = upstream->id;
        home->org_id = upstream->org_id;
        home->breakers = breaker_set_new(&options);
        url_origin(upstream->url, &origin);
        home->breaker = breaker_set_find(home->breakers, &origin);
        home->stats.org = arena_copy(mirror->arena, org);
        home->stats.upstream = arena_copy(mirror->arena, upstream->name);
        home->stats.format = upstream->format;
        for (const struct forgotten *one = mirror->forgotten; one; one = one->next)
            if (one->upstream_id == home->id && one->at_us > home->forgotten_us)
                home->forgotten_us = one->at_us;
        home->next = mirror->upstreams;
        mirror->upstreams = home;
    }
    pthread_mutex_unlock(&mirror->lock);
    arena_free(arena);
    return home;
}

struct upstream mirror_copy_upstream(const struct upstream *upstream, struct arena *arena)
{
    struct upstream copy = *upstream;
    const char **hosts;
    size_t count = 0;

    copy.name = arena_copy(arena, upstream->name);
    copy.url = arena_copy(arena, upstream->url);
    copy.names = NULL; /* whoever asks has compared them */
    copy.name_count = 0;
    while (upstream->file_hosts && upstream->file_hosts[count])
        count++;
    hosts = arena_array(arena, count + 1, sizeof *hosts);
    for (size_t i = 0; i < count; i++)
        hosts[i] = arena_copy(arena, upstream->file_hosts[i]);
    copy.file_hosts = hosts;
    return copy;
}

enum status mirror_may_fetch(struct mirror *mirror, const struct upstream *upstream,
                             struct error *err)
{
    const struct mirror_options *options = &mirror->options;
    struct blob_space space;
    enum status rc;

    if (upstream->is_offline)
        return fail(err, STATUS_UPSTREAM_AWAY, "upstream-offline",
                    "the upstream %s is switched offline, and this is not stored", upstream->name);
    if ((rc = blob_store_space(catalog_blobs(options->catalog), &space, err)))
        return rc;
    if (space.free_bytes < options->refuse_bytes ||
        (double)space.free_bytes < (double)space.total_bytes * options->refuse_percent / 100)
        return fail(err, STATUS_UPSTREAM_AWAY, "disk-nearly-full",
                    "the server's disk is nearly full: nothing is fetched, what is stored is served");
    return STATUS_OK;
}

enum status mirror_address(struct mirror *mirror, struct mirror_upstream *home,
                           const struct upstream *upstream, const char *url, struct arena *arena,
                           struct transfer_request *out, struct error *err)
{
    bool is_own = url_same_origin(url, upstream->url);
    const char *credential = NULL;
    enum status rc;

    if (strlen(url) > URL_MAX_LENGTH)
        return fail(err, STATUS_BAD_UPSTREAM, "bad-url", "the upstream %s names a URL that is too long",
                    upstream->name);
    if (is_own && (rc = catalog_upstream_credential(mirror->options.catalog, upstream, arena, &credential, err)))
        return rc;
    *out = (struct transfer_request){
        .method = "GET",
        .url = url,
        .authorization = credential,
        .hosts = upstream->file_hosts,
        .may_be_private = is_own && upstream->may_be_private,
        .breakers = home->breakers,
    };
    return STATUS_OK;
}

bool mirror_is_left_alone(const struct mirror_upstream *home, const char *url)
{
    struct url_origin origin;
    struct breaker_view view;

    if (!url_origin(url, &origin))
        return false;
    breaker_view(breaker_set_find(home->breakers, &origin), &view);
    return view.state != BREAKER_CLOSED;
}

bool mirror_wait(struct mirror *mirror, pthread_cond_t *moved, struct mirror_patience *patience,
                 bool has_begun)
{
    int64_t now_ms = clock_monotonic_ms();
    struct timespec until = {now_ms / 1000 + 1, now_ms % 1000 * 1000000};

    pthread_cond_clockwait(moved, &mirror->lock, CLOCK_MONOTONIC, &until);
    now_ms = clock_monotonic_ms();
    if (!patience->alone_since_ms || has_begun || !mirror_is_left_alone(patience->home, patience->url))
        patience->alone_since_ms = now_ms;
    return now_ms - patience->alone_since_ms < TRIED_WAIT_MS;
}

enum status mirror_gave_up(const struct upstream *upstream, struct error *err)
{
    return fail(err, STATUS_UPSTREAM_AWAY, "",
                "the upstream %s gives no answer, and is being tried again: ask later", upstream->name);
}

enum status mirror_submit(struct mirror *mirror, struct mirror_upstream *home,
                          const struct transfer_request *request, const struct transfer_sink *sink,
                          struct error *err)
{
    pthread_mutex_lock(&mirror->lock);
    if (mirror->is_stopping) {
        pthread_mutex_unlock(&mirror->lock);
        return fail(err, STATUS_UPSTREAM_AWAY, "stopping", "the server is stopping");
    }
    mirror->submitting++;
    home->stats.requests++;
    pthread_mutex_unlock(&mirror->lock);
    fetcher_submit(mirror->options.fetcher, request, sink);
    pthread_mutex_lock(&mirror->lock);
    mirror->submitting--;
    pthread_cond_broadcast(&mirror->left);
    pthread_mutex_unlock(&mirror->lock);
    return STATUS_OK;
}

enum status mirror_refusal(int code, const char *url, struct error *err)
{
    switch (code) {
    case 404:
    case 410: return fail(err, STATUS_NOT_FOUND, "not-found", "the upstream has not got it");
    case 401:
    case 403:
        return fail(err, STATUS_BAD_UPSTREAM, "upstream-forbids", "the upstream answered %d: it refuses us %s",
                    code, url);
    case 429:
        return fail(err, STATUS_UPSTREAM_AWAY, "upstream-busy", "the upstream answered 429: too many requests");
    default:
        return fail(err, STATUS_BAD_UPSTREAM, "upstream-failed", "the upstream answered %d for %s", code, url);
    }
}

static void note_error(struct mirror_stats *stats, const struct error *err)
{
    stats->last_error_us = clock_now_us();
    snprintf(stats->last_error, sizeof stats->last_error, "%.255s", err->message);
}

void mirror_count_end(struct mirror *mirror, struct mirror_upstream *home, int64_t bytes,
                      const char *name, const char *file, enum status rc, const struct error *err)
{
    bool is_error = rc && rc != STATUS_NOT_FOUND;

    pthread_mutex_lock(&mirror->lock);
    home->stats.bytes_fetched += (uint64_t)bytes;
    home->stats.errors += is_error;
    if (!is_error)
        home->stats.last_success_us = clock_now_us();
    else if (rc != STATUS_UPSTREAM_AWAY) /* that it is left alone says less than why */
        note_error(&home->stats, err);
    pthread_mutex_unlock(&mirror->lock);
    if (is_error)
        log_event(LOG_WARN, "upstream.fetch-failed", "org=%s upstream=%s package=%s%s%s status=%s reason=\"%s\"",
                  home->stats.org, home->stats.upstream, name, file ? " file=" : "", file ? file : "",
                  status_word(rc), err->message);
}

enum status mirror_ask(struct mirror *mirror, const struct upstream *upstream,
                       const struct mirror_question *question, struct strbuf *out, int *code,
                       struct error *err)
{
    struct mirror_upstream *home;
    struct arena *arena = NULL;
    struct transfer_request request;
    const char *headers[4] = {"Accept: application/json"}, *url;
    size_t count = 1;
    enum status rc;

    if ((rc = mirror_enter(mirror, err)))
        return rc;
    arena = arena_new();
    home = mirror_home(mirror, upstream);
    if (upstream->is_offline) {
        rc = fail(err, STATUS_UPSTREAM_AWAY, "upstream-offline", "the upstream %s is switched offline",
                  upstream->name);
        goto done;
    }
    url = question->url ? question->url : arena_format(arena, "%s%s", upstream->url, question->path);
    if ((rc = mirror_address(mirror, home, upstream, url, arena, &request, err)))
        goto done;
    if (question->content_type)
        headers[count++] = arena_format(arena, "Content-Type: %s", question->content_type);
    if (question->is_gzip)
        headers[count++] = "Content-Encoding: gzip";
    request.method = question->method ? question->method : "GET";
    request.headers = headers;
    request.body = question->body;
    request.body_length = question->body_length;
    request.bytes_max = question->bytes_max;
    request.total_timeout_ms = question->timeout_ms ? question->timeout_ms : ASK_TIMEOUT_MS;
    if (mirror_is_left_alone(home, url) && request.total_timeout_ms > TRIED_WAIT_MS)
        request.total_timeout_ms = TRIED_WAIT_MS;
    pthread_mutex_lock(&mirror->lock);
    home->stats.requests++;
    pthread_mutex_unlock(&mirror->lock);
    rc = fetcher_get(mirror->options.fetcher, &request, out, code, err);
    mirror_count_end(mirror, home, rc ? 0 : (int64_t)out->length, question->path ? question->path : url, NULL, rc, err);
done:
    arena_free(arena);
    mirror_leave(mirror);
    return rc;
}

void mirror_count_hit(struct mirror *mirror, const struct upstream *upstream, bool is_file,
                      int64_t bytes)
{
    struct mirror_upstream *home = mirror_home(mirror, upstream);

    pthread_mutex_lock(&mirror->lock);
    if (is_file)
        home->stats.file_hits++;
    else
        home->stats.document_hits++;
    home->stats.bytes_saved += (uint64_t)bytes;
    pthread_mutex_unlock(&mirror->lock);
}

struct mirror_tally *mirror_tally(struct mirror *mirror, const struct upstream *upstream)
{
    return &mirror_home(mirror, upstream)->tally;
}

void mirror_tally_hit(struct mirror_tally *tally, int64_t bytes)
{
    atomic_fetch_add_explicit(&tally->document_hits, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&tally->bytes_saved, (uint64_t)bytes, memory_order_relaxed);
}

void mirror_visit_stats(struct mirror *mirror, int64_t upstream_id,
                        void (*visit)(void *context, const struct mirror_stats *stats),
                        void *context)
{
    struct mirror_upstream *home;

    pthread_mutex_lock(&mirror->lock);
    home = mirror->upstreams;
    while (home) { /* what was added stays, so that the visitor needs no lock */
        struct mirror_stats stats = home->stats;
        struct mirror_upstream *next = home->next;

        pthread_mutex_unlock(&mirror->lock);
        stats.document_hits += atomic_load(&home->tally.document_hits);
        stats.bytes_saved += atomic_load(&home->tally.bytes_saved);
        breaker_view(home->breaker, &stats.breaker);
        if (!upstream_id || upstream_id == home->id)
            visit(context, &stats);
        pthread_mutex_lock(&mirror->lock);
        home = next;
    }
    pthread_mutex_unlock(&mirror->lock);
}

void mirror_forget(struct mirror *mirror, int64_t upstream_id)
{
    struct mirror_upstream *home;

    pthread_mutex_lock(&mirror->lock);
    if ((home = find_home(mirror, upstream_id))) {
        home->forgotten_us = clock_now_us();
    } else {
        struct forgotten *one = arena_alloc(mirror->arena, sizeof *one);

        *one = (struct forgotten){mirror->forgotten, upstream_id, clock_now_us()};
        mirror->forgotten = one;
    }
    document_table_forget(mirror->documents, upstream_id);
    file_table_forget(mirror, upstream_id);
    pthread_mutex_unlock(&mirror->lock);
    if (home)
        breaker_set_close(home->breakers);
}

size_t mirror_bucket(int64_t upstream_id, const char *name, const char *file)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ (uint64_t)upstream_id; /* FNV-1a */

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    for (hash = hash * UINT64_C(1099511628211); file && *file; file++)
        hash = (hash ^ (unsigned char)*file) * UINT64_C(1099511628211);
    return (size_t)(hash ^ hash >> 32) % BUCKETS;
}

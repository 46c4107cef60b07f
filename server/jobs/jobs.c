#include "server/jobs/jobs.h"

#include "config/log.h"
#include "storage/blobs/blob_store.h"
#include "storage/catalog/eviction.h"
#include "storage/catalog/sweep.h"
#include "storage/catalog/token.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { PERIOD_S = 60 };

struct jobs {
    struct catalog *catalog;
    struct jobs_options options;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool is_stopping;
    bool has_warned;
    struct sweep sweep;
};

static void note_token_uses(struct jobs *jobs)
{
    struct error err;

    if (catalog_note_token_uses(jobs->catalog, &err))
        log_event(LOG_WARN, "token.uses-not-noted", "reason=\"%s\"", err.message);
}

/* Bytes that are wanting to the threshold of the warnings: 0 where there is room. */
static int64_t watch_disk(struct jobs *jobs)
{
    int64_t wanted = jobs->options.warn_bytes;
    struct blob_space space;
    bool is_low;

    if (blob_store_space(catalog_blobs(jobs->catalog), &space, NULL))
        return 0;
    if (wanted < space.total_bytes / 100 * jobs->options.warn_percent)
        wanted = space.total_bytes / 100 * jobs->options.warn_percent;
    is_low = space.free_bytes < wanted;
    if (is_low && !jobs->has_warned)
        log_event(LOG_WARN, "disk.low", "free_bytes=%lld total_bytes=%lld",
                  (long long)space.free_bytes, (long long)space.total_bytes);
    jobs->has_warned = is_low;
    return is_low ? wanted - space.free_bytes : 0;
}

/* Bytes leave the disk a step of the sweep later, so a low disk is looked at anew each time. */
static void make_room(struct jobs *jobs, int64_t wanted)
{
    int64_t most = jobs->options.upstream_cache_max, cached = 0, bytes, files;
    struct error err;

    if (catalog_write_seen(jobs->catalog, &err) ||
        (most && catalog_cached_bytes(jobs->catalog, &cached, &err)))
        goto failed;
    if (most && cached - most > wanted)
        wanted = cached - most;
    if (wanted <= 0)
        return;
    if (catalog_evict(jobs->catalog, wanted, &bytes, &files, &err))
        goto failed;
    if (files)
        log_event(LOG_INFO, "upstream.evicted", "files=%lld bytes=%lld", (long long)files,
                  (long long)bytes);
    return;
failed:
    log_event(LOG_WARN, "upstream.not-evicted", "reason=\"%s\"", err.message);
}

/* What a crash left: bytes without a row, and rows whose bytes were being deleted. */
static void clean_up(struct jobs *jobs)
{
    struct error err;
    int64_t moved;

    if (catalog_unlink_given_up(jobs->catalog, &err) ||
        catalog_sweep_orphans(jobs->catalog, &moved, &err))
        log_event(LOG_WARN, "sweep.failed", "reason=\"%s\"", err.message);
    else if (moved)
        log_event(LOG_INFO, "sweep.orphans", "moved=%lld to=quarantine", (long long)moved);
}

static void sweep(struct jobs *jobs)
{
    struct sweep *state = &jobs->sweep;
    struct error err;

    if (catalog_sweep_step(jobs->catalog, state, &err)) {
        log_event(LOG_WARN, "sweep.failed", "reason=\"%s\"", err.message);
        return;
    }
    if (state->condemned || state->unlinked)
        log_event(LOG_INFO, "sweep.step", "condemned=%lld deleted=%lld bytes=%lld",
                  (long long)state->condemned, (long long)state->unlinked,
                  (long long)state->unlinked_bytes);
    state->condemned = state->given_up = state->unlinked = state->unlinked_bytes = 0;
}

/* False when it is time to stop. */
static bool sleep_a_period(struct jobs *jobs)
{
    struct timespec until;
    bool goes_on;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PERIOD_S;
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->is_stopping && !pthread_cond_timedwait(&jobs->stop, &jobs->lock, &until))
        ;
    goes_on = !jobs->is_stopping;
    pthread_mutex_unlock(&jobs->lock);
    return goes_on;
}

static void *run(void *context)
{
    struct jobs *jobs = context;

    clean_up(jobs);
    do {
        note_token_uses(jobs);
        sweep(jobs);
        make_room(jobs, watch_disk(jobs));
    } while (sleep_a_period(jobs));
    note_token_uses(jobs);
    return NULL;
}

enum status jobs_start(struct catalog *catalog, const struct jobs_options *options,
                       struct jobs **out, struct error *err)
{
    struct jobs *jobs = calloc(1, sizeof *jobs);
    pthread_condattr_t monotonic;

    *out = NULL;
    if (!jobs)
        return fail(err, STATUS_INTERNAL, "", "out of memory");
    jobs->catalog = catalog;
    jobs->options = *options;
    jobs->sweep = (struct sweep){.grace_us = options->grace_us, .trash_us = options->trash_us};
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&jobs->stop, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&jobs->thread, NULL, run, jobs)) {
        free(jobs);
        return fail(err, STATUS_INTERNAL, "", "could not start the thread of the jobs");
    }
    *out = jobs;
    return STATUS_OK;
}

void jobs_stop(struct jobs *jobs)
{
    if (!jobs)
        return;
    pthread_mutex_lock(&jobs->lock);
    jobs->is_stopping = true;
    pthread_cond_signal(&jobs->stop);
    pthread_mutex_unlock(&jobs->lock);
    pthread_join(jobs->thread, NULL);
    pthread_mutex_destroy(&jobs->lock);
    pthread_cond_destroy(&jobs->stop);
    free(jobs);
}

#include "server/jobs/jobs.h"

#include "config/log.h"
#include "storage/blobs/blob_store.h"
#include "storage/catalog/eviction.h"
#include "storage/catalog/exception.h"
#include "storage/catalog/fetch_count.h"
#include "storage/catalog/hold.h"
#include "storage/catalog/noted.h"
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
    pthread_cond_t woken;
    bool is_stopping, is_woken;
    bool has_warned;
    struct sweep sweep;
};

static void note_token_uses(struct jobs *jobs)
{
    struct error err;

    if (catalog_note_token_uses(jobs->catalog, &err))
        log_event(LOG_WARN, "token.uses-not-noted", "reason=\"%s\"", err.message);
}

static void write_notes(struct jobs *jobs)
{
    struct error err;

    if (catalog_write_holds(jobs->catalog, &err) || catalog_write_fetches(jobs->catalog, &err))
        log_event(LOG_WARN, "policy.not-noted", "reason=\"%s\"", err.message);
}

static void forget_fetches(struct jobs *jobs)
{
    struct error err;

    if (catalog_forget_fetches(jobs->catalog, jobs->options.fetch_days, &err))
        log_event(LOG_WARN, "fetches.not-forgotten", "reason=\"%s\"", err.message);
}

static void announce_endings(struct jobs *jobs)
{
    struct error err;
    int64_t count;

    if (catalog_announce_endings(jobs->catalog, &count, &err))
        log_event(LOG_WARN, "exception.not-announced", "reason=\"%s\"", err.message);
    else if (count)
        log_event(LOG_INFO, "exception.ending", "exceptions=%lld", (long long)count);
}

static void forget_wakers(struct jobs *jobs)
{
    noted_on_half_full(catalog_hold_notes(jobs->catalog), NULL, NULL);
    noted_on_half_full(catalog_fetch_counts(jobs->catalog), NULL, NULL);
}

/* Called by threads that note what is to be written soon. */
static void wake(void *context)
{
    struct jobs *jobs = context;

    pthread_mutex_lock(&jobs->lock);
    jobs->is_woken = true;
    pthread_cond_signal(&jobs->woken);
    pthread_mutex_unlock(&jobs->lock);
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

/* What was published before there was a key. False where nothing is left, or it has to wait. */
static bool sign_some(struct jobs *jobs)
{
    struct error err;
    int64_t count;

    if (catalog_sign_earlier(jobs->catalog, jobs->options.words, &count, &err)) {
        log_event(LOG_WARN, "signing.failed", "reason=\"%s\"", err.message);
        return false;
    }
    if (count)
        log_event(LOG_INFO, "signing.earlier", "versions=%lld", (long long)count);
    return count > 0;
}

static bool is_before(const struct timespec *until)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec < until->tv_sec;
}

/* False when it is time to stop. Writes what was noted whenever it is woken for that, and signs while there
 * is something to sign. */
static bool sleep_a_period(struct jobs *jobs)
{
    struct timespec until;
    bool goes_on, is_woken, is_busy;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PERIOD_S;
    do {
        is_busy = sign_some(jobs);
        pthread_mutex_lock(&jobs->lock);
        while (!jobs->is_stopping && !jobs->is_woken && !is_busy &&
               !pthread_cond_timedwait(&jobs->woken, &jobs->lock, &until))
            ;
        goes_on = !jobs->is_stopping;
        is_woken = jobs->is_woken;
        jobs->is_woken = false;
        pthread_mutex_unlock(&jobs->lock);
        if (is_woken)
            write_notes(jobs);
    } while (goes_on && (is_woken || (is_busy && is_before(&until))));
    return goes_on;
}

static void *run(void *context)
{
    struct jobs *jobs = context;

    clean_up(jobs);
    do {
        write_notes(jobs);
        announce_endings(jobs);
        forget_fetches(jobs);
        note_token_uses(jobs);
        sweep(jobs);
        make_room(jobs, watch_disk(jobs));
    } while (sleep_a_period(jobs));
    note_token_uses(jobs);
    write_notes(jobs);
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
    pthread_cond_init(&jobs->woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    noted_on_half_full(catalog_hold_notes(catalog), wake, jobs);
    noted_on_half_full(catalog_fetch_counts(catalog), wake, jobs);
    if (pthread_create(&jobs->thread, NULL, run, jobs)) {
        forget_wakers(jobs);
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
    pthread_cond_signal(&jobs->woken);
    pthread_mutex_unlock(&jobs->lock);
    pthread_join(jobs->thread, NULL);
    forget_wakers(jobs);
    pthread_mutex_destroy(&jobs->lock);
    pthread_cond_destroy(&jobs->woken);
    free(jobs);
}

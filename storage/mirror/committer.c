#include "storage/mirror/committer.h"

#include "config/clock.h"
#include "storage/blobs/stage.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { GROUP_MAX = 64, SOON_MS = 200, SOMEDAY_MS = 30000 };

struct queue {
    struct fill *first, **last;
    size_t count;
};

/* A thread and what it keeps. Who waits for a commit must not wait for the flushes of files that came
 * with it, so those go another way. */
struct lane {
    struct committer *committer;
    pthread_cond_t arrived;
    struct queue soon, someday;
    bool is_urgent; /* what is in soon is not to wait for others */
    bool has_thread;
    pthread_t thread;
    struct ingest ingests[2 * GROUP_MAX]; /* the thread's own: too large for its stack */
};

struct committer {
    struct catalog *catalog;
    pthread_mutex_t lock;
    bool is_stopping;
    struct lane now, later;
};

static void push(struct queue *queue, struct fill *fill)
{
    *queue->last = fill;
    queue->last = &fill->next;
    queue->count++;
}

static struct fill *pop(struct queue *queue)
{
    struct fill *fill = queue->first;

    if (!fill)
        return NULL;
    if (!(queue->first = fill->next))
        queue->last = &queue->first;
    queue->count--;
    return fill;
}

static int64_t left_ms(const struct queue *queue, int64_t limit_ms)
{
    int64_t left = limit_ms;

    if (queue->first)
        left = queue->first->since_ms + limit_ms - clock_monotonic_ms();
    return left < 0 ? 0 : left;
}

/* Waits until a group is due; false when all is done and it is time to end. With the lock. */
static bool wait_for_group(struct lane *lane)
{
    for (;;) {
        int64_t soon = lane->is_urgent ? 0 : left_ms(&lane->soon, SOON_MS);
        int64_t someday = left_ms(&lane->someday, SOMEDAY_MS);
        struct timespec until;
        int64_t wait_ms = lane->soon.first && soon < someday ? soon : someday;

        if (lane->committer->is_stopping)
            return lane->soon.first || lane->someday.first;
        if (lane->soon.count >= GROUP_MAX || lane->someday.count >= GROUP_MAX || (lane->soon.first && !soon) ||
            (lane->someday.first && !someday))
            return true;
        if (!lane->soon.first && !lane->someday.first) {
            pthread_cond_wait(&lane->arrived, &lane->committer->lock);
            continue;
        }
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += wait_ms % 1000 * 1000000;
        until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&lane->arrived, &lane->committer->lock, &until);
    }
}

static bool is_flushed(struct fill *fill)
{
    for (size_t i = 0; i < fill->count; i++) {
        struct ingest *ingest = &fill->ingests[i];

        if (ingest->stage && (ingest->rc = stage_finish(ingest->stage, &ingest->error))) {
            fill->ingests[0].rc = ingest->rc;
            fill->ingests[0].error = ingest->error;
            return false;
        }
    }
    return true;
}

static void commit(struct lane *lane, struct fill **group, size_t count)
{
    struct ingest *ingests = lane->ingests;
    bool flushed[GROUP_MAX];
    struct error err;
    size_t used = 0;

    for (size_t i = 0; i < count; i++)
        if ((flushed[i] = is_flushed(group[i])))
            for (size_t part = 0; part < group[i]->count; part++)
                ingests[used++] = group[i]->ingests[part];
    if (used)
        catalog_ingest(lane->committer->catalog, ingests, used, &err);
    used = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t part = 0; flushed[i] && part < group[i]->count; part++)
            group[i]->ingests[part] = ingests[used++];
        group[i]->done(group[i]);
    }
}

static void *commit_loop(void *context)
{
    struct lane *lane = context;

    for (;;) {
        struct fill *group[GROUP_MAX];
        size_t count = 0;

        pthread_mutex_lock(&lane->committer->lock);
        if (!wait_for_group(lane)) {
            pthread_mutex_unlock(&lane->committer->lock);
            return NULL;
        }
        while (count < GROUP_MAX && (group[count] = pop(&lane->soon)))
            count++;
        while (count < GROUP_MAX && (group[count] = pop(&lane->someday)))
            count++;
        pthread_mutex_unlock(&lane->committer->lock);
        commit(lane, group, count);
    }
}

static enum status start_lane(struct lane *lane, struct committer *committer, bool is_urgent, struct error *err)
{
    pthread_condattr_t monotonic;

    lane->committer = committer;
    lane->is_urgent = is_urgent;
    lane->soon.last = &lane->soon.first;
    lane->someday.last = &lane->someday.first;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&lane->arrived, &monotonic);
    pthread_condattr_destroy(&monotonic);
    lane->has_thread = !pthread_create(&lane->thread, NULL, commit_loop, lane);
    return lane->has_thread ? STATUS_OK
                            : fail(err, STATUS_INTERNAL, "", "could not start the committer's thread");
}

static void end_lane(struct lane *lane)
{
    if (lane->has_thread)
        pthread_join(lane->thread, NULL);
    pthread_cond_destroy(&lane->arrived);
}

enum status committer_start(struct catalog *catalog, struct committer **out, struct error *err)
{
    struct committer *committer = calloc(1, sizeof *committer);
    enum status rc;

    *out = NULL;
    if (!committer)
        return fail(err, STATUS_INTERNAL, "", "out of memory");
    committer->catalog = catalog;
    pthread_mutex_init(&committer->lock, NULL);
    rc = start_lane(&committer->now, committer, true, err);
    if (!rc)
        rc = start_lane(&committer->later, committer, false, err);
    if (rc)
        committer_stop(committer);
    else
        *out = committer;
    return rc;
}

void committer_add(struct committer *committer, struct fill *fill, enum fill_hurry hurry)
{
    struct lane *lane = hurry == FILL_NOW ? &committer->now : &committer->later;

    fill->next = NULL;
    fill->since_ms = clock_monotonic_ms();
    pthread_mutex_lock(&committer->lock);
    push(hurry == FILL_SOMEDAY ? &lane->someday : &lane->soon, fill);
    pthread_cond_signal(&lane->arrived);
    pthread_mutex_unlock(&committer->lock);
}

void committer_stop(struct committer *committer)
{
    if (!committer)
        return;
    pthread_mutex_lock(&committer->lock);
    committer->is_stopping = true;
    pthread_cond_signal(&committer->now.arrived);
    pthread_cond_signal(&committer->later.arrived);
    pthread_mutex_unlock(&committer->lock);
    end_lane(&committer->now);
    end_lane(&committer->later);
    pthread_mutex_destroy(&committer->lock);
    free(committer);
}

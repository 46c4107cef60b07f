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

struct committer {
    struct catalog *catalog;
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct queue soon, someday;
    size_t urgent; /* in soon */
    bool is_stopping;
    pthread_t thread;
    struct ingest ingests[2 * GROUP_MAX]; /* the thread's own: too large for its stack */
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
static bool wait_for_group(struct committer *committer)
{
    for (;;) {
        int64_t soon = left_ms(&committer->soon, SOON_MS), someday = left_ms(&committer->someday, SOMEDAY_MS);
        struct timespec until;
        int64_t wait_ms = committer->soon.first && soon < someday ? soon : someday;

        if (committer->is_stopping)
            return committer->soon.first || committer->someday.first;
        if (committer->urgent || committer->soon.count >= GROUP_MAX || committer->someday.count >= GROUP_MAX ||
            (committer->soon.first && !soon) || (committer->someday.first && !someday))
            return true;
        if (!committer->soon.first && !committer->someday.first) {
            pthread_cond_wait(&committer->arrived, &committer->lock);
            continue;
        }
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += wait_ms % 1000 * 1000000;
        until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&committer->arrived, &committer->lock, &until);
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

static void commit(struct committer *committer, struct fill **group, size_t count)
{
    struct ingest *ingests = committer->ingests;
    bool flushed[GROUP_MAX];
    struct error err;
    size_t used = 0;

    for (size_t i = 0; i < count; i++)
        if ((flushed[i] = is_flushed(group[i])))
            for (size_t part = 0; part < group[i]->count; part++)
                ingests[used++] = group[i]->ingests[part];
    if (used)
        catalog_ingest(committer->catalog, ingests, used, &err);
    used = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t part = 0; flushed[i] && part < group[i]->count; part++)
            group[i]->ingests[part] = ingests[used++];
        group[i]->done(group[i]);
    }
}

static void *commit_loop(void *context)
{
    struct committer *committer = context;

    for (;;) {
        struct fill *group[GROUP_MAX];
        size_t count = 0;

        pthread_mutex_lock(&committer->lock);
        if (!wait_for_group(committer)) {
            pthread_mutex_unlock(&committer->lock);
            return NULL;
        }
        while (count < GROUP_MAX && (group[count] = pop(&committer->soon)))
            count++;
        if (!committer->soon.first)
            committer->urgent = 0; /* else the next group comes at once too */
        while (count < GROUP_MAX && (group[count] = pop(&committer->someday)))
            count++;
        pthread_mutex_unlock(&committer->lock);
        commit(committer, group, count);
    }
}

enum status committer_start(struct catalog *catalog, struct committer **out, struct error *err)
{
    struct committer *committer = calloc(1, sizeof *committer);
    pthread_condattr_t monotonic;

    *out = NULL;
    if (!committer)
        return fail(err, STATUS_INTERNAL, "", "out of memory");
    committer->catalog = catalog;
    committer->soon.last = &committer->soon.first;
    committer->someday.last = &committer->someday.first;
    pthread_mutex_init(&committer->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&committer->arrived, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&committer->thread, NULL, commit_loop, committer)) {
        free(committer);
        return fail(err, STATUS_INTERNAL, "", "could not start the committer's thread");
    }
    *out = committer;
    return STATUS_OK;
}

void committer_add(struct committer *committer, struct fill *fill, enum fill_hurry hurry)
{
    fill->next = NULL;
    fill->since_ms = clock_monotonic_ms();
    pthread_mutex_lock(&committer->lock);
    push(hurry == FILL_SOMEDAY ? &committer->someday : &committer->soon, fill);
    committer->urgent += hurry == FILL_NOW;
    pthread_cond_signal(&committer->arrived);
    pthread_mutex_unlock(&committer->lock);
}

void committer_stop(struct committer *committer)
{
    if (!committer)
        return;
    pthread_mutex_lock(&committer->lock);
    committer->is_stopping = true;
    pthread_cond_signal(&committer->arrived);
    pthread_mutex_unlock(&committer->lock);
    pthread_join(committer->thread, NULL);
    pthread_mutex_destroy(&committer->lock);
    pthread_cond_destroy(&committer->arrived);
    free(committer);
}

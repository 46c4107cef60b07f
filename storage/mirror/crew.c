#include "storage/mirror/crew.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum { THREADS_MAX = 16 };

struct crew {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct job *first, **last;
    bool is_stopping;
    size_t count;
    pthread_t threads[THREADS_MAX];
};

static void *work(void *context)
{
    struct crew *crew = context;

    for (;;) {
        struct job *job;

        pthread_mutex_lock(&crew->lock);
        while (!crew->first && !crew->is_stopping)
            pthread_cond_wait(&crew->arrived, &crew->lock);
        if ((job = crew->first) && !(crew->first = job->next))
            crew->last = &crew->first;
        pthread_mutex_unlock(&crew->lock);
        if (!job)
            return NULL;
        job->run(job);
    }
}

enum status crew_start(size_t threads, struct crew **out, struct error *err)
{
    struct crew *crew = calloc(1, sizeof *crew);

    *out = NULL;
    if (!crew)
        return fail(err, STATUS_INTERNAL, "", "out of memory");
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->arrived, NULL);
    crew->last = &crew->first;
    while (crew->count < threads && crew->count < THREADS_MAX) {
        if (pthread_create(&crew->threads[crew->count], NULL, work, crew)) {
            crew_stop(crew);
            return fail(err, STATUS_INTERNAL, "", "could not start a thread");
        }
        crew->count++;
    }
    *out = crew;
    return STATUS_OK;
}

void crew_post(struct crew *crew, struct job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&crew->lock);
    *crew->last = job;
    crew->last = &job->next;
    pthread_cond_signal(&crew->arrived);
    pthread_mutex_unlock(&crew->lock);
}

void crew_stop(struct crew *crew)
{
    if (!crew)
        return;
    pthread_mutex_lock(&crew->lock);
    crew->is_stopping = true;
    pthread_cond_broadcast(&crew->arrived);
    pthread_mutex_unlock(&crew->lock);
    for (size_t i = 0; i < crew->count; i++)
        pthread_join(crew->threads[i], NULL);
    pthread_mutex_destroy(&crew->lock);
    pthread_cond_destroy(&crew->arrived);
    free(crew);
}

/* Last in, first out: the connection that was used a moment ago has the warmest cache. */
#include "storage/metadata/db.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct db_pool {
    const struct db_backend *backend;
    char *path;
    enum db_mode mode;
    pthread_mutex_t lock;
    pthread_cond_t given;
    size_t opened, idle_count, most;
    struct db *idle[];
};

enum status db_pool_open(const struct db_backend *backend, const char *path, enum db_mode mode,
                         size_t most, struct db_pool **out, struct error *err)
{
    struct db_pool *pool = calloc(1, sizeof *pool + most * sizeof *pool->idle);

    *out = pool;
    if (!pool || asprintf(&pool->path, "%s", path) < 0)
        return fail(err, STATUS_INTERNAL, "", "out of memory");
    pool->backend = backend;
    pool->mode = mode;
    pool->most = most;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->given, NULL);
    return STATUS_OK;
}

void db_pool_close(struct db_pool *pool)
{
    if (!pool)
        return;
    for (size_t i = 0; i < pool->idle_count; i++)
        db_close(pool->idle[i]);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->given);
    free(pool->path);
    free(pool);
}

enum status db_pool_take(struct db_pool *pool, struct db **out, struct error *err)
{
    enum status rc = STATUS_OK;

    *out = NULL;
    pthread_mutex_lock(&pool->lock);
    while (!pool->idle_count && pool->opened == pool->most)
        pthread_cond_wait(&pool->given, &pool->lock);
    if (pool->idle_count)
        *out = pool->idle[--pool->idle_count];
    else
        pool->opened++;
    pthread_mutex_unlock(&pool->lock);
    if (*out)
        return STATUS_OK;
    if ((rc = db_open(pool->backend, pool->path, pool->mode, out, err))) {
        pthread_mutex_lock(&pool->lock);
        pool->opened--;
        pthread_cond_signal(&pool->given);
        pthread_mutex_unlock(&pool->lock);
    }
    return rc;
}

void db_pool_give(struct db_pool *pool, struct db *db)
{
    pthread_mutex_lock(&pool->lock);
    pool->idle[pool->idle_count++] = db;
    pthread_cond_signal(&pool->given);
    pthread_mutex_unlock(&pool->lock);
}

#include "storage/remote/breaker_set.h"

#include "storage/remote/url.h"

#include <pthread.h>
#include <stdlib.h>

enum { HOSTS_MAX = 64 };

struct host_breaker {
    struct host_breaker *next;
    struct url_origin origin;
    struct breaker *breaker;
};

struct breaker_set {
    pthread_mutex_t lock;
    struct breaker_options options;
    struct host_breaker *newest;
    int count;
};

static void *or_abort(void *memory)
{
    if (!memory)
        abort(); /* as the arenas do */
    return memory;
}

struct breaker_set *breaker_set_new(const struct breaker_options *options)
{
    struct breaker_set *set = or_abort(calloc(1, sizeof *set));

    pthread_mutex_init(&set->lock, NULL);
    set->options = *options;
    return set;
}

void breaker_set_free(struct breaker_set *set)
{
    struct host_breaker *next;

    if (!set)
        return;
    for (struct host_breaker *host = set->newest; host; host = next) {
        next = host->next;
        breaker_free(host->breaker);
        free(host);
    }
    pthread_mutex_destroy(&set->lock);
    free(set);
}

struct breaker *breaker_set_find(struct breaker_set *set, const struct url_origin *origin)
{
    struct host_breaker *host;

    pthread_mutex_lock(&set->lock);
    for (host = set->newest; host && !url_is_origin(&host->origin, origin);)
        host = host->next;
    if (!host && set->count == HOSTS_MAX)
        host = set->newest;
    if (!host) {
        host = or_abort(calloc(1, sizeof *host));
        host->origin = *origin;
        host->breaker = breaker_new(&set->options);
        host->next = set->newest;
        set->newest = host;
        set->count++;
    }
    pthread_mutex_unlock(&set->lock);
    return host->breaker;
}

void breaker_set_close(struct breaker_set *set)
{
    pthread_mutex_lock(&set->lock);
    for (struct host_breaker *host = set->newest; host; host = host->next)
        breaker_close(host->breaker);
    pthread_mutex_unlock(&set->lock);
}

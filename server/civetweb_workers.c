#include "server/civetweb_workers.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { AT_ONCE = 16, STACK_BYTES = 512 * 1024 };

typedef void *routine(void *argument);

/* Workers that are still to be made, and those that were made here. Written by the thread that
 * starts, then by the one that accepts, then by the one that stops; each begins where the last has
 * ended. */
static struct {
    routine *run;
    void **arguments;
    pthread_t *threads;
    size_t capacity, held, made;
} crew;

/* Of the thread that is in mg_start2() or mg_stop(). */
static _Thread_local struct {
    bool is_starting, is_stopping;
    routine *last; /* what its last new thread runs, and how many in a row */
    size_t repeats;
} caller;

static int (*libc_create)(pthread_t *, const pthread_attr_t *, routine *, void *);
static int (*libc_join)(pthread_t, void **);

/* The library's threads, those that it makes itself and those that are made here: what the shim
 * sees on any other is none of its business. */
static _Thread_local bool is_worker;

struct beginning {
    routine *run;
    void *argument;
};

static void *begin(void *context)
{
    struct beginning beginning = *(struct beginning *)context;

    free(context);
    is_worker = true;
    return beginning.run(beginning.argument);
}

bool civetweb_workers_is_one(void)
{
    return is_worker;
}

__attribute__((constructor)) static void find_libc(void)
{
    *(void **)&libc_create = dlsym(RTLD_NEXT, "pthread_create");
    *(void **)&libc_join = dlsym(RTLD_NEXT, "pthread_join");
}

static int make(pthread_t *thread, const pthread_attr_t *attributes, routine *run, void *argument)
{
    struct beginning *beginning = malloc(sizeof *beginning);
    int rc;

    if (!beginning)
        return EAGAIN;
    *beginning = (struct beginning){run, argument};
    if ((rc = libc_create(thread, attributes, begin, beginning)))
        free(beginning);
    return rc;
}

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
                   routine *run, void *restrict argument)
{
    if (!libc_create)
        find_libc();
    if (!caller.is_starting)
        return libc_create(thread, attributes, run, argument);
    /* Only workers are many of a kind. */
    caller.repeats = run == caller.last ? caller.repeats + 1 : 1;
    caller.last = run;
    if (caller.repeats <= AT_ONCE || crew.held == crew.capacity)
        return make(thread, attributes, run, argument);
    crew.run = run;
    crew.arguments[crew.held++] = argument;
    *thread = 0;
    return 0;
}

static void join_crew(void)
{
    for (size_t i = 0; i < crew.made; i++)
        libc_join(crew.threads[i], NULL);
    crew.made = crew.held = 0;
}

int pthread_join(pthread_t thread, void **result)
{
    int rc;

    if (!libc_join)
        find_libc();
    rc = libc_join(thread, result);
    /* That was the thread that accepts; it has told the workers to end. */
    if (caller.is_stopping)
        join_crew();
    return rc;
}

void civetweb_workers_hold(size_t workers)
{
    crew.arguments = calloc(workers, sizeof *crew.arguments);
    crew.threads = calloc(workers, sizeof *crew.threads);
    if (!crew.arguments || !crew.threads) {
        fputs("packhouse: out of memory\n", stderr);
        abort();
    }
    crew.capacity = workers;
    crew.held = crew.made = 0;
    caller.last = NULL;
    caller.is_starting = true;
}

void civetweb_workers_held(void)
{
    caller.is_starting = false;
}

static bool make_one(const pthread_attr_t *attributes)
{
    return !make(&crew.threads[crew.made], attributes, crew.run, crew.arguments[crew.made]);
}

void civetweb_workers_suffice(size_t connections)
{
    size_t wanted =
        2 * connections; /* the first few are on top; some are still closing their last */
    pthread_attr_t attributes;

    if (wanted > crew.held)
        wanted = crew.held;
    if (crew.made >= wanted)
        return;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    /* What cannot be made now is tried again with the next connection. */
    while (crew.made < wanted && make_one(&attributes))
        crew.made++;
    pthread_attr_destroy(&attributes);
}

void civetweb_workers_stop(void)
{
    caller.is_stopping = true;
}

void civetweb_workers_stopped(void)
{
    caller.is_stopping = false;
    free(crew.arguments);
    free(crew.threads);
    crew.arguments = NULL;
    crew.threads = NULL;
    crew.capacity = crew.held = crew.made = 0;
}

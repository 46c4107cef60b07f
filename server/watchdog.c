#include "server/watchdog.h"

#include "config/clock.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

enum { SLOTS = 65536, TICK_MS = 100, EVICT_AFTER_MS = 200 };

/* CUTTING is held by the watchdog's thread for the length of a system call; whoever wants to move
 * on waits for its end, so that a cut never meets a descriptor's next life. EXPIRED and EVICTED
 * stay until the connection is closed. */
enum state { FREE, ACCEPTED, HEAD, BUSY, IDLE, CUTTING, EXPIRED, EVICTED };

/* A slot is one word, the state in its lowest bits and above it a time in milliseconds: of the
 * deadline in HEAD and BUSY (0: none), of its beginning in IDLE. */
enum { STATE_BITS = 3, STATE_MASK = (1 << STATE_BITS) - 1 };

struct candidate {
    int64_t since_ms;
    int fd;
};

struct watchdog {
    struct watchdog_limits limits;
    _Atomic uint64_t *slots;
    _Atomic size_t open;
    _Atomic int highest;          /* descriptor seen */
    struct candidate *candidates; /* the thread's alone */
    pthread_t thread;
    pthread_mutex_t lock; /* of stopping */
    pthread_cond_t wake;
    bool stopping;
};

static uint64_t pack(enum state state, int64_t time_ms)
{
    return (uint64_t)time_ms << STATE_BITS | state;
}

static enum state state_of(uint64_t word)
{
    return (enum state)(word & STATE_MASK);
}

static int64_t time_of(uint64_t word)
{
    return (int64_t)(word >> STATE_BITS);
}

static _Atomic uint64_t *slot(const struct watchdog *watchdog, int fd)
{
    return fd >= 0 && fd < SLOTS ? &watchdog->slots[fd] : NULL;
}

/* A set of states has a bit for each. */
#define IN(state) (1u << (state))

/* Moves a slot from one of the states to the next; else nothing happens. */
static void move(struct watchdog *watchdog, int fd, unsigned from, uint64_t next)
{
    _Atomic uint64_t *word = slot(watchdog, fd);
    uint64_t now;

    if (!word)
        return;
    now = atomic_load(word);
    for (;;) {
        if (state_of(now) == CUTTING) {
            sched_yield();
            now = atomic_load(word);
        } else if (!(from & IN(state_of(now))) || atomic_compare_exchange_weak(word, &now, next)) {
            return;
        }
    }
}

bool watchdog_accepted(struct watchdog *watchdog, int fd)
{
    _Atomic uint64_t *word = slot(watchdog, fd);
    int highest = atomic_load(&watchdog->highest);

    if (!word)
        return false;
    while (fd > highest && !atomic_compare_exchange_weak(&watchdog->highest, &highest, fd))
        ;
    if (state_of(atomic_exchange(word, pack(ACCEPTED, 0))) == FREE)
        atomic_fetch_add(&watchdog->open, 1);
    return true;
}

void watchdog_waiting(struct watchdog *watchdog, int fd)
{
    _Atomic uint64_t *word = slot(watchdog, fd);

    if (word && state_of(atomic_load(word)) == ACCEPTED)
        move(watchdog, fd, IN(ACCEPTED),
             pack(HEAD, clock_monotonic_ms() + watchdog->limits.head_timeout_ms));
}

void watchdog_arrived(struct watchdog *watchdog, int fd)
{
    _Atomic uint64_t *word = slot(watchdog, fd);
    enum state state = word ? state_of(atomic_load(word)) : FREE;

    if (state == IDLE || state == CUTTING)
        move(watchdog, fd, IN(IDLE),
             pack(HEAD, clock_monotonic_ms() + watchdog->limits.head_timeout_ms));
}

void watchdog_busy(struct watchdog *watchdog, int fd)
{
    move(watchdog, fd, IN(ACCEPTED) | IN(HEAD) | IN(IDLE) | IN(BUSY), pack(BUSY, 0));
}

void watchdog_deadline(struct watchdog *watchdog, int fd, int64_t timeout_ms)
{
    move(watchdog, fd, IN(BUSY), pack(BUSY, clock_monotonic_ms() + timeout_ms));
}

void watchdog_idle(struct watchdog *watchdog, int fd)
{
    move(watchdog, fd, IN(BUSY), pack(IDLE, clock_monotonic_ms()));
}

void watchdog_closed(struct watchdog *watchdog, int fd)
{
    _Atomic uint64_t *word = slot(watchdog, fd);

    if (!word || state_of(atomic_load(word)) == FREE)
        return;
    move(watchdog, fd, ~0u, pack(FREE, 0));
    atomic_fetch_sub(&watchdog->open, 1);
}

bool watchdog_expired(const struct watchdog *watchdog, int fd)
{
    const _Atomic uint64_t *word = slot(watchdog, fd);

    return word && state_of(atomic_load(word)) == EXPIRED;
}

size_t watchdog_open(const struct watchdog *watchdog)
{
    return atomic_load_explicit(&watchdog->open, memory_order_relaxed);
}

bool watchdog_is_crowded(const struct watchdog *watchdog)
{
    return atomic_load_explicit(&watchdog->open, memory_order_relaxed) * 10 >
           watchdog->limits.connections * 8;
}

struct watchdog_count watchdog_count(const struct watchdog *watchdog)
{
    struct watchdog_count count = {.open = atomic_load(&watchdog->open)};
    int highest = atomic_load(&watchdog->highest);

    for (int fd = 0; fd <= highest; fd++) {
        enum state state = state_of(atomic_load(&watchdog->slots[fd]));

        count.idle += state == IDLE;
        count.unsettled += state == ACCEPTED || state == HEAD;
    }
    return count;
}

/* Shuts a connection that is still as it was seen. */
static bool cut(struct watchdog *watchdog, int fd, uint64_t seen, int how)
{
    if (!atomic_compare_exchange_strong(&watchdog->slots[fd], &seen, pack(CUTTING, 0)))
        return false;
    shutdown(fd, how);
    atomic_store(&watchdog->slots[fd], pack(EXPIRED, 0));
    return true;
}

/* An idle connection on which a request has just come in is not idle any more. */
static void evict(struct watchdog *watchdog, int fd)
{
    uint64_t seen = atomic_load(&watchdog->slots[fd]);
    char byte;

    if (state_of(seen) != IDLE ||
        !atomic_compare_exchange_strong(&watchdog->slots[fd], &seen, pack(CUTTING, 0)))
        return;
    if (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN) {
        shutdown(fd, SHUT_RDWR);
        atomic_store(&watchdog->slots[fd], pack(EVICTED, 0));
    } else {
        atomic_store(&watchdog->slots[fd], seen);
    }
}

static int by_age(const void *a, const void *b)
{
    int64_t one = ((const struct candidate *)a)->since_ms;
    int64_t other = ((const struct candidate *)b)->since_ms;

    return (one > other) - (one < other);
}

static void make_room(struct watchdog *watchdog, size_t wanted, int64_t now_ms)
{
    int highest = atomic_load(&watchdog->highest);
    size_t count = 0;

    for (int fd = 0; fd <= highest; fd++) {
        uint64_t word = atomic_load(&watchdog->slots[fd]);

        if (state_of(word) == IDLE && now_ms - time_of(word) >= EVICT_AFTER_MS)
            watchdog->candidates[count++] = (struct candidate){time_of(word), fd};
    }
    qsort(watchdog->candidates, count, sizeof *watchdog->candidates, by_age);
    for (size_t i = 0; i < count && i < wanted; i++)
        evict(watchdog, watchdog->candidates[i].fd);
}

void watchdog_close_idle(struct watchdog *watchdog)
{
    int highest = atomic_load(&watchdog->highest);

    for (int fd = 0; fd <= highest; fd++)
        evict(watchdog, fd);
}

void watchdog_close_all(struct watchdog *watchdog)
{
    int highest = atomic_load(&watchdog->highest);

    for (int fd = 0; fd <= highest; fd++) {
        uint64_t word;

        do
            word = atomic_load(&watchdog->slots[fd]);
        while (state_of(word) != FREE &&
               (state_of(word) == CUTTING || !cut(watchdog, fd, word, SHUT_RDWR)));
    }
}

static void tick(struct watchdog *watchdog)
{
    int64_t now_ms = clock_monotonic_ms();
    int highest = atomic_load(&watchdog->highest);
    size_t open, ample = watchdog->limits.connections * 9 / 10;

    for (int fd = 0; fd <= highest; fd++) {
        uint64_t word = atomic_load_explicit(&watchdog->slots[fd], memory_order_relaxed);

        if ((state_of(word) == HEAD || state_of(word) == BUSY) && time_of(word) &&
            time_of(word) <= now_ms)
            cut(watchdog, fd, word, SHUT_RD); /* who was too slow can still be told so */
    }
    open = atomic_load(&watchdog->open);
    if (open > ample)
        make_room(watchdog, open - ample, now_ms);
}

static void *run(void *argument)
{
    struct watchdog *watchdog = argument;
    struct timespec next;

    pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->stopping) {
        clock_gettime(CLOCK_MONOTONIC, &next);
        next.tv_nsec += TICK_MS * 1000000;
        if (next.tv_nsec >= 1000000000) {
            next.tv_nsec -= 1000000000;
            next.tv_sec++;
        }
        pthread_cond_timedwait(&watchdog->wake, &watchdog->lock, &next);
        pthread_mutex_unlock(&watchdog->lock);
        tick(watchdog);
        pthread_mutex_lock(&watchdog->lock);
    }
    pthread_mutex_unlock(&watchdog->lock);
    return NULL;
}

static void *must(void *memory)
{
    if (!memory) {
        fputs("packhouse: out of memory\n", stderr);
        abort();
    }
    return memory;
}

struct watchdog *watchdog_start(const struct watchdog_limits *limits)
{
    struct watchdog *watchdog = must(calloc(1, sizeof *watchdog));
    pthread_condattr_t attributes;

    watchdog->limits = *limits;
    watchdog->slots = must(calloc(SLOTS, sizeof *watchdog->slots));
    watchdog->candidates = must(calloc(SLOTS, sizeof *watchdog->candidates));
    pthread_mutex_init(&watchdog->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watchdog->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&watchdog->thread, NULL, run, watchdog))
        must(NULL);
    return watchdog;
}

void watchdog_stop(struct watchdog *watchdog)
{
    if (!watchdog)
        return;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->stopping = true;
    pthread_cond_signal(&watchdog->wake);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    pthread_cond_destroy(&watchdog->wake);
    pthread_mutex_destroy(&watchdog->lock);
    free(watchdog->slots);
    free(watchdog->candidates);
    free(watchdog);
}

#include "storage/remote/fetcher.h"

#include "config/clock.h"
#include "storage/memory/strbuf.h"
#include "storage/remote/multi.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { RUNNING_MAX = 128, WAIT_MOST_MS = 60 * 1000 };

/* Whom transfers ask; counted, so that none is asked too much at once. libcurl's own limit would
 * count the wait for a connection as time to connect. */
struct host {
    struct host *next;
    struct url_origin origin;
    int transfers, running;
};

struct fetcher {
    struct transfer_rules rules;
    struct multi *multi;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows; all else is the thread's */
    struct transfer_list incoming;
    bool is_stopping, has_stopped;

    struct transfer_list waiting, running;
    int running_count;
    struct host *hosts;
};

static void leave_host(struct fetcher *fetcher, struct transfer *transfer)
{
    struct host **link = &fetcher->hosts, *host = transfer->host;

    transfer->host = NULL;
    if (!host || --host->transfers)
        return;
    while (*link != host)
        link = &(*link)->next;
    *link = host->next;
    free(host);
}

static void join_host(struct fetcher *fetcher, struct transfer *transfer)
{
    struct url_origin origin = {0};
    struct host *host;

    /* What is no URL has no host, and transfer_begin() says so. */
    if (transfer->url)
        origin = transfer->current;
    else if (!url_origin(transfer->request.url, &origin))
        origin = (struct url_origin){0};
    for (host = fetcher->hosts; host && !url_is_origin(&host->origin, &origin);)
        host = host->next;
    if (!host) {
        if (!(host = calloc(1, sizeof *host)))
            abort(); /* as the arenas do */
        host->origin = origin;
        host->next = fetcher->hosts;
        fetcher->hosts = host;
    }
    host->transfers++;
    transfer->host = host;
}

static void end(struct fetcher *fetcher, struct transfer *transfer)
{
    leave_host(fetcher, transfer);
    transfer_end(transfer);
}

static void wait_for_turn(struct fetcher *fetcher, struct transfer *transfer)
{
    join_host(fetcher, transfer);
    TAILQ_INSERT_TAIL(&fetcher->waiting, transfer, link);
}

static void stop_running(struct fetcher *fetcher, struct transfer *transfer)
{
    TAILQ_REMOVE(&fetcher->running, transfer, link);
    fetcher->running_count--;
    transfer->host->running--;
}

/* After an attempt: the next one, or the end. */
static void settle(struct fetcher *fetcher, struct transfer *transfer, enum attempt_end how)
{
    stop_running(fetcher, transfer);
    if (transfer_goes_on(transfer, how, clock_monotonic_ms())) {
        leave_host(fetcher, transfer);
        wait_for_turn(fetcher, transfer);
    } else {
        end(fetcher, transfer);
    }
}

static bool can_run(const struct fetcher *fetcher, const struct transfer *transfer, int64_t now_ms)
{
    return transfer->due_ms <= now_ms && fetcher->running_count < RUNNING_MAX &&
           transfer->host->running < fetcher->rules.options.connections_per_host;
}

static void run(struct fetcher *fetcher, struct transfer *transfer, int64_t now_ms)
{
    TAILQ_REMOVE(&fetcher->waiting, transfer, link);
    if (transfer_begin(transfer, now_ms)) {
        end(fetcher, transfer);
        return;
    }
    TAILQ_INSERT_TAIL(&fetcher->running, transfer, link);
    fetcher->running_count++;
    transfer->host->running++;
    if (!multi_begin(fetcher->multi, transfer))
        settle(fetcher, transfer, ATTEMPT_IMPOSSIBLE);
}

/* Those that may run do; those that have waited too long end. */
static void look_at_waiting(struct fetcher *fetcher, int64_t now_ms)
{
    struct transfer *transfer = TAILQ_FIRST(&fetcher->waiting), *next;

    for (; transfer; transfer = next) {
        next = TAILQ_NEXT(transfer, link);
        if (transfer->ends_ms && now_ms >= transfer->ends_ms) {
            TAILQ_REMOVE(&fetcher->waiting, transfer, link);
            transfer_goes_on(transfer, ATTEMPT_OVERDUE, now_ms);
            end(fetcher, transfer);
        } else if (can_run(fetcher, transfer, now_ms)) {
            run(fetcher, transfer, now_ms);
        }
    }
}

static void look_at_running(struct fetcher *fetcher, int64_t now_ms)
{
    struct transfer *transfer = TAILQ_FIRST(&fetcher->running), *next;

    for (; transfer; transfer = next) {
        next = TAILQ_NEXT(transfer, link);
        if (transfer_is_overdue(transfer, now_ms)) {
            multi_drop(fetcher->multi, transfer);
            settle(fetcher, transfer, ATTEMPT_OVERDUE);
        }
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Until something is due. A transfer that waits for its host is woken by another's end. */
static int64_t idle_ms(const struct fetcher *fetcher, int64_t now_ms)
{
    int64_t next = now_ms + WAIT_MOST_MS;
    const struct transfer *transfer;

    TAILQ_FOREACH(transfer, &fetcher->running, link)
    next = earlier(next, transfer_deadline(transfer));
    TAILQ_FOREACH(transfer, &fetcher->waiting, link)
    {
        next = earlier(next, transfer_deadline(transfer));
        if (transfer->due_ms > now_ms)
            next = earlier(next, transfer->due_ms);
    }
    return next > now_ms ? next - now_ms : 0;
}

/* Takes what was submitted; false: it is time to stop. */
static bool take_incoming(struct fetcher *fetcher)
{
    struct transfer_list taken = TAILQ_HEAD_INITIALIZER(taken);
    struct transfer *transfer;
    bool is_stopping;

    pthread_mutex_lock(&fetcher->lock);
    TAILQ_CONCAT(&taken, &fetcher->incoming, link);
    is_stopping = fetcher->is_stopping;
    pthread_mutex_unlock(&fetcher->lock);
    while ((transfer = TAILQ_FIRST(&taken))) {
        TAILQ_REMOVE(&taken, transfer, link);
        wait_for_turn(fetcher, transfer);
    }
    return !is_stopping;
}

static void end_stopped(struct fetcher *fetcher, struct transfer *transfer)
{
    transfer_fail(transfer, STATUS_UPSTREAM_AWAY, "", "the server is stopping");
    end(fetcher, transfer);
}

static bool has_come_to_rest(struct fetcher *fetcher)
{
    pthread_mutex_lock(&fetcher->lock);
    fetcher->has_stopped = TAILQ_EMPTY(&fetcher->incoming);
    pthread_mutex_unlock(&fetcher->lock);
    return fetcher->has_stopped;
}

/* A sink may submit again when it is ended, so there may be more than one round. */
static void end_all(struct fetcher *fetcher)
{
    struct transfer *transfer;

    do {
        take_incoming(fetcher);
        while ((transfer = TAILQ_FIRST(&fetcher->running))) {
            multi_drop(fetcher->multi, transfer);
            stop_running(fetcher, transfer);
            end_stopped(fetcher, transfer);
        }
        while ((transfer = TAILQ_FIRST(&fetcher->waiting))) {
            TAILQ_REMOVE(&fetcher->waiting, transfer, link);
            end_stopped(fetcher, transfer);
        }
    } while (!has_come_to_rest(fetcher));
}

static void *work(void *context)
{
    struct fetcher *fetcher = context;
    struct transfer *transfer;
    enum attempt_end how;

    while (take_incoming(fetcher)) {
        bool has_settled = false;

        look_at_waiting(fetcher, clock_monotonic_ms());
        multi_move(fetcher->multi);
        while ((transfer = multi_next(fetcher->multi, &how))) {
            settle(fetcher, transfer, how);
            has_settled = true;
        }
        look_at_running(fetcher, clock_monotonic_ms());
        if (!has_settled)
            multi_wait(fetcher->multi, idle_ms(fetcher, clock_monotonic_ms()));
    }
    end_all(fetcher);
    return NULL;
}

static void fetcher_free(struct fetcher *fetcher)
{
    multi_close(fetcher->multi);
    pthread_mutex_destroy(&fetcher->lock);
    free((char *)fetcher->rules.options.user_agent);
    free((char *)fetcher->rules.options.via);
    free((char *)fetcher->rules.options.ca_file);
    free(fetcher);
}

static const char *copy(const char *text)
{
    char *made = strdup(text ? text : "");

    if (!made)
        abort(); /* as the arenas do */
    return made;
}

static enum status start(struct fetcher *fetcher, const char *allowed, struct error *err)
{
    enum status rc;

    if ((rc = address_list_parse(allowed ? allowed : "", &fetcher->rules.allowed, err)))
        return rc;
    if (!(fetcher->multi = multi_open(&fetcher->rules.options, err)))
        return STATUS_INTERNAL;
    if (pthread_create(&fetcher->thread, NULL, work, fetcher))
        return fail(err, STATUS_INTERNAL, "", "the thread that fetches cannot be started");
    return STATUS_OK;
}

enum status fetcher_start(const struct fetcher_options *options, struct fetcher **out,
                          struct error *err)
{
    struct fetcher *fetcher = calloc(1, sizeof *fetcher);
    enum status rc;

    if (!fetcher)
        return fail(err, STATUS_INTERNAL, "", "out of memory");
    fetcher->rules.options = *options;
    fetcher->rules.options.allow_addresses = NULL; /* it is parsed once */
    fetcher->rules.options.user_agent = copy(options->user_agent);
    fetcher->rules.options.via = options->via ? copy(options->via) : NULL;
    fetcher->rules.options.ca_file = copy(options->ca_file);
    pthread_mutex_init(&fetcher->lock, NULL);
    TAILQ_INIT(&fetcher->incoming);
    TAILQ_INIT(&fetcher->waiting);
    TAILQ_INIT(&fetcher->running);
    if ((rc = start(fetcher, options->allow_addresses, err))) {
        fetcher_free(fetcher);
        return rc;
    }
    *out = fetcher;
    return STATUS_OK;
}

void fetcher_stop(struct fetcher *fetcher)
{
    if (!fetcher)
        return;
    pthread_mutex_lock(&fetcher->lock);
    fetcher->is_stopping = true;
    pthread_mutex_unlock(&fetcher->lock);
    multi_wake(fetcher->multi);
    pthread_join(fetcher->thread, NULL);
    fetcher_free(fetcher);
}

void fetcher_submit(struct fetcher *fetcher, const struct transfer_request *request,
                    const struct transfer_sink *sink)
{
    struct transfer *transfer = transfer_new(&fetcher->rules, request, sink);
    bool has_stopped;

    if (request->total_timeout_ms)
        transfer->ends_ms = clock_monotonic_ms() + request->total_timeout_ms;
    pthread_mutex_lock(&fetcher->lock);
    has_stopped = fetcher->has_stopped;
    if (!has_stopped) {
        TAILQ_INSERT_TAIL(&fetcher->incoming, transfer, link);
        multi_wake(fetcher->multi); /* within the lock: it lives until the thread has stopped */
    }
    pthread_mutex_unlock(&fetcher->lock);
    if (has_stopped)
        end_stopped(fetcher, transfer);
}

/* Someone who waits for an answer in memory. */
struct asker {
    pthread_mutex_t lock;
    pthread_cond_t has_ended;
    bool is_done;
    struct strbuf *out;
    int code;
    enum status rc;
    struct error error;
};

static enum status asker_head(void *context, const struct transfer_head *head, struct error *err)
{
    struct asker *asker = context;

    (void)err;
    asker->code = head->code;
    return STATUS_OK;
}

static enum status asker_bytes(void *context, const void *bytes, size_t length, struct error *err)
{
    struct asker *asker = context;

    strbuf_bytes(asker->out, bytes, length);
    if (strbuf_failed(asker->out))
        return fail(err, STATUS_BAD_UPSTREAM, "", "the upstream's answer is larger than allowed");
    return STATUS_OK;
}

static enum status asker_start_again(void *context, struct error *err)
{
    struct asker *asker = context;

    (void)err;
    strbuf_clear(asker->out);
    return STATUS_OK;
}

static void asker_end(void *context, enum status rc, const struct error *err)
{
    struct asker *asker = context;

    pthread_mutex_lock(&asker->lock);
    asker->rc = rc;
    asker->error = *err;
    asker->is_done = true;
    pthread_cond_signal(&asker->has_ended);
    pthread_mutex_unlock(&asker->lock);
}

enum status fetcher_get(struct fetcher *fetcher, const struct transfer_request *request,
                        struct strbuf *out, int *code, struct error *err)
{
    struct asker asker = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .has_ended = PTHREAD_COND_INITIALIZER, .out = out};
    struct transfer_sink sink = {&asker, asker_head, asker_bytes, asker_start_again, asker_end};

    fetcher_submit(fetcher, request, &sink);
    pthread_mutex_lock(&asker.lock);
    while (!asker.is_done)
        pthread_cond_wait(&asker.has_ended, &asker.lock);
    pthread_mutex_unlock(&asker.lock);
    pthread_mutex_destroy(&asker.lock);
    pthread_cond_destroy(&asker.has_ended);
    *code = asker.code;
    if (asker.rc && err)
        *err = asker.error;
    return asker.rc;
}

#include "storage/remote/breaker.h"

#include "config/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct breaker {
    pthread_mutex_t lock;
    struct breaker_options options;
    int failures_in_row;
    int64_t open_us; /* how long it opens the next time */
    int64_t heard_us;
    struct breaker_view view;
};

struct breaker *breaker_new(const struct breaker_options *options)
{
    struct breaker *breaker = calloc(1, sizeof *breaker);

    if (!breaker)
        abort(); /* as the arenas do */
    pthread_mutex_init(&breaker->lock, NULL);
    breaker->options = *options;
    breaker->open_us = options->open_us;
    return breaker;
}

void breaker_free(struct breaker *breaker)
{
    if (!breaker)
        return;
    pthread_mutex_destroy(&breaker->lock);
    free(breaker);
}

/* An open breaker that has waited long enough lets one request through. */
static bool admits(struct breaker *breaker)
{
    switch (breaker->view.state) {
    case BREAKER_CLOSED: return true;
    case BREAKER_TRYING: return false;
    case BREAKER_OPEN: break;
    }
    if (clock_now_us() < breaker->view.opens_until_us)
        return false;
    breaker->view.state = BREAKER_TRYING;
    return true;
}

bool breaker_admits(struct breaker *breaker)
{
    bool is_admitted;

    pthread_mutex_lock(&breaker->lock);
    is_admitted = admits(breaker);
    pthread_mutex_unlock(&breaker->lock);
    return is_admitted;
}

static void open_for_a_while(struct breaker *breaker)
{
    breaker->view.state = BREAKER_OPEN;
    breaker->view.opens_until_us = clock_now_us() + breaker->open_us;
    breaker->open_us *= 2;
    if (breaker->open_us > breaker->options.open_max_us)
        breaker->open_us = breaker->options.open_max_us;
}

static void close_it(struct breaker *breaker)
{
    breaker->view.state = BREAKER_CLOSED;
    breaker->view.opens_until_us = 0;
    breaker->failures_in_row = 0;
    breaker->open_us = breaker->options.open_us;
}

static void report_failure(struct breaker *breaker, bool is_silent, const char *reason)
{
    struct breaker_view *view = &breaker->view;

    view->failures++;
    view->last_error_us = clock_now_us();
    snprintf(view->last_error, sizeof view->last_error, "%s", reason ? reason : "");
    breaker->failures_in_row++;
    /* Those that were on their way when it opened say nothing new. */
    if (view->state == BREAKER_TRYING ||
        (view->state == BREAKER_CLOSED &&
         (is_silent || breaker->failures_in_row >= breaker->options.failures)))
        open_for_a_while(breaker);
}

void breaker_report(struct breaker *breaker, bool is_failure, const char *reason)
{
    pthread_mutex_lock(&breaker->lock);
    breaker->view.requests++;
    if (is_failure) {
        report_failure(breaker, false, reason);
    } else {
        breaker->heard_us = clock_now_us();
        close_it(breaker);
    }
    pthread_mutex_unlock(&breaker->lock);
}

void breaker_report_silence(struct breaker *breaker, int64_t since_us, const char *reason)
{
    pthread_mutex_lock(&breaker->lock);
    breaker->view.requests++;
    report_failure(breaker, breaker->heard_us <= since_us, reason);
    pthread_mutex_unlock(&breaker->lock);
}

void breaker_heard(struct breaker *breaker)
{
    pthread_mutex_lock(&breaker->lock);
    breaker->heard_us = clock_now_us();
    pthread_mutex_unlock(&breaker->lock);
}

void breaker_close(struct breaker *breaker)
{
    pthread_mutex_lock(&breaker->lock);
    close_it(breaker);
    pthread_mutex_unlock(&breaker->lock);
}

void breaker_view(struct breaker *breaker, struct breaker_view *out)
{
    pthread_mutex_lock(&breaker->lock);
    *out = breaker->view;
    pthread_mutex_unlock(&breaker->lock);
}

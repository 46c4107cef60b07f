/* A circuit breaker: after failures in a row an upstream is left alone for a while, then one
 * request tries it. Shared by all threads; locked inside. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct breaker;

struct breaker_options {
    int failures;    /* in a row, that open it */
    int64_t open_us; /* for this long at first; doubled with each failed try */
    int64_t open_max_us;
};

struct breaker *breaker_new(const struct breaker_options *options); /* never NULL */
void breaker_free(struct breaker *breaker);

/* Whether a request may go out now. true must be followed by one breaker_report(). */
bool breaker_admits(struct breaker *breaker);
/* is_failure: no answer, or one of 5xx; a 404 or 429 is an answer. reason: for people; may be NULL.
 */
void breaker_report(struct breaker *breaker, bool is_failure, const char *reason);
/* In its place where no answer came in time, to what was asked at since_us. If nobody else heard anything
 * since then either, it opens at once: each further one who waits in vain would wait as long. */
void breaker_report_silence(struct breaker *breaker, int64_t since_us, const char *reason);
/* A transfer moves on. */
void breaker_heard(struct breaker *breaker);
/* Closes it without an answer: whoever asks knows that the upstream is there again. */
void breaker_close(struct breaker *breaker);

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_TRYING };
struct breaker_view {
    enum breaker_state state;
    int64_t opens_until_us; /* when open: the next try */
    int64_t last_error_us;  /* 0: never */
    char last_error[256];
    uint64_t requests, failures;
};
void breaker_view(struct breaker *breaker, struct breaker_view *out);

/* One request to an upstream, through its redirects, retries and resumes: what knows HTTP and our
 * rules, and neither libcurl nor threads. Only for fetcher.c, which owns it, and multi.c, which
 * calls it while bytes move. All on the fetcher's thread. */
#pragma once
#include "storage/memory/strbuf.h"
#include "storage/remote/address.h"
#include "storage/remote/fetcher.h"
#include <sys/queue.h>

struct arena;
struct host;

enum { TRANSFER_HEAD_LINES_MAX = 200 };

/* What holds for all transfers. */
struct transfer_rules {
    struct fetcher_options options;
    struct address_list allowed; /* private addresses that may be connected to */
};

enum transfer_phase {
    TRANSFER_WAITING,    /* until due_ms, or for its host */
    TRANSFER_CONNECTING, /* names, sockets, TLS */
    TRANSFER_ASKED,      /* no byte of an answer yet */
    TRANSFER_ANSWERING,
};

/* How one attempt at it went. */
enum attempt_end {
    ATTEMPT_DONE,
    ATTEMPT_UNRESOLVED,
    ATTEMPT_UNCONNECTED,
    ATTEMPT_UNTRUSTED, /* the certificate */
    ATTEMPT_NO_TLS,
    ATTEMPT_NOT_HTTP,
    ATTEMPT_BROKEN,
    ATTEMPT_OVERDUE,    /* transfer_deadline() has passed */
    ATTEMPT_STOPPED,    /* a function below said false */
    ATTEMPT_IMPOSSIBLE, /* this machine could not */
};

/* What is to follow, as far as the answer's head has told. */
enum transfer_verdict {
    VERDICT_NONE,
    VERDICT_FAIL,
    VERDICT_FOLLOW,
    VERDICT_RETRY,
    VERDICT_RESTART
};

struct transfer {
    TAILQ_ENTRY(transfer) link; /* in one of the fetcher's lists */
    struct host *host;          /* the fetcher's */
    void *connection;           /* multi.c's */

    const struct transfer_rules *rules;
    struct transfer_request request;
    struct transfer_sink sink;
    struct arena *arena, *attempt_arena;

    enum transfer_phase phase;
    int64_t due_ms;       /* not to be begun before */
    int64_t ends_ms;      /* of all attempts; 0: none */
    int64_t deadline_ms;  /* of the phase */
    int64_t window_bytes; /* since the deadline was set */

    const char *url; /* where it asks now */
    struct url_origin own, current;
    const char *proxy;
    int redirects, attempts; /* attempts: failed ones since the last progress */

    /* Of the present attempt. */
    enum transfer_verdict verdict;
    struct strbuf head;
    int head_lines;
    bool head_is_read, is_private_refused, is_passed_on;
    int code;
    int64_t wait_ms, discarded;
    const char *next_url;

    /* Of what the sink has got. */
    int sink_code; /* 0: no head yet */
    bool is_encoded, must_restart, is_ranged;
    int64_t received, furthest, total; /* furthest: of earlier attempts; total -1: not said */
    const char *etag, *last_modified;

    struct breaker *breaker; /* of the present host, which let it through; NULL: none did */
    int64_t admitted_us;
    bool is_breaker_failure, is_silent;
    enum status rc;
    struct error error;
};

TAILQ_HEAD(transfer_list, transfer);

/* Copies the request. What is wrong with it is told by transfer_begin(). */
struct transfer *transfer_new(const struct transfer_rules *rules,
                              const struct transfer_request *request,
                              const struct transfer_sink *sink);
/* Reports to the breaker, calls the sink's end and frees. */
void transfer_end(struct transfer *transfer);
/* Why it ends; for transfer_end(). */
void transfer_fail(struct transfer *transfer, enum status rc, const char *code,
                   const char *sentence);

/* Before each attempt; anything else than STATUS_OK ends it. */
enum status transfer_begin(struct transfer *transfer, int64_t now_ms);
/* "Name: value" lines of this attempt, ends with NULL. */
const char *const *transfer_headers(struct transfer *transfer);
bool transfer_may_connect(struct transfer *transfer, const struct address *address);
/* The connection stands, and the request goes out. */
void transfer_asks(struct transfer *transfer, int64_t now_ms);
/* A line of the head with its end. false: break off. */
bool transfer_head_line(struct transfer *transfer, const char *line, size_t length, int64_t now_ms);
/* Judges a head that is whole: sets the verdict, or passes it on to the sink. false: break off.
 * In transfer_head.c. */
bool transfer_read_head(struct transfer *transfer);
bool transfer_body(struct transfer *transfer, const void *bytes, size_t length);

/* When the present phase must have ended, or have brought enough; transfer_is_overdue() moves it
 * on. */
int64_t transfer_deadline(const struct transfer *transfer);
bool transfer_is_overdue(struct transfer *transfer, int64_t now_ms);
/* Decides what follows an attempt: true, and the transfer waits for another; false: it has ended.
 */
bool transfer_goes_on(struct transfer *transfer, enum attempt_end end, int64_t now_ms);

/* What the parts of the mirror share. One lock guards all that is not said to be otherwise: whoever
 * holds it waits for nothing but conditions, asks no row and no disk. */
#pragma once
#include "storage/blobs/blob_store.h"
#include "storage/mirror/committer.h"
#include "storage/mirror/crew.h"
#include "storage/mirror/mirror.h"
#include "storage/remote/fetcher.h"

#include <pthread.h>

struct document_table;
struct plain_shelf;
struct file_table;

/* An upstream that was asked since the start; lives until the mirror stops. */
struct mirror_upstream {
    struct mirror_upstream *next;
    int64_t id, org_id;
    struct breaker_set *breakers; /* locked inside */
    struct breaker *breaker;      /* of its own host, in the set */
    int64_t forgotten_us;    /* what was checked before this counts as never checked */
    struct mirror_stats stats;
    struct mirror_tally tally; /* its own lock */
};

/* An upstream that was to be forgotten before it was first asked. */
struct forgotten {
    struct forgotten *next;
    int64_t upstream_id, at_us;
};

struct mirror {
    struct mirror_options options;
    pthread_mutex_t lock;
    pthread_cond_t left; /* a caller, a file or a submitter */
    bool is_stopping;
    size_t callers, open_files, submitting;
    struct arena *arena; /* under the lock; of what lives until the stop */
    struct mirror_upstream *upstreams;
    struct forgotten *forgotten;
    struct document_table *documents;
    struct plain_shelf *plains;
    struct file_table *files;
    struct crew *crew;
    struct committer *committer;
};

/* The upstream's state, made when first asked for. Takes the lock. */
struct mirror_upstream *mirror_home(struct mirror *mirror, const struct upstream *upstream);
/* A copy that lives in the arena. */
struct upstream mirror_copy_upstream(const struct upstream *upstream, struct arena *arena);

/* Around each public call. STATUS_UPSTREAM_AWAY when the mirror stops; then there is no leaving. */
enum status mirror_enter(struct mirror *mirror, struct error *err);
void mirror_leave(struct mirror *mirror);

/* Whether something may be fetched now: not offline, room on the disk. */
enum status mirror_may_fetch(struct mirror *mirror, const struct upstream *upstream,
                             struct error *err);
/* Fills what all requests to this upstream have in common, with its credential where url is its own. */
enum status mirror_address(struct mirror *mirror, struct mirror_upstream *home,
                           const struct upstream *upstream, const char *url, struct arena *arena,
                           struct transfer_request *out, struct error *err);
/* Whether the host of this URL failed when last asked, and nobody knows that it is back. */
bool mirror_is_left_alone(const struct mirror_upstream *home, const char *url);
/* Whoever waits for a host that is left alone waits a moment to see whether it is back, and no longer: what
 * is let through to try it may take all the time that it has, and so may the next. What was begun goes on. */
struct mirror_patience {
    const struct mirror_upstream *home;
    const char *url;
    int64_t alone_since_ms;
};
/* Waits for moved, or a second. has_begun: an answer has. With the lock. false: that was long enough. */
bool mirror_wait(struct mirror *mirror, pthread_cond_t *moved, struct mirror_patience *patience,
                 bool has_begun);
/* How that failed. */
enum status mirror_gave_up(const struct upstream *upstream, struct error *err);
/* Sends it, unless the mirror stops. */
enum status mirror_submit(struct mirror *mirror, struct mirror_upstream *home,
                          const struct transfer_request *request, const struct transfer_sink *sink,
                          struct error *err);
/* What an answer's code means where no use can be made of it. */
enum status mirror_refusal(int code, const char *url, struct error *err);
/* Counts how a fetch ended, and logs why it failed. */
void mirror_count_end(struct mirror *mirror, struct mirror_upstream *home, int64_t bytes,
                      const char *name, const char *file, enum status rc, const struct error *err);

enum { BUCKETS = 4096 };
size_t mirror_bucket(int64_t upstream_id, const char *name, const char *file);

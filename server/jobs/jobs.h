/* What happens by itself: one thread, which wakes once a minute. */
#pragma once
#include "storage/catalog/signing_key.h"

struct jobs;

struct jobs_options {
    int64_t warn_bytes; /* less free space than this, or */
    int warn_percent;   /* than this share: the log warns, once until there is room again */
    int64_t grace_us, trash_us; /* of the sweep */
    int64_t upstream_cache_max; /* bytes; 0: no limit but the disk's */
    int64_t fetch_days;         /* how long fetches are known */
    signed_words words;         /* of versions that were published before there was a key */
};

enum status jobs_start(struct catalog *catalog, const struct jobs_options *options,
                       struct jobs **out, struct error *err);
/* Does once more what must not be lost, then stops; NULL does nothing. */
void jobs_stop(struct jobs *jobs);

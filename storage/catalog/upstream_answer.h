/* What an upstream answered besides documents and files, such as its signing keys and attestations: there
 * while the upstream is not, and held against what it says later. */
#pragma once
#include "storage/catalog/upstream.h"

struct upstream_answer {
    const void *body; /* what is served */
    size_t length;
    uint8_t said_sha256[SHA256_SIZE]; /* of what the upstream said, as its reader counts that the same */
    int64_t fetched_us;
    int64_t changed_us; /* when it last said something else than before; 0: never */
};
enum { UPSTREAM_ANSWER_MAX = 1 << 20 }; /* larger ones are not kept */

/* Where npm's upstreams have their signing keys, below their URL. */
#define UPSTREAM_KEYS_PATH "/-/npm/v1/keys"

/* path is any name that the upstream's own URL does not change. STATUS_NOT_FOUND where none was kept. */
enum status catalog_find_upstream_answer(struct catalog *catalog, const struct upstream *upstream,
                                         const char *path, struct arena *arena,
                                         struct upstream_answer *out, struct error *err);

struct transaction;

struct kept_answer {
    const char *name_fold; /* of the package that it is about, which must be the upstream's; NULL: of none */
    const char *path;
    const void *body;
    size_t length;
    const uint8_t *said_sha256;
    const char *action, *detail; /* of its event; NULL: none is written */
};
/* Keeps the answer. Nothing where the upstream's last one was the same, so that of many who see a change
 * one tells it. STATUS_CONFLICT "owner-changed" where the package is another's by now. */
enum status catalog_keep_upstream_answer(struct catalog *catalog, const struct upstream *upstream,
                                         const struct kept_answer *answer, struct error *err);

/* For operations: whatever was kept before; no event is written. */
enum status tx_keep_upstream_answer(struct transaction *tx, const struct upstream *upstream,
                                    const struct kept_answer *answer, struct error *err);

/* How old what is kept of an upstream is, by when it was last known to hold. */
struct upstream_age {
    int64_t documents, stale;      /* stale: not looked at since the given time */
    int64_t oldest_us, newest_us;  /* 0: there are none */
    int64_t answers;
};
enum status catalog_find_upstream_age(struct catalog *catalog, const struct upstream *upstream,
                                      int64_t stale_before_us, struct upstream_age *out,
                                      struct error *err);

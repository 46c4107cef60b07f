/* What we know of an upstream's files besides their listing: since when they are listed, and what their
 * archives say. Access spec C2. */
#pragma once
#include "storage/catalog/upstream.h"

struct transaction;

/* A file that came into a listing. */
struct listed {
    const char *version, *file; /* file "": the package, whose first listing came at first_us */
    int64_t after_us;           /* when we last fetched the listing without it; 0: never */
    int64_t first_us;           /* when we first fetched it with it */
    int64_t published_us;       /* of rows that are written: when that was, as it says by now; 0: it does not */
    bool has_moved; /* it was there, and its time is further back now than after_us, as it was said before */
};
/* None for a package that was never fetched. */
enum status catalog_walk_listed(struct catalog *catalog, const struct upstream *upstream,
                                const char *name_norm,
                                enum status (*visit)(void *context, const struct listed *listed,
                                                     struct error *err),
                                void *context, struct error *err);
/* For operations: what has been told once stays. A time that was told earlier is no reason to be older:
 * is_news says whether that was not known. */
enum status tx_note_moved(struct transaction *tx, int64_t package_id, const struct listed *listed,
                          bool *is_news, struct error *err);
/* For operations: what has been told once stays. */
enum status tx_note_listed(struct transaction *tx, int64_t package_id, const struct listed *listed,
                           struct error *err);

/* What the archives of a name say, as facts in their stored form. They belong to the org, as pins do. */
enum status catalog_walk_archive_facts(struct catalog *catalog, int64_t org_id, enum format format,
                                       const char *name_fold,
                                       enum status (*visit)(void *context, const char *file,
                                                            const char *facts, struct error *err),
                                       void *context, struct error *err);
/* For operations. The first bytes of a file are the only ones, so what they say is written once. */
enum status tx_keep_archive_facts(struct transaction *tx, int64_t org_id, enum format format,
                                  const char *name_fold, const char *file, const char *facts,
                                  struct error *err);

/* Keeps what was fetched: takes what has been verified, flushes it, and commits it in groups. Answers
 * do not wait for it, but for a name's first document. Storage spec 7.3. */
#pragma once
#include "storage/catalog/ingest.h"
#include <stdbool.h>

struct committer;

/* Something to keep; what it points to lives until done was called. */
struct fill {
    struct fill *next;
    int64_t since_ms;
    struct ingest ingests[2]; /* the second: a file's sidecar */
    size_t count;
    /* Called on the committer's thread; frees the fill. ingests[0].rc tells how it went. */
    void (*done)(struct fill *fill);
};

enum fill_hurry {
    FILL_NOW,     /* somebody waits */
    FILL_SOON,    /* with others, or after 200 ms */
    FILL_SOMEDAY, /* with others, or after 30 s */
};

enum status committer_start(struct catalog *catalog, struct committer **out, struct error *err);
void committer_add(struct committer *committer, struct fill *fill, enum fill_hurry hurry);
/* Commits what was added, then ends; NULL does nothing. */
void committer_stop(struct committer *committer);

/* Making room by what can be fetched again: files of upstreams, those nobody has asked for longest and
 * the largest first. Their rows and pins stay, so that what comes back must be the same bytes. Storage
 * spec 7.5. */
#pragma once
#include "storage/catalog/catalog.h"

struct transaction;

/* Files that were asked for since it was last written down. Locked inside; shared by all threads. */
struct seen_files;
struct seen_files *seen_files_new(void);
void seen_files_free(struct seen_files *seen);

/* A file of an upstream was served. Costs no query; under a flood of files some are not noted. */
void catalog_note_seen(struct catalog *catalog, int64_t file_id);
/* Writes down what was noted. */
enum status catalog_write_seen(struct catalog *catalog, struct error *err);

/* How many bytes of upstreams' files are kept. */
enum status catalog_cached_bytes(struct catalog *catalog, int64_t *out, struct error *err);
/* Evicts files until that many bytes are let go of, or none is left that came more than a day ago. Their
 * bytes leave the disk with the sweep's next steps. */
enum status catalog_evict(struct catalog *catalog, int64_t bytes, int64_t *evicted_bytes,
                          int64_t *evicted_files, struct error *err);

/* A file of an upstream whose bytes are here. */
struct evictable {
    int64_t id, blob_id, size, repository_id, org_id;
    const char *name_norm;
};
/* For operations: the same with one of them. *was_there: false where it had gone meanwhile. */
enum status tx_evict_file(struct transaction *tx, const struct evictable *file, bool *was_there,
                          struct error *err);

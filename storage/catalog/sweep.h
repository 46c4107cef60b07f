/* What nothing refers to any more: condemned, given up after the time to restore, taken off the disk.
 * In small steps, each an operation of the writer; a step that a crash cuts short is done by the next
 * one. No step's safety depends on a clock. Storage spec 3.4, 3.5. */
#pragma once
#include "storage/catalog/catalog.h"

/* Every column that refers to a blob. tests/contract/removal_test.c compares with the schema. */
#define BLOB_IS_UNREFERENCED                                                                       \
    "NOT EXISTS(SELECT 1 FROM file f WHERE f.blob_id = blob.id)"                                   \
    " AND NOT EXISTS(SELECT 1 FROM upstream_document u WHERE u.body_blob = blob.id)"

struct sweep {
    int64_t grace_us; /* how long bytes without a reference are left alone: 24 h */
    int64_t trash_us; /* how long they are kept after that: trash_days */
    int64_t next_id;  /* where the next step begins; 0 after a whole round */

    /* Added up. */
    int64_t condemned, given_up, unlinked, unlinked_bytes;
};

/* Looks at the next 10,000 blobs, and gives up at most 500 whose time has come. */
enum status catalog_sweep_step(struct catalog *catalog, struct sweep *sweep, struct error *err);
/* Takes the bytes of blobs that are given up off the disk, then their rows. */
enum status catalog_unlink_given_up(struct catalog *catalog, struct error *err);

/* At start: files that a crash left without a row are moved to quarantine/, and what has lain there
 * for a week goes. Looks at the folders of the day before the last change, and later ones. */
enum status catalog_sweep_orphans(struct catalog *catalog, int64_t *moved, struct error *err);

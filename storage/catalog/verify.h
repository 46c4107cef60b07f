/* Every row and byte accounted for. Storage spec 8.1: V1-V4, V6, V9. Reads only. */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stdint.h>

struct arena;

struct verify_report {
    int64_t files, versions, blobs, bytes, orphans, orphan_bytes;
    const char **findings; /* sentences; in the arena */
    int64_t finding_count; /* may be more than are listed */
};

/* Looks at a data directory, in use or not. full reads every byte. progress may be NULL.
 * STATUS_OK says that it could look: the findings are in the report. */
enum status catalog_verify(const char *data, bool full, struct arena *arena,
                           struct verify_report *report,
                           void (*progress)(int64_t done, int64_t total), struct error *err);

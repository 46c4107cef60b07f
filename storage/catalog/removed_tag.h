/* The tags of a version that goes, and that comes back: no tag ever dangles. npm 16.1. */
#pragma once
#include "storage/catalog/writer.h"

/* For operations, once the version is marked as removed. npm's "latest" moves to the highest release at
 * or below it, else the highest release, else the highest pre-release; other tags go. */
enum status tx_take_tags(struct transaction *tx, enum format format, int64_t package_id,
                         int64_t version_id, struct error *err);
/* Once it is live again: its tags return, but for those that somebody has set meanwhile. */
enum status tx_return_tags(struct transaction *tx, enum format format, int64_t package_id,
                           int64_t version_id, struct error *err);

/* What operations do to the ordered sources of a repository; see upstream.h for everybody else. */
#pragma once
#include "storage/catalog/writer.h"

/* STATUS_CONFLICT, without words, where it is one already. */
enum status tx_append_source(struct transaction *tx, int64_t repository_id, int64_t source_id,
                             struct error *err);

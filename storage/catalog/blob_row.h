/* What a publish and an ingest do alike, as parts of their operations. */
#pragma once
#include "config/error.h"
#include <stddef.h>
#include <stdint.h>

struct stage;
struct transaction;

/* Claims the bytes and learns which incarnation won: the one that is live or only
 * condemned, whose bytes are still there, else the stage's. Digests
 * that an earlier claim of the same bytes did not need are filled in. nonce may be NULL. */
enum status tx_claim_blob(struct transaction *tx, struct stage *stage, int64_t *blob_id,
                          int64_t *nonce, struct error *err);
/* Counts files and bytes for the org. */
enum status tx_add_usage(struct transaction *tx, int64_t org_id, size_t files, int64_t bytes,
                         struct error *err);

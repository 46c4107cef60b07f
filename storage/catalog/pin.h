/* Pins and tombstones, as the operations of an ingest hold to them. */
#pragma once
#include "storage/catalog/ingest.h"

struct transaction;

/* Writes the pin of the ingest's file, or compares: STATUS_CONFLICT "bytes-changed". */
enum status tx_hold_pin(struct transaction *tx, const struct ingest *ingest, struct error *err);
enum status pin_conflict(const char *file, struct error *err);
/* STATUS_GONE "removed" for what is tombstoned. */
enum status tx_check_removed(struct transaction *tx, const struct ingest *ingest,
                             struct error *err);
/* Any other event of a file that is not what it was said to be. */
enum status tx_report_fault(struct transaction *tx, const struct upstream *upstream,
                            const struct byte_fault *fault, struct error *err);
/* The event of an ingest whose bytes are not the pinned ones. */
enum status tx_report_pin(struct transaction *tx, const struct ingest *ingest, struct error *err);

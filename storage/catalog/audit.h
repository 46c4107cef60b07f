/* What was done, by whom. Rows are written by tx_record(), in the transaction of the change. */
#pragma once
#include "storage/catalog/catalog.h"

struct arena;

struct audit_entry {
    int64_t id, at_us;
    const char *actor, *peer, *action, *target, *detail, *request_id;
};

/* Newest first, before this id (0: from the top). org_id 0: the instance's own. */
enum status catalog_list_audit(struct catalog *catalog, int64_t org_id, int64_t before,
                               size_t limit, struct arena *arena, struct audit_entry **out,
                               size_t *count, struct error *err);

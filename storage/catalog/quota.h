/* How many bytes an org may keep, all its repositories and what its upstreams brought counted. */
#pragma once
#include "storage/catalog/access.h"

struct transaction;

struct quota {
    int64_t limit; /* bytes; 0: none */
    int64_t used, files;
};

/* The org's own limit, else the setting's. */
enum status catalog_find_quota(struct catalog *catalog, int64_t org_id, struct quota *out,
                               struct error *err);
/* limit 0: none, whatever the setting says. */
enum status catalog_set_quota(struct catalog *catalog, const struct actor *actor,
                              const struct org *org, int64_t limit, struct error *err);

/* STATUS_FULL "quota-full", with how much is left, where that many bytes more would be too many. */
enum status quota_check(const struct quota *quota, const char *org, int64_t more, struct error *err);
/* For operations that have counted their bytes already. */
enum status tx_find_quota(struct transaction *tx, int64_t org_id, int64_t default_limit,
                          struct quota *out, struct error *err);

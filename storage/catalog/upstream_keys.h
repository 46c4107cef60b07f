/* An administrator takes the signing keys that an upstream says now for those that were seen first. */
#pragma once
#include "storage/catalog/access.h"
#include "storage/catalog/upstream_answer.h"

/* Pins answer in the place of what was pinned, under the administrator's name. *forgotten: how many files had
 * failed by the keys before; what was known of their signatures is forgotten, and their bytes are fetched anew, so
 * that they are judged by these. */
enum status catalog_accept_upstream_keys(struct catalog *catalog, const struct actor *actor,
                                         const struct upstream *upstream,
                                         const struct kept_answer *answer, int64_t *forgotten,
                                         struct error *err);

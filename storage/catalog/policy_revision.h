/* An org's policy, as numbered revisions that never change: the newest holds. Access spec C3. The text is
 * checked and its cases run by whoever sets it; see policy/. */
#pragma once
#include "storage/catalog/catalog.h"

struct actor;
struct arena;

struct policy_revision {
    int64_t number; /* from 1 on */
    const char *text, *reason, *by;
    int64_t created_us;
};

/* Makes the next revision. expected: the number that the caller saw, 0: none; -1: whichever there is.
 * STATUS_PRECONDITION "policy-changed" where another one holds by now. */
enum status catalog_set_policy(struct catalog *catalog, const struct actor *actor, int64_t org_id,
                               const char *text, const char *reason, int64_t expected,
                               int64_t *number, struct error *err);
/* number 0: the one that holds. STATUS_NOT_FOUND without one. */
enum status catalog_find_policy(struct catalog *catalog, int64_t org_id, int64_t number,
                                struct arena *arena, struct policy_revision *out, struct error *err);
/* Newest first, without texts, before this number (0: from the top). */
enum status catalog_list_policies(struct catalog *catalog, int64_t org_id, int64_t before,
                                  size_t limit, struct arena *arena, struct policy_revision **out,
                                  size_t *count, struct error *err);

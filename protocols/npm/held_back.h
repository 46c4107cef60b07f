/* What policy holds back, taken out of a packument and told of: 16.1 to 16.3. */
#pragma once
#include "config/error.h"

struct arena;
struct npm_upstream_packument;
struct package_verdicts;

/* Takes away the versions that are blocked, and those that policy has not looked at. To be called
 * before npm_upstream_settle_tags(). */
void npm_hold_back(struct npm_upstream_packument *packument,
                   const struct package_verdicts *verdicts, struct arena *arena);
/* One text for all that is held back, for npm to print. */
const char *npm_restriction(const struct npm_upstream_packument *packument,
                            const struct package_verdicts *verdicts, struct arena *arena);
/* STATUS_FORBIDDEN, where there is nothing else. */
enum status npm_refuse_all(const struct npm_upstream_packument *packument,
                           const struct package_verdicts *verdicts, struct arena *arena,
                           struct error *err);
/* STATUS_FORBIDDEN where the version is there and blocked, else STATUS_NOT_FOUND. */
enum status npm_no_version(const struct npm_upstream_packument *packument,
                           const struct package_verdicts *verdicts, const char *wanted,
                           struct arena *arena, struct error *err);

/* Ranges of semantic versions, in npm's grammar: "^1.4", "1.x || >=2.5.0-rc.1", "1.2 - 2.3". */
#pragma once
#include "storage/memory/semver.h"

struct arena;
struct semver_range;

/* NULL where the text is no range; "" is any version. The result points into text and lives in the
 * arena. */
const struct semver_range *semver_range_parse(const char *text, struct arena *arena);
/* As npm decides it: a prerelease satisfies only a range that names one of the same
 * major.minor.patch. A version with a number above 2^53 - 1, which JavaScript cannot count,
 * satisfies none. */
bool semver_satisfies(const struct semver *version, const struct semver_range *range);
/* By the order of versions alone: prereleases too. For whoever refuses what is in a range. */
bool semver_is_within(const struct semver *version, const struct semver_range *range);
/* Whether any version can be in the range: none is in ">2 <1". */
bool semver_range_is_possible(const struct semver_range *range);

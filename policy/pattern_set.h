/* Many patterns, asked at once: those that name one package are found without looking at the
 * others. */
#pragma once
#include "policy/pattern.h"

struct pattern_set {
    const struct package_pattern **exact; /* sorted by format and name */
    size_t exact_count;
    const struct package_pattern **starred;
    size_t starred_count;
};

/* Sorts the patterns, which are the set's from now on, in place. */
void pattern_set_init(struct pattern_set *set, const struct package_pattern **patterns,
                      size_t count);
bool pattern_set_matches(const struct pattern_set *set, enum format format, const char *name,
                         const char *version);
/* The same for a set of names that were folded, as the name here is first. */
bool pattern_set_names(const struct pattern_set *set, enum format format, const char *name);

/* A name with stars, without a range, folded. NULL where no package can have such a name. */
const struct package_pattern *package_pattern_for_name(enum format format, const char *name,
                                                       struct arena *arena);

/* Packages as policies and approvals name them: "npm:@types/ui-*", "npm:lodash@^4",
 * "pypi:requests>=2.31". */
#pragma once
#include "config/error.h"
#include "policy/format.h"
#include <stdbool.h>

struct arena;
struct package_pattern;

enum { PACKAGE_PATTERN_MAX = 512 };

/* FORMAT:NAME with stars, then perhaps a range of the format: behind '@', or for Python as pip
 * takes it. STATUS_INVALID "pattern-invalid" says what is wrong. text is copied; the result lives
 * in the arena. */
enum status package_pattern_parse(const char *text, struct arena *arena,
                                  const struct package_pattern **out, struct error *err);
/* npm's names are compared as they are written, Python's normalised. A prerelease is in a range
 * only if the range names one, as npm and pip have it: what lets through, lets through no more than
 * it says. */
bool package_pattern_matches(const struct package_pattern *pattern, enum format format,
                             const char *name, const char *version);
const char *package_pattern_text(const struct package_pattern *pattern);
enum format package_pattern_format(const struct package_pattern *pattern);
/* The one name that it is about; NULL where it has a star. */
const char *package_pattern_name(const struct package_pattern *pattern);

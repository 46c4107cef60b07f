/* Semantic Versioning 2.0.0, as far as all formats that use it agree: what is one, and their order.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct strbuf;

/* The parts of a version, pointing into its text; nothing is copied. */
struct semver {
    const char *major, *minor, *patch; /* decimal digits, without leading zeros */
    size_t major_length, minor_length, patch_length;
    const char *prerelease; /* what stands between '-' and '+'; NULL for a release */
    size_t prerelease_length;
    const char *build; /* what stands behind '+'; NULL without it */
    size_t build_length;
};

enum { SEMVER_LENGTH_MAX = 255 };

/* Strict: three numbers, no 'v' in front. false for anything else, or over SEMVER_LENGTH_MAX. */
bool semver_parse(const char *text, struct semver *out);
/* Adds bytes whose order (memcmp, the shorter first) is the versions' order; versions that differ
 * only in their build part, which has no order of its own (item 10), follow its bytes. */
void semver_sort_key(const struct semver *version, struct strbuf *out);

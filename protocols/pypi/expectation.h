/* What a wheel has to agree with when it comes: its page, and the METADATA that the upstream has beside it.
 * Access spec C2, manifest_mismatch. */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct core_metadata;
struct mirror_wish;
struct settings;

/* Copied into a wish. */
struct pypi_expectation {
    const struct settings *settings;
    size_t requires_python, sidecar; /* places in text; 0: not said, not here */
    char text[];
};
/* requires_python, of the page, and sidecar, the METADATA beside the wheel, may be NULL. */
const struct pypi_expectation *pypi_expect(const struct settings *settings,
                                           const char *requires_python, const char *sidecar,
                                           struct arena *arena, size_t *size);
/* Whether they say other things than the archive's METADATA, which can be read: name, version, what Python it wants, dependencies, and
 * the licence. What they leave out is no lie. */
bool pypi_contradicts(const struct pypi_expectation *expected, const char *archive,
                      struct arena *arena);

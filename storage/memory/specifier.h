/* Version specifiers, as Requires-Python and policies have them (PEP 440, "Version specifiers"). */
#pragma once
#include <stdbool.h>

/* Whether all of the comma-separated clauses are ones that clients understand. pip passes over a
 * set that is not, and uv drops its file. */
bool specifier_set_is_valid(const char *text);
/* Whether a version is in a valid set. Prereleases are only where they are asked for, or where a
 * clause names one, as pip has it. false for what is no version. */
bool specifier_set_allows(const char *text, const char *version, bool prereleases);
/* Whether any version can be in a valid set: none is in ">2,<1". */
bool specifier_set_is_possible(const char *text);

/* Version specifiers, as Requires-Python has them (PEP 440, "Version specifiers"). */
#pragma once
#include <stdbool.h>

/* Whether all of the comma-separated clauses are ones that clients understand. pip passes over a
 * set that is not, and uv drops its file. */
bool specifier_set_is_valid(const char *text);

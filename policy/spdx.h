/* SPDX licence expressions (SPDX 2.3 annex D) and lists of licences that are allowed or not. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct spdx_expression;

enum { SPDX_LENGTH_MAX = 1024, SPDX_DEPTH_MAX = 32 };

/* NULL where the text is none. text is copied; the result lives in the arena. */
const struct spdx_expression *spdx_parse(const char *text, struct arena *arena);
/* Whether a choice can be made that uses licences of the list alone: OR needs one branch, AND both.
 * Entries are ids, "ID WITH EXCEPTION", or either with stars ("BSD-*"); case does not matter. "ID+"
 * and "ID-or-later" are met by an entry of that spelling; a licence with an exception also by its
 * bare id. */
bool spdx_is_allowed(const struct spdx_expression *expression, const char *const *list,
                     size_t count);

/* The expression of an old-style licence field or of classifiers ("License :: OSI Approved :: MIT
 * License"); NULL where nobody can tell. Several classifiers are joined with AND, for it is not
 * said which may be chosen. */
const char *spdx_from_classifiers(const char *const *classifiers, size_t count,
                                  struct arena *arena);

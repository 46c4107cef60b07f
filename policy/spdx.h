/* SPDX licence expressions (SPDX 2.3, annex D) and lists of licences. No table of licences: what
 * has the shape of an id is one, and a policy's lists say which are welcome. Nothing is allocated
 * but where an arena is asked for. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct arena;

enum { SPDX_LENGTH_MAX = 1024, SPDX_DEPTH_MAX = 32 };

bool spdx_is_valid(const char *text);

/* An entry of a list, ready for the functions below: an id, "ID WITH EXCEPTION", or either with
 * stars
 * ("BSD-*"). NULL where it can be none. */
const char *spdx_list_entry(const char *text, struct arena *arena);
/* Whether a choice can be made that uses licences of the list alone: OR needs one branch, AND both.
 * An entry without an exception is also met by its licence with one, an entry "ID" also by "ID+".
 * GNU's old spellings mean the new: "GPL-2.0" is "GPL-2.0-only". Case does not matter. false for
 * what is no expression. */
bool spdx_is_allowed(const char *text, const char *const *list, size_t count);
/* Whether a choice can be made that uses no licence of the list. false for what is no expression.
 */
bool spdx_avoids(const char *text, const char *const *list, size_t count);

/* The expression that a Python project's classifiers mean ("License :: OSI Approved :: MIT
 * License"), all of them joined with AND, for they do not say which may be chosen. Others than
 * those about licences are passed over. NULL where there is none, or one that could mean anything.
 */
const char *spdx_from_classifiers(const char *const *classifiers, size_t count,
                                  struct arena *arena);

/* Patterns with stars, over names that may have segments. */
#pragma once
#include <stdbool.h>

/* '*' stays within a segment, '**' does not. Takes time linear in the text for each segment, so
 * that no pattern of a stranger is slow. */
bool glob_matches(const char *glob, const char *text);

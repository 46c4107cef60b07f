/* A request's path in segments, each percent-decoded exactly once (npm spec 2.2, civetweb-notes 3).
 */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stddef.h>

struct arena;

struct segment {
    const char *text; /* decoded; UTF-8 without control bytes, never "", "." or ".." */
    size_t length;
    bool has_slash; /* a slash that was encoded */
};

enum { PATH_SEGMENTS_MAX = 64, PATH_LENGTH_MAX = 8192 };

struct path {
    struct segment *segments;
    size_t count;
    bool has_empty; /* two slashes in a row; empty segments are not listed */
    bool ends_with_slash;
};

/* target is the path as sent. STATUS_INVALID "invalid-path" for what no client means well: bad
 * escapes, NUL and control bytes, backslashes, "." and "..", what is no UTF-8. */
enum status path_parse(const char *target, struct arena *arena, struct path *out,
                       struct error *err);
/* Whether a segment is "@scope/name" with its slash encoded. */
bool path_segment_is_scoped(const struct segment *segment);
/* The segments from this one on, joined by '/'; with the final slash if it is wanted and there. */
char *path_join(const struct path *path, size_t from, bool with_final_slash, struct arena *arena);

/* METADATA of a wheel: the core metadata of a distribution, as far as the index tells it on. */
#pragma once
#include "config/error.h"
#include <stdbool.h>

struct arena;

/* As written, without blanks around; folded lines are joined. */
struct core_metadata {
    const char *name, *version;
    const char *requires_python; /* NULL without it */
    const char *license; /* an SPDX expression, from License-Expression, classifiers or License; NULL:
                            nobody can tell */
};

/* text ends with a NUL. STATUS_INVALID where it breaks the core metadata specification: no UTF-8, a
 * metadata version that nobody knows, what is needed absent, or twice. The parts live in the arena.
 */
enum status core_metadata_parse(const char *text, size_t length, struct arena *arena,
                                struct core_metadata *out, struct error *err);

/* Visits every field of the head, names as written, whatever else is wrong with it. The text ends with a
 * NUL; what is visited lives in the arena. false: a line of it is no field, and what follows is not seen. */
bool core_metadata_each(const char *text, struct arena *arena,
                        void (*visit)(void *context, const char *name, const char *value), void *context);

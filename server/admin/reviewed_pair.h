/* Which files show what is new in a version: one of it, and one of the nearest earlier version that comes
 * in, by policy or by an exception. */
#pragma once
#include "protocols/http/verdicts.h"
#include "policy/purl.h"
#include "protocols/review/review_format.h"

struct reviewed_pair {
    const char *version, *file;
    const char *before_version, *before_file; /* NULL: nothing earlier comes in that can be compared */
    int64_t exception;        /* by which the earlier one comes in; 0: policy lets it */
    const char **others;      /* the version's other files */
    size_t other_count;
};

/* file: the one to look at; NULL: that which compares best. STATUS_NOT_FOUND where the version, or the
 * file, is not there. Of the repository that req names, in its arena. */
enum status reviewed_pair_find(struct request *req, const struct review_format *format,
                               const struct verdict_subject *subject, const struct purl *purl,
                               const char *file, struct reviewed_pair *out);

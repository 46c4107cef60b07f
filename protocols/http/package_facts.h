/* All that is known of a package's files, gathered once and kept until the listing changes or a file of
 * it comes: another policy looks at them again without reading the listing. */
#pragma once
#include "protocols/http/verdicts.h"

struct document;

/* Immutable. What depends on the verdicts before, new_install_scripts, is unknown in all of them. */
struct package_facts {
    const struct facts *list; /* in the order in which they were published */
    size_t count;
    int64_t upstream_us; /* when the upstream was made that they are of */
    uint64_t generation; /* of the document that they are from */
    bool is_provisional; /* for one look: more will be known soon. All that is published here is */
    size_t size;         /* of the block that all of it is in */
};

/* The caller lets go of *out, whose value they are. known NULL: nothing has been read yet. */
enum status package_facts_get(struct request *req, const struct verdict_subject *subject,
                              const char *name_fold, const struct read_document *known,
                              const struct document **out, struct error *err);

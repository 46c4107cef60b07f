/* What clients would see of a name, and would not, if another owned it. */
#pragma once
#include "protocols/http/request.h"
#include "storage/catalog/owner.h"

struct version_list {
    const char **versions;
    size_t count;
};

struct owner_preview {
    struct version_list gone; /* of whoever owns it now: stored, or shown by the upstream's kept document */
    struct version_list seen; /* of whoever is to own it */
};

/* to NULL: the org. Nobody outside is asked: of an upstream whose document is not kept nothing is known.
 * Both are empty where the name is his already. */
enum status owner_preview_read(struct request *req, int64_t org_id, enum format format, const char *name,
                               const struct upstream *to, struct owner_preview *out);

/* What a format knows of its releases when two of them are to be compared. One constant of each
 * protocol. */
#pragma once
#include "config/error.h"
#include "policy/format.h"
#include "protocols/review/release.h"

struct mirror_document;
struct request;
struct verdict_subject;

struct review_format {
    enum format format;
    /* How well two files of different versions compare: 0 not at all, 3 best. file alone, other NULL: how
     * much it says of its version. */
    int (*likeness)(const char *file, const char *other, struct arena *arena);
    /* Gets the file where it is not here, as for anybody who asks, and reads it. Nothing leaves. document:
     * the upstream's; NULL where it is published here. What is wrong with its bytes is said in
     * release->broken; a failure is the upstream's, or ours. */
    enum status (*read)(struct request *req, const struct verdict_subject *subject,
                        const struct mirror_document *document, const char *version, const char *file,
                        struct release *out);
};

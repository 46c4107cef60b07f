/* What an upstream has of a project, as its page says, and as this house knows better: what was
 * removed here is gone, and a file's first bytes stay what they were. */
#pragma once
#include "protocols/http/request.h"
#include "protocols/pypi/upstream_page.h"

struct mirror_document;
struct upstream;

struct listed_file {
    struct upstream_file file;   /* as the page has it; has_metadata and its digest as we have it */
    char sha256[DIGEST_HEX_MAX]; /* of the page or, once it came, of the file; "" while nobody knows
                                  */
};

struct listing {
    struct upstream_page page;
    struct listed_file *files; /* by name, no name twice */
    size_t count;
};

/* Reads the document. only: nothing but this file of it; NULL: all. STATUS_BAD_UPSTREAM as
 * upstream_page_read(). All lives in the request's arena. */
enum status listing_read(struct request *req, const struct upstream *upstream,
                         const struct mirror_document *document, const char *project,
                         const char *only, struct listing *out, struct error *err);

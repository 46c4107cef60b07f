/* A file, or a wheel's METADATA beside it, that comes from an upstream now. */
#pragma once
#include "config/error.h"
#include <stdbool.h>

struct mirror_document;
struct request;
struct response;
struct upstream;
struct verdict_subject;
struct whole_file;

/* file is the main one, also where its sidecar is asked for. STATUS_NOT_FOUND where the upstream's
 * page has it not, or with another digest than the address has. */
enum status fetched_file_respond(struct request *req, struct response *res,
                                 const struct upstream *upstream,
                                 const struct mirror_document *document, const char *project,
                                 const char *file, bool is_sidecar);
/* All of a file that the page names, or that was kept while it did, or is published here; for who looks into
 * it here.
 * STATUS_NOT_FOUND where there is none. */
enum status fetched_file_open(struct request *req, const struct verdict_subject *subject,
                              const struct mirror_document *document, const char *file,
                              struct whole_file *out);
/* The METADATA beside a wheel, ending with a NUL, in the request's arena: kept, published here or fetched
 * now. NULL where it cannot be had. */
const char *fetched_sidecar_read(struct request *req, const struct verdict_subject *subject,
                                 const struct mirror_document *document, const char *wheel);

/* PEP 740: what is attested of a file, which clients verify themselves. An upstream's is kept from the first
 * time on; nothing is attested of files of our own. */
#pragma once
#include "protocols/pypi/upstream_page.h"

struct request;
struct response;
struct upstream;

/* Where we have it; NULL where the upstream's page names none, or one on another host than its own, or
 * where our own address is no https, which PEP 740 demands. In the request's arena. */
const char *provenance_address(struct request *req, const struct upstream *upstream,
                               const char *project, const struct upstream_file *file);

/* Handler. */
enum status pypi_get_provenance(struct request *req, struct response *res);

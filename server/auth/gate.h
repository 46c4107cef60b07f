/* Before a handler runs: who asks, whether he may, and whether the body has a size that is taken.
 * What one may not see looks the same as what is not there (access spec B7, DESIGN 4). */
#pragma once
#include "protocols/http/request.h"
#include "storage/catalog/access.h"

struct response;

/* Fills principal and repository of a routed request, and puts the route's limit before its body.
 * On failure the challenge of a 401 is set. */
enum status gate_check(struct request *req, struct response *res);

/* The same words for handlers whose object is named in the body or the query. */
/* STATUS_NOT_FOUND for an org or a repository ("org/repo") that is not there, or not for these
 * eyes. */
enum status gate_no_org(struct request *req, const char *org);
enum status gate_no_repository(struct request *req, const char *path);
/* STATUS_FORBIDDEN for what the caller sees and may not do. */
enum status gate_forbidden(struct request *req, enum action action, const char *what);
/* That a caller who is signed in may do this to the org as a whole. */
enum status gate_check_org(struct request *req, const char *org, enum action action);

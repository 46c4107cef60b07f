/* Before a handler runs: who asks, whether he may, and whether the body has a size that is taken.
 * What one may not see looks the same as what is not there (access spec B7, DESIGN 4). */
#pragma once
#include "protocols/http/request.h"

struct response;

/* Fills principal and repository of a routed request, and puts the route's limit before its body.
 * On failure the challenge of a 401 is set. */
enum status gate_check(struct request *req, struct response *res);

/* Attestations of upstreams, which clients verify themselves. npm spec 15. */
#pragma once
#include "protocols/http/response.h"

/* Handlers: what is attested of one version, also where npm 10 asks for it: with the repository's path
 * twice. */
enum status npm_get_attestations(struct request *req, struct response *res);
enum status npm_get_attestations_again(struct request *req, struct response *res);

/* The signing keys of upstreams: seen once, and held to. npm spec 15.1, access spec C5. */
#pragma once
#include "protocols/http/response.h"

/* Handler: the keys of all upstreams as one list. */
enum status npm_get_keys(struct request *req, struct response *res);

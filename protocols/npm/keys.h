/* The signing keys of upstreams, seen once and held to, and the instance's own. npm spec 15.1, access spec C5. */
#pragma once
#include "protocols/http/response.h"
#include "protocols/http/upstream_keys.h"
#include "protocols/npm/member.h"
#include "storage/catalog/upstream.h"

/* The keys of one upstream, as an array: those that were seen, and where none were, those that it says now.
 * Without text where it has none, or says nothing. */
struct npm_value npm_known_keys(struct request *req, const struct upstream *upstream);
/* Handler: the instance's keys and those of all upstreams as one list. */
enum status npm_get_keys(struct request *req, struct response *res);
/* What an upstream's keys are held to, against what it says now. */
extern const struct upstream_keys_format npm_upstream_keys_format;

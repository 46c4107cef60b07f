/* From a path to a row of a route table: the longest static match. Compiled once; finding takes no
 * memory but the request's arena. Safe for any number of threads. */
#pragma once
#include "protocols/http/route.h"

struct response;
struct router;

/* Refuses a table with an undecided access row, a bad pattern, or two rows for one request. The
 * mounts outlive the router. */
enum status router_new(const struct mount *const *mounts, size_t count, struct router **out,
                       struct error *err);
void router_free(struct router *router);

/* Fills mount, route and params of the request. STATUS_INVALID for a path that no client means
 * well (civetweb-notes 3), STATUS_NOT_FOUND, or STATUS_NOT_ALLOWED with the Allow header set. The
 * mount is set wherever its prefix fits, so that a failure is told in its words. */
enum status router_find(const struct router *router, struct request *req, struct response *res);

/* "GET" and so on. */
const char *method_name(enum method method);

/* One request from its head to its answer: route, gate, handler, and what a failure looks like. */
#pragma once
#include "protocols/http/route.h"

struct dispatcher;
struct response;

/* Refuses a table with an undecided access row, duplicate rows or bad patterns. service and mounts
 * outlive the dispatcher. */
enum status dispatcher_new(const struct service *service, const struct mount *const *mounts,
                           size_t count, struct dispatcher **out, struct error *err);
void dispatcher_free(struct dispatcher *dispatcher);

/* Never fails: whatever goes wrong is in the response. The request's line, headers, body, arena, id
 * and peer are filled; service, route, params, principal and repository are filled here. */
void dispatch(struct dispatcher *dispatcher, struct request *req, struct response *res);

/* Turns the failure in req->error, of this status, into the response: for a request that never came
 * as far as dispatch(), such as one with a bad head. Only arena, id and method need be filled. */
void dispatch_failure(struct request *req, struct response *res, enum status status);

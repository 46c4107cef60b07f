/* Whose a name is that somebody publishes or changes. Nobody takes a public name by accident: DESIGN 1. */
#pragma once
#include "protocols/http/request.h"
#include "storage/catalog/owner.h"

/* STATUS_OK where the name has an owner already (whose it is, the publish itself looks at), where the
 * caller administers the repository, or where every upstream of the org says that it has not got the name.
 * STATUS_FORBIDDEN where one has it; STATUS_UPSTREAM_AWAY "name-not-known" where one cannot be asked. */
enum status publish_check_name(struct request *req, enum format format, const char *name,
                               const char *name_norm);

/* STATUS_FORBIDDEN "name-owned-by-upstream" where an upstream owns the name. */
enum status publish_check_owner(struct request *req, enum format format, const char *name,
                                const char *name_norm);
/* Why a package cannot be changed that this repository does not keep: STATUS_FORBIDDEN where an upstream
 * or another repository of the org has it, for clients take STATUS_NOT_FOUND of a removal for success. */
enum status publish_no_package(struct request *req, enum format format, const char *name,
                               const char *name_norm);

/* Nobody takes a public name by accident: the first publish under a name that nobody owns. DESIGN 1. */
#pragma once
#include "protocols/http/request.h"
#include "storage/catalog/owner.h"

/* STATUS_OK where the name has an owner already (whose it is, the publish itself looks at), where the
 * caller administers the repository, or where every upstream of the org says that it has not got the name.
 * STATUS_FORBIDDEN where one has it; STATUS_UPSTREAM_AWAY "name-not-known" where one cannot be asked. */
enum status publish_check_name(struct request *req, enum format format, const char *name,
                               const char *name_norm);

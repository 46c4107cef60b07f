/* The documents that clients read: a package with all its versions, in full or abbreviated, one
 * version's manifest, and the tags. */
#pragma once
#include "protocols/http/response.h"
#include "storage/catalog/package.h"

/* The _rev of the package as it is now: opaque, another one after each change. */
const char *npm_revision(const struct package *package, struct arena *arena);

/* Handlers. The last two of them are kept in the document cache, so a hit asks no row. */
enum status npm_get_version(struct request *req, struct response *res);
enum status npm_get_packument(struct request *req, struct response *res);
enum status npm_get_tags(struct request *req, struct response *res);

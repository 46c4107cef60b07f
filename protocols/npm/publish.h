/* PUT of a package: a new version, with its tarball. */
#pragma once
#include "protocols/http/response.h"

enum status npm_put_package(struct request *req, struct response *res);
/* The largest body of a publish, as the settings have it. */
int64_t npm_publish_limit(const struct settings *settings);

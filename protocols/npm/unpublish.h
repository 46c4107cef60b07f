/* Unpublish, as npm and pnpm do it: one version by sending the document back without it, and then its
 * tarball's address; a package whole by its revision. Spec 8.2. Removals like any others. */
#pragma once
#include "protocols/http/response.h"

enum status npm_put_revision(struct request *req, struct response *res);
enum status npm_delete_package(struct request *req, struct response *res);
enum status npm_delete_tarball(struct request *req, struct response *res);

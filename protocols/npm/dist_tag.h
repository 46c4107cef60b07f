/* dist-tags: movable names for versions. */
#pragma once
#include "protocols/http/response.h"

enum { NPM_TAG_BODY_MAX = 1 << 10, NPM_TAGS_BODY_MAX = 64 << 10 };

enum status npm_put_tag(struct request *req, struct response *res);
enum status npm_delete_tag(struct request *req, struct response *res);
/* Sets many at once, from an object; tags that it does not name stay. */
enum status npm_put_tags(struct request *req, struct response *res);

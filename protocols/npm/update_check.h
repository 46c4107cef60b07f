/* npm asks its registry for the packument of npm, pnpm for that of pnpm, to tell of a newer release. A 404
 * is harmless there; a slow answer holds up the install, and one of 5xx is tried again for a minute. */
#pragma once
#include "protocols/http/request.h"

/* Whether this may be such a request, of a package that is not kept, and its upstream fails just now: it
 * is not even asked. */
bool npm_update_check_is_hopeless(struct request *req, const char *name);
/* Whether it is one that an upstream's failure answers with 404. */
bool npm_update_check_may_fail(const char *name, enum status rc);

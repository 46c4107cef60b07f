/* The token that a request carries, in every form that npm, pip, twine, uv and curl send (access
 * spec B3, npm 4.1, Python 7.1). Only from the Authorization header, never from the query. */
#pragma once
#include "protocols/http/request.h"

enum credential {
    CREDENTIAL_NONE,  /* nobody in particular */
    CREDENTIAL_TOKEN, /* one to look up */
    CREDENTIAL_BAD,   /* something that cannot be one */
};

/* Puts the token into the request's arena. */
enum credential credential_of(const struct request *req, const char **token);

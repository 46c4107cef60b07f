/* What a link means: references resolved against where they stand, RFC 3986 5. */
#pragma once
#include <stdbool.h>

struct arena;

enum { URL_LENGTH_MAX = 8192 };

/* The absolute http or https URL that a reference means in a document at base, without its
 * fragment. Blanks around it go, those within and bytes outside ASCII are percent-encoded. NULL for
 * what is no such URL: another scheme, a user in it, control bytes, no host, or more than
 * URL_LENGTH_MAX. */
const char *url_resolve(struct arena *arena, const char *base, const char *reference);

enum { URL_HOST_SIZE = 256 };

/* Whom a URL asks, RFC 6454 4. */
struct url_origin {
    bool is_https;
    int port;
    char host[URL_HOST_SIZE]; /* in lower case, without brackets and a final dot */
};

/* false where it is no http or https URL, or its host has other letters than a name or address. */
bool url_origin(const char *url, struct url_origin *out);
bool url_is_origin(const struct url_origin *a, const struct url_origin *b);
/* Whether two URLs have one scheme, host and port. */
bool url_same_origin(const char *a, const char *b);

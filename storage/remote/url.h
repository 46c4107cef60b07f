/* What a link means: references resolved against where they stand, RFC 3986 5. */
#pragma once

struct arena;

enum { URL_LENGTH_MAX = 8192 };

/* The absolute http or https URL that a reference means in a document at base, without its
 * fragment. Blanks around it go, those within and bytes outside ASCII are percent-encoded. NULL for
 * what is no such URL: another scheme, a user in it, control bytes, no host, or more than
 * URL_LENGTH_MAX. */
const char *url_resolve(struct arena *arena, const char *base, const char *reference);

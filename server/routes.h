/* What is mounted: every address that the program answers. */
#pragma once
#include "protocols/http/route.h"
#include "storage/catalog/signing_key.h"
#include <stdio.h>

extern const struct mount *const mounts[];
extern const size_t mount_count;

struct mirror_format;
/* How each format asks its upstreams; ends with NULL. */
extern const struct mirror_format *const mirror_formats[];

struct verdict_format;
/* How each format is looked at by policy; ends with NULL. */
extern const struct verdict_format *const verdict_formats[];

struct review_format;
/* How each format's releases are compared; ends with NULL. */
extern const struct review_format *const review_formats[];

struct upstream_keys_format;
/* How the signing keys of each format's upstreams are looked at; ends with NULL. */
extern const struct upstream_keys_format *const upstream_keys_formats[];

/* What of the packages that are kept here is signed. */
extern const signed_words words_to_sign;

/* Prints the tables for people. */
void routes_print(FILE *out);
/* Prints them as JSON, one row an object: what the OpenAPI page and the walls are tested
 * against. */
void routes_print_json(FILE *out);

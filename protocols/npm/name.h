/* Names as npm has them: packages "hello" and "@scope/hello", their tarballs, tags, and versions.
 * The rules of npm's validate-npm-package-name bind what is published, not what is read. */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stddef.h>

struct arena;

enum { NPM_NAME_MAX = 214, NPM_NAME_READ_MAX = 2048 };

/* Whether a new package may have this name; STATUS_INVALID "EINVALIDPACKAGENAME" says why not. */
enum status npm_name_check_publish(const char *name, struct error *err);
/* Whether anybody's package may have this name, old ones with capitals included. */
bool npm_name_is_readable(const char *name);

/* The part behind "@scope/", or the name itself; points into name. */
const char *npm_name_base(const char *name);
/* "@scope" of a scoped name; NULL for others. */
const char *npm_name_scope(const char *name, struct arena *arena);

/* "hello-1.0.0.tgz" for version 1.0.0 of hello and of @scope/hello. */
const char *npm_tarball_name(const char *name, const char *version, struct arena *arena);
/* The version in a tarball's name; NULL where it is no tarball of this package. */
const char *npm_tarball_version(const char *name, const char *file, struct arena *arena);

/* The version as npm keeps it: blanks, a leading 'v' or '=' and the build metadata dropped. NULL
 * for what is no version, or has a number that JavaScript cannot count. */
const char *npm_version_clean(const char *text, struct arena *arena);

/* A tag must survive encodeURIComponent unchanged and must not read as a range, for "npm install
 * hello@TAG" would mean the range. STATUS_INVALID "EINVALIDTAG" says why not. */
enum status npm_tag_check(const char *tag, struct arena *arena, struct error *err);

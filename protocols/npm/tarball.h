/* What is in a package's tarball, read without unpacking it. */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct settings;

struct npm_tarball {
    const char *package_json; /* without a byte order mark */
    size_t package_json_length;
    int64_t file_count, unpacked_bytes;
    bool has_shrinkwrap, has_binding_gyp;
};

/* Who answers for it. What was published elsewhere long ago may have links, which installers skip, and
 * more than one package.json, of which they take the last. */
enum npm_tarball_origin { NPM_TARBALL_OURS, NPM_TARBALL_FOREIGN };

/* Reads size bytes of the descriptor, which stays the caller's: a gzip'd tar with exactly one
 * package.json in a folder at its top, whatever the folder's name. STATUS_INVALID for a broken
 * archive or one that leaves its folder, STATUS_UNPROCESSABLE for one that is no package; messages
 * name the entry. */
enum status npm_tarball_read(int fd, int64_t size, enum npm_tarball_origin origin,
                             const struct settings *settings, struct arena *arena,
                             struct npm_tarball *out, struct error *err);

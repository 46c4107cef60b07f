/* What packages, versions and files of build artifacts may be called. Access spec A1. */
#pragma once
#include "config/error.h"
#include <stdbool.h>

enum {
    ARTIFACT_SEGMENTS_MAX = 16,
    ARTIFACT_SEGMENT_MAX = 255, /* bytes */
    ARTIFACT_PATH_MAX = 1024,
};

bool artifact_package_is_valid(const char *package);
bool artifact_version_is_valid(const char *version);

/* Looks at a decoded path of a file in a version. STATUS_INVALID with code "invalid-path" and a
 * sentence that says which rule is broken. */
enum status artifact_path_check(const char *path, struct error *err);

#include "server/routes.h"

const struct mount *const mounts[] = {
    &npm_mount,
    &artifacts_mount,
};
const size_t mount_count = sizeof mounts / sizeof *mounts;

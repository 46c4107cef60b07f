#include "server/routes.h"

const struct mount *const mounts[] = {
    NULL,
};
const size_t mount_count = 0;

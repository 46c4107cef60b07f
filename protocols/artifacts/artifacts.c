/* Build artifacts: any file in a version of a package, written once. */
#include "config/settings.h"
#include "protocols/artifacts/artifact.h"
#include "protocols/http/route.h"

static int64_t artifact_max(const struct settings *settings)
{
    return settings->artifact_max;
}

static const struct route artifact_routes[] = {
    {METHOD_PUT, "/:package/:version/*path", MAY_PUBLISH, -1, artifact_put_file,      artifact_max},
    {METHOD_GET, "/:package/:version/*path", MAY_READ,    0,  artifact_get_file,      NULL        },
    {METHOD_GET, "/:package/:version",       MAY_READ,    0,  artifact_list_files,    NULL        },
    {METHOD_DELETE, "/:package/:version",    MAY_DELETE,  0,  artifact_remove,        NULL        },
    {METHOD_GET, "/:package",                MAY_READ,    0,  artifact_list_versions, NULL        },
};

const struct mount artifacts_mount = {
    .prefix = "/artifacts/:org/:repo",
    .name = "artifacts",
    .format = "artifact",
    .routes = artifact_routes,
    .count = sizeof artifact_routes / sizeof *artifact_routes,
    .keeps_slashes = true,
    .challenge = CHALLENGE_BOTH,
};

/* The Python package index, as pip, uv and twine speak it. */
#include "protocols/pypi/pypi.h"

#include "config/settings.h"
#include "protocols/http/route.h"
#include "protocols/pypi/project_json.h"
#include "protocols/pypi/provenance.h"
#include "storage/memory/project_name.h"

/* A form is a little larger than its file. */
static int64_t upload_max(const struct settings *settings)
{
    return settings->wheel_max ? settings->wheel_max + settings->multipart_text_max : 0;
}

/* hatch looks for "+simple" below the address that it uploads to. Links are relative, so there are
 * files two steps up from each address that a page has; one is "simple//name/", as pipenv asks. */
static const struct route pypi_routes[] = {
    {METHOD_POST, "/",                                             MAY_PUBLISH, -1, pypi_post_upload,      upload_max},
    {METHOD_POST, "/legacy",                                       MAY_PUBLISH, -1, pypi_post_upload,      upload_max},
    {METHOD_GET,  "/simple",                                       MAY_READ,    0,  pypi_get_root,         NULL      },
    {METHOD_GET,  "/simple/:package",                              MAY_READ,    0,  pypi_get_page,         NULL      },
    {METHOD_GET,  "/+simple",                                      MAY_READ,    0,  pypi_get_root,         NULL      },
    {METHOD_GET,  "/+simple/:package",                             MAY_READ,    0,  pypi_get_page,         NULL      },
    {METHOD_GET,  "/legacy/+simple",                               MAY_READ,    0,  pypi_get_root,         NULL      },
    {METHOD_GET,  "/legacy/+simple/:package",                      MAY_READ,    0,  pypi_get_page,         NULL      },
    {METHOD_GET,  "/files/:package/:digest/:file",                 MAY_READ,    0,  pypi_get_file,         NULL      },
    {METHOD_GET,  "/legacy/files/:package/:digest/:file",          MAY_READ,    0,  pypi_get_file,         NULL      },
    {METHOD_GET,  "/simple/files/:package/:digest/:file",          MAY_READ,    0,  pypi_get_file,         NULL      },
    {METHOD_GET,  "/+simple/files/:package/:digest/:file",         MAY_READ,    0,  pypi_get_file,         NULL      },
    {METHOD_GET,  "/integrity/:package/:version/:file/provenance", MAY_READ,    0,  pypi_get_provenance,
     NULL                                                                                                            },
    {METHOD_GET,  "/pypi/:package/json",                           MAY_READ,    0,  pypi_get_project_json, NULL      },
    {METHOD_GET,  "/pypi/:package/:version/json",                  MAY_READ,    0,  pypi_get_version_json, NULL      },
    {METHOD_GET,  "/:package/json",                                MAY_READ,    0,  pypi_get_project_json, NULL      },
};

const struct mount pypi_mount = {
    .prefix = "/pypi/:org/:repo",
    .name = "pypi",
    .format = "pypi",
    .routes = pypi_routes,
    .count = sizeof pypi_routes / sizeof *pypi_routes,
    .stranger_gets_403 = true,
    .plain_not_found = true,
    .challenge = CHALLENGE_BASIC,
    .normalize_package = project_name_normalize,
};

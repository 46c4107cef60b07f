/* `packhouse version`: the commit, and the libraries as they were found at run time. */
#include "version.inc"
#include "config/yaml.h"
#include "server/commands/nouns.h"
#include "server/listener.h"
#include "storage/blobs/blake2b.h"
#include "storage/memory/gzip.h"
#include "storage/memory/json.h"
#include "storage/memory/secret.h"
#include "storage/memory/unpack.h"
#include "storage/metadata/db.h"
#include "storage/remote/fetch.h"

#include <stdio.h>
#include <string.h>

/* Each is asked through its door. */
static const struct {
    const char *name;
    const char *(*version)(void);
} libraries[] = {
    {"OpenSSL",    secret_library_version  },
    {"libsodium",  blake2b_library_version },
    {"SQLite",     db_engine_version       },
    {"libcurl",    fetch_library_version   },
    {"libarchive", unpack_library_version  },
    {"zlib",       gzip_library_versions   },
    {"jansson",    json_library_version    },
    {"libyaml",    yaml_library_version    },
    {"civetweb",   listener_library_version},
};

/* Some begin with their own name. */
static const char *number(size_t i)
{
    const char *text = libraries[i].version();
    size_t length = strlen(libraries[i].name);

    return strncmp(text, libraries[i].name, length) ? text
                                                    : text + length + strspn(text + length, " ");
}

static int version(struct command_call *call)
{
    const size_t count = sizeof libraries / sizeof *libraries;

    printf(call->json ? "{\"version\":\"%s\",\"commit\":\"%s\",\"libraries\":{"
                      : "packhouse %s commit %s\n",
           PACKHOUSE_VERSION, PACKHOUSE_COMMIT);
    for (size_t i = 0; i < count; i++)
        if (call->json)
            printf("%s\"%s\":\"%s\"", i ? "," : "", libraries[i].name, number(i));
        else
            printf("%s %s\n", libraries[i].name, number(i));
    if (call->json)
        puts("}}");
    return EXIT_DONE;
}

const struct command version_commands[] = {
    {"version", NULL, NULL, "Names the commit and the libraries that are used", NULL, NULL, 0,
     version},
    {0    },
};

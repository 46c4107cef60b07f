/* `packhouse version`: the commit, and the libraries as they were found at run time. */
#include "version.inc"
#include "server/commands/nouns.h"

#include <stdio.h>

/* Each is asked through its door. */
static const struct {
    const char *name;
    const char *(*version)(void);
} libraries[] = {
    {"libyaml", settings_library_version},
};

static int version(struct command_call *call)
{
    const size_t count = sizeof libraries / sizeof *libraries;

    printf(call->json ? "{\"version\":\"%s\",\"commit\":\"%s\",\"libraries\":{"
                      : "packhouse %s commit %s\n",
           PACKHOUSE_VERSION, PACKHOUSE_COMMIT);
    for (size_t i = 0; i < count; i++)
        if (call->json)
            printf("%s\"%s\":\"%s\"", i ? "," : "", libraries[i].name, libraries[i].version());
        else
            printf("%s %s\n", libraries[i].name, libraries[i].version());
    if (call->json)
        puts("}}");
    return EXIT_DONE;
}

const struct command version_commands[] = {
    {"version", NULL, NULL, "Names the commit and the libraries that are used", NULL, NULL, 0,
     version},
    {0    },
};

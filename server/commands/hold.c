/* `packhouse hold`: what policy holds back. */
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "server/commands/policy_set.h"
#include "storage/memory/arena.h"

static int list(struct command_call *call)
{
    static const struct output_column columns[] = {
        {"package",    "PACKAGE"   },
        {"version",    "VERSION"   },
        {"repository", "REPOSITORY"},
        {"verdict",    "VERDICT"   },
        {"rules",      "BY"        },
        {"until",      "UNTIL"     },
        {"last_at",    "LAST ASKED"},
        {0},
    };
    const char *package = command_option(call, "package"), *verdict = command_option(call, "verdict"), *org;
    struct error err = {0};
    const char *query = "";

    if (client_org(call, &org, &err))
        return command_usage(call, "%s", err.message);
    if (package)
        query = arena_format(call->arena, "?package=%s", client_path(call, "%s", package));
    if (verdict)
        query = arena_format(call->arena, "%s%sverdict=%s", query, *query ? "&" : "?",
                             client_path(call, "%s", verdict));
    return output_list(call, client_path(call, "/api/v1/orgs/%s/holds", org), query, columns);
}

static const struct command_option options[] = {
    {"org",     "ORG",     "whose; without it the org of --repo, PACKHOUSE_REPO or the profile"},
    {"package", "PACKAGE", "npm:NAME or pypi:NAME"                                             },
    {"verdict", "VERDICT", "hold or deny"                                                      },
    {0},
};

const struct command hold_commands[] = {
    {"hold", "list", NULL, "Lists the versions that policy held back from somebody",
     "packhouse hold list --org acme\n\n"
     "What is held comes through by itself at its end, or when a request for it is approved.",
     options, SETTING_CLIENT, list},
    {0},
};

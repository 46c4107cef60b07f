/* `packhouse audit`: who changed what, when. */
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "server/commands/policy_set.h"
#include "storage/memory/arena.h"

/* What became of one package. */
static int list_package(struct command_call *call, const char *package)
{
    static const struct output_column columns[] = {
        {"at",      "TIME"   },
        {"by",      "WHO"    },
        {"did",     "DID"    },
        {"version", "VERSION"},
        {"times",   "TIMES"  },
        {"rules",   "RULES"  },
        {"note",    "NOTE"   },
        {0},
    };
    const char *org = call->arguments[0];
    struct error err = {0};

    if (!org && client_org(call, &org, &err))
        return command_usage(call, "%s", err.message);
    return output_list(call, client_path(call, "/api/v1/orgs/%s/history", org),
                       arena_format(call->arena, "?package=%s", client_path(call, "%s", package)), columns);
}

static int list(struct command_call *call)
{
    static const struct output_column columns[] = {
        {"at",     "TIME"},
        {"actor",        "WHO"},
        {"action","DID"},
        {"target", "TO"},
        {"peer",        "FROM"},
        {0   },
    };

    const char *org = call->arguments[0], *package = command_option(call, "package");

    if (package)
        return list_package(call, package);
    return output_list(
        call, org ? client_path(call, "/api/v1/orgs/%s/audit", org) : "/api/v1/audit", "", columns);
}

static const struct command_option options[] = {
    {"package", "PACKAGE", "who asked for npm:NAME, who let it through, and who fetched it under which verdict"},
    {0},
};

const struct command audit_commands[] = {
    {"audit",  "list", "[ORG]", "Lists who changed what, and when",
     "Without ORG: everything, which only the owner of the instance may see.\n\n"
     "packhouse audit list acme --package npm:left-pad",
     options, SETTING_CLIENT, list},
    {0},
};

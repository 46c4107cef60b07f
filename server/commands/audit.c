/* `packhouse audit`: who changed what, when. */
#include "server/commands/nouns.h"
#include "server/commands/output.h"

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

    const char *org = call->arguments[0];

    return output_list(
        call, org ? client_path(call, "/api/v1/orgs/%s/audit", org) : "/api/v1/audit", "", columns);
}

const struct command audit_commands[] = {
    {"audit",  "list", "[ORG]", "Lists who changed what, and when",
     "Without ORG: everything, which only the owner of the instance may see.", NULL, SETTING_CLIENT,
     list},
    {0},
};

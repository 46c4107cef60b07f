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

    return output_list(call, client_path(call, "/api/v1/orgs/%s/audit", call->arguments[0]), "",
                       columns);
}

const struct command audit_commands[] = {
    {"audit", "list", "ORG", "Lists who changed what in an org, and when", NULL, NULL,
     SETTING_CLIENT, list},
    {0 },
};

/* `packhouse whoami`: whom the server takes you for. */
#include "server/commands/nouns.h"
#include "server/commands/output.h"

static int whoami(struct command_call *call)
{
    static const struct output_column lines[] = {
        {"name",                   "account"},
        {"owner",                        "owner of the instance"},
        {"repositories","token only for"},
        {"actions",           "token only to"},
        {"packages",                        "token only for packages"},
        {"expires_at","token expires"},
        {0              },
    };
    struct client_answer answer;
    struct error err = {0};
    int code;

    if (client_ask(call, "GET", "/api/v1/whoami", NULL, &answer, &err))
        code = command_fail(call, &err);
    else
        code = output_object(call, answer.json, lines);
    client_answer_clear(&answer);
    return code;
}

const struct command whoami_commands[] = {
    {"whoami", NULL, NULL, "Says whom the server takes you for, and what the token may", NULL, NULL,
     SETTING_CLIENT, whoami},
    {0   },
};

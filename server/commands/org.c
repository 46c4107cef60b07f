/* `packhouse org`: who owns things. */
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

enum { BODY_MAX = 64 << 10 };

static int create(struct command_call *call)
{
    const char *name = call->arguments[0];
    struct client_answer answer;
    struct strbuf body;
    struct error err = {0};
    int code;

    strbuf_init(&body, call->arena, BODY_MAX);
    strbuf_char(&body, '{');
    output_member(&body, "name", name);
    strbuf_char(&body, '}');
    if (client_ask(call, "POST", "/api/v1/orgs", &body, &answer, &err))
        code = command_fail(call, &err);
    else
        code = output_done(call, answer.json,
                           "Made the org %s. Next: packhouse repo create %s/main", name, name);
    client_answer_clear(&answer);
    return code;
}

static int list(struct command_call *call)
{
    static const struct output_column columns[] = {
        {"name",     "ORG"},
        {"created_at",          "CREATED"},
        {0},
    };

    return output_list(call, "/api/v1/orgs", "", columns);
}

const struct command org_commands[] = {
    {"org",                                                                                "create", "NAME", "Makes an org, which owns repositories",
     "NAME has small letters, digits and '-'. Only the owner of the instance makes orgs.", NULL,
     SETTING_CLIENT, create},
    {"org",                                                                              "list", NULL, "Lists the orgs that the token may see", NULL, NULL, SETTING_CLIENT,
     list},
    {0},
};

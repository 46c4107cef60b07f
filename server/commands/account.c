/* `packhouse account`: who acts. */
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
    if (client_ask(call, "POST", "/api/v1/accounts", &body, &answer, &err))
        code = command_fail(call, &err);
    else
        code = output_done(call, answer.json,
                           "Made the account %s, which may do nothing yet. Next:\n"
                           "  packhouse grant add %s publisher ORG/REPOSITORY\n"
                           "  packhouse token create --for %s --expires 30d",
                           name, name, name);
    client_answer_clear(&answer);
    return code;
}

static int list(struct command_call *call)
{
    static const struct output_column columns[] = {
        {"name",       "ACCOUNT"},
        {"owner",            "OWNER"},
        {"created_at","CREATED"},
        {0},
    };

    return output_list(call, "/api/v1/accounts", "", columns);
}

const struct command account_commands[] = {
    {"account",                                                  "create", "NAME", "Makes an account for a person or a program",
     "It may do nothing until `packhouse grant add` says what.", NULL, SETTING_CLIENT, create},
    {"account",                                                    "list", NULL, "Lists the accounts", NULL, NULL, SETTING_CLIENT, list},
    {0},
};

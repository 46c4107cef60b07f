/* `packhouse source`: where a repository looks for what it has not got itself. */
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

enum { BODY_MAX = 64 << 10 };

static int list(struct command_call *call)
{
    static const struct output_column columns[] = {{"name", "SOURCE"}, {"kind", "KIND"}, {0}};
    const char *org, *repository;
    struct error err = {0};

    if (client_repository(call, &org, &repository, &err))
        return command_usage(call, "%s", err.message);
    return output_list(call, client_path(call, "/api/v1/orgs/%s/repositories/%s/sources", org, repository),
                       "", columns);
}

static int add(struct command_call *call)
{
    const char *org, *repository, *name = call->arguments[0];
    struct client_answer answer = {0};
    struct strbuf body;
    struct error err = {0};
    int code;

    if (client_repository(call, &org, &repository, &err))
        return command_usage(call, "%s", err.message);
    strbuf_init(&body, call->arena, BODY_MAX);
    strbuf_char(&body, '{');
    output_member(&body, "name", name);
    strbuf_char(&body, '}');
    if (client_ask(call, "POST", client_path(call, "/api/v1/orgs/%s/repositories/%s/sources", org, repository),
                   &body, &answer, &err))
        code = command_fail(call, &err);
    else
        code = output_done(call, answer.json, "%s/%s looks into %s last.", org, repository, name);
    client_answer_clear(&answer);
    return code;
}

static int take_away(struct command_call *call)
{
    const char *org, *repository, *name = call->arguments[0];
    struct client_answer answer = {0};
    struct error err = {0};
    int code;

    if (client_repository(call, &org, &repository, &err))
        return command_usage(call, "%s", err.message);
    if (client_ask(call, "DELETE",
                   client_path(call, "/api/v1/orgs/%s/repositories/%s/sources/%s", org, repository, name),
                   NULL, &answer, &err))
        code = command_fail(call, &err);
    else
        code = output_done(call, answer.json, "%s/%s looks into %s no more.", org, repository, name);
    client_answer_clear(&answer);
    return code;
}

/* clang-format off */
const struct command source_commands[] = {
    {"source", "list", NULL, "Lists where --repo looks for what it has not got", NULL, NULL, SETTING_CLIENT, list},
    {"source", "add", "NAME", "Appends a repository of the org, or an upstream", NULL, NULL, SETTING_CLIENT, add},
    {"source", "remove", "NAME", "Takes it out of the list", NULL, NULL, SETTING_CLIENT, take_away},
    {0},
};

/* `packhouse org`: who owns things. */
#include "config/quantity.h"
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

static int show(struct command_call *call)
{
    static const struct output_column lines[] = {
        {"name", "Org"}, {"bytes", "Bytes"}, {"files", "Files"}, {"quota", "Quota (0: none)"},
        {"created_at", "Created"}, {0},
    };
    struct client_answer answer = {0};
    struct error err = {0};
    int code;

    if (client_ask(call, "GET", client_path(call, "/api/v1/orgs/%s", call->arguments[0]), NULL, &answer,
                   &err))
        code = command_fail(call, &err);
    else
        code = output_object(call, answer.json, lines);
    client_answer_clear(&answer);
    return code;
}

static int set_quota(struct command_call *call)
{
    const char *org = call->arguments[0], *size = call->arguments[1];
    struct client_answer answer = {0};
    struct strbuf body;
    struct error err = {0};
    int64_t bytes;
    int code;

    if (quantity_parse_size(size, &bytes, &err))
        return command_usage(call, "%s", err.message);
    strbuf_init(&body, call->arena, BODY_MAX);
    strbuf_format(&body, "{\"quota\":%lld}", (long long)bytes);
    if (client_ask(call, "PATCH", client_path(call, "/api/v1/orgs/%s", org), &body, &answer, &err))
        code = command_fail(call, &err);
    else if (bytes)
        code = output_done(call, answer.json, "%s may keep %s.", org, size);
    else
        code = output_done(call, answer.json, "%s has no quota.", org);
    client_answer_clear(&answer);
    return code;
}

const struct command org_commands[] = {
    {"org",                                                                                "create", "NAME", "Makes an org, which owns repositories",
     "NAME has small letters, digits and '-'. Only the owner of the instance makes orgs.", NULL,
     SETTING_CLIENT, create},
    {"org",                                                                              "list", NULL, "Lists the orgs that the token may see", NULL, NULL, SETTING_CLIENT,
     list},
    {"org", "show", "NAME", "Shows what an org keeps, and how much it may", NULL, NULL, SETTING_CLIENT, show},
    {"org", "quota", "NAME SIZE", "Says how much an org may keep; 0 is no limit",
     "packhouse org quota acme 10GiB", NULL, SETTING_CLIENT, set_quota},
    {0},
};

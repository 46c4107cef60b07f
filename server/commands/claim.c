/* `packhouse claim`: names that are the org's before they exist. */
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

enum { BODY_MAX = 64 << 10 };

static int list(struct command_call *call)
{
    static const struct output_column columns[] = {
        {"pattern", "CLAIM"}, {"format", "FORMAT"}, {"created_at", "SINCE"}, {0}};
    const char *org, *repository;
    struct error err = {0};

    if (client_repository(call, &org, &repository, &err))
        return command_usage(call, "%s", err.message);
    return output_list(call, client_path(call, "/api/v1/orgs/%s/claims", org), "", columns);
}

static int add_one(struct command_call *call, const char *org, const char *pattern)
{
    struct client_answer answer = {0};
    struct strbuf body;
    struct error err = {0};
    size_t taken;
    int code;

    strbuf_init(&body, call->arena, BODY_MAX);
    strbuf_char(&body, '{');
    output_member(&body, "pattern", pattern);
    output_member(&body, "format", command_option(call, "format"));
    output_member_bool(&body, "take", command_option(call, "take") != NULL);
    strbuf_char(&body, '}');
    if (client_ask(call, "POST", client_path(call, "/api/v1/orgs/%s/claims", org), &body, &answer, &err)) {
        code = command_fail(call, &err);
    } else {
        taken = json_count(json_get(answer.json, "taken"));
        code = output_done(call, answer.json, taken ? "%s is %s's; %zu names were taken from upstreams."
                                                    : "%s is %s's: no upstream is asked for it.",
                           pattern, org, taken);
    }
    client_answer_clear(&answer);
    return code;
}

static int add(struct command_call *call)
{
    const char *org, *repository;
    struct error err = {0};
    int code = EXIT_DONE;

    if (client_repository(call, &org, &repository, &err))
        return command_usage(call, "%s", err.message);
    if (call->json && call->argument_count > 1)
        return command_usage(call, "with --json one claim at a time");
    for (size_t i = 0; i < call->argument_count && !code; i++)
        code = add_one(call, org, call->arguments[i]);
    return code;
}

static int take_away(struct command_call *call)
{
    const char *org, *repository, *pattern = call->arguments[0], *format = command_option(call, "format");
    struct client_answer answer = {0};
    struct error err = {0};
    char *path;
    int code;

    if (client_repository(call, &org, &repository, &err))
        return command_usage(call, "%s", err.message);
    path = client_path(call, "/api/v1/orgs/%s/claims?pattern=%s", org, pattern);
    if (format)
        path = arena_format(call->arena, "%s%s", path, client_path(call, "&format=%s", format));
    if (client_ask(call, "DELETE", path, NULL, &answer, &err))
        code = command_fail(call, &err);
    else
        code = output_done(call, answer.json, "%s is claimed no more; what is published stays %s's.", pattern, org);
    client_answer_clear(&answer);
    return code;
}

/* clang-format off */
static const struct command_option remove_options[] = {
    {"format", "FORMAT", "npm or pypi, as it was added (both)"},
    {0},
};

static const struct command_option add_options[] = {
    {"format", "FORMAT", "npm or pypi (both)"},
    {"take", NULL, "also names that upstreams own by now"},
    {0},
};

const struct command claim_commands[] = {
    {"claim", "add", "PATTERN...", "Keeps names for the org before they exist",
     "'*' stands for all but a slash. No upstream is asked for a claimed name. Names that upstreams own by\n"
     "now are listed, and the claim is refused without --take.\n\n"
     "packhouse claim add '@acme/*' 'acme-*'", add_options, SETTING_CLIENT, add},
    {"claim", "list", NULL, "Lists the claims of the org", NULL, NULL, SETTING_CLIENT, list},
    {"claim", "remove", "PATTERN", "Gives a claim up; published names stay the org's", NULL, remove_options,
     SETTING_CLIENT, take_away},
    {0},
};

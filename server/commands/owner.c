/* `packhouse owner`: whose a name is. */
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

#include <stdio.h>
#include <unistd.h>

enum { BODY_MAX = 64 << 10 };

static int show(struct command_call *call)
{
    static const struct output_column lines[] = {
        {"package", "PACKAGE"}, {"owner", "OWNER"}, {"claim", "BY CLAIM"}, {"since", "SINCE"}, {0}};
    const char *org, *repository;
    struct client_answer answer = {0};
    struct error err = {0};
    int code;

    if (client_repository(call, &org, &repository, &err))
        return command_usage(call, "%s", err.message);
    if (client_ask(call, "GET", client_path(call, "/api/v1/orgs/%s/owners?package=%s", org, call->arguments[0]),
                   NULL, &answer, &err))
        code = command_fail(call, &err);
    else
        code = output_object(call, answer.json, lines);
    client_answer_clear(&answer);
    return code;
}

static enum status ask(struct command_call *call, const char *org, bool confirm,
                       struct client_answer *answer, struct error *err)
{
    struct strbuf body;

    strbuf_init(&body, call->arena, BODY_MAX);
    strbuf_char(&body, '{');
    output_member(&body, "package", call->arguments[0]);
    output_member(&body, "owner", call->arguments[1]);
    output_member(&body, "reason", command_option(call, "reason"));
    output_member_bool(&body, "confirm", confirm);
    strbuf_char(&body, '}');
    return client_ask(call, "PUT", client_path(call, "/api/v1/orgs/%s/owners", org), &body, answer, err);
}

/* What would be lost and won, on standard error, so that --json keeps standard output to itself. */
static void warn(const struct command_call *call, const struct json *versions, const char *what)
{
    if (call->json || !json_count(versions))
        return;
    fprintf(stderr, "%zu versions of %s will %s:\n", json_count(versions), call->arguments[0], what);
    for (size_t i = 0; i < json_count(versions); i++)
        fprintf(stderr, "  %s\n", json_text(json_at(versions, i)));
}

/* A script has decided already; a person is asked. */
static bool is_confirmed(const struct command_call *call)
{
    int answer;

    if (command_option(call, "yes") || !isatty(STDIN_FILENO))
        return true;
    fprintf(stderr, "Move %s to %s? [y/N] ", call->arguments[0], call->arguments[1]);
    answer = getchar();
    return answer == 'y' || answer == 'Y';
}

static int set(struct command_call *call)
{
    struct client_answer preview = {0}, answer = {0};
    const char *org, *repository;
    struct error err = {0};
    int code;

    if (client_repository(call, &org, &repository, &err))
        return command_usage(call, "%s", err.message);
    if (!command_option(call, "reason"))
        return command_usage(call, "why? Give --reason TEXT");
    if (ask(call, org, false, &preview, &err)) {
        code = command_fail(call, &err);
        goto done;
    }
    warn(call, json_get(preview.json, "versions_no_longer_seen"), "no longer be seen");
    warn(call, json_get(preview.json, "versions_seen_instead"), "be seen instead");
    if (!is_confirmed(call)) {
        fputs("Nothing was changed.\n", stderr);
        code = EXIT_REFUSED;
    } else if (ask(call, org, true, &answer, &err)) {
        code = command_fail(call, &err);
    } else {
        code = output_done(call, answer.json, "%s belongs to %s.", call->arguments[0], call->arguments[1]);
    }
done:
    client_answer_clear(&preview);
    client_answer_clear(&answer);
    return code;
}

/* clang-format off */
static const struct command_option set_options[] = {
    {"reason", "TEXT", "why; it stands in the audit"},
    {"yes", NULL, "do not ask"},
    {0},
};

const struct command owner_commands[] = {
    {"owner", "show", "PACKAGE", "Says whose a name is: the org's, or one upstream's",
     "PACKAGE is npm:NAME or pypi:NAME.", NULL, SETTING_CLIENT, show},
    {"owner", "set", "PACKAGE OWNER", "Moves a name to the org or to an upstream",
     "OWNER is org, or an upstream's name. Lists the versions that will no longer be seen, and asks.\n\n"
     "packhouse owner set npm:left-pad org --reason 'our fork' --repo acme/main", set_options, SETTING_CLIENT, set},
    {0},
};

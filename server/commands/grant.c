/* `packhouse grant`: who may do what where. */
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

#include <string.h>

enum { BODY_MAX = 64 << 10 };

static int add(struct command_call *call)
{
    const char *const *given = call->arguments;
    const char *package = command_option(call, "package");
    struct client_answer answer = {0};
    struct strbuf body;
    struct error err = {0};
    int code;

    if (!strchr(given[2], '/') && strcmp(given[2], "**"))
        return command_usage(call, "'%s' is no repository; write it as ORG/NAME, or ORG/* for all",
                             given[2]);
    strbuf_init(&body, call->arena, BODY_MAX);
    strbuf_char(&body, '{');
    output_member(&body, "subject", given[0]);
    output_member(&body, "role", given[1]);
    output_member(&body, "repository", given[2]);
    output_member(&body, "package", package ? package : "**");
    strbuf_char(&body, '}');
    if (client_ask(call, "POST", "/api/v1/grants", &body, &answer, &err))
        code = command_fail(call, &err);
    else
        code = output_done(call, answer.json, "%s is now %s of %s%s%s (grant %lld).", given[0],
                           given[1], given[2], package ? ", packages " : "", package ? package : "",
                           (long long)json_int(json_get(answer.json, "id"), 0));
    client_answer_clear(&answer);
    return code;
}

static int list(struct command_call *call)
{
    static const struct output_column columns[] = {
        {"id",         "ID"},
        {"subject",            "ACCOUNT"},
        {"role","ROLE"},
        {"actions",       "ACTIONS"},
        {"repository",            "REPOSITORY"},
        {"package","PACKAGES"},
        {"effect", "EFFECT"},
        {0           },
    };
    const char *org = call->arguments[0];

    return output_list(call, "/api/v1/grants", org ? client_path(call, "?org=%s", org) : "",
                       columns);
}

static int take_away(struct command_call *call)
{
    const char *id = call->arguments[0];
    struct client_answer answer;
    struct error err = {0};
    int code;

    if (client_ask(call, "DELETE", client_path(call, "/api/v1/grants/%s", id), NULL, &answer, &err))
        code = command_fail(call, &err);
    else
        code = output_done(call, answer.json, "Grant %s is gone; it had its last effect.", id);
    client_answer_clear(&answer);
    return code;
}

/* "ann may not pkg:publish in acme/main: no grant allows it" */
static int explain(struct command_call *call)
{
    const char *const *given = call->arguments;
    const char *package = command_option(call, "package");
    char *query = client_path(call, "?principal=%s&action=%s&repo=%s&package=%s", given[0],
                              given[1], given[2], package ? package : "");
    struct client_answer answer;
    struct error err = {0};
    const char *reason;
    int code;

    if (!package)
        *strrchr(query, '&') = '\0';
    if (client_ask(call, "GET", arena_format(call->arena, "/api/v1/access/explain%s", query), NULL,
                   &answer, &err)) {
        code = command_fail(call, &err);
    } else {
        reason = json_text(json_get(answer.json, "reason"));
        code = output_done(call, answer.json, "%s %s %s in %s: %s", given[0],
                           json_bool(json_get(answer.json, "allowed"), false) ? "may" : "may not",
                           given[1], given[2], reason ? reason : "");
    }
    client_answer_clear(&answer);
    return code;
}

static const struct command_option explain_options[] = {
    {"package",                                                      "NAME", "for this package; without it, for the repository as a whole"},
    {0},
};

static const struct command_option add_options[] = {
    {"package",                                                          "GLOB", "only these packages: '*' stays in a segment, '**' does not (**)"},
    {0},
};

const struct command grant_commands[] = {
    {"grant",                                                              "add", "ACCOUNT ROLE ORG/REPOSITORY", "Lets an account do something in a repository",
     "Roles: reader, stager, publisher (reads and publishes), maintainer (also deletes), "
     "approver,\n"
     "admin (all of the repository), security (policies and approvals), org-admin. ORG/* means every repository of the org, ** every "
     "one of all orgs.\n\n"
     "packhouse grant add ann publisher acme/main\n"
     "packhouse grant add ann publisher 'acme/*' --package '@acme/web-*'", add_options, SETTING_CLIENT, add},
    {"grant",                                       "list", "[ORG]", "Lists who may do what", NULL, NULL, SETTING_CLIENT, list},
    {"grant", "remove", "ID", "Takes a grant away; the next request feels it", NULL, NULL,
     SETTING_CLIENT, take_away},
    {"grant",                                                      "explain", "ACCOUNT ACTION ORG/REPOSITORY",
     "Says why an account may do it, or may not", "Actions: repo:read, repo:list, pkg:publish, pkg:tag, pkg:delete, repo:admin, …",
     explain_options, SETTING_CLIENT, explain},
    {0                                                                   },
};

/* `packhouse repo`: the shelves of an org. */
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

#include <string.h>

enum { BODY_MAX = 64 << 10 };

static const struct output_column columns[] = {
    {"org",         "ORG"},
    {"name",             "REPOSITORY"},
    {"anonymous","ANONYMOUS"},
    {"created_at",   "CREATED"},
    {0            },
};

static enum status check_anonymous(const char *word, struct error *err)
{
    if (word && strcmp(word, "none") && strcmp(word, "read"))
        return fail(err, STATUS_INVALID, "", "--anonymous is none or read, not '%.40s'", word);
    return STATUS_OK;
}

static int create(struct command_call *call)
{
    const char *given = call->arguments[0], *anonymous = command_option(call, "anonymous");
    const char *org, *name;
    struct client_answer answer = {0};
    struct strbuf body;
    struct error err = {0};
    int code;

    if (check_anonymous(anonymous, &err) || client_split_repository(call, given, &org, &name, &err))
        return command_usage(call, "%s", err.message);
    strbuf_init(&body, call->arena, BODY_MAX);
    strbuf_char(&body, '{');
    output_member(&body, "name", name);
    output_member(&body, "anonymous", anonymous);
    strbuf_char(&body, '}');
    if (client_ask(call, "POST", client_path(call, "/api/v1/orgs/%s/repositories", org), &body,
                   &answer, &err))
        code = command_fail(call, &err);
    else
        code = output_done(call, answer.json,
                           "Made the repository %s.\n"
                           "npm     %s/npm/%s/\n"
                           "Python  %s/pypi/%s/simple/\n"
                           "files   %s/artifacts/%s/",
                           given, call->settings->url, given, call->settings->url, given,
                           call->settings->url, given);
    client_answer_clear(&answer);
    return code;
}

static int list(struct command_call *call)
{
    return output_list(call, client_path(call, "/api/v1/orgs/%s/repositories", call->arguments[0]),
                       "", columns);
}

/* Shows the repository, or what became of it. */
static int ask_about(struct command_call *call, const char *method, const struct strbuf *body)
{
    const char *given = call->argument_count ? call->arguments[0] : call->settings->repo;
    const char *org, *name;
    struct client_answer answer = {0};
    struct error err = {0};
    int code;

    if (client_split_repository(call, given, &org, &name, &err))
        return command_usage(call, "%s", err.message);
    if (client_ask(call, method, client_path(call, "/api/v1/orgs/%s/repositories/%s", org, name),
                   body, &answer, &err))
        code = command_fail(call, &err);
    else
        code = output_object(call, answer.json, columns);
    client_answer_clear(&answer);
    return code;
}

static int show(struct command_call *call)
{
    return ask_about(call, "GET", NULL);
}

static int set(struct command_call *call)
{
    const char *anonymous = command_option(call, "anonymous");
    struct strbuf body;
    struct error err = {0};

    if (!anonymous)
        return command_usage(call, "nothing to set; --anonymous is what can be");
    if (check_anonymous(anonymous, &err))
        return command_usage(call, "%s", err.message);
    strbuf_init(&body, call->arena, BODY_MAX);
    strbuf_char(&body, '{');
    output_member(&body, "anonymous", anonymous);
    strbuf_char(&body, '}');
    return ask_about(call, "PATCH", &body);
}

static const struct command_option options[] = {
    {"anonymous",                                       "none|read", "whether people without a token may read (none)"},
    {0},
};

const struct command repo_commands[] = {
    {"repo",                                                                                  "create", "ORG/NAME", "Makes a repository for npm, Python and build artifacts",
     "It starts private: nobody reads it without a token, unless --anonymous read is given.", options, SETTING_CLIENT, create},
    {"repo",                                                                             "list", "ORG", "Lists the repositories of an org", NULL, NULL, SETTING_CLIENT, list},
    {"repo", "show", "[ORG/NAME]", "Shows a repository",
     "Without ORG/NAME: the one that --repo, PACKHOUSE_REPO or the profile names.", NULL,
     SETTING_CLIENT, show},
    {"repo",                                                                         "set", "ORG/NAME", "Changes a repository",
     "packhouse repo set acme/main --anonymous read    lets everybody read\n"
     "packhouse repo set acme/main --anonymous none    lets only tokens read", options, SETTING_CLIENT, set},
    {0                                                                                      },
};

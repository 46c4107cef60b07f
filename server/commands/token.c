/* `packhouse token`: what a person or a pipeline shows to be let in. */
#include "config/quantity.h"
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

#include <string.h>

enum { BODY_MAX = 64 << 10 };

/* "30d" as seconds; "never" is not sent, so the server's default does not apply either. */
static enum status add_expiry(struct strbuf *body, const char *text, struct error *err)
{
    struct error reason = {0};
    int64_t ms;

    if (!text)
        return STATUS_OK;
    if (quantity_parse_duration(text, &ms, &reason))
        return fail(err, STATUS_INVALID, "", "--expires: %s", reason.message);
    if (ms < 1000)
        return fail(err, STATUS_INVALID, "", "--expires: a token lives for a second at least");
    strbuf_format(body, "%s\"expires_in\":%lld", body->data[body->length - 1] == '{' ? "" : ",",
                  (long long)(ms / 1000));
    return STATUS_OK;
}

static enum status fill(struct command_call *call, struct strbuf *body, struct error *err)
{
    const char **repositories = command_option_list(call, "repo");
    enum status rc;

    for (const char **repository = repositories; *repository; repository++)
        if (!strchr(*repository, '/'))
            return fail(err, STATUS_INVALID, "", "'%.80s' is no repository; write it as ORG/NAME",
                        *repository);
    strbuf_init(body, call->arena, BODY_MAX);
    strbuf_char(body, '{');
    output_member(body, "for", command_option(call, "for"));
    output_member(body, "name", command_option(call, "name"));
    output_member(body, "role", command_option(call, "role"));
    output_member_list(body, "repositories", repositories);
    output_member_list(body, "actions", command_option_list(call, "action"));
    output_member_list(body, "packages", command_option_list(call, "package"));
    if ((rc = add_expiry(body, command_option(call, "expires"), err)))
        return rc;
    if (command_option(call, "readonly"))
        strbuf_format(body, "%s\"readonly\":true", body->data[body->length - 1] == '{' ? "" : ",");
    strbuf_char(body, '}');
    return STATUS_OK;
}

static int print_token(const struct command_call *call, const struct json *token)
{
    const char *text = json_text(json_get(token, "token"));
    const char *expires = json_text(json_get(token, "expires_at"));

    return output_done(call, token,
                       "%s\n\nIt is shown this once. It %s%s; to end it sooner: packhouse token "
                       "revoke %lld",
                       text ? text : "", expires ? "ends at " : "never ends",
                       expires ? expires : "", (long long)json_int(json_get(token, "id"), 0));
}

static int create(struct command_call *call)
{
    struct client_answer answer = {0};
    struct strbuf body;
    struct error err = {0};
    int code;

    if (fill(call, &body, &err))
        return command_usage(call, "%s", err.message);
    if (client_ask(call, "POST", "/api/v1/tokens", &body, &answer, &err))
        code = command_fail(call, &err);
    else
        code = print_token(call, answer.json);
    client_answer_clear(&answer);
    return code;
}

static int list(struct command_call *call)
{
    static const struct output_column columns[] = {
        {"id",           "ID"},
        {"account",              "ACCOUNT"},
        {"name","NAME"},
        {"hint",         "LOOKS"},
        {"repositories",              "REPOSITORIES"},
        {"expires_at","EXPIRES"},
        {"used_at", "USED"},
        {"revoked_at",              "REVOKED"},
        {0      },
    };
    const char *account = command_option(call, "for");

    return output_list(call, "/api/v1/tokens", account ? client_path(call, "?for=%s", account) : "",
                       columns);
}

static int revoke(struct command_call *call)
{
    const char *id = call->arguments[0];
    struct client_answer answer;
    struct error err = {0};
    int code;

    if (client_ask(call, "DELETE", client_path(call, "/api/v1/tokens/%s", id), NULL, &answer, &err))
        code = command_fail(call, &err);
    else
        code = output_done(call, answer.json, "Token %s works no more.", id);
    client_answer_clear(&answer);
    return code;
}

static const struct command_option create_options[] = {
    {"for",                                                                    "ACCOUNT", "whose token; without it, your own"},
    {"repo",                                     "ORG/NAME", "only in this repository; many with commas, or given again"},
    {"role",                                                                   "ROLE", "at most what this role may: reader, publisher, maintainer, admin, …"},
    {"action",             "ACTION", "at most this action, such as pkg:publish; many as above"},
    {"package",                                                                   "GLOB", "only these packages, such as npm:@acme/*; many as above"},
    {"expires", "DURATION", "how long it works: 12h, 30d"},
    {"name",                                                                 "TEXT", "what it is for, to be found again in the list"},
    {"readonly",               NULL, "only reading"},
    {0                                                               },
};

static const struct command_option list_options[] = {
    {"for",                  "ACCOUNT", "only this account's"},
    {0},
};

const struct command token_commands[] = {
    {"token",                                                                                     "create", NULL, "Makes a token, and shows it this once",
     "A token does what its account may, within the limits given here.\n\n"
     "packhouse token create --for ann --expires 30d\n"
     "packhouse token create --repo acme/main --role publisher --expires 30d     for a pipeline", create_options, SETTING_CLIENT, create},
    {"token",                                                                                       "list", NULL, "Lists tokens, without what is secret in them", NULL, list_options,
     SETTING_CLIENT, list},
    {"token", "revoke", "ID", "Ends a token at once", NULL, NULL, SETTING_CLIENT, revoke},
    {0                                                                            },
};

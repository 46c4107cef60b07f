/* `packhouse exception`: what was let through in spite of policy. */
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "server/commands/policy_set.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

#include <stdio.h>

enum { BODY_MAX = 64 << 10 };

static int list(struct command_call *call)
{
    static const struct output_column columns[] = {
        {"id",       "EXCEPTION"},
        {"covers",   "COVERS"   },
        {"rules",    "CLEARS"   },
        {"until",    "UNTIL"    },
        {"live",     "LIVE"     },
        {"by",       "BY"       },
        {"ended_by", "ENDED BY" },
        {"comment",  "COMMENT"  },
        {0},
    };
    const char *package = command_option(call, "package"), *org;
    struct error err = {0};
    char *query;

    if (client_org(call, &org, &err))
        return command_usage(call, "%s", err.message);
    query = arena_format(call->arena, "?all=%s", command_option(call, "all") ? "true" : "false");
    if (package)
        query = arena_format(call->arena, "%s&package=%s", query, client_path(call, "%s", package));
    return output_list(call, client_path(call, "/api/v1/orgs/%s/exceptions", org), query, columns);
}

static int end(struct command_call *call)
{
    struct client_answer answer = {0};
    struct error err = {0};
    struct strbuf body;
    const char *org;
    int code;

    if (client_org(call, &org, &err))
        return command_usage(call, "%s", err.message);
    strbuf_init(&body, call->arena, BODY_MAX);
    strbuf_char(&body, '{');
    output_member(&body, "reason", command_option(call, "reason"));
    strbuf_char(&body, '}');
    if (client_ask(call, "POST", client_path(call, "/api/v1/orgs/%s/exceptions/%s/end", org, call->arguments[0]),
                   &body, &answer, &err))
        code = command_fail(call, &err);
    else
        code = output_done(call, answer.json, "The exception for %s has ended: policy decides again.",
                           json_text(json_get(answer.json, "covers")));
    client_answer_clear(&answer);
    return code;
}

static const struct command_option list_options[] = {
    {"org",     "ORG",     "whose; without it the org of --repo, PACKHOUSE_REPO or the profile"},
    {"all",     NULL,      "also those that are over"                                          },
    {"package", "PACKAGE", "npm:NAME or pypi:NAME"                                             },
    {0},
};

static const struct command_option end_options[] = {
    {"org",    "ORG",  "whose; without it the org of --repo, PACKHOUSE_REPO or the profile"},
    {"reason", "TEXT", "why; it is kept in the audit log"                                  },
    {0},
};

const struct command exception_commands[] = {
    {"exception", "list", NULL, "Lists what was let through in spite of policy, and until when", NULL,
     list_options, SETTING_CLIENT, list},
    {"exception", "end", "EXCEPTION", "Ends an exception before its time", NULL, end_options, SETTING_CLIENT, end},
    {0},
};

/* `packhouse remove`, `restore` and `removed`: what goes, and what comes back. */
#include "policy/purl.h"
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

enum { BODY_MAX = 64 << 10 };

/* The repository that --repo or the environment names, as a path of the API. */
static enum status find_repository(const struct command_call *call, const char **path,
                                   struct error *err)
{
    const char *repo = call->settings->repo, *org, *name;
    enum status rc;

    if (!repo || !*repo)
        return fail(err, STATUS_INVALID, "", "which repository? Say --repo ORG/NAME");
    if ((rc = client_split_repository(call, repo, &org, &name, err)))
        return rc;
    *path = client_path(call, "/api/v1/orgs/%s/repositories/%s", org, name);
    return STATUS_OK;
}

/* "npm:@acme/ui@1.0.0", or its package URL. */
static enum status begin_body(const struct command_call *call, struct strbuf *body,
                              struct error *err)
{
    const char *given = call->arguments[0];
    struct purl purl;
    enum status rc;

    if ((rc = purl_parse(given, call->arena, &purl, err)))
        return rc;
    if (!purl.version)
        return fail(err, STATUS_INVALID, "", "'%.200s' is no version; write it as npm:hello@1.0.0", given);
    strbuf_init(body, call->arena, BODY_MAX);
    strbuf_char(body, '{');
    output_member(body, "package", arena_format(call->arena, "%s:%s", format_name(purl.format), purl.name));
    output_member(body, "version", purl.version);
    return STATUS_OK;
}

static int take_away(struct command_call *call)
{
    const char *reason = command_option(call, "reason"), *path, *until;
    bool now = command_option(call, "now") != NULL;
    struct client_answer answer = {0};
    struct strbuf body;
    struct error err = {0};
    int code;

    if (!reason || !*reason)
        return command_usage(call, "a removal needs a reason: --reason \"leaked a key\"");
    if (find_repository(call, &path, &err) || begin_body(call, &body, &err))
        return command_usage(call, "%s", err.message);
    output_member(&body, "reason", reason);
    strbuf_text(&body, now ? ",\"now\":true}" : "}");
    if (client_ask(call, "POST", arena_format(call->arena, "%s/removals", path), &body, &answer, &err)) {
        code = command_fail(call, &err);
    } else {
        until = json_text(json_get(answer.json, "restorable_until"));
        code = until ? output_done(call, answer.json,
                                   "%s is removed. Until %s it comes back with: packhouse restore %s",
                                   call->arguments[0], until, call->arguments[0])
                     : output_done(call, answer.json, "%s is removed, and its bytes are gone.",
                                   call->arguments[0]);
    }
    client_answer_clear(&answer);
    return code;
}

static int restore(struct command_call *call)
{
    struct client_answer answer = {0};
    struct strbuf body;
    struct error err = {0};
    const char *path;
    int code;

    if (find_repository(call, &path, &err) || begin_body(call, &body, &err))
        return command_usage(call, "%s", err.message);
    strbuf_char(&body, '}');
    if (client_ask(call, "POST", arena_format(call->arena, "%s/restorations", path), &body, &answer, &err))
        code = command_fail(call, &err);
    else
        code = output_done(call, answer.json, "%s is back, as it was.", call->arguments[0]);
    client_answer_clear(&answer);
    return code;
}

static int list(struct command_call *call)
{
    static const struct output_column columns[] = {
        {"package", "PACKAGE"},
        {"version", "VERSION"},
        {"removed_at", "REMOVED"},
        {"by", "BY"},
        {"restorable_until", "RESTORABLE UNTIL"},
        {"reason", "REASON"},
        {0},
    };
    struct error err = {0};
    const char *path;

    if (find_repository(call, &path, &err))
        return command_usage(call, "%s", err.message);
    return output_list(call, arena_format(call->arena, "%s/removals", path), "", columns);
}

static const struct command_option remove_options[] = {
    {"reason", "TEXT", "why; everybody who asks later reads it in the audit log"},
    {"now",    NULL,   "give the bytes up at once: a secret leaked. Nothing brings them back"},
    {0},
};

const struct command remove_commands[] = {
    {"remove", NULL, "VERSION", "Takes a version away; it may come back for trash_days",
     "packhouse remove npm:hello@1.0.0 --repo acme/main --reason \"broken build\"\n"
     "packhouse remove pypi:hello@1.0.0 --repo acme/main --reason \"leaked a key\" --now\n\n"
     "Its name and version never mean other bytes again, in any repository of the org.",
     remove_options, SETTING_CLIENT, take_away},
    {0},
};

const struct command restore_commands[] = {
    {"restore", NULL, "VERSION", "Brings a removed version back, with its files and tags",
     "packhouse restore npm:hello@1.0.0 --repo acme/main", NULL, SETTING_CLIENT, restore},
    {0},
};

const struct command removed_commands[] = {
    {"removed", "list", NULL, "Lists what was removed from a repository, why, and what may come back",
     NULL, NULL, SETTING_CLIENT, list},
    {0},
};

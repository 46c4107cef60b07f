/* `packhouse request`: asking that a held version be let through, and deciding. */
#include "config/quantity.h"
#include "server/commands/lockfile_list.h"
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "server/commands/policy_set.h"
#include "server/commands/request_show.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

#include <stdio.h>
#include <string.h>

enum { BODY_MAX = 1 << 20, AT_ONCE = 50 };

/* What is asked for, and what the server said of all of it. */
struct wishes {
    const char *org, *repository, *reason;
    const char *const *versions;
    size_t count;
    size_t asked, joined, not_held;
    struct strbuf items; /* JSON, with commas between */
    bool is_lockfile;
};

static void add_items(struct wishes *wishes, const struct json *answer)
{
    const struct json *items = json_get(answer, "items");

    for (size_t i = 0; i < json_count(items); i++) {
        const struct json *item = json_at(items, i);
        bool is_new = json_bool(json_get(item, "is_new"), false);

        wishes->asked += is_new;
        wishes->joined += !is_new;
        strbuf_format(&wishes->items,
                      "%s{\"id\":%lld,\"package\":", wishes->items.length ? "," : "",
                      (long long)json_int(json_get(item, "id"), 0));
        strbuf_json(&wishes->items, json_text(json_get(item, "package")));
        strbuf_text(&wishes->items, ",\"version\":");
        strbuf_json(&wishes->items, json_text(json_get(item, "version")));
        strbuf_format(&wishes->items, ",\"is_new\":%s}", is_new ? "true" : "false");
    }
    wishes->not_held += (size_t)json_int(json_get(answer, "not_held"), 0);
}

/* Versions of a lockfile, of which some may be gone; one that a person typed must be there. */
static void write_purls(const struct wishes *wishes, size_t from, size_t to, struct strbuf *body)
{
    if (!wishes->is_lockfile) {
        output_member(body, "purl", wishes->versions[from]);
        return;
    }
    strbuf_text(body, ",\"purls\":[");
    for (size_t i = from; i < to; i++) {
        strbuf_text(body, i > from ? "," : "");
        strbuf_json(body, wishes->versions[i]);
    }
    strbuf_char(body, ']');
}

/* Some at a time: for each, the server may have to ask an upstream. */
static enum status ask(struct command_call *call, struct wishes *wishes, struct error *err)
{
    size_t at_once = wishes->is_lockfile ? AT_ONCE : 1;
    enum status rc = STATUS_OK;

    for (size_t from = 0; from < wishes->count && !rc; from += at_once) {
        size_t to = from + at_once < wishes->count ? from + at_once : wishes->count;
        struct client_answer answer = {0};
        struct strbuf body;

        strbuf_init(&body, call->arena, BODY_MAX);
        strbuf_char(&body, '{');
        output_member(&body, "repository", wishes->repository);
        output_member(&body, "reason", wishes->reason);
        write_purls(wishes, from, to, &body);
        strbuf_char(&body, '}');
        rc = client_ask(call, "POST", client_path(call, "/api/v1/orgs/%s/requests", wishes->org),
                        &body, &answer, err);
        if (!rc)
            add_items(wishes, answer.json);
        client_answer_clear(&answer);
    }
    return rc;
}

static int tell(const struct command_call *call, const struct wishes *wishes)
{
    if (call->json) {
        printf("{\"items\":[%s],\"not_held\":%zu}\n", wishes->items.data, wishes->not_held);
        return EXIT_DONE;
    }
    if (!wishes->asked && !wishes->joined)
        puts("Nothing holds any of it back: what there is of it can be installed.");
    else if (wishes->asked + wishes->joined > 1)
        printf("%zu asked for, %zu more were asked for already, %zu are not held back. See: "
               "packhouse request list\n",
               wishes->asked, wishes->joined, wishes->not_held);
    else
        printf("%s Whoever approves sees it with: packhouse request list\n",
               wishes->asked ? "Asked for." : "It was asked for already; your reason now stands with it.");
    return EXIT_DONE;
}

static int create(struct command_call *call)
{
    const char *lockfile = command_option(call, "lockfile");
    struct wishes wishes = {.reason = command_option(call, "reason"),
                            .is_lockfile = lockfile,
                            .versions = call->arguments,
                            .count = call->argument_count};
    const char **listed;
    struct error err = {0};
    int code;

    if (!wishes.count == !lockfile)
        return command_usage(call,
                             "name versions such as npm:left-pad@1.3.1, or give --lockfile FILE");
    if (!wishes.reason || !*wishes.reason)
        return command_usage(call, "a request needs a reason: --reason \"fixes our crash\"");
    if (client_repository(call, &wishes.org, &wishes.repository, &err))
        return command_usage(call, "%s", err.message);
    if (lockfile && lockfile_list_read(call, lockfile, &listed, &wishes.count, &err))
        return command_fail(call, &err);
    if (lockfile)
        wishes.versions = listed;
    strbuf_init(&wishes.items, NULL, 64 << 20);
    code = ask(call, &wishes, &err) ? command_fail(call, &err) : tell(call, &wishes);
    strbuf_free(&wishes.items);
    return code;
}

static int list(struct command_call *call)
{
    static const struct output_column columns[] = {
        {"id",        "REQUEST"},
        {"package",           "PACKAGE"},
        {"version","VERSION"},
        {"rules",   "HELD BY"},
        {"state",           "STATE"},
        {"by","ASKED BY"},
        {"requesters",     "OF"},
        {"reason",           "REASON"},
        {0 },
    };
    const char *state = command_option(call, "state"), *package = command_option(call, "package"),
               *org;
    struct error err = {0};
    char *query;

    if (client_org(call, &org, &err))
        return command_usage(call, "%s", err.message);
    query = arena_format(call->arena, "?state=%s", client_path(call, "%s", state ? state : "open"));
    if (package)
        query = arena_format(call->arena, "%s&package=%s", query, client_path(call, "%s", package));
    return output_list(call, client_path(call, "/api/v1/orgs/%s/requests", org), query, columns);
}

static enum status add_until(struct strbuf *body, const char *text, struct error *err)
{
    struct error reason = {0};
    int64_t ms;

    if (!text)
        return fail(err, STATUS_INVALID, "",
                    "until when? --until 30d, or a time such as 2026-12-24T00:00:00Z");
    if (strchr(text, '-')) {
        output_member(body, "not_after", text);
        return STATUS_OK;
    }
    if (quantity_parse_duration(text, &ms, &reason))
        return fail(err, STATUS_INVALID, "", "--until: %s", reason.message);
    strbuf_format(body, ",\"expires_in\":%lld", (long long)(ms / 1000));
    return STATUS_OK;
}

static enum status fill_approval(struct command_call *call, struct strbuf *body, struct error *err)
{
    const char *scope = command_option(call, "scope"), *comment = command_option(call, "comment");
    const char *range = command_option(call, "range");

    if (!comment || !*comment)
        return fail(err, STATUS_INVALID, "", "why? --comment \"read the diff\"");
    strbuf_char(body, '{');
    output_member(body, "comment", comment);
    output_member(body, "scope", scope ? scope : range ? "range" : NULL);
    output_member(body, "range", range);
    output_member_list(body, "rules", command_option_list(call, "rule"));
    if (command_option(call, "alone"))
        output_member_bool(body, "alone", true);
    return add_until(body, command_option(call, "until"), err);
}

static int decide(struct command_call *call, const char *suffix, const struct strbuf *body)
{
    char *path = request_path(call, suffix);
    struct client_answer answer = {0};
    struct error err = {0};
    const char *package, *version;
    int code;

    if (!path)
        return EXIT_USAGE;
    if (client_ask(call, "POST", path, body, &answer, &err)) {
        code = command_fail(call, &err);
    } else {
        package = json_text(json_get(answer.json, "package"));
        version = json_text(json_get(answer.json, "version"));
        if (json_get(answer.json, "exception"))
            code = output_done(call, answer.json,
                               "%s@%s comes through from now on (exception %lld).%s%s", package,
                               version, (long long)json_int(json_get(answer.json, "exception"), 0),
                               json_get(answer.json, "also") ? " It decides these requests too: " : "",
                               output_cell(call, json_get(answer.json, "also")));
        else
            code = output_done(call, answer.json, "%s@%s stays held back.", package, version);
    }
    client_answer_clear(&answer);
    return code;
}

static int approve(struct command_call *call)
{
    struct strbuf body;
    struct error err = {0};

    strbuf_init(&body, call->arena, BODY_MAX);
    if (fill_approval(call, &body, &err))
        return command_usage(call, "%s", err.message);
    strbuf_char(&body, '}');
    return decide(call, "/approve", &body);
}

static int deny(struct command_call *call)
{
    const char *comment = command_option(call, "comment");
    struct strbuf body;

    if (!comment || !*comment)
        return command_usage(call, "why? --comment \"is not maintained\"");
    strbuf_init(&body, call->arena, BODY_MAX);
    strbuf_char(&body, '{');
    output_member(&body, "comment", comment);
    strbuf_char(&body, '}');
    return decide(call, "/deny", &body);
}

/* clang-format off */
#define ORG_OPTION {"org", "ORG", "whose; without it the org of --repo, PACKHOUSE_REPO or the profile"}

static const struct command_option create_options[] = {
    {"reason", "TEXT", "what it is needed for; whoever decides reads it"},
    {"lockfile", "FILE", "everything that this lockfile has and policy holds back"},
    {0},
};

static const struct command_option list_options[] = {
    ORG_OPTION,
    {"state", "STATE", "open (the default), approved, denied or all"},
    {"package", "PACKAGE", "npm:NAME or pypi:NAME"},
    {0},
};

static const struct command_option approve_options[] = {
    ORG_OPTION,
    {"until", "TIME", "when it ends: 30d, or a time; at most 180 days"},
    {"comment", "TEXT", "why; it is kept"},
    {"scope", "SCOPE", "version (the default, bound to its bytes), range or name"},
    {"range", "RANGE", "of the scope range: ^1.3, or >=2.31,<3 for Python"},
    {"rule", "RULE", "clear this one alone; may be given again"},
    {"alone", NULL, "you asked for it yourself, and there is nobody else who could decide"},
    {0},
};

static const struct command_option deny_options[] = {ORG_OPTION, {"comment", "TEXT", "why; it is kept"}, {0}};

const struct command request_commands[] = {
    {"request", "create", "[VERSION...]", "Asks that versions which policy holds back be let through",
     "packhouse request create npm:left-pad@1.3.1 --repo acme/main --reason \"fixes our crash\"\n"
     "packhouse request create --lockfile package-lock.json --repo acme/main --reason \"what we use\"",
     create_options, SETTING_CLIENT, create},
    {"request", "list", NULL, "Lists what was asked for", NULL, list_options, SETTING_CLIENT, list},
    {"request", "show", "REQUEST", "Shows a request: what is known of the version, who asks why, and what is new in it",
     "packhouse request show 7 --org acme\n\n"
     "The version is compared with the last one before it that comes in: files, scripts, dependencies, people and\n"
     "sizes. Both archives are fetched for that, where they are not kept; nobody else gets them by it.",
     request_show_options, SETTING_CLIENT, request_show},
    {"request", "approve", "REQUEST", "Lets a version through, until its end",
     "packhouse request approve 7 --org acme --until 30d --comment \"read the diff\"\n\n"
     "Nobody approves what he asked for himself.",
     approve_options, SETTING_CLIENT, approve},
    {"request", "deny", "REQUEST", "Decides that a version stays held back", NULL, deny_options, SETTING_CLIENT, deny},
    {0},
};

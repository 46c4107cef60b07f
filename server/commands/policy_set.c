#include "server/commands/policy_set.h"

#include "policy/policy.h"
#include "policy/sets.h"
#include "server/commands/approved_list.h"
#include "server/commands/lockfile_list.h"
#include "server/commands/output.h"
#include "server/commands/text_file.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BODY_MAX = 8 << 20, TEXT_MAX = 4 << 20 };

enum status policy_text_read(const struct command_call *call, const char *name, const char **text,
                             struct error *err)
{
    const struct policy_set *set = policy_set_find(name);
    struct text_file file;
    enum status rc;

    if ((rc = text_file_read(name, call->arena, &file, err)))
        return rc;
    *text = file.mode ? file.text : set ? set->text : NULL;
    if (!*text)
        return fail(err, STATUS_NOT_FOUND, "",
                    "%s does not exist; the starting sets are approved-only, careful and open", name);
    return STATUS_OK;
}

enum status client_org(const struct command_call *call, const char **org, struct error *err)
{
    const char *name;

    if ((*org = command_option(call, "org")))
        return STATUS_OK;
    if (!*call->settings->repo)
        return fail(err, STATUS_INVALID, "", "which org? Give --org ORG, or --repo ORG/NAME");
    return client_repository(call, org, &name, err);
}

/* A text, and the revision of the server's that it was made from; -1: from none. */
struct wanted_policy {
    const char *org, *name, *text;
    int64_t from;
    size_t added;
    bool is_audit; /* it only records */
};

static enum status fetch_current(const struct command_call *call, struct wanted_policy *out,
                                 struct error *err)
{
    struct client_answer answer;
    const char *text;
    enum status rc;

    if (!(rc = client_ask(call, "GET", client_path(call, "/api/v1/orgs/%s/policy", out->org), NULL, &answer,
                          err))) {
        text = json_text(json_get(answer.json, "text"));
        out->name = arena_format(call->arena, "the policy of %s", out->org);
        out->from = json_int(json_get(answer.json, "revision"), 0);
        out->text = text ? arena_copy(call->arena, text) : NULL;
    }
    client_answer_clear(&answer);
    if (!rc && !out->text)
        return fail(err, STATUS_NOT_FOUND, "",
                    "%s has no policy to add to: name a file or a starting set too, such as approved-only",
                    out->org);
    return rc;
}

static enum status accept_lockfile(const struct command_call *call, const char *path,
                                   struct wanted_policy *out, struct error *err)
{
    const char **entries;
    struct strbuf text;
    size_t count;
    enum status rc;

    strbuf_init(&text, call->arena, TEXT_MAX);
    if ((rc = lockfile_list_read(call, path, &entries, &count, err)) ||
        (rc = approved_list_add(out->text, entries, count, path, &text, &out->added, err)))
        return rc;
    if (strbuf_failed(&text))
        return fail(err, STATUS_TOO_LARGE, "", "%s would become too large", out->name);
    out->text = text.data;
    return STATUS_OK;
}

static const char *find_mode_line(const char *text)
{
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n')
        if (!strncmp(at, "mode:", 5))
            return at;
    return NULL;
}

/* Only the word changes, so that comments stay. policy_mode() tells whether that was enough. */
static enum status set_mode(const struct command_call *call, const char *mode, struct wanted_policy *out,
                            struct error *err)
{
    const char *line = find_mode_line(out->text), *word = line ? line + 5 : NULL;

    if (strcmp(mode, "audit") && strcmp(mode, "enforce"))
        return fail(err, STATUS_INVALID, "", "--mode is audit or enforce, not '%.40s'", mode);
    if (line)
        word += strspn(word, " ");
    out->text = line ? arena_format(call->arena, "%.*smode: %s%s", (int)(line - out->text), out->text, mode,
                                    word + strcspn(word, " #\r\n"))
                     : arena_format(call->arena, "mode: %s\n%s", mode, out->text);
    return STATUS_OK;
}

static enum status check_mode(const struct policy *policy, const char *mode, const char *name,
                              struct error *err)
{
    bool is_audit = policy_mode(policy, "") == POLICY_AUDIT;

    return is_audit == !strcmp(mode, "audit")
               ? STATUS_OK
               : fail(err, STATUS_UNPROCESSABLE, "",
                      "write the mode into %s by hand: no line of it begins with mode:", name);
}

static enum status read_wanted(const struct command_call *call, struct wanted_policy *out,
                               struct error *err)
{
    const char *lockfile = command_option(call, "accept-lockfile"), *mode = command_option(call, "mode");
    struct policy *policy = NULL;
    enum status rc;

    *out = (struct wanted_policy){.name = call->arguments[0], .from = -1};
    if ((rc = client_org(call, &out->org, err)))
        return rc;
    if (!out->name && !lockfile && !mode)
        return fail(err, STATUS_INVALID, "", "which policy? Name a file, or a starting set such as careful");
    if ((rc = out->name ? policy_text_read(call, out->name, &out->text, err) : fetch_current(call, out, err)) ||
        (lockfile && (rc = accept_lockfile(call, lockfile, out, err))) ||
        (mode && (rc = set_mode(call, mode, out, err))))
        return rc;
    if (!(rc = policy_read(out->name, out->text, strlen(out->text), &policy, err)) &&
        !(rc = policy_run_cases(policy, out->name, err)) && mode)
        rc = check_mode(policy, mode, out->name, err);
    if (!rc)
        out->is_audit = policy_mode(policy, "") == POLICY_AUDIT;
    policy_free(policy);
    return rc;
}

static int tell_set(const struct command_call *call, const struct wanted_policy *wanted,
                    const struct json *answer)
{
    int64_t revision = json_int(json_get(answer, "revision"), 0);
    const char *does = wanted->is_audit ? "is in audit mode: from now on it records what it would hold, and holds nothing"
                                        : "holds from now on";

    if (wanted->added)
        return output_done(call, answer, "%zu version%s of the lockfile %s approved. Revision %" PRId64
                                         " of the policy of %s %s.",
                           wanted->added, wanted->added == 1 ? "" : "s", wanted->added == 1 ? "is" : "are", revision,
                           wanted->org, does);
    return output_done(call, answer, "Revision %" PRId64 " of the policy of %s %s.", revision, wanted->org, does);
}

int policy_set(struct command_call *call)
{
    struct client_answer answer = {0};
    struct wanted_policy wanted;
    struct strbuf body;
    struct error err = {0};
    enum status rc;
    int code;

    if ((rc = read_wanted(call, &wanted, &err)))
        return rc == STATUS_INVALID && !wanted.text ? command_usage(call, "%s", err.message)
                                                    : command_fail(call, &err);
    strbuf_init(&body, call->arena, BODY_MAX);
    strbuf_char(&body, '{');
    output_member(&body, "text", wanted.text);
    output_member(&body, "reason", command_option(call, "reason"));
    strbuf_char(&body, '}');
    if (client_ask_if(call, "PUT", client_path(call, "/api/v1/orgs/%s/policy", wanted.org), wanted.from, &body,
                      &answer, &err))
        code = command_fail(call, &err);
    else
        code = tell_set(call, &wanted, answer.json);
    client_answer_clear(&answer);
    return code;
}

int policy_show(struct command_call *call)
{
    const char *revision = command_option(call, "revision"), *org, *text;
    struct client_answer answer = {0};
    struct error err = {0};
    char *path;
    int code;

    if (client_org(call, &org, &err))
        return command_usage(call, "%s", err.message);
    path = client_path(call, "/api/v1/orgs/%s/policy", org);
    if (revision)
        path = arena_format(call->arena, "%s?revision=%s", path, client_path(call, "%s", revision));
    if (client_ask(call, "GET", path, NULL, &answer, &err)) {
        code = command_fail(call, &err);
    } else if ((text = json_text(json_get(answer.json, "text"))) && !call->json) {
        fputs(text, stdout);
        code = EXIT_DONE;
    } else {
        code = output_done(call, answer.json,
                           "%s has no policy, so everything comes in. To begin: packhouse policy set --org %s "
                           "careful",
                           org, org);
    }
    client_answer_clear(&answer);
    return code;
}

int policy_list(struct command_call *call)
{
    static const struct output_column columns[] = {
        {"revision",   "REVISION"},
        {"created_at", "SET"     },
        {"by",         "BY"      },
        {"reason",     "REASON"  },
        {0},
    };
    struct error err = {0};
    const char *org;

    if (client_org(call, &org, &err))
        return command_usage(call, "%s", err.message);
    return output_list(call, client_path(call, "/api/v1/orgs/%s/policy/revisions", org), "", columns);
}

const struct command_option policy_set_options[] = {
    {"org",             "ORG",  "whose; without it the org of --repo, PACKHOUSE_REPO or the profile"},
    {"reason",          "TEXT", "why; everybody who lists the revisions reads it"                   },
    {"accept-lockfile", "FILE", "approve what this lockfile has: of npm, pnpm, Yarn, bun, pip, uv, poetry or pdm"},
    {"mode", "MODE", "audit, which only records what would be held, or enforce; without FILE: of what holds"},
    {0},
};

const struct command_option policy_show_options[] = {
    {"org",      "ORG",    "whose; without it the org of --repo, PACKHOUSE_REPO or the profile"},
    {"revision", "NUMBER", "an earlier one"                                                    },
    {0},
};

const struct command_option policy_org_options[] = {
    {"org", "ORG", "whose; without it the org of --repo, PACKHOUSE_REPO or the profile"},
    {0},
};

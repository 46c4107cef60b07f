#include "server/commands/policy_try.h"

#include "config/clock.h"
#include "config/quantity.h"
#include "policy/policy.h"
#include "server/commands/output.h"
#include "server/commands/policy_set.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 8 << 20, DAYS_MAX = 90 };

#define DAY_MS (INT64_C(86400) * 1000)

static const char *text_of(const struct json *object, const char *key)
{
    const char *text = json_text(json_get(object, key));

    return text ? text : "";
}

static void print_finding(const struct command_call *call, const struct json *finding)
{
    const char *until = json_text(json_get(finding, "until"));
    const struct json *exception = json_get(finding, "exception");

    printf("  %s (%s): %s%s%s\n", text_of(finding, "rule"), text_of(finding, "action"),
           output_cell(call, json_get(finding, "says")), until ? "; until " : "", until ? until : "");
    if (exception)
        printf("    cleared by exception %" PRId64 " until %s\n", json_int(exception, 0),
               text_of(finding, "exception_until"));
    else if (json_bool(json_get(finding, "is_grave"), false))
        printf("    only an approval of these very bytes clears it\n");
}

/* Times are kept in microseconds; people read dates. */
static void print_fact(const struct command_call *call, const char *key, const struct json *value)
{
    size_t length = strlen(key);
    char time[CLOCK_TEXT_SIZE];

    if (length > 3 && !strcmp(key + length - 3, "_us")) {
        clock_format_iso(json_int(value, 0), time);
        printf("  %.*s: %s\n", (int)length - 3, key, time);
    } else {
        printf("  %s: %s\n", key, output_cell(call, value));
    }
}

static void print_file(const struct command_call *call, const struct json *file)
{
    const struct json *facts = json_get(file, "facts"), *findings = json_get(file, "findings");
    const char *changes = json_text(json_get(file, "changes_at")), *key = NULL;
    bool is_audited = !strcmp(text_of(file, "mode"), "audit") && strcmp(text_of(file, "verdict"), "allow");

    printf("\n%s: %s%s\n", output_cell(call, json_get(file, "file")), output_cell(call, json_get(file, "says")),
           is_audited ? " (only recorded: in audit mode it comes in all the same)" : "");
    puts(json_count(findings) ? "findings" : "findings: none");
    for (size_t i = 0; i < json_count(findings); i++)
        print_finding(call, json_at(findings, i));
    printf("changes: %s\n", changes ? changes : "not by itself");
    puts("facts");
    while ((key = json_key_after(facts, key)))
        print_fact(call, key, json_get(facts, key));
    if (json_get(file, "counts_from"))
        printf("  its age counts from: %s\n", text_of(file, "counts_from"));
}

static int rank_of(const struct json *file)
{
    const char *verdict = text_of(file, "verdict");

    return !strcmp(verdict, "deny") ? 2 : !strcmp(verdict, "hold");
}

/* Of the files of one version, which may be told apart, the one that fares worst. */
struct version_line {
    const char *version;
    size_t place; /* among all files, of the version's first */
    const struct json *worst;
};

static int compare_versions(const void *a, const void *b)
{
    const struct version_line *one = a, *other = b;
    int order = strcmp(one->version, other->version);

    return order ? order : one->place < other->place ? -1 : 1;
}

static int compare_places(const void *a, const void *b)
{
    const struct version_line *one = a, *other = b;

    return one->place < other->place ? -1 : 1;
}

static size_t merge_versions(const struct json *items, struct version_line *lines)
{
    size_t files = json_count(items), count = 0;

    for (size_t i = 0; i < files; i++)
        lines[i] = (struct version_line){text_of(json_at(items, i), "version"), i, json_at(items, i)};
    qsort(lines, files, sizeof *lines, compare_versions);
    for (size_t i = 0; i < files; i++) {
        if (!count || strcmp(lines[count - 1].version, lines[i].version) != 0)
            lines[count++] = lines[i];
        else if (rank_of(lines[i].worst) > rank_of(lines[count - 1].worst))
            lines[count - 1].worst = lines[i].worst;
    }
    qsort(lines, count, sizeof *lines, compare_places);
    return count;
}

static void print_versions(const struct command_call *call, const struct json *items)
{
    static const struct output_column columns[] = {
        {"version",  "VERSION"},
        {"verdict",  "VERDICT"},
        {"mode",     "MODE"   },
        {"opens_at", "OPENS"  },
        {"says",     "SAYS"   },
        {0},
    };
    size_t files = json_count(items), count;
    struct version_line *lines = arena_array(call->arena, files + 1, sizeof *lines);
    const struct json **worst = arena_array(call->arena, files + 1, sizeof *worst);

    count = merge_versions(items, lines);
    for (size_t i = 0; i < count; i++)
        worst[i] = lines[i].worst;
    output_table(call, worst, count, columns);
}

static int print_explained(const struct command_call *call, const char *org, const struct json *answer)
{
    const struct json *items = json_get(answer, "items"), *version = json_get(answer, "version");
    const char *upstream = text_of(answer, "upstream");

    if (call->json)
        return output_done(call, answer, "%s", "");
    if (json_get(answer, "says")) {
        printf("%s.\n", output_cell(call, json_get(answer, "says")));
        return EXIT_DONE;
    }
    printf("%s%s%s for %s/%s, %s%s, by revision %" PRId64 " of the policy\n",
           output_cell(call, json_get(answer, "package")), version ? "@" : "", version ? json_text(version) : "", org,
           text_of(answer, "repository"), *upstream ? "from the upstream " : "published here", upstream,
           json_int(json_get(answer, "revision"), 0));
    if (!version)
        print_versions(call, items);
    for (size_t i = 0; version && i < json_count(items); i++)
        print_file(call, json_at(items, i));
    return EXIT_DONE;
}

int policy_explain(struct command_call *call)
{
    struct client_answer answer = {0};
    const char *org, *repository, *path;
    struct error err = {0};
    int code;

    if (client_repository(call, &org, &repository, &err))
        return command_usage(call, "%s", err.message);
    path = arena_format(call->arena, "%s?purl=%s&repository=%s",
                        client_path(call, "/api/v1/orgs/%s/policy/explain", org),
                        client_path(call, "%s", call->arguments[0]), client_path(call, "%s", repository));
    if (client_ask(call, "GET", path, NULL, &answer, &err))
        code = command_fail(call, &err);
    else
        code = print_explained(call, org, answer.json);
    client_answer_clear(&answer);
    return code;
}

static enum status read_days(const struct command_call *call, int64_t *out, struct error *err)
{
    const char *text = command_option(call, "replay");
    struct error reason = {0};
    int64_t ms = 7 * DAY_MS;

    if (text && quantity_parse_duration(text, &ms, &reason))
        return fail(err, STATUS_INVALID, "", "--replay: %s", reason.message);
    if (ms < DAY_MS || ms > DAYS_MAX * DAY_MS)
        return fail(err, STATUS_INVALID, "", "--replay is from 1d to %dd", DAYS_MAX);
    *out = (ms + DAY_MS - 1) / DAY_MS;
    return STATUS_OK;
}

/* Here first, so that what is wrong is told with the file's own name. */
static enum status read_candidate(const struct command_call *call, const char **text, struct error *err)
{
    const char *name = call->arguments[0];
    struct policy *policy = NULL;
    enum status rc;

    if ((rc = policy_text_read(call, name, text, err)))
        return rc;
    if (!(rc = policy_read(name, *text, strlen(*text), &policy, err)))
        rc = policy_run_cases(policy, name, err);
    policy_free(policy);
    return rc;
}

static int64_t count_of(const struct json *answer, const char *key)
{
    return json_int(json_get(answer, key), 0);
}

static int print_replayed(const struct command_call *call, const struct json *answer)
{
    static const struct output_column columns[] = {
        {"package", "PACKAGE"},
        {"version", "VERSION"},
        {"from",    "FROM"   },
        {"to",      "TO"     },
        {"rules",   "RULES"  },
        {"fetches", "FETCHES"},
        {"by",      "BY"     },
        {"last_at", "LAST"   },
        {0},
    };
    const struct json *items = json_get(answer, "items");
    size_t count = json_count(items);
    const struct json **rows = arena_array(call->arena, count + 1, sizeof *rows);
    int64_t fetches = count_of(answer, "fetches"), days = count_of(answer, "days");
    int64_t decisions = count_of(answer, "decisions");

    if (!fetches)
        return output_done(call, answer,
                           "Nothing was fetched under a policy in the last %" PRId64 " days. Fetches are counted "
                           "as soon as a policy holds, also in audit mode.",
                           days);
    if (!decisions)
        return output_done(call, answer,
                           "Nothing would change: %s decides %s of the last %" PRId64 " days as %s decided.",
                           call->arguments[0],
                           fetches == 1 ? "the one fetch"
                                        : arena_format(call->arena, "all %" PRId64 " fetches", fetches),
                           days, fetches == 1 ? "it was" : "they were");
    for (size_t i = 0; i < count; i++)
        rows[i] = json_at(items, i);
    if (!call->json)
        output_table(call, rows, count, columns);
    return output_done(call, answer,
                       "%" PRId64 " %s would change, about %" PRId64 " of the %" PRId64
                       " fetches of the last %" PRId64 " days: %" PRId64 " would be refused, %" PRId64
                       " would be let in.%s",
                       decisions, decisions == 1 ? "decision" : "decisions", count_of(answer, "changed"), fetches, days, count_of(answer, "refused"),
                       count_of(answer, "admitted"),
                       decisions > (int64_t)count ? " Not all of them are listed." : "");
}

int policy_diff(struct command_call *call)
{
    struct client_answer answer = {0};
    const char *org, *text;
    struct error err = {0};
    struct strbuf body;
    int64_t days = 0;
    int code;

    if (read_days(call, &days, &err) || client_org(call, &org, &err))
        return command_usage(call, "%s", err.message);
    if (read_candidate(call, &text, &err))
        return command_fail(call, &err);
    strbuf_init(&body, call->arena, BODY_MAX);
    strbuf_char(&body, '{');
    output_member(&body, "text", text);
    strbuf_format(&body, ",\"days\":%" PRId64 "}", days);
    if (client_ask(call, "POST", client_path(call, "/api/v1/orgs/%s/policy/replay", org), &body, &answer, &err))
        code = command_fail(call, &err);
    else
        code = print_replayed(call, answer.json);
    client_answer_clear(&answer);
    return code;
}

const struct command_option policy_diff_options[] = {
    {"org",    "ORG",  "whose; without it the org of --repo, PACKHOUSE_REPO or the profile"},
    {"replay", "TIME", "how many days back, 7d where it is not given"                      },
    {0},
};

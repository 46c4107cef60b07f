/* `packhouse policy`: what may come in. */
#include "policy/policy.h"

#include "policy/sets.h"
#include "server/commands/nouns.h"
#include "server/commands/policy_set.h"
#include "server/commands/policy_try.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <stdio.h>
#include <string.h>

enum { OUTPUT_MAX = 4 << 20 };

static enum status read_policy(const struct command_call *call, struct policy **out,
                               struct error *err)
{
    const char *name = call->arguments[0], *text;
    enum status rc;

    *out = NULL;
    if ((rc = policy_text_read(call, name, &text, err)))
        return rc;
    return policy_read(name, text, strlen(text), out, err);
}

static int check(struct command_call *call)
{
    struct policy *policy;
    struct error err = {0};

    if (read_policy(call, &policy, &err))
        return command_fail(call, &err);
    printf(call->json ? "{\"ok\":true,\"rules\":%zu,\"cases\":%zu}\n"
                      : "The policy is right: %zu rules, %zu cases.\n",
           policy_rule_count(policy), policy_case_count(policy));
    policy_free(policy);
    return EXIT_DONE;
}

static void print_case(const struct policy_case_result *result, const char *file)
{
    if (result->passed)
        printf("pass  %s:%zu: %s: %s\n", file, result->line, result->package, result->got);
    else
        printf("FAIL  %s:%zu: %s: expected %s, got %s\n", file, result->line, result->package,
               result->expected, result->got);
}

static void add_case(const struct policy_case_result *result, struct strbuf *out)
{
    strbuf_format(out, "%s{\"line\":%zu,\"package\":", out->data[out->length - 1] == '[' ? "" : ",",
                  result->line);
    strbuf_json(out, result->package);
    strbuf_text(out, ",\"expected\":");
    strbuf_json(out, result->expected);
    strbuf_text(out, ",\"got\":");
    strbuf_json(out, result->got);
    strbuf_format(out, ",\"passed\":%s}", result->passed ? "true" : "false");
}

static int test(struct command_call *call)
{
    struct policy_case_result result;
    struct policy *policy;
    struct error err = {0};
    struct strbuf json;
    size_t failed = 0, count;

    if (read_policy(call, &policy, &err))
        return command_fail(call, &err);
    count = policy_case_count(policy);
    strbuf_init(&json, call->arena, OUTPUT_MAX);
    strbuf_text(&json, "{\"cases\":[");
    for (size_t i = 0; i < count; i++) {
        policy_run_case(policy, i, call->arena, &result);
        failed += !result.passed;
        add_case(&result, &json);
        if (!call->json)
            print_case(&result, call->arguments[0]);
    }
    if (call->json)
        printf("%s],\"passed\":%zu,\"failed\":%zu}\n", json.data, count - failed, failed);
    else
        printf("%zu of %zu cases pass.\n", count - failed, count);
    policy_free(policy);
    return failed ? EXIT_REFUSED : EXIT_DONE;
}

static int example(struct command_call *call)
{
    const struct policy_set *set = policy_set_find(call->arguments[0]);

    if (!set)
        return command_usage(call, "the starting sets are approved-only, careful and open");
    fputs(set->text, stdout);
    return EXIT_DONE;
}

const struct command policy_commands[] = {
    {"policy", "check", "FILE", "Reads a policy and says what is wrong with it, with line and column",
     "packhouse policy check policy.yaml\n\n"
     "Needs no server. In place of a file may stand the name of a starting set: open, careful or\n"
     "approved-only.",
     NULL, 0, check},
    {"policy", "test", "FILE", "Runs the cases that a policy carries; exit code 1 where one fails",
     "packhouse policy test policy.yaml\n\n"
     "Needs no server. A policy whose cases fail is not taken by one.",
     NULL, 0, test},
    {"policy", "example", "NAME", "Prints a starting set to begin with: open, careful, approved-only",
     "packhouse policy example careful > policy.yaml", NULL, 0, example},
    {"policy", "set", "[FILE]", "Makes a policy the one that holds, once its own cases pass",
     "packhouse policy set --org acme careful --reason \"to begin with\"\n"
     "packhouse policy set --org acme policy.yaml\n"
     "packhouse policy set --org acme --accept-lockfile package-lock.json\n\n"
     "In place of a file may stand the name of a starting set. With a lockfile, what it names is put under\n"
     "approved: of FILE, or of the policy that holds; the text is kept as it is.",
     policy_set_options, SETTING_CLIENT, policy_set},
    {"policy", "show", NULL, "Prints the policy that holds, or an earlier revision",
     "packhouse policy show --org acme > policy.yaml", policy_show_options, SETTING_CLIENT, policy_show},
    {"policy", "list", NULL, "Lists the revisions of a policy: when, by whom, why", NULL, policy_org_options,
     SETTING_CLIENT, policy_list},
    {"policy", "explain", "PACKAGE", "Says why a package or a version comes in or not, and when that changes",
     "packhouse policy explain npm:left-pad@1.3.1 --repo acme/main\n"
     "packhouse policy explain pypi:requests\n\n"
     "Of a version: facts, findings and exceptions, file by file. Of a package: one line a version.",
     NULL, SETTING_CLIENT, policy_explain},
    {"policy", "diff", "FILE", "Says what a policy would have decided otherwise in the last days",
     "packhouse policy diff --replay 7d policy.yaml --org acme\n\n"
     "Runs the policy over what was fetched, with the facts of then, and changes nothing. Each decision that\n"
     "would be another one is named. In place of a file may stand the name of a starting set.",
     policy_diff_options, SETTING_CLIENT, policy_diff},
    {0},
};

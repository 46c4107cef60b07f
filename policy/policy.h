/* An org's policy, read from its YAML text (access spec C3) and compiled. Immutable once read, so
 * that any number of threads may ask it. */
#pragma once
#include "config/error.h"
#include "policy/format.h"
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct policy;

enum {
    POLICY_TEXT_MAX = 1 << 20,
    POLICY_RULES_MAX = 200,
    POLICY_NAMES_MAX = 20000, /* names in one list, such as approved, of which */
    POLICY_STARS_MAX = 300,   /* may have stars: each is looked at for each version */
    POLICY_LIST_MAX = 300,    /* entries of other lists */
    POLICY_CASES_MAX = 1000,
    POLICY_RULE_NAME_MAX = 40,
};

/* The finding of default: hold for what no entry of approved names. No rule has this name. */
#define POLICY_NOT_APPROVED "not-approved"

enum policy_mode { POLICY_ENFORCE = 0, POLICY_AUDIT };

/* Reads and compiles. STATUS_UNPROCESSABLE "policy-invalid" for everything that is wrong with the
 * text, as "NAME:LINE:COLUMN: sentence". Cases are read, not run. The caller frees it. */
enum status policy_read(const char *name, const char *text, size_t length, struct policy **out,
                        struct error *err);
void policy_free(struct policy *policy); /* NULL does nothing */

/* What holds in one of the org's repositories. */
enum policy_mode policy_mode(const struct policy *policy, const char *repository);
/* Whether a rule may find fault with what is published here under this name: one that asks for
 * upstream: local, or for such a name. No other rule is about it, and neither is the default. */
bool policy_is_about_local(const struct policy *policy, enum format format, const char *name);
/* Whether a rule asks for what an archive tells better than its listing: the licence, and whether the two
 * agree. */
bool policy_looks_into_archives(const struct policy *policy);
/* Whether an exception may name it: one of the rules, or "not-approved". */
bool policy_has_rule(const struct policy *policy, const char *rule);
size_t policy_rule_count(const struct policy *policy);
/* In the text's order; NULL behind the last. */
const char *policy_rule_name(const struct policy *policy, size_t index);

/* One of the text's own cases, run. */
struct policy_case_result {
    size_t line;
    const char *package, *expected; /* "hold by cooldown" */
    const char *got;
    bool passed;
};

size_t policy_case_count(const struct policy *policy);
void policy_run_case(const struct policy *policy, size_t index, struct arena *arena,
                     struct policy_case_result *out);
/* Runs all. STATUS_UNPROCESSABLE "policy-case-failed" names the first that fails, with its line,
 * and how many do. */
enum status policy_run_cases(const struct policy *policy, const char *name, struct error *err);

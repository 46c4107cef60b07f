/* The one function that decides: facts, policy, exceptions and a time in, a verdict out. The order
 * of rules and of exceptions does not matter; the same input gives the same verdict, always. */
#pragma once
#include "policy/facts.h"
#include "policy/pattern.h"
#include "policy/policy.h"

enum verdict_action { VERDICT_ALLOW = 0, VERDICT_HOLD, VERDICT_DENY };

/* What somebody let through. */
struct policy_exception {
    int64_t id; /* the number that people know it by */
    const struct package_pattern *covers;
    /* For one version: the bytes that were approved, as in facts.digests. NULL: for a range or
     * name, whatever the bytes. */
    const char *const *digests;
    size_t digest_count;
    const char *const *rules; /* the rules that it clears, and no others */
    size_t rule_count;
    /* Those of the rules whose findings were grave when they were cleared, which takes the role security.
     * What only later turns out to be grave is not cleared. */
    const char *const *grave;
    size_t grave_count;
    int64_t until_us; /* live before this moment */
};

struct finding {
    const char *rule;
    enum verdict_action action; /* HOLD or DENY */
    const char *say;            /* one sentence, without a final full stop */
    int64_t until_us;           /* when it goes by itself, as a cooldown does; INT64_MAX: never */
    /* The rule asks for bytes_changed, manifest_mismatch or signature_invalid, and that is so: only
     * an exception for pinned bytes clears it, and only the role security makes such a one (C4). */
    bool is_grave;
    const struct policy_exception
        *cleared_by; /* of those that do, the one that ends last; NULL: it stands */
};

struct verdict {
    enum verdict_action action;     /* the strongest finding that stands */
    enum policy_mode mode;          /* in audit mode it is only recorded: would_hold, would_deny */
    const struct finding *findings; /* those that stand first, deny before hold, then by rule */
    size_t finding_count, standing_count;
    int64_t
        opens_us; /* when a verdict that is not ALLOW becomes ALLOW by itself; INT64_MAX: never */
    int64_t changes_us; /* the next moment when a finding goes, or what clears it ends; INT64_MAX:
                           never */
};

/* Takes the verdict for the asking repository. Findings live in the arena, and in the policy and
 * the exceptions, which must live as long; without findings nothing is allocated. */
void verdict_take(const struct policy *policy, const char *repository, const struct facts *facts,
                  const struct policy_exception *exceptions, size_t count, int64_t now_us,
                  struct arena *arena, struct verdict *out);

/* Whether bytes go out: allowed, or only audited. */
bool verdict_lets_through(const struct verdict *verdict);
const char *verdict_word(enum verdict_action action); /* "allow", "hold", "deny" */

/* Adds the names of the rules that stand, with blanks between. */
void verdict_rules(const struct verdict *verdict, struct strbuf *out);
/* Adds one sentence for a person, in printable ASCII, at most 160 bytes long: 'held by "cooldown"
 * until 2026-12-02: New releases wait seven days'. Nothing for ALLOW. */
void verdict_sentence(const struct verdict *verdict, struct strbuf *out);
/* Adds {"verdict":"hold","mode":"enforce","changes_at":…,"opens_at":…,"findings":[…]}. */
void verdict_write(const struct verdict *verdict, struct strbuf *out);

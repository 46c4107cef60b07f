/* A policy as it is compiled. Only the files of this folder look inside. */
#pragma once
#include "policy/pattern_set.h"
#include "policy/verdict.h"

enum condition_kind {
    YOUNGER_THAN,
    INSTALL_SCRIPTS,
    NEW_INSTALL_SCRIPTS,
    SDIST_ONLY,
    LICENSE_NOT_IN,
    LICENSE_IN,
    DEPRECATED,
    YANKED,
    PRERELEASE,
    LARGER_THAN,
    NAME,
    VERSION,
    UPSTREAM,
    SIGNATURE_IS_MISSING,
    SIGNATURE_IS_INVALID,
    PROVENANCE_IS_MISSING,
    TRUST_DOWNGRADE,
    PUBLISHER_CHANGE,
    BYTES_CHANGED,
    MANIFEST_MISMATCH,
    CONDITION_COUNT
};

enum condition_shape { DURATION, SIZE, FLAG, LICENSES, NAMES, VERSIONS, UPSTREAMS };

/* The closed vocabulary, in the order of enum condition_kind. */
struct condition_row {
    const char *key;
    enum condition_shape shape;
    const char *says; /* what a finding says whose rule says nothing */
    size_t offset;    /* of a flag that is one of fact_rows: its place in struct facts; else 0 */
    unsigned values;  /* and which of its values, as a mask */
};
extern const struct condition_row condition_rows[CONDITION_COUNT];

/* A range of versions, for each format that the rule may be about. */
struct version_range {
    const char *text;
    size_t line, column;
    const struct semver_range *semver; /* NULL: not for npm's */
    const char *specifier;             /* NULL: not for Python's */
};

struct condition {
    enum condition_kind kind;
    int64_t quantity; /* microseconds or bytes */
    const char *const *list;
    size_t count;
    bool has_unknown; /* of licences: the list has the word "unknown" */
    struct version_range *ranges;
    struct pattern_set names;
};

/* All of these must hold, and one of any where there are any. */
struct conditions {
    const struct condition *all;
    size_t all_count;
    const struct conditions *any;
    size_t any_count;
    bool names_packages; /* by name or upstream: such ones are about local packages too */
};

struct rule {
    const char *name;
    enum verdict_action action;
    struct conditions when;
    struct pattern_set except;
    const char *say;
};

struct policy_repository {
    const char *name;
    enum policy_mode mode;
};

struct policy_case {
    size_t line;
    const char *package;
    struct facts facts;
    unsigned given; /* the conditions that may hold: those whose facts the case tells */
    int64_t age_us;
    enum verdict_action expect;
    const char *by; /* NULL: whichever rule */
};

struct policy {
    struct arena *arena;
    enum policy_mode mode;
    bool holds_unapproved;
    bool names_local; /* some rule is about some local package */
    const struct rule *rules;
    size_t rule_count;
    struct pattern_set approved;
    const struct policy_repository *repositories;
    size_t repository_count;
    const struct policy_case *cases;
    size_t case_count;
};

enum { GIVEN_ALL = (1 << CONDITION_COUNT) - 1 };

/* Whether the rule finds fault with the file. until_us is when it will not any more. given is a
 * mask of condition kinds: the others do not hold. */
bool rule_finds(const struct rule *rule, const struct facts *facts, unsigned given, int64_t now_us,
                int64_t *until_us);
/* Whether the rule may find fault with what is published here, as far as the conditions of the kinds
 * asked say, of NAME and UPSTREAM. */
bool rule_is_about_local(const struct rule *rule, const struct facts *facts, unsigned asked);
/* As in struct finding. Does not depend on the time, so that neither does what may clear a finding.
 */
bool rule_is_grave(const struct rule *rule, const struct facts *facts);

/* verdict_take() for facts of which only some are told. */
void verdict_take_given(const struct policy *policy, const char *repository,
                        const struct facts *facts, unsigned given,
                        const struct policy_exception *exceptions, size_t count, int64_t now_us,
                        struct arena *arena, struct verdict *out);

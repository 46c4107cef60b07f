/* The cases that a policy carries: what its text says of them, and how they are run. */
#include "policy/policy_file_state.h"

#include "config/quantity.h"
#include "policy/purl.h"
#include "policy/spdx.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <string.h>

enum { LICENSE_KINDS = 1 << LICENSE_NOT_IN | 1 << LICENSE_IN, FACT_KEYS_MAX = 32 };

/* What a package itself tells. */
static const unsigned ALWAYS_GIVEN = 1 << NAME | 1 << VERSION | 1 << PRERELEASE;

/* Cases are judged at this moment; only ages count. */
static const int64_t CASE_NOW_US = INT64_C(4000000000000000);

/* Facts that are no words stand before fact_rows. */
enum fact_key { FACT_AGE, FACT_LICENSE, FACT_SIZE, FACT_UPSTREAM, FACT_FIRST_WORD };

/* The conditions that rest on a fact. */
static unsigned kinds_of(const struct fact_row *fact)
{
    unsigned kinds = 0;

    for (size_t kind = 0; kind < CONDITION_COUNT; kind++)
        if (condition_rows[kind].values && condition_rows[kind].offset == fact->offset)
            kinds |= 1u << kind;
    return kinds;
}

static void fill_fact_keys(const char *keys[FACT_KEYS_MAX])
{
    size_t count = FACT_FIRST_WORD;

    keys[FACT_AGE] = "age";
    keys[FACT_LICENSE] = "license";
    keys[FACT_SIZE] = "size";
    keys[FACT_UPSTREAM] = "upstream";
    for (size_t i = 0; i < fact_row_count; i++)
        if (kinds_of(&fact_rows[i]))
            keys[count++] = fact_rows[i].key;
    keys[count] = NULL;
}

static const struct fact_row *find_fact(const char *key)
{
    const struct fact_row *row = fact_rows;

    while (strcmp(row->key, key))
        row++;
    return row;
}

static enum status take_fact_word(struct policy_reader *reader, const char *key,
                                  struct policy_case *one, struct error *err)
{
    const struct fact_row *row = find_fact(key);
    struct yaml_text text;
    enum status rc;

    if ((rc = yaml_take_text(reader->cursor, &text, err)))
        return rc;
    one->given |= kinds_of(row);
    if (strcmp(text.text, "unknown") && !fact_set_word(&one->facts, row, text.text))
        return yaml_fail_at(reader->cursor, &text, err, "'%.40s' is no value of %s", text.text,
                            key);
    return STATUS_OK;
}

static enum status take_license(struct policy_reader *reader, struct policy_case *one,
                                struct error *err)
{
    struct yaml_text text;
    enum status rc;

    if ((rc = yaml_take_text(reader->cursor, &text, err)))
        return rc;
    one->given |= LICENSE_KINDS;
    if (!strcmp(text.text, "unknown"))
        return STATUS_OK;
    if (!spdx_is_valid(text.text))
        return yaml_fail_at(reader->cursor, &text, err, "'%.60s' is no licence expression",
                            text.text);
    one->facts.license = arena_copy(reader->arena, text.text);
    return STATUS_OK;
}

static enum status take_upstream(struct policy_reader *reader, struct policy_case *one,
                                 struct error *err)
{
    struct yaml_text text;
    enum status rc;

    if ((rc = yaml_take_text(reader->cursor, &text, err)))
        return rc;
    one->given |= 1u << UPSTREAM;
    one->facts.upstream = strcmp(text.text, "local") ? arena_copy(reader->arena, text.text) : NULL;
    return STATUS_OK;
}

static enum status take_facts(struct policy_reader *reader, struct policy_case *one,
                              struct error *err)
{
    enum status rc = yaml_enter(reader->cursor, YAML_MAPPING, err);
    const char *keys[FACT_KEYS_MAX];
    struct yaml_text key;
    unsigned seen = 0;
    size_t index;
    bool has;

    fill_fact_keys(keys);
    while (!rc && !(rc = yaml_has_more(reader->cursor, &has, err)) && has) {
        if ((rc = take_key(reader, keys, &seen, &index, &key, err)))
            return rc;
        switch (index) {
        case FACT_AGE:
            one->given |= 1u << YOUNGER_THAN;
            rc = take_quantity(reader, DURATION, &one->age_us, err);
            one->facts.published_us = CASE_NOW_US - one->age_us;
            break;
        case FACT_LICENSE: rc = take_license(reader, one, err); break;
        case FACT_SIZE:
            one->given |= 1u << LARGER_THAN;
            rc = take_quantity(reader, SIZE, &one->facts.size_bytes, err);
            break;
        case FACT_UPSTREAM: rc = take_upstream(reader, one, err); break;
        default: rc = take_fact_word(reader, key.text, one, err); break;
        }
    }
    return rc;
}

static enum status take_package(struct policy_reader *reader, struct policy_case *one,
                                struct error *err)
{
    struct error reason = {0};
    struct yaml_text text;
    struct purl purl;
    enum status rc;

    if ((rc = yaml_take_text(reader->cursor, &text, err)))
        return rc;
    if (purl_parse(text.text, reader->arena, &purl, &reason))
        return yaml_fail_at(reader->cursor, &text, err, "%s", reason.message);
    if (!purl.version)
        return yaml_fail_at(reader->cursor, &text, err,
                            "a case is about one version, as npm:x@1.0.0");
    one->package = arena_copy(reader->arena, text.text);
    one->facts.format = purl.format;
    one->facts.name = purl.name;
    one->facts.version = purl.version;
    return STATUS_OK;
}

static enum status take_by(struct policy_reader *reader, struct policy_case *one, struct error *err)
{
    struct yaml_text text;
    enum status rc;

    if ((rc = yaml_take_text(reader->cursor, &text, err)))
        return rc;
    one->by = arena_copy(reader->arena, text.text);
    return STATUS_OK;
}

static enum status take_case(struct policy_reader *reader, struct error *err)
{
    enum { PACKAGE, FACTS, EXPECT, BY };
    static const char *const keys[] = {
        [PACKAGE] = "package", [FACTS] = "facts", [EXPECT] = "expect", [BY] = "by", NULL};
    static const char *const expectations[] = {"allow", "hold", "deny", NULL};
    struct policy_case *one = arena_alloc(reader->arena, sizeof *one);
    struct yaml_text key;
    enum yaml_kind kind;
    unsigned seen = 0;
    size_t index;
    bool has;
    enum status rc;

    one->given = ALWAYS_GIVEN;
    one->facts.upstream = "upstream"; /* some upstream, about which nothing is said */
    if ((rc = yaml_peek(reader->cursor, &kind, &one->line, err)) ||
        (rc = yaml_enter(reader->cursor, YAML_MAPPING, err)))
        return rc;
    while (!(rc = yaml_has_more(reader->cursor, &has, err)) && has) {
        if ((rc = take_key(reader, keys, &seen, &index, &key, err)))
            return rc;
        rc = index == PACKAGE  ? take_package(reader, one, err)
             : index == FACTS  ? take_facts(reader, one, err)
             : index == EXPECT ? take_word(reader, key.text, expectations, &index, err)
                               : take_by(reader, one, err);
        if (rc)
            return rc;
        if (!strcmp(key.text, "expect"))
            one->expect = index;
    }
    if (rc)
        return rc;
    if (!(seen >> PACKAGE & 1) || !(seen >> EXPECT & 1))
        return yaml_fail(reader->cursor, one->line, err,
                         "a case has a package and says what to expect");
    if (one->by && one->expect == VERDICT_ALLOW)
        return yaml_fail(reader->cursor, one->line, err, "what is allowed is allowed by no rule");
    pointers_add(reader, &reader->cases, one);
    return STATUS_OK;
}

enum status take_cases(struct policy_reader *reader, struct error *err)
{
    enum status rc;
    size_t line;
    enum yaml_kind kind;
    bool has;

    if ((rc = yaml_peek(reader->cursor, &kind, &line, err)) ||
        (rc = yaml_enter(reader->cursor, YAML_LIST, err)))
        return rc;
    while (!rc && !(rc = yaml_has_more(reader->cursor, &has, err)) && has) {
        if (reader->cases.count == POLICY_CASES_MAX)
            return yaml_fail(reader->cursor, line, err, "there are more than %d cases",
                             POLICY_CASES_MAX);
        rc = take_case(reader, err);
    }
    return rc;
}

static const char *describe(enum verdict_action action, const char *by, struct arena *arena)
{
    return by ? arena_format(arena, "%s by %s", verdict_word(action), by) : verdict_word(action);
}

/* Any of several rules may be the one that is named, if it is as strong as the verdict. */
static bool is_by(const struct verdict *verdict, const char *rule)
{
    for (size_t i = 0; i < verdict->standing_count; i++)
        if (verdict->findings[i].action == verdict->action &&
            !strcmp(verdict->findings[i].rule, rule))
            return true;
    return false;
}

void policy_run_case(const struct policy *policy, size_t index, struct arena *arena,
                     struct policy_case_result *out)
{
    const struct policy_case *one = &policy->cases[index];
    struct verdict verdict;
    const char *by = NULL;

    verdict_take_given(policy, "", &one->facts, one->given, NULL, 0, CASE_NOW_US, arena, &verdict);
    if (verdict.standing_count)
        by = one->by && is_by(&verdict, one->by) ? one->by : verdict.findings[0].rule;
    *out = (struct policy_case_result){
        .line = one->line,
        .package = one->package,
        .expected = describe(one->expect, one->by, arena),
        .got = describe(verdict.action, by, arena),
        .passed = verdict.action == one->expect && (!one->by || is_by(&verdict, one->by)),
    };
}

enum status policy_run_cases(const struct policy *policy, const char *name, struct error *err)
{
    struct arena *arena = arena_new();
    struct policy_case_result result, first = {0};
    size_t failures = 0;
    enum status rc = STATUS_OK;

    for (size_t i = 0; i < policy->case_count; i++) {
        policy_run_case(policy, i, arena, &result);
        if (!result.passed && !failures++)
            first = result;
    }
    if (failures)
        rc = fail(err, STATUS_UNPROCESSABLE, "policy-case-failed",
                  "%s:%zu: %.100s: expected %s, got %s (%zu of %zu cases fail)", name, first.line,
                  first.package, first.expected, first.got, failures, policy->case_count);
    arena_free(arena);
    return rc;
}

/* policy/verdict.h: each condition alone, what exceptions clear, when verdicts end, what they say. */
#include "policy/verdict.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const int64_t DAY_US = INT64_C(86400000000);
static const int64_t NOW_US = INT64_C(1764547200000000); /* 2025-12-01T00:00:00Z */

/* Some version from an upstream, about which everything is known and good. */
static struct facts good(void)
{
    return (struct facts){.format = FORMAT_NPM,
                          .name = "left-pad",
                          .version = "1.3.1",
                          .upstream = "npmjs",
                          .digests = {"sha512-x"},
                          .published_us = NOW_US - 90 * DAY_US,
                          .first_seen_us = NOW_US - DAY_US / 2,
                          .size_bytes = 1 << 20,
                          .license = "MIT",
                          .install_scripts = FACT_NO,
                          .new_install_scripts = FACT_NO,
                          .sdist_only = FACT_NO,
                          .deprecated = FACT_NO,
                          .yanked = FACT_NO,
                          .trust_downgrade = FACT_NO,
                          .publisher_change = FACT_NO,
                          .bytes_changed = FACT_NO,
                          .manifest_mismatch = FACT_NO,
                          .signature = SIGNATURE_VERIFIED,
                          .provenance = PROVENANCE_VERIFIED};
}

static struct policy *read_policy(const char *text)
{
    struct policy *policy;
    struct error err = {0};

    if (policy_read("p.yaml", text, strlen(text), &policy, &err))
        fail_msg("%s", err.message);
    return policy;
}

/* Takes the verdict of a policy with one rule. */
static enum verdict_action ask(const char *conditions, const struct facts *facts)
{
    struct arena *arena = arena_new();
    struct policy *policy =
        read_policy(arena_format(arena, "rules:\n  a: {hold: {%s}}\n", conditions));
    struct verdict verdict;

    verdict_take(policy, "main", facts, NULL, 0, NOW_US, arena, &verdict);
    policy_free(policy);
    arena_free(arena);
    return verdict.action;
}


/* Each yes or no: unknown and no are no fault. */
static const struct {
    const char *condition;
    size_t offset;
    unsigned faulty, fine;
} words[] = {
    {"install_scripts",     offsetof(struct facts, install_scripts),     FACT_YES,           FACT_NO            },
    {"new_install_scripts", offsetof(struct facts, new_install_scripts), FACT_YES,           FACT_NO            },
    {"sdist_only",          offsetof(struct facts, sdist_only),          FACT_YES,           FACT_NO            },
    {"deprecated",          offsetof(struct facts, deprecated),          FACT_YES,           FACT_NO            },
    {"yanked",              offsetof(struct facts, yanked),              FACT_YES,           FACT_NO            },
    {"trust_downgrade",     offsetof(struct facts, trust_downgrade),     FACT_YES,           FACT_NO            },
    {"publisher_change",    offsetof(struct facts, publisher_change),    FACT_YES,           FACT_NO            },
    {"bytes_changed",       offsetof(struct facts, bytes_changed),       FACT_YES,           FACT_NO            },
    {"manifest_mismatch",   offsetof(struct facts, manifest_mismatch),   FACT_YES,           FACT_NO            },
    {"signature_missing",   offsetof(struct facts, signature),           SIGNATURE_MISSING,  SIGNATURE_INVALID  },
    {"signature_invalid",   offsetof(struct facts, signature),           SIGNATURE_INVALID,  SIGNATURE_MISSING  },
    {"provenance_missing",  offsetof(struct facts, provenance),          PROVENANCE_NONE,    PROVENANCE_PRESENT },
    {"provenance_missing",  offsetof(struct facts, provenance),          PROVENANCE_INVALID, PROVENANCE_VERIFIED},
};

static void what_is_unknown_is_no_fault(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(words); row++) {
        struct facts facts = good();
        unsigned *value = (unsigned *)((char *)&facts + words[row].offset);
        char condition[64], inside[64];

        snprintf(condition, sizeof condition, "%s: true", words[row].condition);
        snprintf(inside, sizeof inside, "any: [%s]", words[row].condition);
        for (int i = 0; i < 3; i++) {
            *value = i == 0 ? words[row].faulty : i == 1 ? words[row].fine : 0;
            if (ask(condition, &facts) != (i ? VERDICT_ALLOW : VERDICT_HOLD) ||
                ask(inside, &facts) != (i ? VERDICT_ALLOW : VERDICT_HOLD))
                fail_msg("row %zu: %s", row, words[row].condition);
        }
    }
}

/* What else a rule may ask for, of npm:left-pad@1.3.1 that is good. */
static const struct {
    const char *conditions;
    bool holds;
} asked[] = {
    {"younger_than: 90d", false},
    {"younger_than: 91d", true},
    {"younger_than: 2161h", true},
    {"larger_than: 1 MiB", false},
    {"larger_than: 1048575", true},
    {"license_in: MIT", true},
    {"license_in: [ISC, M*]", true},
    {"license_in: [ISC, unknown]", false},
    {"license_not_in: [ISC, mit]", false},
    {"license_not_in: [ISC, unknown]", true},
    {"prerelease: true", false},
    {"name: \"npm:left-pad\"", true},
    {"name: left-pad", true},
    {"name: \"npm:Left-*\"", true},
    {"name: \"pypi:left-pad\"", false},
    {"name: [\"npm:right-pad\", \"npm:left-*\"]", true},
    {"version: \"1.3.1\"", true},
    {"version: \"<1.3.1\"", false},
    {"version: [\">=2\", \">=1.3\"]", true},
    {"version: ^1.3, name: \"npm:**\"", true},
    {"version: ^1.4, name: \"npm:**\"", false},
    {"upstream: npmjs", true},
    {"upstream: n*", true},
    {"upstream: \"*\"", true},
    {"upstream: [local, mirror]", false},
    {"name: left-pad, prerelease: true", false},
    {"name: left-pad, any: [prerelease, yanked]", false},
    {"name: left-pad, any: [yanked, {version: \">=1\", larger_than: 1 KiB}]", true},
    {"name: left-pad, any: [yanked, {version: \">=1\", larger_than: 1 GiB}]", false},
    {"any: [{name: left-pad}]", true},
};

static void each_condition_asks_for_what_it_says(void **state)
{
    const struct facts facts = good();

    (void)state;
    for (size_t row = 0; row < COUNT(asked); row++)
        if (ask(asked[row].conditions, &facts) != (asked[row].holds ? VERDICT_HOLD : VERDICT_ALLOW))
            fail_msg("row %zu: %s", row, asked[row].conditions);
}

static void what_nobody_knows_is_young_and_of_no_licence(void **state)
{
    struct facts facts = {.format = FORMAT_NPM, .name = "x", .version = "1.0.0-rc.1", .upstream = "up"};

    (void)state;
    assert_int_equal(ask("younger_than: 1s", &facts), VERDICT_HOLD);
    assert_int_equal(ask("license_not_in: [MIT]", &facts), VERDICT_HOLD);
    assert_int_equal(ask("license_not_in: [MIT, unknown]", &facts), VERDICT_ALLOW);
    assert_int_equal(ask("license_in: [MIT]", &facts), VERDICT_ALLOW);
    assert_int_equal(ask("license_in: [MIT, unknown]", &facts), VERDICT_HOLD);
    assert_int_equal(ask("larger_than: 1", &facts), VERDICT_ALLOW);
    facts.license = "SEE LICENSE IN FILE";
    assert_int_equal(ask("license_not_in: [MIT]", &facts), VERDICT_HOLD);
    facts.license = "MIT OR GPL-3.0";
    assert_int_equal(ask("license_in: [GPL-*]", &facts), VERDICT_ALLOW);
    facts.license = "MIT AND GPL-3.0";
    assert_int_equal(ask("license_in: [GPL-*]", &facts), VERDICT_HOLD);
    /* A range that refuses goes by the order of versions. */
    assert_int_equal(ask("version: \"<1.0.0\", name: \"npm:x\"", &facts), VERDICT_HOLD);
    facts.format = FORMAT_PYPI;
    facts.version = "1.0rc1";
    assert_int_equal(ask("version: \"<1\"", &facts), VERDICT_ALLOW); /* PEP 440 */
    assert_int_equal(ask("version: \"<2\"", &facts), VERDICT_HOLD);
}

static void only_rules_that_name_packages_are_about_local_ones(void **state)
{
    struct facts facts = good();

    (void)state;
    facts.upstream = NULL;
    facts.deprecated = FACT_YES;
    assert_int_equal(ask("deprecated: true", &facts), VERDICT_ALLOW);
    assert_int_equal(ask("any: [deprecated]", &facts), VERDICT_ALLOW);
    assert_int_equal(ask("deprecated: true, name: \"npm:left-pad\"", &facts), VERDICT_HOLD);
    assert_int_equal(ask("deprecated: true, upstream: local", &facts), VERDICT_HOLD);
    assert_int_equal(ask("deprecated: true, upstream: \"*\"", &facts), VERDICT_ALLOW);
    assert_int_equal(ask("name: left-pad, upstream: \"*\"", &facts), VERDICT_ALLOW);
    assert_int_equal(ask("any: [deprecated, {name: right-pad}]", &facts), VERDICT_ALLOW);
    assert_int_equal(ask("any: [yanked, {name: left-pad}]", &facts), VERDICT_HOLD);
}

/* Where no rule is about it, what is published here is not even looked at. */
static const struct {
    const char *rules;
    bool is_about; /* npm:left-pad */
} local_rules[] = {
    {"a: {hold: {younger_than: 7d}}",                                                    false},
    {"a: {deny: {license_not_in: [MIT]}}",                                               false},
    {"a: {hold: {upstream: \"*\"}}",                                                     false},
    {"a: {hold: {name: left-pad, upstream: mirror}}",                                    false},
    {"a: {hold: {name: right-pad}}",                                                     false},
    {"a: {hold: {name: \"pypi:left-pad\"}}",                                             false},
    {"a: {hold: {upstream: mirror, any: [yanked, {name: left-pad}]}}",                   false},
    {"a: {hold: {any: [yanked, {name: right-pad}]}}",                                    false},
    {"a: {hold: {upstream: [mirror, local]}}",                                           true },
    {"a: {hold: {name: \"left-*\", prerelease: true}}",                                  true },
    {"a: {hold: {any: [yanked, {name: left-pad}]}}",                                     true },
    {"a: {hold: {younger_than: 7d}}, b: {deny: {upstream: local, larger_than: 1 MiB}}",  true },
};

static void policy_tells_whether_it_is_about_a_local_package(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof local_rules / sizeof *local_rules; row++) {
        struct policy *policy;
        struct error err;
        char text[400];

        snprintf(text, sizeof text, "default: hold\nrules: {%s}\n", local_rules[row].rules);
        if (policy_read("p", text, strlen(text), &policy, &err))
            fail_msg("%s", err.message);
        if (policy_is_about_local(policy, FORMAT_NPM, "left-pad") != local_rules[row].is_about)
            fail_msg("%s", local_rules[row].rules);
        policy_free(policy);
    }
}

static const char several[] = "default: hold\n"
                              "rules:\n"
                              "  young: {hold: {younger_than: 7d}, say: New releases wait seven days}\n"
                              "  bytes: {deny: {bytes_changed: true}, say: Its bytes changed}\n"
                              "  older: {hold: {younger_than: 9d}}\n"
                              "approved: [\"npm:left-pad@^1\"]\n"
                              "repositories: {sandbox: {mode: audit}}\n";

struct exceptions {
    struct policy_exception all[4];
    size_t count;
};

static void except(struct exceptions *exceptions, struct arena *arena, const char *pattern, const char *rule,
                   int64_t until_us, const char *digest)
{
    struct policy_exception *one = &exceptions->all[exceptions->count++];
    const char **rules = arena_array(arena, 1, sizeof *rules), **digests = arena_array(arena, 1, sizeof *digests);

    *one = (struct policy_exception){
        .id = (int64_t)exceptions->count, .rules = rules, .rule_count = 1, .until_us = until_us};
    rules[0] = rule;
    digests[0] = digest;
    if (digest) {
        one->digests = digests;
        one->digest_count = 1;
        one->grave = rules;
        one->grave_count = 1;
    }
    assert_int_equal(package_pattern_parse(pattern, arena, &one->covers, NULL), STATUS_OK);
}

static const char *said(const struct verdict *verdict, void (*say)(const struct verdict *, struct strbuf *),
                        struct arena *arena)
{
    struct strbuf out;

    strbuf_init(&out, arena, 64 << 10);
    say(verdict, &out);
    return out.data;
}

static void the_strongest_finding_that_stands_is_the_verdict(void **state)
{
    struct arena *arena = arena_new();
    struct policy *policy = read_policy(several);
    struct exceptions exceptions = {0};
    struct facts facts = good();
    struct verdict verdict;

    (void)state;
    facts.published_us = NOW_US - 6 * DAY_US;
    verdict_take(policy, "main", &facts, NULL, 0, NOW_US, arena, &verdict);
    assert_int_equal(verdict.action, VERDICT_HOLD);
    assert_int_equal(verdict.mode, POLICY_ENFORCE);
    assert_false(verdict_lets_through(&verdict));
    assert_int_equal(verdict.finding_count, 2);
    assert_int_equal(verdict.opens_us, NOW_US + 3 * DAY_US);
    assert_int_equal(verdict.changes_us, NOW_US + DAY_US);
    assert_string_equal(said(&verdict, verdict_sentence, arena),
                        "held by \"older\" and 1 more until 2025-12-04 00:00 UTC: it is younger than 9d");
    facts.bytes_changed = FACT_YES;
    verdict_take(policy, "main", &facts, NULL, 0, NOW_US, arena, &verdict);
    assert_int_equal(verdict.action, VERDICT_DENY);
    assert_string_equal(verdict.findings[0].rule, "bytes");
    assert_true(verdict.findings[0].is_grave);
    assert_int_equal(verdict.opens_us, INT64_MAX);
    assert_string_equal(said(&verdict, verdict_sentence, arena), "denied by \"bytes\" and 2 more: Its bytes changed");
    verdict_take(policy, "sandbox", &facts, NULL, 0, NOW_US, arena, &verdict);
    assert_int_equal(verdict.action, VERDICT_DENY);
    assert_int_equal(verdict.mode, POLICY_AUDIT);
    assert_true(verdict_lets_through(&verdict));

    /* What is grave is cleared by its bytes alone. */
    except(&exceptions, arena, "npm:left-pad", "bytes", NOW_US + 5 * DAY_US, NULL);
    except(&exceptions, arena, "npm:left-pad@1.3.1", "bytes", NOW_US + 4 * DAY_US, "sha512-y");
    verdict_take(policy, "main", &facts, exceptions.all, exceptions.count, NOW_US, arena, &verdict);
    assert_int_equal(verdict.action, VERDICT_DENY);
    except(&exceptions, arena, "npm:left-pad@1.3.1", "bytes", NOW_US + 2 * DAY_US, "sha512-x");
    verdict_take(policy, "main", &facts, exceptions.all, exceptions.count, NOW_US, arena, &verdict);
    assert_int_equal(verdict.action, VERDICT_HOLD);
    assert_int_equal(verdict.standing_count, 2);
    assert_string_equal(verdict.findings[2].rule, "bytes");
    assert_int_equal(verdict.findings[2].cleared_by->id, 3);
    assert_int_equal(verdict.opens_us, INT64_MAX); /* the exception ends before the cooldown does */
    verdict_take(policy, "main", &facts, exceptions.all, exceptions.count, NOW_US + 2 * DAY_US, arena, &verdict);
    assert_int_equal(verdict.action, VERDICT_DENY);
    policy_free(policy);
    arena_free(arena);
}

static void what_is_not_approved_waits_for_somebody(void **state)
{
    struct arena *arena = arena_new();
    struct policy *policy = read_policy(several);
    struct exceptions exceptions = {0};
    struct facts facts = good();
    struct verdict verdict;

    (void)state;
    verdict_take(policy, "main", &facts, NULL, 0, NOW_US, arena, &verdict);
    assert_int_equal(verdict.action, VERDICT_ALLOW);
    assert_int_equal(verdict.finding_count, 0);
    assert_int_equal(verdict.changes_us, INT64_MAX);
    assert_string_equal(said(&verdict, verdict_sentence, arena), "");
    facts.version = "2.0.0";
    verdict_take(policy, "main", &facts, NULL, 0, NOW_US, arena, &verdict);
    assert_int_equal(verdict.action, VERDICT_HOLD);
    assert_string_equal(said(&verdict, verdict_sentence, arena),
                        "held by \"not-approved\": only what is approved comes in");
    except(&exceptions, arena, "npm:left-pad@^2", POLICY_NOT_APPROVED, NOW_US + DAY_US, NULL);
    verdict_take(policy, "main", &facts, exceptions.all, 1, NOW_US, arena, &verdict);
    assert_int_equal(verdict.action, VERDICT_ALLOW);
    assert_int_equal(verdict.changes_us, NOW_US + DAY_US);
    assert_string_equal(said(&verdict, verdict_write, arena),
                        "{\"verdict\":\"allow\",\"mode\":\"enforce\",\"changes_at\":\"2025-12-02T00:00:00.000Z\","
                        "\"findings\":[{\"rule\":\"not-approved\",\"action\":\"hold\",\"say\":\"only what is approved "
                        "comes in\",\"cleared_by\":1,\"cleared_until\":\"2025-12-02T00:00:00.000Z\"}]}");
    verdict_take(policy, "main", &facts, exceptions.all, 1, NOW_US + DAY_US, arena, &verdict);
    assert_int_equal(verdict.action, VERDICT_HOLD);
    facts.upstream = NULL;
    verdict_take(policy, "main", &facts, NULL, 0, NOW_US, arena, &verdict);
    assert_int_equal(verdict.action, VERDICT_ALLOW);
    policy_free(policy);
    arena_free(arena);
}

static void a_cooldown_ends_to_the_microsecond(void **state)
{
    struct arena *arena = arena_new();
    struct policy *policy = read_policy("rules: {a: {hold: {younger_than: 7d}, say: \"W\xc3\xa4it\"}}\n");
    struct facts facts = good();
    struct verdict verdict;

    (void)state;
    facts.published_us = NOW_US - 7 * DAY_US + 1;
    verdict_take(policy, "main", &facts, NULL, 0, NOW_US, arena, &verdict);
    assert_int_equal(verdict.action, VERDICT_HOLD);
    assert_int_equal(verdict.opens_us, NOW_US + 1);
    assert_string_equal(said(&verdict, verdict_sentence, arena), "held by \"a\" until 2025-12-01 00:01 UTC: W?it");
    verdict_take(policy, "main", &facts, NULL, 0, verdict.opens_us, arena, &verdict);
    assert_int_equal(verdict.action, VERDICT_ALLOW);
    facts.published_us = INT64_MAX; /* an end that nobody lives to see is none */
    facts.first_seen_us = 0;
    verdict_take(policy, "main", &facts, NULL, 0, NOW_US, arena, &verdict);
    assert_int_equal(verdict.opens_us, INT64_MAX);
    policy_free(policy);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_unknown_is_no_fault),
        cmocka_unit_test(each_condition_asks_for_what_it_says),
        cmocka_unit_test(what_nobody_knows_is_young_and_of_no_licence),
        cmocka_unit_test(only_rules_that_name_packages_are_about_local_ones),
        cmocka_unit_test(policy_tells_whether_it_is_about_a_local_package),
        cmocka_unit_test(the_strongest_finding_that_stands_is_the_verdict),
        cmocka_unit_test(what_is_not_approved_waits_for_somebody),
        cmocka_unit_test(a_cooldown_ends_to_the_microsecond),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* policy/policy.h: what is a policy and what is none, and that its own cases decide. */
#include "policy/policy.h"
#include "policy/sets.h"
#include "storage/memory/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The example of the language's own page. */
static const char example[] =
    "mode: enforce               # or audit\n"
    "default: allow\n"
    "rules:\n"
    "  cooldown:\n"
    "    hold: {younger_than: 7d}\n"
    "    say: New releases wait seven days\n"
    "  scripts:\n"
    "    hold: {new_install_scripts: true}\n"
    "    except: [\"npm:esbuild\", \"npm:sharp\"]\n"
    "  licence:\n"
    "    deny: {license_not_in: [MIT, Apache-2.0, BSD-*, ISC, PSF-2.0]}\n"
    "  trust:\n"
    "    hold: {any: [trust_downgrade, signature_invalid]}\n"
    "  bytes:\n"
    "    deny: {any: [bytes_changed, manifest_mismatch]}\n"
    "approved: [\"npm:lodash@^4\", \"npm:@types/*\", \"pypi:requests>=2.31\"]\n"
    "repositories:\n"
    "  sandbox: {mode: audit}\n"
    "cases:\n"
    "  - {package: \"npm:x@2.0.0\", facts: {age: 2h}, expect: hold, by: cooldown}\n"
    "  - {package: \"npm:x@1.0.0\", facts: {age: 90d}, expect: allow}\n";

static struct policy *read_policy(const char *text)
{
    struct policy *policy;
    struct error err = {0};

    if (policy_read("p.yaml", text, strlen(text), &policy, &err))
        fail_msg("%s", err.message);
    return policy;
}

static void the_example_is_a_policy(void **state)
{
    struct policy *policy = read_policy(example);
    struct error err = {0};

    (void)state;
    assert_int_equal(policy_rule_count(policy), 5);
    assert_string_equal(policy_rule_name(policy, 3), "trust");
    assert_null(policy_rule_name(policy, 5));
    assert_true(policy_has_rule(policy, "scripts") && policy_has_rule(policy, "not-approved"));
    assert_false(policy_has_rule(policy, "script"));
    assert_int_equal(policy_mode(policy, "main"), POLICY_ENFORCE);
    assert_int_equal(policy_mode(policy, "sandbox"), POLICY_AUDIT);
    assert_int_equal(policy_case_count(policy), 2);
    if (policy_run_cases(policy, "p.yaml", &err))
        fail_msg("%s", err.message);
    policy_free(policy);
}

static void each_set_that_comes_with_the_program_passes_its_cases(void **state)
{
    static const char *const names[] = {"open", "careful", "approved-only"};
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct policy_set *set = policy_set_find(names[i]);
        struct policy *policy;

        assert_non_null(set);
        assert_non_null(policy_set_at(i));
        if (policy_read(names[i], set->text, strlen(set->text), &policy, &err) ||
            policy_run_cases(policy, names[i], &err))
            fail_msg("%s", err.message);
        assert_true(policy_case_count(policy) >= 3);
        policy_free(policy);
    }
    assert_null(policy_set_at(COUNT(names)));
    assert_null(policy_set_find("careless"));
}

/* What is wrong with a text, and where it is said to be. */
static const struct {
    const char *text, *says;
} wrong[] = {
    {"", "p.yaml:1: the policy is empty"},
    {"# nothing\n", "p.yaml:1: the policy is empty"},
    {"{}", "p.yaml:1: the policy is empty"},
    {"just words", "p.yaml:1:1: expected a mapping, found a text"},
    {"[]", "p.yaml:1:1: expected a mapping, found a list"},
    {"mode: [", "p.yaml:"},
    {"mode: enforce\n\tx: y\n", "p.yaml:2"},
    {"mode: \"\xff\"\n", "p.yaml:"},
    {"mode: enforced\n", "p.yaml:1:7: mode is one of enforce, audit, not 'enforced'"},
    {"mode:\n", "p.yaml:1"},
    {"# gr\u00fcn\n\nmode: \xff\n", "p.yaml:3:7: invalid leading UTF-8 octet"},
    {"mode: {a: b}\n", "p.yaml:1:7: expected a text, found a mapping"},
    {"mode: audit\nmode: audit\n", "p.yaml:2:1: mode is given twice"},
    {"mood: audit\n", "p.yaml:1:1: unknown key 'mood'; here may stand mode, default, rules"},
    {"default: deny\n", "p.yaml:1:10: default is one of allow, hold, not 'deny'"},
    {"mode: &a audit\n", "p.yaml:1:7: the anchor or alias 'a' is not taken here"},
    {"mode: *a\n", "p.yaml:1:7"},
    {"mode: !!str audit\n", "p.yaml:1:7: the tag 'tag:yaml.org,2002:str' is not taken here"},
    {"default: allow\n---\ndefault: allow\n", "p.yaml:1: there is a second document"},
    {"rules: []\n", "p.yaml:1:8: expected a mapping, found a list"},
    {"rules:\n  a: {}\n", "p.yaml:2:3: the rule a says neither hold nor deny"},
    {"rules:\n  a: {say: x}\n", "p.yaml:2:3: the rule a says neither hold nor deny"},
    {"rules:\n  a: {hold: {}}\n", "p.yaml:2: a rule without conditions would hold everything"},
    {"rules:\n  a: {hold: true}\n", "p.yaml:2:13: expected a mapping, found a text"},
    {"rules:\n  a: {hold: {yanked: true}, deny: {yanked: true}}\n", "p.yaml:2:29: a rule holds or denies, not both"},
    {"rules:\n  a: {warn: {yanked: true}}\n", "p.yaml:2:7: unknown key 'warn'; here may stand hold, deny, say, except"},
    {"rules:\n  A: {hold: {yanked: true}}\n", "p.yaml:2:3: 'A' names no rule"},
    {"rules:\n  not-approved: {hold: {yanked: true}}\n", "p.yaml:2:3: no rule is called not-approved"},
    {"rules:\n  a: {hold: {yanked: true}}\n  a: {hold: {yanked: true}}\n", "p.yaml:3:3: the rule a is given twice"},
    {"rules:\n  a: {hold: {yanked: true}, say: \"\"}\n", "p.yaml:2:34: say has 1 to 120 bytes"},
    {"rules:\n  a: {hold: {yanked: true}, say: \"a\\nb\"}\n", "p.yaml:2:34: say is one line"},
    {"rules:\n  a:\n    hold: {younger_then: 7d}\n", "p.yaml:3:12: unknown key 'younger_then'; here may stand younger_than"},
    {"rules:\n  a: {hold: {younger_than: 7}}\n", "p.yaml:2:28: '7' has no unit that is known"},
    {"rules:\n  a: {hold: {younger_than: 0d}}\n", "p.yaml:2:28: '0d' must be more than 0"},
    {"rules:\n  a: {hold: {younger_than: -1d}}\n", "p.yaml:2:28: '-1d' is no duration; write it as 30d"},
    {"rules:\n  a: {hold: {younger_than: 36501d}}\n", "p.yaml:2:28: '36501d' is more than a hundred years"},
    {"rules:\n  a: {hold: {younger_than: 99999999999999999999d}}\n", "p.yaml:2:28: '99999999999999999999d' is too large"},
    {"rules:\n  a: {hold: {younger_than: 7d, younger_than: 8d}}\n", "p.yaml:2:32: younger_than is given twice"},
    {"rules:\n  a: {hold: {larger_than: big}}\n", "p.yaml:2:27: 'big' is no size; write it as 64 MiB"},
    {"rules:\n  a: {hold: {yanked: false}}\n", "p.yaml:2:22: yanked takes true"},
    {"rules:\n  a: {hold: {yanked: [true]}}\n", "p.yaml:2:22: expected a text, found a list"},
    {"rules:\n  a: {hold: {license_in: []}}\n", "p.yaml:2: license_in is an empty list"},
    {"rules:\n  a: {hold: {license_in: [[MIT]]}}\n", "p.yaml:2:27: expected a text, found a list"},
    {"rules:\n  a: {hold: {license_in: [MIT or ISC]}}\n", "p.yaml:2:27: 'MIT or ISC' is no licence of SPDX"},
    {"rules:\n  a: {hold: {name: \"gem:x\"}}\n", "p.yaml:2:20: 'gem:x' can be no package's name"},
    {"rules:\n  a: {hold: {name: \"npm:x@1\"}}\n", "p.yaml:2:20: 'npm:x@1' can be no package's name"},
    {"rules:\n  a: {hold: {name: [\"\"]}}\n", "p.yaml:2:21: '' can be no package's name"},
    {"rules:\n  a: {hold: {version: latest}}\n", "p.yaml:2:23: 'latest' is no range of versions"},
    {"rules:\n  a: {hold: {version: \">2 <1\", name: \"npm:x\"}}\n", "p.yaml:2:23: no version can be in '>2 <1'"},
    {"rules:\n  a: {hold: {version: \">2,<1\", name: \"pypi:x\"}}\n", "p.yaml:2:23: no version can be in '>2,<1'"},
    {"rules:\n  a: {hold: {version: ^4}}\n", "p.yaml:2:23: '^4' is no range of Python's versions"},
    {"rules:\n  a: {hold: {version: \">=1,<2\", name: [\"pypi:x\", \"npm:x\"]}}\n", "p.yaml:2:23: '>=1,<2' is no range of npm's versions"},
    {"rules:\n  a: {hold: {any: [{version: ^4}], name: \"pypi:x\"}}\n", "p.yaml:2:30: '^4' is no range of Python's versions"},
    {"rules:\n  a: {hold: {upstream: [\"\"]}}\n", "p.yaml:2:25: an upstream's name has 1 to 100 characters"},
    {"rules:\n  a: {hold: {any: []}}\n", "p.yaml:2: any is an empty list"},
    {"rules:\n  a: {hold: {any: yanked}}\n", "p.yaml:2:19: expected a list, found a text"},
    {"rules:\n  a: {hold: {any: [yankd]}}\n", "p.yaml:2:20: unknown key 'yankd'"},
    {"rules:\n  a: {hold: {any: [younger_than]}}\n", "p.yaml:2:20: younger_than takes a value"},
    {"rules:\n  a: {hold: {any: [{}]}}\n", "p.yaml:2: a mapping without conditions holds always"},
    {"rules:\n  a: {hold: {any: [{any: [yanked]}]}}\n", "p.yaml:2:21: unknown key 'any'"},
    {"rules:\n  a: {hold: {yanked: true}, except: [\"lodash\"]}\n", "p.yaml:2:38: 'lodash' names no packages"},
    {"approved: [\"npm:lodash@latest\"]\n", "p.yaml:1:12: 'npm:lodash@latest' names no packages"},
    {"approved: {}\n", "p.yaml:1:11: expected a list, found a mapping"},
    {"approved: []\n", "p.yaml:1: approved is an empty list"},
    {"repositories:\n  a/b: {mode: audit}\n", "p.yaml:2:3: 'a/b' names no repository of the org"},
    {"repositories:\n  a: {}\n", "p.yaml:2:3: the repository a has no mode"},
    {"repositories:\n  a: {default: hold}\n", "p.yaml:2:7: unknown key 'default'; here may stand mode"},
    {"repositories:\n  a: {mode: audit}\n  a: {mode: audit}\n", "p.yaml:3:3: the repository a is given twice"},
    {"cases: {}\n", "p.yaml:1:8: expected a list, found a mapping"},
    {"cases:\n  - {package: \"npm:x@1.0.0\"}\n", "p.yaml:2: a case has a package and says what to expect"},
    {"cases:\n  - {expect: allow}\n", "p.yaml:2: a case has a package and says what to expect"},
    {"cases:\n  - {package: \"npm:x\", expect: allow}\n", "p.yaml:2:15: a case is about one version"},
    {"cases:\n  - {package: \"x\", expect: allow}\n", "p.yaml:2:15: 'x' names no package"},
    {"cases:\n  - {package: \"npm:x@1.0.0\", expect: warn}\n", "p.yaml:2:38: expect is one of allow, hold, deny, not 'warn'"},
    {"cases:\n  - {package: \"npm:x@1.0.0\", expect: hold, by: b}\n", "p.yaml:2: there is no rule b"},
    {"cases:\n  - {package: \"npm:x@1.0.0\", expect: allow, by: not-approved}\n", "p.yaml:2: what is allowed is allowed by no rule"},
    {"cases:\n  - {package: \"npm:x@1.0.0\", facts: {aeg: 2h}, expect: allow}\n", "p.yaml:2:38: unknown key 'aeg'; here may stand age"},
    {"cases:\n  - {package: \"npm:x@1.0.0\", facts: {trust: none}, expect: allow}\n", "p.yaml:2:38: unknown key 'trust'"},
    {"cases:\n  - {package: \"npm:x@1.0.0\", facts: {yanked: yes}, expect: allow}\n", "p.yaml:2:46: 'yes' is no value of yanked"},
    {"cases:\n  - {package: \"npm:x@1.0.0\", facts: {license: MIT License}, expect: allow}\n", "p.yaml:2:47: 'MIT License' is no licence expression"},
};

static void each_wrong_shape_is_named_where_it_stands(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(wrong); row++) {
        struct policy *policy;
        struct error err = {0};

        if (policy_read("p.yaml", wrong[row].text, strlen(wrong[row].text), &policy, &err) !=
            STATUS_UNPROCESSABLE)
            fail_msg("row %zu is taken: %s", row, wrong[row].text);
        assert_null(policy);
        assert_string_equal(err.code, "policy-invalid");
        if (strncmp(err.message, wrong[row].says, strlen(wrong[row].says)))
            fail_msg("row %zu: %s", row, err.message);
    }
}

static void a_policy_has_limits(void **state)
{
    static char text[POLICY_TEXT_MAX + 2];
    size_t length = (size_t)snprintf(text, sizeof text, "rules:\n");
    struct policy *policy;
    struct error err = {0};

    (void)state;
    for (int i = 0; i < POLICY_RULES_MAX; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "  r%d: {hold: {yanked: true}}\n", i);
    if (policy_read("p.yaml", text, length, &policy, &err))
        fail_msg("%s", err.message);
    policy_free(policy);
    length += (size_t)snprintf(text + length, sizeof text - length, "  more: {hold: {yanked: true}}\n");
    assert_int_equal(policy_read("p.yaml", text, length, &policy, &err), STATUS_UNPROCESSABLE);
    assert_non_null(strstr(err.message, "more than 200 rules"));
    length = (size_t)snprintf(text, sizeof text, "rules: {a: {hold: {license_in: [");
    for (int i = 0; i <= POLICY_LIST_MAX; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "L-%d, ", i);
    length += (size_t)snprintf(text + length, sizeof text - length, "]}}}\n");
    assert_int_equal(policy_read("p.yaml", text, length, &policy, &err), STATUS_UNPROCESSABLE);
    assert_non_null(strstr(err.message, "license_in has more than 300 entries"));
    length = (size_t)snprintf(text, sizeof text, "approved: [");
    for (int i = 0; i < 2 * POLICY_STARS_MAX; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "\"npm:a%d%s\", ", i, i % 2 ? "" : "*");
    snprintf(text + length, sizeof text - length, "]\n");
    policy_free(read_policy(text));
    snprintf(text + length, sizeof text - length, "\"pypi:*\"]\n");
    assert_int_equal(policy_read("p.yaml", text, strlen(text), &policy, &err), STATUS_UNPROCESSABLE);
    assert_string_equal(err.message, "p.yaml:1: approved has more than 300 names with stars");
    memset(text, '#', sizeof text);
    assert_int_equal(policy_read("p.yaml", text, sizeof text, &policy, &err), STATUS_UNPROCESSABLE);
    assert_non_null(strstr(err.message, "at most 1048576 bytes"));
}

static void a_case_that_fails_is_named(void **state)
{
    struct policy *policy = read_policy("rules:\n"
                                        "  a: {hold: {younger_than: 7d}}\n"
                                        "  b: {hold: {yanked: true}}\n"
                                        "  c: {deny: {deprecated: true}}\n"
                                        "cases:\n"
                                        "  - {package: \"npm:x@1.0.0\", facts: {age: 7d}, expect: allow}\n"
                                        "  - {package: \"npm:x@1.0.0\", facts: {age: 7d}, expect: hold}\n"
                                        "  - {package: \"npm:x@1.0.0\", facts: {age: 1h, yanked: true}, expect: hold, by: b}\n"
                                        "  - {package: \"npm:x@1.0.0\", facts: {age: 1h, deprecated: true}, expect: deny, by: a}\n");
    static const struct policy_case_result expected[] = {
        {6, "npm:x@1.0.0", "allow", "allow", true},
        {7, "npm:x@1.0.0", "hold", "allow", false},
        {8, "npm:x@1.0.0", "hold by b", "hold by b", true},
        {9, "npm:x@1.0.0", "deny by a", "deny by c", false}, /* a holds, it does not deny */
    };
    struct arena *arena = arena_new();
    struct error err = {0};

    (void)state;
    assert_int_equal(policy_case_count(policy), COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++) {
        struct policy_case_result result;

        policy_run_case(policy, i, arena, &result);
        assert_int_equal(result.line, expected[i].line);
        assert_string_equal(result.package, expected[i].package);
        assert_string_equal(result.expected, expected[i].expected);
        assert_string_equal(result.got, expected[i].got);
        assert_int_equal(result.passed, expected[i].passed);
    }
    assert_int_equal(policy_run_cases(policy, "p.yaml", &err), STATUS_UNPROCESSABLE);
    assert_string_equal(err.code, "policy-case-failed");
    assert_string_equal(err.message, "p.yaml:7: npm:x@1.0.0: expected hold, got allow (2 of 4 cases fail)");
    arena_free(arena);
    policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_is_a_policy),
        cmocka_unit_test(each_wrong_shape_is_named_where_it_stands),
        cmocka_unit_test(a_policy_has_limits),
        cmocka_unit_test(a_case_that_fails_is_named),
        cmocka_unit_test(each_set_that_comes_with_the_program_passes_its_cases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

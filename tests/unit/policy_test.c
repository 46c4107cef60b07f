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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_is_a_policy),
        cmocka_unit_test(each_set_that_comes_with_the_program_passes_its_cases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Entries come into a policy's text, and every byte that a person wrote stays. */
#include "policy/policy.h"
#include "server/commands/approved_list.h"
#include "storage/memory/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const char *const entries[] = {"npm:a@1.0.0", "pypi:b@2.0"};

/* The text after it, and that it is a policy. */
static const struct {
    const char *before, *after;
    size_t added;
} rows[] = {
    {"default: hold\n", "default: hold\n\napproved:\n  # From lock.\n  - \"npm:a@1.0.0\"\n  - \"pypi:b@2.0\"\n", 2},
    {"default: hold", "default: hold\n\napproved:\n  # From lock.\n  - \"npm:a@1.0.0\"\n  - \"pypi:b@2.0\"\n", 2},
    {"approved:\n  - \"npm:x\" # ours\n# next\ndefault: hold\n",
     "approved:\n  - \"npm:x\" # ours\n  # From lock.\n  - \"npm:a@1.0.0\"\n  - \"pypi:b@2.0\"\n# next\ndefault: hold\n", 2},
    {"approved:\n- npm:x\n- npm:a@1.0.0\nmode: audit\n",
     "approved:\n- npm:x\n- npm:a@1.0.0\n# From lock.\n- \"pypi:b@2.0\"\nmode: audit\n", 1},
    {"approved:\n    - npm:x", "approved:\n    - npm:x\n    # From lock.\n    - \"npm:a@1.0.0\"\n    - \"pypi:b@2.0\"\n", 2},
    {"approved: [\"npm:x\", 'npm:[y]'] # ours\nmode: audit\n",
     "approved: [\"npm:x\", 'npm:[y]',\n  # From lock.\n  \"npm:a@1.0.0\",\n  \"pypi:b@2.0\"] # ours\nmode: audit\n", 2},
    {"approved: [npm:x, # why, ]\n  ]\n",
     "approved: [npm:x,\n  # From lock.\n  \"npm:a@1.0.0\",\n  \"pypi:b@2.0\" # why, ]\n  ]\n", 2},
    {"approved: []\n", "approved: [\n  # From lock.\n  \"npm:a@1.0.0\",\n  \"pypi:b@2.0\"]\n", 2},
    {"approved: [npm:a@1.0.0,pypi:b@2.0]\n", "approved: [npm:a@1.0.0,pypi:b@2.0]\n", 0},
    {"approved: [\"npm:a@1.0.01\", \"npm:aa@1.0.0\"]\n",
     "approved: [\"npm:a@1.0.01\", \"npm:aa@1.0.0\",\n  # From lock.\n  \"npm:a@1.0.0\",\n  \"pypi:b@2.0\"]\n", 2},
};

static void what_a_person_wrote_stays(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct error err = {0};
        struct strbuf out;
        size_t added;

        strbuf_init(&out, NULL, 1 << 16);
        assert_int_equal(approved_list_add(rows[row].before, entries, 2, "lock", &out, &added, &err), STATUS_OK);
        assert_string_equal(out.data, rows[row].after);
        assert_int_equal(added, rows[row].added);
        strbuf_free(&out);
    }
}

/* But for one that the policy's reader refuses for a reason of its own: 1.0.01 is no version. */
static void what_comes_of_it_is_a_policy(void **state)
{
    (void)state;
    for (size_t row = 0; row + 1 < sizeof rows / sizeof *rows; row++) {
        const char *text = rows[row].after;
        struct policy *policy = NULL;
        struct error err = {0};

        if (policy_read("policy", text, strlen(text), &policy, &err))
            fail_msg("row %zu: %s", row, err.message);
        policy_free(policy);
    }
}

static void a_list_without_an_end_is_left_alone(void **state)
{
    static const char *const texts[] = {"approved: [npm:x\n", "approved: \"npm:x\"\n", "approved: ['npm:x]\n"};
    struct strbuf out;
    struct error err;
    size_t added;

    (void)state;
    strbuf_init(&out, NULL, 1 << 16);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(approved_list_add(texts[i], entries, 2, "lock", &out, &added, &err), STATUS_INVALID);
    strbuf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_person_wrote_stays),
        cmocka_unit_test(what_comes_of_it_is_a_policy),
        cmocka_unit_test(a_list_without_an_end_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

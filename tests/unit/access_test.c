#include "storage/catalog/access.h"
#include "storage/memory/arena.h"
#include "storage/memory/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static const struct {
    const char *glob, *text;
    bool expected;
} globs[] = {
    {"**",          "acme/main",   true },
    {"acme/main",   "acme/main",   true },
    {"acme/*",      "acme/main",   true },
    {"acme/*",      "acme/a/b",    false},
    {"acme/*",      "acmeplus/a",  false},
    {"*/main",      "acme/main",   true },
    {"*",           "acme/main",   false},
    {"@acme/*",     "@acme/ui",    true },
    {"@acme/**",    "@acme/a/b/c", true },
    {"**/c",        "a/b/c",       true },
    {"a*b*c",       "aXbYbZc",     true },
    {"a*b*c",       "aXbYbZ",      false},
    {"",            "",            true },
    {"",            "a",           false},
    {"*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
};

static void a_star_stays_within_its_segment(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof globs / sizeof *globs; row++)
        if (glob_matches(globs[row].glob, globs[row].text) != globs[row].expected)
            fail_msg("row %zu: %s against %s", row, globs[row].glob, globs[row].text);
}

static const struct repository main_repository = {1, 1, "acme", "main", false};
static const struct repository open_repository = {2, 1, "acme", "open", true};
static const struct repository foreign_repository = {3, 2, "globex", "private", false};

enum { PUBLISHER = REPO_READ | REPO_LIST | PKG_PUBLISH };

static void a_grant_allows_what_it_names_and_nothing_else(void **state)
{
    const struct grant grants[] = {
        {.actions = PUBLISHER, .repository = "acme/*", .package = "@acme/*", .effect = GRANT_ALLOW}};
    const struct principal ana = {.account_id = 2, .name = "ana", .grants = grants, .grant_count = 1,
                                  .actions = ACTIONS_ALL};

    (void)state;
    assert_true(access_allows(&ana, &main_repository, "@acme/ui", PKG_PUBLISH));
    assert_false(access_allows(&ana, &main_repository, "left-pad", PKG_PUBLISH));
    assert_false(access_allows(&ana, &main_repository, "@acme/ui", PKG_DELETE));
    assert_false(access_allows(&ana, &foreign_repository, "@acme/ui", REPO_READ));
    assert_true(access_sees(&ana, &main_repository));
    assert_false(access_sees(&ana, &foreign_repository));
    assert_true(access_allows(&ana, &open_repository, "left-pad", REPO_READ));
    assert_false(access_allows_org(&ana, "acme", ORG_ADMIN));
}

/* Who may decide for one repository's packages decides nothing that counts in all of them. */
static void an_org_as_a_whole_is_not_given_by_a_part_of_it(void **state)
{
    static const struct {
        const char *repository, *package;
        bool is_whole;
    } rows[] = {
        {"acme/*",    "**",      true },
        {"acme/**",   "**",      true },
        {"**",        "**",      true },
        {"acme/main", "**",      false},
        {"acme/m*",   "**",      false},
        {"acme/*",    "@acme/*", false},
        {"globex/*",  "**",      false},
    };

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        const struct grant grant = {.actions = EXCEPTION_APPROVE,
                                    .repository = rows[row].repository,
                                    .package = rows[row].package,
                                    .effect = GRANT_ALLOW};
        const struct principal bob = {.name = "bob", .grants = &grant, .grant_count = 1, .actions = ACTIONS_ALL};

        assert_int_equal(access_allows_org(&bob, "acme", EXCEPTION_APPROVE), rows[row].is_whole);
    }
}

static void a_deny_wins_over_every_allow(void **state)
{
    const struct grant grants[] = {
        {.actions = ACTIONS_ALL, .repository = "**", .package = "**", .effect = GRANT_ALLOW},
        {.actions = PKG_PUBLISH, .repository = "acme/main", .package = "crown-*", .effect = GRANT_DENY}};
    const struct principal ana = {.account_id = 2, .name = "ana", .is_owner = true, .grants = grants,
                                  .grant_count = 2, .actions = ACTIONS_ALL};

    (void)state;
    assert_false(access_allows(&ana, &main_repository, "crown-jewels", PKG_PUBLISH));
    assert_true(access_allows(&ana, &main_repository, "crown-jewels", REPO_READ));
    assert_true(access_allows(&ana, &main_repository, "other", PKG_PUBLISH));
}

static void a_token_never_does_more_than_its_restriction(void **state)
{
    const char *const only_globex[] = {"globex/private"};
    const char *const only_ui[] = {"@acme/ui"};
    const struct principal owner = {.account_id = 1, .name = "owner", .is_owner = true,
                                    .actions = REPO_READ | PKG_PUBLISH, .repositories = only_globex,
                                    .repository_count = 1};
    const struct principal narrow = {.account_id = 1, .name = "owner", .is_owner = true,
                                     .actions = ACTIONS_ALL, .packages = only_ui, .package_count = 1};

    (void)state;
    assert_true(access_allows(&owner, &foreign_repository, "x", PKG_PUBLISH));
    assert_false(access_allows(&owner, &foreign_repository, "x", PKG_DELETE));
    assert_false(access_sees(&owner, &main_repository));
    assert_false(access_allows_org(&owner, "globex", ORG_ADMIN));
    assert_true(access_sees_org(&owner, "globex"));
    assert_false(access_sees_org(&owner, "acme"));
    assert_false(access_allows_instance(&owner));
    assert_false(access_allows_instance(&narrow));
    assert_true(access_allows(&narrow, &main_repository, "@acme/ui", PKG_PUBLISH));
    assert_false(access_allows(&narrow, &main_repository, "@acme/db", PKG_PUBLISH));
}

static void a_glob_may_name_its_format(void **state)
{
    const char *const only_npm[] = {"npm:@acme/*"};
    const struct principal who = {.account_id = 1, .name = "owner", .is_owner = true,
                                  .actions = ACTIONS_ALL, .packages = only_npm, .package_count = 1};
    const struct grant grants[] = {
        {.actions = PUBLISHER, .repository = "acme/*", .package = "hello", .effect = GRANT_ALLOW},
        {.actions = PKG_PUBLISH, .repository = "acme/*", .package = "pypi:**", .effect = GRANT_DENY}};
    const struct principal ana = {.account_id = 2, .name = "ana", .grants = grants, .grant_count = 2,
                                  .actions = ACTIONS_ALL};

    (void)state;
    assert_true(access_allows(&who, &main_repository, "npm:@acme/ui", PKG_PUBLISH));
    assert_false(access_allows(&who, &main_repository, "pypi:@acme/ui", PKG_PUBLISH));
    assert_false(access_allows(&who, &main_repository, "@acme/ui", PKG_PUBLISH));
    assert_true(access_allows(&ana, &main_repository, "npm:hello", PKG_PUBLISH));
    assert_true(access_allows(&ana, &main_repository, "artifact:hello", PKG_PUBLISH));
    assert_false(access_allows(&ana, &main_repository, "pypi:hello", PKG_PUBLISH));
    assert_true(access_allows(&ana, &main_repository, "pypi:hello", REPO_READ));
    assert_false(access_allows(&ana, &main_repository, "npm:other", REPO_READ));
}

static void anonymous_reads_only_what_is_open(void **state)
{
    (void)state;
    assert_true(access_allows(&principal_anonymous, &open_repository, "x", REPO_READ));
    assert_false(access_allows(&principal_anonymous, &open_repository, "x", PKG_PUBLISH));
    assert_false(access_allows(&principal_anonymous, &main_repository, "x", REPO_READ));
    assert_false(access_sees(&principal_anonymous, &main_repository));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_star_stays_within_its_segment),
        cmocka_unit_test(a_grant_allows_what_it_names_and_nothing_else),
        cmocka_unit_test(an_org_as_a_whole_is_not_given_by_a_part_of_it),
        cmocka_unit_test(a_deny_wins_over_every_allow),
        cmocka_unit_test(a_token_never_does_more_than_its_restriction),
        cmocka_unit_test(a_glob_may_name_its_format),
        cmocka_unit_test(anonymous_reads_only_what_is_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

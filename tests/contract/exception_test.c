/* What is held is asked for, decided once, by somebody else, and let through until its end. Access spec
 * C4. */
#include "config/clock.h"
#include "storage/catalog/audit.h"
#include "storage/catalog/hold.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/request.h"
#include "tests/support/catalog_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define DAY_US (INT64_C(86400) * 1000000)
#define FACTS "{\"format\":\"npm\",\"name\":\"left-pad\",\"version\":\"%s\",\"digests\":[\"sha512-AAA\"]}"

struct house {
    struct fixture f;
    struct principal ann, bob, cleo; /* who asks; two who decide */
    struct actor by_ann, by_bob, by_cleo;
};

static void add_person(struct house *house, const char *name, const char *role,
                       struct principal *out, struct actor *actor)
{
    struct fixture *f = &house->f;
    struct grant grant = {.subject = name,
                          .role = role,
                          .actions = role_actions(role),
                          .repository = "acme/*",
                          .package = "**",
                          .effect = GRANT_ALLOW};
    struct error err = {0};
    int64_t id;

    fixture_must(catalog_create_account(f->catalog, &f->actor, name, &id, &err), &err);
    *out = (struct principal){.account_id = id, .name = name, .actions = ACTIONS_ALL};
    fixture_must(catalog_add_grant(f->catalog, &f->actor, &grant, &id, &err), &err);
    *actor = (struct actor){out, "127.0.0.1", "test"};
}

static int setup(void **state)
{
    struct house *house = calloc(1, sizeof *house);

    fixture_setup(&house->f);
    add_person(house, "ann", "reader", &house->ann, &house->by_ann);
    add_person(house, "bob", "approver", &house->bob, &house->by_bob);
    add_person(house, "cleo", "security", &house->cleo, &house->by_cleo);
    *state = house;
    return 0;
}

static int teardown(void **state)
{
    struct house *house = *state;

    clock_shift_us(0);
    fixture_teardown(&house->f);
    free(house);
    return 0;
}

static struct wanted_version wanted(struct house *house, const char *version, const char *rules,
                                    const char *grave)
{
    return (struct wanted_version){
        .repository_id = house->f.repository.id,
        .format = FORMAT_NPM,
        .name = "left-pad",
        .name_fold = "left-pad",
        .version = version,
        .rules = rules,
        .grave = grave,
        .facts = arena_format(house->f.arena, FACTS, version),
    };
}

static int64_t ask(struct house *house, const struct actor *actor, const char *version,
                   const char *rules, const char *grave, const char *reason)
{
    struct wanted_version one = wanted(house, version, rules, grave);
    struct error err = {0};

    fixture_must(catalog_create_requests(house->f.catalog, actor, house->f.repository.org_id, &one, 1, reason, &err), &err);
    return one.number;
}

static struct decision yes(struct house *house, const struct actor *actor, int64_t number)
{
    return (struct decision){
        .actor = actor,
        .org_id = house->f.repository.org_id,
        .number = number,
        .approves = true,
        .comment = "looked at",
        .scope = SCOPE_VERSION,
        .not_after_us = clock_now_us() + 30 * DAY_US,
    };
}

static enum status decide(struct house *house, struct decision *decision, struct error *err)
{
    return catalog_decide_request(house->f.catalog, decision, house->f.arena, err);
}

static void must_fail(struct house *house, struct decision *decision, enum status status,
                      const char *code)
{
    struct error err = {0};

    assert_int_equal(decide(house, decision, &err), status);
    assert_string_equal(err.code, code);
}

static struct request_entry find(struct house *house, int64_t number)
{
    struct request_entry out;
    struct error err = {0};

    fixture_must(catalog_find_request(house->f.catalog, house->f.repository.org_id, number, house->f.arena, &out, &err), &err);
    return out;
}

/* What verdicts would be taken with now. */
static size_t load(struct house *house, struct policy_exception **out)
{
    struct reading reading;
    struct error err = {0};
    size_t count;

    fixture_must(reading_begin(house->f.catalog, "SELECT 1", &reading, &err), &err);
    fixture_must(catalog_load_exceptions(reading.db, house->f.repository.org_id, house->f.arena, out, &count, &err), &err);
    reading_end(&reading);
    return count;
}

static size_t count_audit(struct house *house, const char *action)
{
    struct audit_entry *entries;
    struct error err = {0};
    size_t count, found = 0;

    fixture_must(catalog_list_audit(house->f.catalog, house->f.repository.org_id, 0, 200, house->f.arena, &entries, &count, &err), &err);
    for (size_t i = 0; i < count; i++)
        found += !strcmp(entries[i].action, action);
    return found;
}

static void one_version_has_one_open_request(void **state)
{
    struct house *house = *state;
    int64_t first = ask(house, &house->by_ann, "1.3.1", "cooldown", "", "fixes our crash");
    struct requester *requesters;
    struct principal token = house->ann; /* her second token */
    struct actor again = {&token, "127.0.0.1", "test"};
    struct error err = {0};
    size_t count;

    token.token_id = 99;
    assert_int_equal(first, 1);
    assert_int_equal(ask(house, &house->by_bob, "1.3.1", "cooldown", "", "me too"), first);
    assert_int_equal(ask(house, &again, "1.3.1", "cooldown", "", "still crashing"), first);
    assert_int_equal(ask(house, &house->by_ann, "1.3.2", "cooldown", "", "and this"), 2);
    assert_int_equal(find(house, first).requesters, 2);
    fixture_must(catalog_list_requesters(house->f.catalog, house->f.repository.org_id, first, house->f.arena, &requesters, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_string_equal(requesters[0].account, "ann");
    assert_string_equal(requesters[0].reason, "still crashing");
    assert_string_equal(requesters[1].reason, "me too");
    assert_int_equal(count_audit(house, "request.created"), 2);
    assert_int_equal(count_audit(house, "request.joined"), 2);
}

static void a_request_needs_a_reason(void **state)
{
    struct house *house = *state;
    struct wanted_version one = wanted(house, "1.0.0", "cooldown", "");
    struct error err = {0};

    assert_int_equal(catalog_create_requests(house->f.catalog, &house->by_ann, house->f.repository.org_id, &one, 1, "", &err), STATUS_INVALID);
}

static void what_is_approved_is_let_through_with_its_bytes_alone(void **state)
{
    struct house *house = *state;
    int64_t number = ask(house, &house->by_ann, "1.3.1", "cooldown scripts", "", "why not");
    struct decision decision = yes(house, &house->by_bob, number);
    struct policy_exception *live;
    struct request_entry entry;
    struct error err = {0};

    assert_int_equal(load(house, &live), 0);
    fixture_must(decide(house, &decision, &err), &err);
    entry = find(house, number);
    assert_int_equal(entry.state, REQUEST_APPROVED);
    assert_string_equal(entry.decided_by, "bob");
    assert_int_equal(entry.exception, 1);
    assert_int_equal(load(house, &live), 1);
    assert_int_equal(live->digest_count, 1);
    assert_string_equal(live->digests[0], "sha512-AAA");
    assert_int_equal(live->rule_count, 2);
    assert_string_equal(live->rules[1], "scripts");
    assert_true(live->until_us == decision.not_after_us);
    assert_true(package_pattern_matches(live->covers, FORMAT_NPM, "left-pad", "1.3.1"));
    assert_false(package_pattern_matches(live->covers, FORMAT_NPM, "left-pad", "1.3.2"));
    assert_int_equal(count_audit(house, "request.approved"), 1);
    assert_int_equal(count_audit(house, "exception.created"), 1);
}

static void ranges_and_names_are_let_through_whatever_their_bytes(void **state)
{
    struct house *house = *state;
    struct decision range = yes(house, &house->by_bob, ask(house, &house->by_ann, "1.3.1", "cooldown", "", "r"));
    struct policy_exception *live;
    struct error err = {0};
    struct decision name;

    range.scope = SCOPE_RANGE;
    range.range = "^2";
    must_fail(house, &range, STATUS_INVALID, "invalid-value"); /* is not about what was asked for */
    range.range = "not a range";
    must_fail(house, &range, STATUS_INVALID, "pattern-invalid");
    range.range = "~1.3.2";
    must_fail(house, &range, STATUS_INVALID, "invalid-value");
    range.range = "~1.3.1";
    fixture_must(decide(house, &range, &err), &err);
    name = yes(house, &house->by_bob, ask(house, &house->by_ann, "1.3.2", "cooldown", "", "r"));
    name.scope = SCOPE_NAME;
    fixture_must(decide(house, &name, &err), &err);
    assert_int_equal(load(house, &live), 2);
    for (int i = 0; i < 2; i++) {
        assert_null(live[i].digests);
        assert_true(package_pattern_matches(live[i].covers, FORMAT_NPM, "left-pad", "1.3.9"));
    }
}

/* Decided with it, by the same exception; what another rule holds, what a range does not take in and what
 * he asked for himself stays open. */
static void what_an_approval_covers_is_decided_with_it(void **state)
{
    struct house *house = *state;
    int64_t first = ask(house, &house->by_ann, "1.3.1", "cooldown", "", "r");
    int64_t covered = ask(house, &house->by_ann, "1.3.2", "cooldown", "", "r");
    int64_t held_twice = ask(house, &house->by_ann, "1.3.3", "cooldown licence", "", "r");
    int64_t grave = ask(house, &house->by_ann, "1.3.4", "cooldown", "cooldown", "r");
    int64_t own = ask(house, &house->by_bob, "1.3.5", "cooldown", "", "mine");
    int64_t outside = ask(house, &house->by_ann, "2.0.0", "cooldown", "", "r");
    const int64_t open[] = {held_twice, grave, own, outside};
    struct decision range = yes(house, &house->by_bob, first);
    struct exception *exceptions;
    struct error err = {0};
    size_t count;

    range.scope = SCOPE_RANGE;
    range.range = "^1.3";
    fixture_must(decide(house, &range, &err), &err);
    assert_int_equal(range.covered_count, 1);
    assert_int_equal(range.covered[0], covered);
    assert_int_equal(find(house, covered).state, REQUEST_APPROVED);
    assert_int_equal(find(house, covered).exception, find(house, first).exception);
    assert_string_equal(find(house, covered).decided_by, "bob");
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        assert_int_equal(find(house, open[i]).state, REQUEST_OPEN);
    fixture_must(catalog_list_exceptions(house->f.catalog,
                                         &(struct exception_filter){.org_id = house->f.repository.org_id}, 0, 10,
                                         house->f.arena, &exceptions, &count, &err),
                 &err);
    assert_int_equal(count, 1);
    assert_int_equal(exceptions->request, first);
}

static void python_ranges_are_as_pip_takes_them(void **state)
{
    struct house *house = *state;
    struct wanted_version one = wanted(house, "2.31.0", "cooldown", "");
    struct policy_exception *live;
    struct error err = {0};
    struct decision decision;

    one.format = FORMAT_PYPI;
    one.name = one.name_fold = "requests";
    fixture_must(catalog_create_requests(house->f.catalog, &house->by_ann, house->f.repository.org_id, &one, 1, "r", &err), &err);
    decision = yes(house, &house->by_bob, one.number);
    decision.scope = SCOPE_RANGE;
    decision.range = ">=2.31,<3";
    fixture_must(decide(house, &decision, &err), &err);
    assert_int_equal(load(house, &live), 1);
    assert_true(package_pattern_matches(live->covers, FORMAT_PYPI, "requests", "2.32.1"));
    assert_false(package_pattern_matches(live->covers, FORMAT_PYPI, "requests", "3.0"));
}

static void nobody_approves_his_own_request(void **state)
{
    struct house *house = *state;
    int64_t number = ask(house, &house->by_bob, "1.3.1", "cooldown", "", "mine");
    struct principal token = house->bob;
    struct actor again = {&token, "127.0.0.1", "test"};
    struct decision decision = yes(house, &again, number);
    struct error err = {0};

    token.token_id = 77;
    must_fail(house, &decision, STATUS_FORBIDDEN, "own-request");
    decision.alone = true;
    must_fail(house, &decision, STATUS_FORBIDDEN, "not-alone");
    assert_int_equal(find(house, number).state, REQUEST_OPEN);
    decision = yes(house, &house->by_cleo, number);
    decision.alone = true; /* is only said of one's own */
    fixture_must(decide(house, &decision, &err), &err);
    assert_false(decision.exception.is_alone);
}

static void one_takes_back_ones_own_request(void **state)
{
    struct house *house = *state;
    struct decision decision = yes(house, &house->by_bob, ask(house, &house->by_bob, "1.3.1", "cooldown", "", "mine"));
    struct error err = {0};

    decision.approves = false;
    fixture_must(decide(house, &decision, &err), &err);
    assert_int_equal(count_audit(house, "request.denied"), 1);
}

static void a_sole_owner_may_when_he_says_so(void **state)
{
    struct house house = {0};
    struct decision decision;
    struct error err = {0};
    int64_t number;

    (void)state;
    fixture_setup(&house.f);
    number = ask(&house, &house.f.actor, "1.3.1", "cooldown", "", "mine");
    decision = yes(&house, &house.f.actor, number);
    must_fail(&house, &decision, STATUS_FORBIDDEN, "own-request");
    decision.alone = true;
    fixture_must(decide(&house, &decision, &err), &err);
    assert_true(decision.exception.is_alone);
    fixture_teardown(&house.f);
}

static void a_request_is_decided_once(void **state)
{
    struct house *house = *state;
    int64_t number = ask(house, &house->by_ann, "1.3.1", "cooldown", "", "r");
    struct decision no = yes(house, &house->by_bob, number), late = yes(house, &house->by_cleo, number);
    struct policy_exception *live;
    struct error err = {0};

    no.approves = false;
    fixture_must(decide(house, &no, &err), &err);
    must_fail(house, &late, STATUS_CONFLICT, "request-decided");
    assert_int_equal(load(house, &live), 0);
    assert_int_not_equal(ask(house, &house->by_ann, "1.3.1", "cooldown", "", "please"), number);
}

struct reviewer {
    struct house *house;
    struct decision decision;
    struct arena *arena;
    struct error err;
    enum status rc;
    pthread_t thread;
};

static void *review(void *context)
{
    struct reviewer *reviewer = context;

    reviewer->rc = catalog_decide_request(reviewer->house->f.catalog, &reviewer->decision, reviewer->arena, &reviewer->err);
    return NULL;
}

static void of_two_reviewers_at_once_one_decides(void **state)
{
    struct house *house = *state;

    for (int round = 0; round < 20; round++) {
        const char *version = arena_format(house->f.arena, "1.%d.0", round);
        int64_t number = ask(house, &house->by_ann, version, "cooldown", "", "r");
        struct reviewer both[2] = {{house, yes(house, &house->by_bob, number), arena_new(), {0}, 0, 0},
                                   {house, yes(house, &house->by_cleo, number), arena_new(), {0}, 0, 0}};
        struct policy_exception *live;

        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&both[i].thread, NULL, review, &both[i]), 0);
        for (int i = 0; i < 2; i++)
            pthread_join(both[i].thread, NULL);
        assert_true(!both[0].rc != !both[1].rc);
        for (int i = 0; i < 2; i++) {
            if (both[i].rc)
                assert_string_equal(both[i].err.code, "request-decided");
            arena_free(both[i].arena);
        }
        assert_int_equal(load(house, &live), round + 1);
    }
}

static void an_approval_has_an_end_and_a_comment(void **state)
{
    struct house *house = *state;
    struct decision decision = yes(house, &house->by_bob, ask(house, &house->by_ann, "1.3.1", "cooldown", "", "r"));

    decision.not_after_us = 0;
    must_fail(house, &decision, STATUS_INVALID, "invalid-value");
    decision.not_after_us = clock_now_us() + 181 * DAY_US;
    must_fail(house, &decision, STATUS_INVALID, "invalid-value");
    decision.not_after_us = clock_now_us() + 30 * DAY_US;
    decision.comment = "";
    must_fail(house, &decision, STATUS_INVALID, "invalid-value");
    decision.comment = "x";
    decision.rules = "licence";
    must_fail(house, &decision, STATUS_INVALID, "invalid-value");
    clock_shift_us(31 * DAY_US); /* its end has passed before it is made */
    decision.rules = NULL;
    must_fail(house, &decision, STATUS_INVALID, "invalid-value");
}

static void a_version_without_known_bytes_is_not_approved(void **state)
{
    struct house *house = *state;
    struct wanted_version one = wanted(house, "1.3.1", "cooldown", "");
    struct decision decision;
    struct error err = {0};

    one.facts = "";
    fixture_must(catalog_create_requests(house->f.catalog, &house->by_ann, house->f.repository.org_id, &one, 1, "r", &err), &err);
    decision = yes(house, &house->by_bob, one.number);
    must_fail(house, &decision, STATUS_CONFLICT, "bytes-unknown");
}

static void grave_findings_are_cleared_by_security_for_one_version(void **state)
{
    struct house *house = *state;
    int64_t number = ask(house, &house->by_ann, "1.3.1", "bytes cooldown", "bytes", "r");
    struct decision decision = yes(house, &house->by_bob, number);
    struct policy_exception *live;
    struct error err = {0};

    must_fail(house, &decision, STATUS_FORBIDDEN, "needs-security");
    decision.is_security = true;
    decision.scope = SCOPE_NAME;
    must_fail(house, &decision, STATUS_FORBIDDEN, "needs-security");
    decision.is_security = false;
    decision.rules = "cooldown"; /* what is grave stands */
    fixture_must(decide(house, &decision, &err), &err);
    decision = yes(house, &house->by_cleo, ask(house, &house->by_ann, "1.3.1", "bytes", "bytes", "r"));
    decision.is_security = true;
    fixture_must(decide(house, &decision, &err), &err);
    decision = yes(house, &house->by_bob, ask(house, &house->by_ann, "1.3.2", "bytes", "", "r"));
    fixture_must(decide(house, &decision, &err), &err);
    assert_int_equal(load(house, &live), 3);
    for (int i = 0; i < 3; i++) /* what turns out to be grave later was not cleared by it */
        assert_int_equal(live[i].grave_count, live[i].id != 3);
}

static void an_exception_is_over_at_its_end_and_when_it_is_ended(void **state)
{
    struct house *house = *state;
    struct exception_filter filter = {.org_id = house->f.repository.org_id};
    struct decision decision;
    struct policy_exception *live;
    struct exception *list;
    struct error err = {0};
    size_t count;

    for (int i = 0; i < 2; i++) {
        decision = yes(house, &house->by_bob, ask(house, &house->by_ann, i ? "1.3.1" : "1.3.2", "cooldown", "", "r"));
        fixture_must(decide(house, &decision, &err), &err);
    }
    assert_int_equal(load(house, &live), 2);
    fixture_must(catalog_end_exception(house->f.catalog, &house->by_cleo, filter.org_id, 1, "changed my mind", &err), &err);
    assert_int_equal(load(house, &live), 1);
    assert_int_equal(catalog_end_exception(house->f.catalog, &house->by_cleo, filter.org_id, 1, "", &err), STATUS_CONFLICT);
    assert_string_equal(err.code, "exception-over");
    assert_int_equal(catalog_end_exception(house->f.catalog, &house->by_cleo, filter.org_id, 9, "", &err), STATUS_NOT_FOUND);
    clock_shift_us(30 * DAY_US + 1);
    assert_int_equal(load(house, &live), 0);
    assert_int_equal(catalog_end_exception(house->f.catalog, &house->by_cleo, filter.org_id, 2, "", &err), STATUS_CONFLICT);
    fixture_must(catalog_list_exceptions(house->f.catalog, &filter, 0, 10, house->f.arena, &list, &count, &err), &err);
    assert_int_equal(count, 0);
    filter.with_ended = true;
    fixture_must(catalog_list_exceptions(house->f.catalog, &filter, 0, 10, house->f.arena, &list, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_null(list[0].ended_by);
    assert_int_equal(list[0].request, 2);
    assert_string_equal(list[1].ended_by, "cleo");
    assert_string_equal(list[1].by, "bob");
}

static void an_end_is_announced_once_seven_days_ahead(void **state)
{
    struct house *house = *state;
    struct decision longer = yes(house, &house->by_bob, ask(house, &house->by_ann, "1.3.1", "cooldown", "", "r"));
    struct decision shorter = yes(house, &house->by_bob, ask(house, &house->by_ann, "1.3.2", "cooldown", "", "r"));
    struct error err = {0};
    int64_t count;

    shorter.not_after_us = clock_now_us() + 2 * DAY_US;
    fixture_must(decide(house, &longer, &err), &err);
    fixture_must(decide(house, &shorter, &err), &err);
    fixture_must(catalog_announce_endings(house->f.catalog, &count, &err), &err);
    assert_int_equal(count, 0);
    clock_shift_us(DAY_US + DAY_US / 2);
    fixture_must(catalog_announce_endings(house->f.catalog, &count, &err), &err);
    assert_int_equal(count, 1);
    clock_shift_us(23 * DAY_US + DAY_US / 2);
    for (int i = 0; i < 2; i++) {
        fixture_must(catalog_announce_endings(house->f.catalog, &count, &err), &err);
        assert_int_equal(count, !i);
    }
    assert_int_equal(count_audit(house, "exception.ending"), 2);
}

static void what_is_let_through_is_held_no_more(void **state)
{
    struct house *house = *state;
    struct decision decision = yes(house, &house->by_bob, ask(house, &house->by_ann, "1.3.1", "cooldown", "", "r"));
    struct hold hold = {.org_id = house->f.repository.org_id, .repository_id = house->f.repository.id,
                        .format = FORMAT_NPM, .name = "left-pad", .name_fold = "left-pad", .version = "1.3.1",
                        .verdict = VERDICT_HOLD, .rules = "cooldown", .until_us = INT64_MAX};
    struct error err = {0};

    catalog_note_hold(house->f.catalog, &hold);
    fixture_must(catalog_write_holds(house->f.catalog, &err), &err);
    fixture_must(catalog_find_hold(house->f.catalog, &house->f.repository, FORMAT_NPM, "left-pad", "1.3.1", house->f.arena, &hold, &err), &err);
    fixture_must(decide(house, &decision, &err), &err);
    assert_int_equal(catalog_find_hold(house->f.catalog, &house->f.repository, FORMAT_NPM, "left-pad", "1.3.1", house->f.arena, &hold, &err), STATUS_NOT_FOUND);
}

static void requests_are_listed_newest_first_page_by_page(void **state)
{
    struct house *house = *state;
    struct request_filter filter = {.org_id = house->f.repository.org_id, .state = REQUEST_OPEN};
    struct wanted_version *many = arena_array(house->f.arena, 450, sizeof *many);
    struct request_entry *list;
    struct error err = {0};
    struct decision no;
    size_t count;

    for (int i = 0; i < 450; i++)
        many[i] = wanted(house, arena_format(house->f.arena, "1.0.%d", i), "cooldown", "");
    fixture_must(catalog_create_requests(house->f.catalog, &house->by_ann, filter.org_id, many, 450, "lockfile", &err), &err);
    no = yes(house, &house->by_bob, 449);
    no.approves = false;
    fixture_must(decide(house, &no, &err), &err);
    fixture_must(catalog_list_requests(house->f.catalog, &filter, 0, 2, house->f.arena, &list, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_int_equal(list[0].number, 450);
    assert_int_equal(list[1].number, 448);
    assert_string_equal(list[0].version, "1.0.449");
    assert_string_equal(list[0].first_by, "ann");
    filter.state = 0;
    filter.format = FORMAT_NPM;
    filter.name_fold = "left-pad";
    fixture_must(catalog_list_requests(house->f.catalog, &filter, 450, 5, house->f.arena, &list, &count, &err), &err);
    assert_int_equal(list[0].number, 449);
    assert_int_equal(list[0].state, REQUEST_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_version_has_one_open_request, setup, teardown),
        cmocka_unit_test_setup_teardown(a_request_needs_a_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_approved_is_let_through_with_its_bytes_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(ranges_and_names_are_let_through_whatever_their_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(what_an_approval_covers_is_decided_with_it, setup, teardown),
        cmocka_unit_test_setup_teardown(python_ranges_are_as_pip_takes_them, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_approves_his_own_request, setup, teardown),
        cmocka_unit_test_setup_teardown(one_takes_back_ones_own_request, setup, teardown),
        cmocka_unit_test(a_sole_owner_may_when_he_says_so),
        cmocka_unit_test_setup_teardown(a_request_is_decided_once, setup, teardown),
        cmocka_unit_test_setup_teardown(of_two_reviewers_at_once_one_decides, setup, teardown),
        cmocka_unit_test_setup_teardown(an_approval_has_an_end_and_a_comment, setup, teardown),
        cmocka_unit_test_setup_teardown(a_version_without_known_bytes_is_not_approved, setup, teardown),
        cmocka_unit_test_setup_teardown(grave_findings_are_cleared_by_security_for_one_version, setup, teardown),
        cmocka_unit_test_setup_teardown(an_exception_is_over_at_its_end_and_when_it_is_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(an_end_is_announced_once_seven_days_ahead, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_let_through_is_held_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_are_listed_newest_first_page_by_page, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

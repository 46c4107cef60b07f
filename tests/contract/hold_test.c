/* What policy held back, and who fetched what, comes to rows in batches and goes when it is over. */
#include "config/clock.h"
#include "storage/catalog/fetch_count.h"
#include "storage/catalog/hold.h"
#include "storage/catalog/noted.h"
#include "storage/catalog/policy_revision.h"
#include "tests/support/catalog_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define HOUR_US (INT64_C(3600) * 1000000)
#define DAY_US (24 * HOUR_US)

static struct hold hold_of(struct fixture *f, const char *name, const char *version, const char *rules,
                           int64_t until_us)
{
    return (struct hold){.org_id = f->repository.org_id,
                         .repository_id = f->repository.id,
                         .format = FORMAT_NPM,
                         .name = name,
                         .name_fold = name,
                         .version = version,
                         .verdict = VERDICT_HOLD,
                         .rules = rules,
                         .until_us = until_us};
}

static void note(struct fixture *f, const char *name, const char *version, const char *rules,
                 int64_t until_us)
{
    struct hold hold = hold_of(f, name, version, rules, until_us);

    catalog_note_hold(f->catalog, &hold);
}

static void write_holds(struct fixture *f)
{
    struct error err = {0};

    fixture_must(catalog_write_holds(f->catalog, &err), &err);
}

/* "left-pad@1.0.0 left-pad@1.1.0", page by page. */
static const char *held(struct fixture *f, const struct hold_filter *filter, size_t page)
{
    const char *after = NULL, *all = "";
    struct error err = {0};
    struct hold *holds;
    size_t count;

    do {
        fixture_must(catalog_list_holds(f->catalog, filter, after, page, f->arena, &holds, &count, &err), &err);
        for (size_t i = 0; i < count; i++)
            all = arena_format(f->arena, "%s%s%s@%s", all, *all ? " " : "", holds[i].name, holds[i].version);
        after = count ? hold_position(&holds[count - 1], f->arena) : NULL;
    } while (count == page);
    return all;
}

static void what_was_noted_is_listed_once_it_is_written(void **state)
{
    struct fixture *f = *state;
    struct hold_filter filter = {.org_id = f->repository.org_id};
    struct error err = {0};
    struct hold hold;

    note(f, "left-pad", "1.1.0", "cooldown", INT64_MAX);
    note(f, "left-pad", "1.0.0", "cooldown", INT64_MAX);
    note(f, "left-pad", "1.1.0", "cooldown scripts", INT64_MAX);
    note(f, "@acme/ui", "2.0.0", "licence", INT64_MAX);
    assert_string_equal(held(f, &filter, 10), "");
    write_holds(f);
    assert_string_equal(held(f, &filter, 10), "@acme/ui@2.0.0 left-pad@1.0.0 left-pad@1.1.0");
    assert_string_equal(held(f, &filter, 1), "@acme/ui@2.0.0 left-pad@1.0.0 left-pad@1.1.0");
    filter.name_fold = "left-pad";
    assert_string_equal(held(f, &filter, 2), "left-pad@1.0.0 left-pad@1.1.0");
    filter.format = FORMAT_PYPI;
    assert_string_equal(held(f, &filter, 2), "");
    filter = (struct hold_filter){.org_id = f->repository.org_id, .verdict = VERDICT_DENY};
    assert_string_equal(held(f, &filter, 2), "");
    filter = (struct hold_filter){.org_id = f->repository.org_id, .repository_id = f->repository.id + 1};
    assert_string_equal(held(f, &filter, 2), "");
    fixture_must(catalog_find_hold(f->catalog, &f->repository, FORMAT_NPM, "left-pad", "1.1.0", f->arena, &hold, &err), &err);
    assert_string_equal(hold.rules, "cooldown scripts");
    assert_string_equal(hold.repository, "main");
    assert_int_equal(hold.verdict, VERDICT_HOLD);
    assert_int_equal(catalog_find_hold(f->catalog, &f->repository, FORMAT_NPM, "left-pad", "9.0.0", f->arena, &hold, &err), STATUS_NOT_FOUND);
}

static void what_is_held_otherwise_by_now_is_listed_so(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    struct hold hold;

    note(f, "left-pad", "1.0.0", "cooldown", INT64_MAX);
    write_holds(f);
    note(f, "left-pad", "1.0.0", "licence", INT64_MAX);
    write_holds(f);
    fixture_must(catalog_find_hold(f->catalog, &f->repository, FORMAT_NPM, "left-pad", "1.0.0", f->arena, &hold, &err), &err);
    assert_string_equal(hold.rules, "licence");
}

/* Also when the clock jumps: only time is needed, and no job. */
static void a_hold_is_over_at_its_end(void **state)
{
    struct fixture *f = *state;
    struct hold_filter filter = {.org_id = f->repository.org_id};

    note(f, "left-pad", "1.0.0", "cooldown", clock_now_us() + 2 * HOUR_US);
    note(f, "left-pad", "1.1.0", "cooldown", clock_now_us() + 9 * HOUR_US);
    write_holds(f);
    assert_string_equal(held(f, &filter, 10), "left-pad@1.0.0 left-pad@1.1.0");
    clock_shift_us(3 * HOUR_US);
    assert_string_equal(held(f, &filter, 10), "left-pad@1.1.0");
    write_holds(f);
    assert_string_equal(held(f, &filter, 10), "left-pad@1.1.0");
    clock_shift_us(100 * DAY_US);
    write_holds(f);
    clock_shift_us(0);
    assert_string_equal(held(f, &filter, 10), "");
}

static void another_policy_begins_without_holds(void **state)
{
    struct fixture *f = *state;
    struct hold_filter filter = {.org_id = f->repository.org_id};
    struct error err = {0};
    int64_t number;

    note(f, "left-pad", "1.0.0", "cooldown", INT64_MAX);
    write_holds(f);
    note(f, "left-pad", "1.1.0", "cooldown", INT64_MAX); /* not written yet */
    fixture_must(catalog_set_policy(f->catalog, &f->actor, f->repository.org_id, "mode: audit\n", "", -1, &number, &err), &err);
    write_holds(f);
    assert_string_equal(held(f, &filter, 10), "");
    note(f, "left-pad", "1.2.0", "licence", INT64_MAX);
    write_holds(f);
    assert_string_equal(held(f, &filter, 10), "left-pad@1.2.0");
}

static void a_name_too_long_for_any_package_is_not_noted(void **state)
{
    struct fixture *f = *state;
    struct hold_filter filter = {.org_id = f->repository.org_id};
    char name[4096];

    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    note(f, name, "1.0.0", "cooldown", INT64_MAX);
    note(f, "left-pad", "1.0.0", name, INT64_MAX);
    write_holds(f);
    assert_string_equal(held(f, &filter, 10), "");
}

static struct fetch_count fetch_of(struct fixture *f, const char *version, int64_t account_id,
                                   enum verdict_action verdict, const char *facts)
{
    return (struct fetch_count){.org_id = f->repository.org_id,
                                .repository_id = f->repository.id,
                                .format = FORMAT_NPM,
                                .name_fold = "left-pad",
                                .version = version,
                                .account_id = account_id,
                                .verdict = verdict,
                                .rules = verdict ? "cooldown" : "",
                                .facts = facts};
}

static enum status sum_up(void *context, const struct fetch_count *fetch, struct error *err)
{
    int64_t *sum = context;

    (void)err;
    sum[0]++;
    sum[1] += fetch->fetches;
    return STATUS_OK;
}

/* Rows, and fetches in them, of the last days. */
static void walk(struct fixture *f, int64_t days, int64_t sum[2])
{
    struct error err = {0};

    sum[0] = sum[1] = 0;
    fixture_must(catalog_walk_fetches(f->catalog, f->repository.org_id, clock_now_us() / DAY_US - days, sum_up, sum, &err), &err);
}

static void fetches_are_counted_by_version_account_day_and_verdict(void **state)
{
    struct fixture *f = *state;
    struct fetch_count allowed = fetch_of(f, "1.0.0", f->owner.account_id, VERDICT_ALLOW, "{\"a\":1}");
    struct fetch_count stranger = fetch_of(f, "1.0.0", 0, VERDICT_ALLOW, "{\"a\":1}");
    struct fetch_count refused = fetch_of(f, "1.1.0", f->owner.account_id, VERDICT_HOLD, NULL);
    struct fetch_count audited = refused, *list;
    struct error err = {0};
    int64_t sum[2];
    size_t count;

    audited.is_audited = true;
    clock_shift_us(DAY_US / 2 - clock_now_us() % DAY_US); /* noon: no day ends meanwhile */
    for (int i = 0; i < 3; i++) {
        catalog_note_fetch(f->catalog, &allowed);
        catalog_note_fetch(f->catalog, &stranger);
        catalog_note_fetch(f->catalog, &refused);
        catalog_note_fetch(f->catalog, &audited);
    }
    fixture_must(catalog_write_fetches(f->catalog, &err), &err);
    catalog_note_fetch(f->catalog, &allowed);
    fixture_must(catalog_write_fetches(f->catalog, &err), &err);
    walk(f, 1, sum);
    assert_int_equal(sum[0], 4);
    assert_int_equal(sum[1], 13);
    fixture_must(catalog_list_fetches(f->catalog, f->repository.org_id, FORMAT_NPM, "left-pad", "1.0.0", 10, f->arena, &list, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_int_equal(list[0].fetches, 4);
    assert_string_equal(list[0].account, "owner");
    assert_string_equal(list[0].repository, "main");
    assert_string_equal(list[0].facts, "{\"a\":1}");
    assert_string_equal(list[1].account, "anonymous");
    assert_int_equal(list[0].facts_id, list[1].facts_id);
    fixture_must(catalog_list_fetches(f->catalog, f->repository.org_id, FORMAT_NPM, "left-pad", NULL, 10, f->arena, &list, &count, &err), &err);
    assert_int_equal(count, 4);
    clock_shift_us(0);
}

static void days_are_told_apart_and_forgotten(void **state)
{
    struct fixture *f = *state;
    struct fetch_count fetch = fetch_of(f, "1.0.0", 0, VERDICT_ALLOW, "{}");
    struct error err = {0};
    int64_t sum[2];

    catalog_note_fetch(f->catalog, &fetch);
    clock_shift_us(2 * DAY_US);
    catalog_note_fetch(f->catalog, &fetch);
    fixture_must(catalog_write_fetches(f->catalog, &err), &err);
    walk(f, 1, sum);
    assert_int_equal(sum[0], 1);
    walk(f, 3, sum);
    assert_int_equal(sum[0], 2);
    fixture_must(catalog_forget_fetches(f->catalog, 1, &err), &err);
    walk(f, 100, sum);
    assert_int_equal(sum[0], 1);
    clock_shift_us(0);
}

enum { NOTERS = 8, EACH = 400 };

struct noter {
    struct fixture *f;
    pthread_t thread;
    int number;
};

static void *note_many(void *context)
{
    struct noter *noter = context;
    char version[32];

    for (int i = 0; i < EACH; i++) {
        struct fetch_count fetch;

        snprintf(version, sizeof version, "1.%d.0", i);
        fetch = fetch_of(noter->f, version, noter->number, VERDICT_ALLOW, version);
        catalog_note_fetch(noter->f->catalog, &fetch);
    }
    return NULL;
}

static void nothing_is_lost_between_threads_that_note_and_one_that_writes(void **state)
{
    struct noter noters[NOTERS];
    struct fixture *f = *state;
    struct error err = {0};
    int64_t sum[2];

    for (int i = 0; i < NOTERS; i++) {
        noters[i] = (struct noter){.f = f, .number = i};
        assert_int_equal(pthread_create(&noters[i].thread, NULL, note_many, &noters[i]), 0);
    }
    fixture_must(catalog_write_fetches(f->catalog, &err), &err);
    for (int i = 0; i < NOTERS; i++)
        pthread_join(noters[i].thread, NULL);
    fixture_must(catalog_write_fetches(f->catalog, &err), &err);
    walk(f, 1, sum);
    assert_int_equal(sum[0], NOTERS * EACH);
    assert_int_equal(sum[1], NOTERS * EACH);
}

static void count_waking(void *context)
{
    ++*(int *)context;
}

static void a_flood_stays_within_bounds(void **state)
{
    struct noted *noted = noted_new(100, 100000);
    char value[900] = "";
    int woken = 0;

    (void)state;
    noted_on_half_full(noted, count_waking, &woken);
    for (int i = 0; i < 10000; i++)
        noted_add(noted, &i, sizeof i, value, sizeof value, 1);
    assert_int_equal(woken, 1);
    assert_true(noted_count(noted) <= 100);
    assert_true(noted_count(noted) > 50);
    noted_free(noted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(what_was_noted_is_listed_once_it_is_written),
        FIXTURE_TEST(what_is_held_otherwise_by_now_is_listed_so),
        FIXTURE_TEST(a_hold_is_over_at_its_end),
        FIXTURE_TEST(another_policy_begins_without_holds),
        FIXTURE_TEST(a_name_too_long_for_any_package_is_not_noted),
        FIXTURE_TEST(fetches_are_counted_by_version_account_day_and_verdict),
        FIXTURE_TEST(days_are_told_apart_and_forgotten),
        FIXTURE_TEST(nothing_is_lost_between_threads_that_note_and_one_that_writes),
        cmocka_unit_test(a_flood_stays_within_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

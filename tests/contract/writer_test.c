#include "storage/catalog/audit.h"
#include "storage/catalog/writer.h"
#include "storage/metadata/db.h"
#include "tests/support/catalog_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail /* cmocka has one too */

static size_t audit_rows(struct fixture *f)
{
    struct audit_entry *entries;
    struct error err;
    size_t count;

    assert_int_equal(catalog_list_audit(f->catalog, 0, 0, 1000, f->arena, &entries, &count, &err), STATUS_OK);
    return count;
}

/* Writes an audit row, then does as it was told. */
struct deed {
    struct fixture *f;
    enum status ending;
    int fulls; /* how often the disk seems full before it ends */
    int runs;
    pthread_t thread;
    enum status rc;
};

static enum status act(struct transaction *tx, void *argument, struct error *err)
{
    struct deed *deed = argument;
    enum status rc;

    deed->runs++;
    if ((rc = tx_record(tx, &deed->f->actor, 0, "test.deed", "x", "{}", err)))
        return rc;
    if (deed->fulls) {
        deed->fulls--;
        return fail(err, STATUS_FULL, "", "no room");
    }
    return deed->ending ? fail(err, deed->ending, "", "as told") : STATUS_OK;
}

static void *run_deed(void *context)
{
    struct deed *deed = context;
    struct error err;

    deed->rc = writer_run(catalog_writer(deed->f->catalog), act, deed, NULL, 0, &err);
    return NULL;
}

static void run_together(struct fixture *f, struct deed *deeds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        deeds[i].f = f;
        assert_int_equal(pthread_create(&deeds[i].thread, NULL, run_deed, &deeds[i]), 0);
    }
    for (size_t i = 0; i < count; i++)
        pthread_join(deeds[i].thread, NULL);
}

static void a_failed_operation_takes_no_neighbour_with_it(void **state)
{
    static struct deed deeds[40];
    struct fixture *f = *state;
    size_t before = audit_rows(f), expected = 0;

    memset(deeds, 0, sizeof deeds);
    for (size_t i = 0; i < 40; i++) {
        deeds[i].ending = i % 4 ? STATUS_OK : STATUS_CONFLICT;
        expected += i % 4 != 0;
    }
    run_together(f, deeds, 40);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(deeds[i].rc, i % 4 ? STATUS_OK : STATUS_CONFLICT);
    assert_int_equal(audit_rows(f) - before, expected);
}

static void a_group_that_does_not_fit_is_tried_one_by_one(void **state)
{
    static struct deed deeds[16];
    struct fixture *f = *state;
    struct deed with_reserve = {.f = f, .fulls = 1};
    size_t before = audit_rows(f);

    memset(deeds, 0, sizeof deeds);
    deeds[3].fulls = 2; /* in its group, and again alone */
    run_together(f, deeds, 16);
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(deeds[i].rc, i == 3 ? STATUS_FULL : STATUS_OK);
    assert_int_equal(audit_rows(f) - before, 15);
    run_deed(&with_reserve); /* given up, the reserve makes room */
    assert_int_equal(with_reserve.rc, STATUS_OK);
}

static void count_change(void *context, int64_t repository_id, const char *name_norm)
{
    atomic_int *heard = context;

    heard[repository_id]++;
    assert_string_equal(name_norm, "changed");
}

struct named_deed {
    int64_t number;
    int fulls;
    pthread_t thread;
    struct fixture *f;
    enum status rc;
};

static enum status change_one(struct transaction *tx, void *argument, struct error *err)
{
    struct named_deed *deed = argument;

    tx_package_changed(tx, deed->number, "changed");
    if (deed->fulls && deed->fulls--)
        return fail(err, STATUS_FULL, "", "no room");
    return STATUS_OK;
}

/* Keeps the writer busy until so many others wait, which then are one group. */
struct doorman {
    struct fixture *f;
    size_t wanted;
    atomic_bool has_begun;
    pthread_t thread;
    enum status rc;
};

static enum status wait_for_others(struct transaction *tx, void *argument, struct error *err)
{
    struct doorman *doorman = argument;
    struct writer_stats stats;

    (void)tx;
    (void)err;
    atomic_store(&doorman->has_begun, true);
    for (;;) {
        writer_stats(catalog_writer(doorman->f->catalog), &stats);
        if (stats.queued >= doorman->wanted)
            return STATUS_OK;
        sched_yield();
    }
}

static void *run_named(void *context)
{
    struct named_deed *deed = context;
    struct error err;

    deed->rc = writer_run(catalog_writer(deed->f->catalog), change_one, deed, NULL, 0, &err);
    return NULL;
}

static void *run_doorman(void *context)
{
    struct doorman *doorman = context;
    struct error err;

    doorman->rc =
        writer_run(catalog_writer(doorman->f->catalog), wait_for_others, doorman, NULL, 0, &err);
    return NULL;
}

static void doorman_begin(struct doorman *doorman)
{
    assert_int_equal(pthread_create(&doorman->thread, NULL, run_doorman, doorman), 0);
    while (!atomic_load(&doorman->has_begun))
        sched_yield();
}

static void doorman_end(struct doorman *doorman)
{
    pthread_join(doorman->thread, NULL);
    assert_int_equal(doorman->rc, STATUS_OK);
}

static void publishers_that_come_together_share_commits(void **state)
{
    static struct deed deeds[64];
    struct fixture *f = *state;
    struct doorman doorman = {.f = f, .wanted = 64};
    struct writer_stats before, after;

    memset(deeds, 0, sizeof deeds);
    writer_stats(catalog_writer(f->catalog), &before);
    doorman_begin(&doorman);
    run_together(f, deeds, 64);
    doorman_end(&doorman);
    writer_stats(catalog_writer(f->catalog), &after);
    assert_int_equal(after.operations - before.operations, 1 + 64);
    assert_int_equal(after.groups - before.groups, 1 + 1);
}

static void on_a_full_disk_caches_hear_of_what_did_fit(void **state)
{
    static struct named_deed deeds[5];
    atomic_int heard[5] = {0};
    struct fixture *f = *state;
    const struct writer_hooks hooks = {.context = heard, .package_changed = count_change};
    struct doorman doorman = {.f = f, .wanted = 5};

    writer_add_hooks(catalog_writer(f->catalog), &hooks);
    doorman_begin(&doorman);
    for (int i = 0; i < 5; i++) {
        deeds[i] = (struct named_deed){.number = i, .fulls = i == 4 ? 2 : 0, .f = f};
        assert_int_equal(pthread_create(&deeds[i].thread, NULL, run_named, &deeds[i]), 0);
    }
    doorman_end(&doorman);
    for (int i = 0; i < 5; i++) {
        pthread_join(deeds[i].thread, NULL);
        assert_int_equal(deeds[i].rc, i == 4 ? STATUS_FULL : STATUS_OK);
        assert_int_equal(heard[i], i == 4 ? 0 : 1);
    }
}

static void after_a_failed_flush_nothing_is_acknowledged(void **state)
{
    struct fixture *f = *state;
    struct publication pub;
    struct stage *stage;
    struct deed deed = {.f = f};
    struct error err = {0};

    assert_int_equal(catalog_stage(f->catalog, -1, 0, &stage, &err), STATUS_OK);
    assert_int_equal(stage_write(stage, "x", 1, &err), STATUS_OK);
    close(stage_fd(stage)); /* so fdatasync(2) fails */
    assert_int_equal(stage_finish(stage, &err), STATUS_READ_ONLY);
    stage_close(stage);
    assert_int_equal(catalog_health(f->catalog, &err), STATUS_READ_ONLY);
    run_deed(&deed);
    assert_int_equal(deed.rc, STATUS_READ_ONLY);
    assert_int_equal(fixture_publish(f, "web", "1", "a", "x", &pub, &err), STATUS_READ_ONLY);
    assert_int_equal(catalog_health(f->catalog, &err), STATUS_READ_ONLY);
    catalog_close(f->catalog); /* a restart is the way out */
    fixture_open(f);
    assert_int_equal(fixture_publish(f, "web", "1", "a", "x", &pub, &err), STATUS_OK);
}

static void caches_hear_of_a_change_before_its_author_does(void **state)
{
    struct fixture *f = *state;
    struct repository repository;
    struct error err = {0};
    int64_t id;

    assert_int_equal(catalog_find_repository(f->catalog, "acme", "later", f->arena, &repository, &err), STATUS_NOT_FOUND);
    assert_int_equal(catalog_create_repository(f->catalog, &f->actor, "acme", "later", false, &id, &err), STATUS_OK);
    assert_int_equal(catalog_find_repository(f->catalog, "acme", "later", f->arena, &repository, &err), STATUS_OK);
    assert_false(repository.anonymous_read);
    assert_int_equal(catalog_set_anonymous_read(f->catalog, &f->actor, &repository, true, &err), STATUS_OK);
    assert_int_equal(catalog_find_repository(f->catalog, "acme", "later", f->arena, &repository, &err), STATUS_OK);
    assert_true(repository.anonymous_read);
}

static void a_full_queue_answers_busy(void **state)
{
    static struct deed deeds[64];
    struct fixture *f = *state;
    struct catalog_options options = {.data = f->data, .writer_queue_max = 1, .writer_group_max = 1};
    struct error err;
    int busy = 0;

    catalog_close(f->catalog);
    assert_int_equal(catalog_open(&options, &f->catalog, &err), STATUS_OK);
    memset(deeds, 0, sizeof deeds);
    run_together(f, deeds, 64);
    for (size_t i = 0; i < 64; i++) {
        busy += deeds[i].rc == STATUS_BUSY;
        assert_true(deeds[i].rc == STATUS_OK || deeds[i].rc == STATUS_BUSY);
        assert_int_equal(deeds[i].runs, deeds[i].rc == STATUS_OK);
    }
    assert_true(busy < 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_failed_operation_takes_no_neighbour_with_it),
        FIXTURE_TEST(publishers_that_come_together_share_commits),
        FIXTURE_TEST(a_group_that_does_not_fit_is_tried_one_by_one),
        FIXTURE_TEST(on_a_full_disk_caches_hear_of_what_did_fit),
        FIXTURE_TEST(after_a_failed_flush_nothing_is_acknowledged),
        FIXTURE_TEST(caches_hear_of_a_change_before_its_author_does),
        FIXTURE_TEST(a_full_queue_answers_busy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

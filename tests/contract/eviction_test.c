#include "config/clock.h"
#include "storage/catalog/eviction.h"
#include "storage/catalog/ingest.h"
#include "storage/catalog/sweep.h"
#include "storage/catalog/verify.h"
#include "tests/support/catalog_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define DAY_US (INT64_C(86400) * 1000000)

static struct upstream upstream;

static int setup(void **state)
{
    const struct upstream_change change = {.format = FORMAT_NPM, .url = "https://one.example"};
    struct fixture *f = calloc(1, sizeof *f);
    struct error err = {0};

    fixture_setup(f);
    fixture_must(catalog_add_upstream(f->catalog, &f->actor, &f->repository, &change, &upstream, f->arena, &err), &err);
    *state = f;
    return 0;
}

static void pass_days(int days)
{
    static int64_t passed_us;

    clock_shift_us(passed_us += days * DAY_US);
}

/* Keeps a file of that many bytes, all of them the first letter of its name. */
static enum status keep_bytes(struct fixture *f, const char *file, char letter, size_t size)
{
    struct ingest ingest = {.upstream = &upstream, .name = "outside", .name_norm = "outside",
                            .name_fold = "outside", .kind = INGEST_FILE, .version = "1.0.0",
                            .file = file, .sort_key = "1", .sort_key_length = 1,
                            .file_kind = FILE_MAIN};
    char *bytes = arena_alloc(f->arena, size);
    struct error err = {0};

    memset(bytes, letter, size);
    fixture_must(catalog_stage(f->catalog, -1, 0, &ingest.stage, &err), &err);
    fixture_must(stage_write(ingest.stage, bytes, size, &err), &err);
    fixture_must(stage_finish(ingest.stage, &err), &err);
    fixture_must(catalog_ingest(f->catalog, &ingest, 1, &err), &err);
    stage_close(ingest.stage);
    return ingest.rc;
}

static void keep(struct fixture *f, const char *file, size_t size)
{
    assert_int_equal(keep_bytes(f, file, *file, size), STATUS_OK);
}

static int64_t find(struct fixture *f, const char *file)
{
    struct repository cache = {.id = upstream.id, .org_id = upstream.org_id};
    struct stored_file stored;
    struct error err;

    return catalog_find_file(f->catalog, &cache, FORMAT_NPM, "outside", file, f->arena, &stored, &err)
               ? 0
               : stored.id;
}

static int64_t evict(struct fixture *f, int64_t wanted)
{
    int64_t bytes, files;
    struct error err = {0};

    fixture_must(catalog_evict(f->catalog, wanted, &bytes, &files, &err), &err);
    return files;
}

static int64_t cached(struct fixture *f)
{
    int64_t bytes;
    struct error err = {0};

    fixture_must(catalog_cached_bytes(f->catalog, &bytes, &err), &err);
    return bytes;
}

static void assert_clean(struct fixture *f, int64_t blobs)
{
    struct verify_report report;
    struct error err;

    fixture_must(catalog_verify(f->data, true, f->arena, &report, NULL, &err), &err);
    for (int64_t i = 0; i < report.finding_count; i++)
        print_error("%s\n", report.findings[i]);
    assert_int_equal(report.finding_count, 0);
    assert_int_equal(report.orphans, 0);
    assert_int_equal(report.blobs, blobs);
}

static void what_nobody_asked_for_longest_goes_first(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};

    keep(f, "asked.tgz", 500);
    keep(f, "large.tgz", 300);
    keep(f, "small.tgz", 100);
    assert_int_equal(evict(f, 1000), 0); /* all came today */
    pass_days(3);
    assert_int_not_equal(find(f, "asked.tgz"), 0);
    catalog_note_seen(f->catalog, find(f, "asked.tgz"));
    fixture_must(catalog_write_seen(f->catalog, &err), &err);
    assert_int_equal(cached(f), 900);
    assert_int_equal(evict(f, 1), 1);
    assert_int_equal(find(f, "large.tgz"), 0);
    assert_int_not_equal(find(f, "small.tgz"), 0);
    assert_int_equal(evict(f, 1), 1);
    assert_int_equal(find(f, "small.tgz"), 0);
    assert_int_not_equal(find(f, "asked.tgz"), 0);
    assert_int_equal(cached(f), 500);
    assert_int_equal(evict(f, 10000), 1);
    assert_int_equal(evict(f, 10000), 0);
    assert_clean(f, 0);
}

static void what_comes_back_must_be_the_same(void **state)
{
    struct fixture *f = *state;

    keep(f, "a.tgz", 100);
    pass_days(2);
    assert_int_equal(evict(f, 1), 1);
    assert_int_equal(keep_bytes(f, "a.tgz", 'b', 100), STATUS_CONFLICT);
    assert_int_equal(find(f, "a.tgz"), 0);
    assert_int_equal(keep_bytes(f, "a.tgz", 'a', 100), STATUS_OK);
    assert_int_not_equal(find(f, "a.tgz"), 0);
    assert_clean(f, 1);
}

static void evicted_bytes_leave_the_disk_and_hosted_ones_stay(void **state)
{
    struct fixture *f = *state;
    struct sweep sweep = {.grace_us = DAY_US, .trash_us = 14 * DAY_US};
    struct publication pub;
    struct error err = {0};

    keep(f, "a.tgz", 5);
    keep(f, "b.tgz", 7);
    fixture_must(fixture_publish(f, "web", "1.0.0", "web.txt", "aaaaa", &pub, &err), &err);
    pass_days(2);
    assert_int_equal(evict(f, 10000), 2);
    fixture_must(catalog_sweep_step(f->catalog, &sweep, &err), &err);
    assert_int_equal(sweep.unlinked, 1);
    assert_int_equal(sweep.unlinked_bytes, 7);
    assert_clean(f, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_nobody_asked_for_longest_goes_first, setup, fixture_teardown_state),
        cmocka_unit_test_setup_teardown(what_comes_back_must_be_the_same, setup, fixture_teardown_state),
        cmocka_unit_test_setup_teardown(evicted_bytes_leave_the_disk_and_hosted_ones_stay, setup, fixture_teardown_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "storage/catalog/tag.h"
#include "storage/metadata/db.h"
#include "tests/support/npm_shelf.h"

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    shelf_setup(f, "hello");
    *state = f;
    return 0;
}

static void what_is_removed_is_gone_at_once_and_comes_back_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};

    must_publish(f, "1.0.0", "latest");
    must_publish(f, "2.0.0", "latest");
    assert_true(is_there(f, "2.0.0")); /* and in the file cache */
    assert_int_equal(remove_npm(f, "2.0.0", false, &err), STATUS_OK);
    assert_false(is_there(f, "2.0.0"));
    assert_string_equal(tags(f), "latest=1.0.0");
    assert_int_equal(remove_npm(f, "2.0.0", false, &err), STATUS_NOT_FOUND);
    assert_int_equal(verify_clean(f).files, 1);
    assert_int_equal(restore_npm(f, "2.0.0", &err), STATUS_OK);
    assert_true(is_there(f, "2.0.0"));
    assert_string_equal(tags(f), "latest=2.0.0");
    assert_int_equal(verify_clean(f).files, 2);
    assert_int_equal(restore_npm(f, "2.0.0", &err), STATUS_NOT_FOUND);
}

static void a_removed_version_never_means_other_bytes(void **state)
{
    struct fixture *f = *state;
    struct repository other;
    struct error err = {0};
    int64_t id;

    fixture_must(catalog_create_repository(f->catalog, &f->actor, "acme", "other", false, &id, &err), &err);
    fixture_must(catalog_find_repository(f->catalog, "acme", "other", f->arena, &other, &err), &err);
    must_publish(f, "1.0.0", NULL);
    assert_int_equal(remove_npm(f, "1.0.0", false, &err), STATUS_OK);
    assert_int_equal(publish_npm(f, &f->repository, "1.0.0", "other", NULL, &err), STATUS_CONFLICT);
    assert_string_equal(err.code, "version-removed");
    assert_int_equal(publish_npm(f, &f->repository, "1.0.0", "1.0.0", NULL, &err), STATUS_CONFLICT);
    assert_int_equal(publish_npm(f, &other, "1.0.0", "other", NULL, &err), STATUS_CONFLICT);
    sweep(f, 0, 0);
    assert_int_equal(publish_npm(f, &other, "1.0.0", "other", NULL, &err), STATUS_CONFLICT);
    assert_int_equal(publish_npm(f, &other, "1.0.1", "other", NULL, &err), STATUS_OK);
    assert_int_equal(blob_files(f), 1);
    verify_clean(f);
}

static void bytes_go_when_their_time_to_restore_has_passed(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};

    must_publish(f, "1.0.0", NULL);
    must_publish(f, "1.1.0", NULL);
    assert_int_equal(remove_npm(f, "1.0.0", false, &err), STATUS_OK);
    sweep(f, DAY_US, 14 * DAY_US); /* the grace has not passed */
    assert_int_equal(blob_files(f), 2);
    pass_time(2 * DAY_US);
    sweep(f, DAY_US, 14 * DAY_US); /* condemned, and still there to come back */
    assert_int_equal(blob_files(f), 2);
    assert_int_equal(restore_npm(f, "1.0.0", &err), STATUS_OK);
    assert_true(is_there(f, "1.0.0"));
    assert_int_equal(remove_npm(f, "1.0.0", false, &err), STATUS_OK);
    pass_time(2 * DAY_US);
    sweep(f, DAY_US, 14 * DAY_US);
    pass_time(15 * DAY_US);
    sweep(f, DAY_US, 14 * DAY_US);
    assert_int_equal(blob_files(f), 1);
    assert_int_equal(restore_npm(f, "1.0.0", &err), STATUS_GONE);
    assert_string_equal(err.code, "restore-over");
    assert_true(is_there(f, "1.1.0"));
    verify_clean(f);
}

static void a_leaked_secret_is_off_the_disk_at_once(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};

    must_publish(f, "1.0.0", NULL);
    must_publish(f, "1.1.0", NULL);
    assert_int_equal(remove_npm(f, "1.0.0", true, &err), STATUS_OK);
    assert_int_equal(blob_files(f), 1);
    assert_int_equal(restore_npm(f, "1.0.0", &err), STATUS_GONE);
    assert_int_equal(remove_npm(f, "1.1.0", false, &err), STATUS_OK);
    assert_int_equal(blob_files(f), 1);
    assert_int_equal(remove_npm(f, "1.1.0", true, &err), STATUS_OK); /* it was worse than thought */
    assert_int_equal(blob_files(f), 0);
    assert_int_equal(restore_npm(f, "1.1.0", &err), STATUS_GONE);
    verify_clean(f);
}

static void bytes_that_another_file_has_too_stay(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};

    fixture_must(publish_npm(f, &f->repository, "1.0.0", "same", NULL, &err), &err);
    fixture_must(publish_npm(f, &f->repository, "2.0.0", "same", NULL, &err), &err);
    assert_int_equal(remove_npm(f, "1.0.0", true, &err), STATUS_OK);
    sweep(f, 0, 0);
    assert_int_equal(blob_files(f), 1);
    assert_true(is_there(f, "2.0.0"));
    verify_clean(f);
}

static void bytes_that_were_given_up_are_published_anew(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};

    fixture_must(publish_npm(f, &f->repository, "1.0.0", "same", NULL, &err), &err);
    assert_int_equal(remove_npm(f, "1.0.0", false, &err), STATUS_OK);
    sweep(f, 0, DAY_US); /* condemned */
    fixture_must(publish_npm(f, &f->repository, "2.0.0", "same", NULL, &err), &err);
    sweep(f, 0, 0);
    assert_true(is_there(f, "2.0.0"));
    assert_int_equal(restore_npm(f, "1.0.0", &err), STATUS_OK);
    verify_clean(f);
}

/* Steps on hello: "+1.0.0" publishes, "-1.0.0" removes, "~1.0.0" restores, "beta=1.0.0" tags. */
static const struct {
    const char *steps, *tags;
} tag_cases[] = {
    {"+1.0.0 +1.1.0 +2.0.0 latest=1.1.0 -1.1.0",                       "latest=1.0.0"                },
    {"+1.1.0 +2.0.0 latest=1.1.0 -1.1.0",                              "latest=2.0.0"                },
    {"+1.0.0 +2.0.0-b.1 +2.0.0-b.2 -1.0.0",                            "latest=2.0.0-b.2"            },
    {"+1.0.0 +2.0.0 beta=2.0.0 -2.0.0",                                "latest=1.0.0"                },
    {"+1.0.0 +2.0.0 beta=2.0.0 -2.0.0 ~2.0.0",                         "beta=2.0.0 latest=1.0.0"     },
    {"+1.0.0 +2.0.0 beta=2.0.0 -2.0.0 beta=1.0.0 ~2.0.0",              "beta=1.0.0 latest=1.0.0"     },
    {"+1.0.0 +2.0.0 +3.0.0 latest=3.0.0 -3.0.0 -2.0.0 ~3.0.0 ~2.0.0",  "latest=3.0.0"                },
    {"+1.0.0 +2.0.0 +3.0.0 latest=3.0.0 -3.0.0 -2.0.0 ~2.0.0 ~3.0.0",  "latest=3.0.0"                },
    {"+1.0.0 +2.0.0 +3.0.0 latest=3.0.0 -3.0.0 latest=1.0.0 ~3.0.0",   "latest=1.0.0"                },
    {"+1.0.0 +2.0.0 latest=2.0.0 -1.0.0 -2.0.0",                       ""                            },
    {"+1.0.0 +2.0.0 latest=2.0.0 -1.0.0 -2.0.0 ~1.0.0",                "latest=1.0.0"                },
    {"+1.0.0 +2.0.0 latest=2.0.0 -1.0.0 -2.0.0 ~1.0.0 ~2.0.0",         "latest=2.0.0"                },
    {"+1.0.0 cjs=1.0.0 +2.0.0 latest=2.0.0 -2.0.0",                    "cjs=1.0.0 latest=1.0.0"      },
    {"+1.0.0 -1.0.0 +0.9.0 ~1.0.0",                                    "latest=0.9.0"                },
};

static void run_step(struct fixture *f, const char *step)
{
    struct error err = {0};
    const char *equals = strchr(step, '=');

    if (*step == '+')
        must_publish(f, step + 1, NULL);
    else if (*step == '-')
        fixture_must(remove_npm(f, step + 1, false, &err), &err);
    else if (*step == '~')
        fixture_must(restore_npm(f, step + 1, &err), &err);
    else
        fixture_must(catalog_set_tag(f->catalog, &f->actor, &f->repository, FORMAT_NPM, "hello",
                                     arena_copy_bytes(f->arena, step, (size_t)(equals - step)),
                                     equals + 1, &err), &err);
}

static void no_tag_dangles_and_tags_come_back(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof tag_cases / sizeof *tag_cases; row++) {
        struct fixture f;
        char steps[256], *save = NULL;

        shelf_setup(&f, "hello");
        snprintf(steps, sizeof steps, "%s", tag_cases[row].steps);
        for (char *step = strtok_r(steps, " ", &save); step; step = strtok_r(NULL, " ", &save))
            run_step(&f, step);
        if (strcmp(tags(&f), tag_cases[row].tags))
            fail_msg("row %zu: %s: \"%s\", not \"%s\"", row, tag_cases[row].steps, tags(&f),
                     tag_cases[row].tags);
        verify_clean(&f);
        fixture_teardown(&f);
    }
}

static void a_package_goes_whole(void **state)
{
    struct fixture *f = *state;
    struct removal all = removal_of(f, NULL);
    struct removed *removed;
    struct error err = {0};
    size_t count;

    must_publish(f, "1.0.0", NULL);
    must_publish(f, "2.0.0", "latest");
    fixture_must(catalog_remove_version(f->catalog, &all, &err), &err);
    assert_int_equal(all.versions, 2);
    assert_int_equal(all.files, 2);
    assert_int_equal(all.bytes, 10);
    assert_string_equal(tags(f), "");
    assert_int_equal(catalog_remove_version(f->catalog, &all, &err), STATUS_NOT_FOUND);
    fixture_must(catalog_list_removed(f->catalog, &f->repository, NULL, 10, f->arena, &removed, &count,
                                      &err), &err);
    assert_int_equal(count, 2);
    assert_string_equal(removed[1].version, "2.0.0");
    assert_string_equal(removed[1].account, "owner");
    fixture_must(catalog_list_removed(f->catalog, &f->repository, removed_position(&removed[0], f->arena),
                                      10, f->arena, &removed, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_string_equal(removed[0].version, "2.0.0");
    verify_clean(f);
}

static void what_a_tag_names_goes_only_where_that_is_meant(void **state)
{
    struct fixture *f = *state;
    struct removal removal = removal_of(f, "1.0.0");
    struct error err = {0};

    must_publish(f, "1.0.0", NULL);
    removal.unless_tagged = true;
    assert_int_equal(catalog_remove_version(f->catalog, &removal, &err), STATUS_CONFLICT);
    assert_string_equal(err.code, "in-use");
    assert_true(is_there(f, "1.0.0"));
    removal.reason = "";
    assert_int_equal(catalog_remove_version(f->catalog, &removal, &err), STATUS_INVALID);
    verify_clean(f);
}

/* Rows that no operation writes. */
static const struct {
    const char *sql, *finding;
} lies[] = {
    {"UPDATE version SET state = 3 WHERE version = '1.0.0'", "hello 1.0.0: it is removed without a tombstone"},
    {"UPDATE file SET state = 2 WHERE name = 'hello-2.0.0.tgz'",
     "2.0.0 hello-2.0.0.tgz: the file of a removed version is not removed"},
    {"INSERT INTO tag SELECT package_id, 'beta', id, 0 FROM version WHERE version = '2.0.0'",
     "hello beta: the tag names a removed version"},
    {"DELETE FROM tag", "hello latest: the package has versions, and no such tag"},
};

static void verify_finds_half_a_removal(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof lies / sizeof *lies; row++) {
        struct verify_report report;
        struct error err = {0};
        struct fixture f;
        char path[128];
        struct db *db;
        bool found = false;

        shelf_setup(&f, "hello");
        must_publish(&f, "1.0.0", NULL);
        must_publish(&f, "2.0.0", NULL);
        fixture_must(remove_npm(&f, "2.0.0", false, &err), &err);
        snprintf(path, sizeof path, "%s/meta.db", f.data);
        fixture_must(db_open(&db_backend_sqlite, path, DB_WRITER, &db, &err), &err);
        fixture_must(db_execute(db, lies[row].sql, &err), &err);
        db_close(db);
        fixture_must(catalog_verify(f.data, false, f.arena, &report, NULL, &err), &err);
        for (int64_t i = 0; i < report.finding_count; i++)
            found |= !strcmp(report.findings[i], lies[row].finding);
        if (!found)
            fail_msg("row %zu: %s", row, lies[row].sql);
        fixture_teardown(&f);
    }
}

/* The sweep looks at every column that refers to a blob: one that it forgot would lose bytes. */
static void the_sweep_knows_every_reference_to_a_blob(void **state)
{
    static const char TABLES[] =
        "SELECT m.name, k.\"from\" FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) k"
        " WHERE m.type = 'table' AND k.\"table\" = 'blob'";
    struct fixture *f = *state;
    struct error err = {0};
    struct query *query;
    struct db *db;
    char path[128];
    int found = 0;
    enum status rc;

    snprintf(path, sizeof path, "%s/meta.db", f->data);
    fixture_must(db_open(&db_backend_sqlite, path, DB_READER, &db, &err), &err);
    query = db_query(db, TABLES);
    while (!(rc = db_next_row(query, &err))) {
        char from[128], where[128];

        snprintf(from, sizeof from, "FROM %s ", db_text(query, 0));
        snprintf(where, sizeof where, ".%s = blob.id", db_text(query, 1));
        assert_non_null(strstr(BLOB_IS_UNREFERENCED, from));
        assert_non_null(strstr(BLOB_IS_UNREFERENCED, where));
        found++;
    }
    assert_int_equal(rc, STATUS_NOT_FOUND);
    assert_int_equal(found, 2);
    db_close(db);
}

static void what_a_crash_left_unnamed_goes_to_quarantine(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    char command[512];
    int64_t moved;

    must_publish(f, "1.0.0", NULL);
    catalog_close(f->catalog);
    snprintf(command, sizeof command,
             "f=$(find %s/blobs -type f) && n=${f##*.} &&"
             " cp $f ${f%%/*}/$(printf %%064d 7).$n", f->data);
    assert_int_equal(system(command), 0);
    pass_time(60 * INT64_C(1000000)); /* it is older than the server's start */
    fixture_open(f);
    assert_int_equal(blob_files(f), 2);
    fixture_must(catalog_sweep_orphans(f->catalog, &moved, &err), &err);
    assert_int_equal(moved, 1);
    assert_int_equal(blob_files(f), 1);
    verify_clean(f);
    snprintf(command, sizeof command, "test $(ls %s/quarantine | wc -l) = 1", f->data);
    assert_int_equal(system(command), 0);
    pass_time(8 * DAY_US);
    fixture_must(catalog_sweep_orphans(f->catalog, &moved, &err), &err);
    snprintf(command, sizeof command, "test $(ls %s/quarantine | wc -l) = 0", f->data);
    assert_int_equal(system(command), 0);
    assert_true(is_there(f, "1.0.0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* first, for files have the kernel's time, and the others move ours */
        cmocka_unit_test_setup_teardown(what_a_crash_left_unnamed_goes_to_quarantine, setup, fixture_teardown_state),
        cmocka_unit_test_setup_teardown(what_is_removed_is_gone_at_once_and_comes_back_as_it_was, setup, fixture_teardown_state),
        cmocka_unit_test_setup_teardown(a_removed_version_never_means_other_bytes, setup, fixture_teardown_state),
        cmocka_unit_test_setup_teardown(bytes_go_when_their_time_to_restore_has_passed, setup, fixture_teardown_state),
        cmocka_unit_test_setup_teardown(a_leaked_secret_is_off_the_disk_at_once, setup, fixture_teardown_state),
        cmocka_unit_test_setup_teardown(bytes_that_another_file_has_too_stay, setup, fixture_teardown_state),
        cmocka_unit_test_setup_teardown(bytes_that_were_given_up_are_published_anew, setup, fixture_teardown_state),
        cmocka_unit_test(no_tag_dangles_and_tags_come_back),
        cmocka_unit_test_setup_teardown(a_package_goes_whole, setup, fixture_teardown_state),
        cmocka_unit_test_setup_teardown(what_a_tag_names_goes_only_where_that_is_meant, setup, fixture_teardown_state),
        cmocka_unit_test(verify_finds_half_a_removal),
        cmocka_unit_test_setup_teardown(the_sweep_knows_every_reference_to_a_blob, setup, fixture_teardown_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

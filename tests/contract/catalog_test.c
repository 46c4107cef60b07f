#include "storage/catalog/audit.h"
#include "storage/catalog/tag.h"
#include "storage/catalog/token.h"
#include "storage/catalog/verify.h"
#include "storage/metadata/db.h"
#include "tests/support/catalog_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void assert_clean(struct fixture *f, int64_t files)
{
    struct verify_report report;
    struct error err;

    assert_int_equal(catalog_verify(f->data, true, f->arena, &report, NULL, &err), STATUS_OK);
    for (int64_t i = 0; i < report.finding_count; i++)
        print_error("%s\n", report.findings[i]);
    assert_int_equal(report.finding_count, 0);
    assert_int_equal(report.orphans, 0);
    assert_int_equal(report.files, files);
}

static void what_was_published_is_read_back(void **state)
{
    struct fixture *f = *state;
    struct publication pub;
    struct stored_file file;
    struct error err = {0};
    char bytes[16] = "";
    int fd;

    assert_int_equal(fixture_publish(f, "web", "1.0.0", "web.tgz", "hello", &pub, &err), STATUS_OK);
    assert_false(pub.unchanged);
    assert_int_equal(catalog_find_file(f->catalog, &f->repository, FORMAT_ARTIFACT, "web",
                                       "1.0.0/web.tgz", f->arena, &file, &err), STATUS_OK);
    assert_int_equal(file.size, 5);
    assert_string_equal(file.version, "1.0.0");
    assert_int_equal(catalog_open_file(f->catalog, &file, &fd, &err), STATUS_OK);
    assert_int_equal(read(fd, bytes, sizeof bytes), 5);
    assert_string_equal(bytes, "hello");
    close(fd);
    assert_clean(f, 1);
}

static void a_path_is_written_once(void **state)
{
    struct fixture *f = *state;
    struct publication pub;
    struct error err = {0};

    assert_int_equal(fixture_publish(f, "web", "1.0.0", "a", "one", &pub, &err), STATUS_OK);
    assert_int_equal(fixture_publish(f, "web", "1.0.0", "a", "one", &pub, &err), STATUS_OK);
    assert_true(pub.unchanged);
    assert_int_equal(fixture_publish(f, "web", "1.0.0", "a", "two", &pub, &err), STATUS_CONFLICT);
    assert_true(pub.conflict);
    assert_string_equal(err.code, "file-exists");
    assert_int_equal(fixture_publish(f, "web", "1.0.0", "A", "two", &pub, &err), STATUS_CONFLICT);
    assert_string_equal(err.code, "path-case-collision");
    assert_int_equal(fixture_publish(f, "web", "1.0.1", "A", "two", &pub, &err), STATUS_OK);
    assert_clean(f, 2);
}

static void equal_bytes_are_stored_once(void **state)
{
    struct fixture *f = *state;
    struct verify_report report;
    struct publication pub;
    struct error err = {0};

    assert_int_equal(fixture_publish(f, "web", "1.0.0", "a", "same", &pub, &err), STATUS_OK);
    assert_int_equal(fixture_publish(f, "web", "1.0.0", "b", "same", &pub, &err), STATUS_OK);
    assert_int_equal(catalog_verify(f->data, true, f->arena, &report, NULL, &err), STATUS_OK);
    assert_int_equal(report.files, 2);
    assert_int_equal(report.blobs, 1);
    assert_int_equal(report.orphans, 0);
}

static void verify_finds_what_is_missing_or_changed(void **state)
{
    struct fixture *f = *state;
    struct verify_report report;
    struct publication pub;
    struct error err = {0};
    char command[256];

    assert_int_equal(fixture_publish(f, "web", "1.0.0", "a", "bytes", &pub, &err), STATUS_OK);
    snprintf(command, sizeof command,
             "f=$(find %s/blobs -type f) && chmod u+w $f && printf BYTES >$f", f->data);
    assert_int_equal(system(command), 0);
    assert_int_equal(catalog_verify(f->data, false, f->arena, &report, NULL, &err), STATUS_OK);
    assert_int_equal(report.finding_count, 0); /* the size is right */
    assert_int_equal(catalog_verify(f->data, true, f->arena, &report, NULL, &err), STATUS_OK);
    assert_int_equal(report.finding_count, 1);
    snprintf(command, sizeof command, "find %s/blobs -type f -delete", f->data);
    assert_int_equal(system(command), 0);
    assert_int_equal(catalog_verify(f->data, false, f->arena, &report, NULL, &err), STATUS_OK);
    assert_int_equal(report.finding_count, 1);
}

static void what_was_there_before_a_restart_is_there_after(void **state)
{
    struct fixture *f = *state;
    struct publication pub;
    struct package package;
    struct error err = {0};

    assert_int_equal(fixture_publish(f, "web", "1.0.0", "a", "bytes", &pub, &err), STATUS_OK);
    catalog_close(f->catalog);
    assert_clean(f, 1); /* a directory that is not in use can be verified too */
    fixture_open(f);
    assert_int_equal(catalog_find_package(f->catalog, &f->repository, FORMAT_ARTIFACT, "web", f->arena,
                                          &package, &err), STATUS_OK);
    assert_string_equal(package.name, "web");
}

static void a_directory_in_use_is_refused_to_a_second_server(void **state)
{
    struct fixture *f = *state;
    struct catalog_options options = {.data = f->data};
    struct catalog *second;
    struct error err = {0};

    assert_int_equal(catalog_open(&options, &second, &err), STATUS_CONFLICT);
    assert_null(second);
    assert_int_equal(catalog_create(f->data, &err), STATUS_CONFLICT);
}

static void a_full_disk_refuses_before_the_first_byte(void **state)
{
    struct fixture *f = *state;
    struct catalog_options options = {.data = f->data, .refuse_bytes = INT64_MAX / 2};
    struct stage *stage;
    struct error err = {0};

    catalog_close(f->catalog);
    assert_int_equal(catalog_open(&options, &f->catalog, &err), STATUS_OK);
    assert_int_equal(catalog_stage(f->catalog, 10, 0, &stage, &err), STATUS_FULL);
}

static void tags_follow_versions(void **state)
{
    struct fixture *f = *state;
    struct publication pub;
    struct error err = {0};

    assert_int_equal(fixture_publish(f, "web", "1.0.0", "a", "1", &pub, &err), STATUS_OK);
    assert_int_equal(catalog_set_tag(f->catalog, &f->actor, &f->repository, FORMAT_ARTIFACT, "web", "prod",
                                     "1.0.0", &err), STATUS_OK);
    assert_int_equal(catalog_set_tag(f->catalog, &f->actor, &f->repository, FORMAT_ARTIFACT, "web", "prod",
                                     "9.9.9", &err), STATUS_NOT_FOUND);
    assert_int_equal(catalog_remove_tag(f->catalog, &f->actor, &f->repository, FORMAT_ARTIFACT, "web",
                                        "prod", &err), STATUS_OK);
    assert_int_equal(catalog_remove_tag(f->catalog, &f->actor, &f->repository, FORMAT_ARTIFACT, "web",
                                        "prod", &err), STATUS_NOT_FOUND);
}

static void pages_of_versions_follow_each_other(void **state)
{
    static const char *const descending[] = {"5", "4", "3", "2", "1"};
    struct fixture *f = *state;
    struct publication pub;
    struct package package;
    struct version *versions;
    struct error err = {0};
    const char *after = NULL;
    size_t count, seen = 0;

    for (size_t i = 0; i < 5; i++)
        fixture_must(fixture_publish(f, "web", descending[(i * 2) % 5], "a", "x", &pub, &err), &err);
    fixture_must(catalog_find_package(f->catalog, &f->repository, FORMAT_ARTIFACT, "web", f->arena,
                                      &package, &err), &err);
    do {
        fixture_must(catalog_list_versions(f->catalog, &package, after, 2, f->arena, &versions,
                                           &count, &err), &err);
        for (size_t i = 0; i < count; i++)
            assert_string_equal(versions[i].version, descending[seen++]);
        after = count ? versions[count - 1].version : NULL;
    } while (count);
    assert_int_equal(seen, 5);
    assert_int_equal(catalog_list_versions(f->catalog, &package, "absent", 2, f->arena, &versions,
                                           &count, &err), STATUS_OK);
    assert_int_equal(count, 0);
}

static void every_change_leaves_an_audit_row(void **state)
{
    struct fixture *f = *state;
    struct publication pub;
    struct audit_entry *entries;
    struct error err = {0};
    size_t count;

    assert_int_equal(fixture_publish(f, "web", "1.0.0", "a", "1", &pub, &err), STATUS_OK);
    assert_int_equal(fixture_publish(f, "web", "1.0.0", "a", "2", &pub, &err), STATUS_CONFLICT);
    assert_int_equal(catalog_list_audit(f->catalog, f->repository.org_id, 0, 10, f->arena, &entries, &count,
                                        &err), STATUS_OK);
    assert_int_equal(count, 3); /* org, repository, publish; a refused publish changed nothing */
    assert_string_equal(entries[0].action, "package.published");
    assert_string_equal(entries[0].target, "acme/main artifact:web@1.0.0");
    assert_string_equal(entries[0].actor, "owner");
}

static void a_token_works_until_it_is_revoked_or_expires(void **state)
{
    struct fixture *f = *state;
    struct token token = {.account_id = f->owner.account_id, .actions = ACTIONS_ALL};
    const struct principal *principal;
    char text[TOKEN_SIZE], wrong[TOKEN_SIZE];
    struct error err = {0};

    assert_int_equal(catalog_create_token(f->catalog, &f->actor, &token, f->arena, text, &err), STATUS_OK);
    assert_true(token_is_well_formed(text));
    memcpy(wrong, text, sizeof wrong);
    wrong[10] = wrong[10] == 'a' ? 'b' : 'a';
    assert_false(token_is_well_formed(wrong));
    assert_int_equal(access_authenticate(f->catalog, wrong, f->arena, &principal, &err), STATUS_UNAUTHENTICATED);
    for (int i = 0; i < 2; i++) { /* from the database, then from memory */
        assert_int_equal(access_authenticate(f->catalog, text, f->arena, &principal, &err), STATUS_OK);
        assert_string_equal(principal->name, "owner");
    }
    assert_int_equal(catalog_revoke_token(f->catalog, &f->actor, token.id, &err), STATUS_OK);
    assert_int_equal(access_authenticate(f->catalog, text, f->arena, &principal, &err), STATUS_UNAUTHENTICATED);
    token = (struct token){.account_id = f->owner.account_id, .actions = ACTIONS_ALL, .expires_us = 1};
    assert_int_equal(catalog_create_token(f->catalog, &f->actor, &token, f->arena, text, &err), STATUS_OK);
    assert_int_equal(access_authenticate(f->catalog, text, f->arena, &principal, &err), STATUS_UNAUTHENTICATED);
}

/* A newer packhouse has been here. */
static void a_newer_schema_is_refused_in_words(void **state)
{
    struct fixture *f = *state;
    struct catalog_options options = {.data = f->data};
    struct verify_report report;
    struct error err = {0};
    char path[96];
    struct db *db;

    catalog_close(f->catalog);
    f->catalog = NULL;
    snprintf(path, sizeof path, "%s/meta.db", f->data);
    assert_int_equal(db_open(&db_backend_sqlite, path, DB_WRITER, &db, &err), STATUS_OK);
    assert_int_equal(db_execute(db, "INSERT INTO sys_migration VALUES(999, 'later', 0, 'packhouse')", &err),
                     STATUS_OK);
    db_close(db);
    assert_int_equal(catalog_open(&options, &f->catalog, &err), STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.message, "schema 999"));
    assert_int_equal(catalog_verify(f->data, false, f->arena, &report, NULL, &err), STATUS_UNSUPPORTED);
}

struct racer {
    struct fixture *f;
    pthread_t thread;
    char bytes[32];
    enum status rc;
    struct publication pub;
};

static void *race(void *context)
{
    struct racer *racer = context;
    struct error err;

    racer->rc = fixture_publish(racer->f, "web", "1.0.0", "a", racer->bytes, &racer->pub, &err);
    return NULL;
}

static void of_many_publishers_of_one_path_exactly_one_wins(void **state)
{
    static struct racer racers[32];
    struct fixture *f = *state;
    int won = 0;

    for (int i = 0; i < 32; i++) {
        racers[i].f = f;
        snprintf(racers[i].bytes, sizeof racers[i].bytes, "bytes %d", i);
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < 32; i++) {
        pthread_join(racers[i].thread, NULL);
        won += racers[i].rc == STATUS_OK;
        assert_true(racers[i].rc == STATUS_OK || racers[i].rc == STATUS_CONFLICT);
    }
    assert_int_equal(won, 1);
    assert_clean(f, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(what_was_published_is_read_back),
        FIXTURE_TEST(a_path_is_written_once),
        FIXTURE_TEST(equal_bytes_are_stored_once),
        FIXTURE_TEST(verify_finds_what_is_missing_or_changed),
        FIXTURE_TEST(what_was_there_before_a_restart_is_there_after),
        FIXTURE_TEST(a_directory_in_use_is_refused_to_a_second_server),
        FIXTURE_TEST(a_full_disk_refuses_before_the_first_byte),
        FIXTURE_TEST(tags_follow_versions),
        FIXTURE_TEST(pages_of_versions_follow_each_other),
        FIXTURE_TEST(every_change_leaves_an_audit_row),
        FIXTURE_TEST(a_token_works_until_it_is_revoked_or_expires),
        FIXTURE_TEST(a_newer_schema_is_refused_in_words),
        FIXTURE_TEST(of_many_publishers_of_one_path_exactly_one_wins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

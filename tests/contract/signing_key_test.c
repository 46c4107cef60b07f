#include "storage/catalog/signing_key.h"

#include "config/clock.h"
#include "storage/catalog/audit.h"
#include "storage/catalog/key_file.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/metadata/db.h"
#include "tests/support/catalog_fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <cmocka.h>

static const char *path_of(struct fixture *f, const char *member)
{
    return arena_format(f->arena, "%s/%s", f->data, member);
}

static struct signing_key *keys_of(struct fixture *f, size_t expected)
{
    struct signing_key *keys;
    struct error err;
    size_t count;

    assert_int_equal(catalog_list_signing_keys(f->catalog, f->arena, &keys, &count, &err), STATUS_OK);
    assert_int_equal(count, expected);
    for (size_t i = 0; i < count; i++)
        assert_true((i == 0) == (keys[i].retired_us == 0)); /* one signs, the first */
    return keys;
}

static void reopen(struct fixture *f)
{
    catalog_close(f->catalog);
    fixture_open(f);
}

static enum status try_to_open(struct fixture *f, struct error *err)
{
    struct catalog_options options = {.data = f->data, .readers = 8};

    catalog_close(f->catalog);
    f->catalog = NULL;
    return catalog_open(&options, &f->catalog, err);
}

/* Changes rows as a crash or another program would have left them. */
static void change(struct fixture *f, const char *sql)
{
    struct error err;
    struct db *db;

    catalog_close(f->catalog);
    assert_int_equal(db_open(&db_backend_sqlite, path_of(f, "meta.db"), DB_WRITER, &db, &err), STATUS_OK);
    assert_int_equal(db_execute(db, sql, &err), STATUS_OK);
    db_close(db);
    fixture_open(f);
}

static const char *words_of(const char *name, const struct version *version, struct arena *arena)
{
    if (!version->document_length)
        return NULL;
    return arena_format(arena, "%s@%s:%.*s", name, version->version, (int)version->document_length,
                        (const char *)version->document);
}

/* An npm version whose document is what is signed of it. */
static void publish(struct fixture *f, const char *name, const char *version, bool is_signed)
{
    struct publication_file file = {.name = arena_format(f->arena, "%s-%s.tgz", name, version)};
    struct error err;
    struct publication pub = {
        .repository = &f->repository, .actor = &f->actor, .format = FORMAT_NPM, .name = name,
        .name_norm = name, .version = version, .sort_key = version, .sort_key_length = strlen(version),
        .document = "sha512-x", .document_length = 8, .files = &file, .file_count = 1,
    };

    if (is_signed)
        pub.signed_words = arena_format(f->arena, "%s@%s:sha512-x", name, version);
    assert_int_equal(catalog_stage(f->catalog, -1, 0, &file.stage, &err), STATUS_OK);
    assert_int_equal(stage_write(file.stage, version, strlen(version), &err), STATUS_OK);
    assert_int_equal(catalog_publish(f->catalog, &pub, &err), STATUS_OK);
    stage_close(file.stage);
}

static struct version find(struct fixture *f, const char *name, const char *version)
{
    struct package package;
    struct version out;
    struct error err;

    assert_int_equal(catalog_find_package(f->catalog, &f->repository, FORMAT_NPM, name, f->arena, &package, &err),
                     STATUS_OK);
    assert_int_equal(catalog_find_version(f->catalog, &package, version, f->arena, &out, &err), STATUS_OK);
    return out;
}

/* As clients do: the key by its id, good where it ends after the version was published. */
static void assert_signed(struct fixture *f, const char *name, const char *version)
{
    struct version found = find(f, name, version);
    const char *words = arena_format(f->arena, "%s@%s:sha512-x", name, version);
    struct signing_key *keys;
    struct error err;
    size_t count, i = 0;

    assert_non_null(found.keyid);
    assert_int_equal(catalog_list_signing_keys(f->catalog, f->arena, &keys, &count, &err), STATUS_OK);
    while (i < count && strcmp(keys[i].keyid, found.keyid))
        i++;
    assert_true(i < count);
    if (keys[i].retired_us)
        assert_true(found.published_us / 1000 < keys[i].retired_us / 1000);
    assert_true(secret_verify_p256(keys[i].public_key, sizeof keys[i].public_key, words, strlen(words),
                                   found.signature, found.signature_length));
}

static void the_key_is_made_once_and_for_its_owner_alone(void **state)
{
    struct fixture *f = *state;
    const char *keyid = keys_of(f, 1)[0].keyid;
    struct stat found;

    assert_string_equal(keys_of(f, 1)[0].because, "first");
    assert_int_equal(stat(path_of(f, KEY_FILE), &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    assert_int_equal(access(path_of(f, KEY_FILE ".part"), F_OK), -1);
    reopen(f);
    assert_string_equal(keys_of(f, 1)[0].keyid, keyid);
}

/* What is signed when it is published is the same ever after. */
static void a_signature_stays(void **state)
{
    struct fixture *f = *state;
    struct version before, after;

    publish(f, "hello", "1.0.0", true);
    publish(f, "plain", "1.0.0", false);
    assert_null(find(f, "plain", "1.0.0").keyid);
    assert_signed(f, "hello", "1.0.0");
    before = find(f, "hello", "1.0.0");
    reopen(f);
    after = find(f, "hello", "1.0.0");
    assert_int_equal(before.signature_length, after.signature_length);
    assert_memory_equal(before.signature, after.signature, after.signature_length);
}

static void after_a_rotation_both_keys_count(void **state)
{
    struct fixture *f = *state;
    struct audit_entry *entries;
    struct signing_key *keys;
    struct error err;
    size_t count;

    publish(f, "hello", "1.0.0", true);
    assert_int_equal(catalog_rotate_signing_key(f->catalog, &f->actor, &err), STATUS_OK);
    publish(f, "hello", "2.0.0", true);
    keys = keys_of(f, 2);
    assert_string_equal(keys[0].because, "rotated");
    assert_string_equal(find(f, "hello", "1.0.0").keyid, keys[1].keyid);
    assert_string_equal(find(f, "hello", "2.0.0").keyid, keys[0].keyid);
    assert_signed(f, "hello", "1.0.0");
    assert_signed(f, "hello", "2.0.0");
    assert_int_equal(catalog_list_audit(f->catalog, 0, INT64_MAX, 1, f->arena, &entries, &count, &err), STATUS_OK);
    assert_string_equal(entries[0].action, "signing-key.made");
    assert_string_equal(entries[0].actor, "owner");
    assert_non_null(strstr(entries[0].detail, keys[1].keyid));
    reopen(f);
    assert_string_equal(keys_of(f, 2)[0].keyid, keys[0].keyid);
}

/* Publishes that were signed just before a rotation, and clocks that go back, must not leave a version that is
 * younger than its key's end. */
static void a_key_ends_after_all_that_it_signed(void **state)
{
    struct fixture *f = *state;
    struct error err;

    publish(f, "hello", "1.0.0", true);
    change(f, "UPDATE version SET published_us = published_us + 3600000000;"
              "UPDATE npm_key SET signed_us = signed_us + 3600000000");
    assert_int_equal(catalog_rotate_signing_key(f->catalog, &f->actor, &err), STATUS_OK);
    keys_of(f, 2);
    assert_signed(f, "hello", "1.0.0");
}

enum { PUBLISHERS = 6, VERSIONS = 20 };

struct publisher {
    struct fixture *f;
    struct arena *arena;
    pthread_t thread;
    int number;
};

static void *publish_many(void *context)
{
    struct publisher *publisher = context;
    struct fixture own = *publisher->f;

    own.arena = publisher->arena;
    for (int i = 0; i < VERSIONS; i++)
        publish(&own, arena_format(own.arena, "many-%d", publisher->number), arena_format(own.arena, "%d.0.0", i), true);
    return NULL;
}

static void rotations_among_publishes_spoil_no_signature(void **state)
{
    struct publisher publishers[PUBLISHERS];
    struct fixture *f = *state;
    struct error err;

    for (int i = 0; i < PUBLISHERS; i++) {
        publishers[i] = (struct publisher){.f = f, .arena = arena_new(), .number = i};
        assert_int_equal(pthread_create(&publishers[i].thread, NULL, publish_many, &publishers[i]), 0);
    }
    for (int i = 0; i < 20; i++)
        assert_int_equal(catalog_rotate_signing_key(f->catalog, &f->actor, &err), STATUS_OK);
    for (int i = 0; i < PUBLISHERS; i++) {
        pthread_join(publishers[i].thread, NULL);
        arena_free(publishers[i].arena);
    }
    keys_of(f, 21);
    for (int i = 0; i < PUBLISHERS; i++)
        for (int v = 0; v < VERSIONS; v++)
            assert_signed(f, arena_format(f->arena, "many-%d", i), arena_format(f->arena, "%d.0.0", v));
}

static void a_lost_file_makes_a_new_key(void **state)
{
    struct fixture *f = *state;
    const char *keyid = keys_of(f, 1)[0].keyid;
    struct signing_key *keys;

    publish(f, "hello", "1.0.0", true);
    assert_int_equal(unlink(path_of(f, KEY_FILE)), 0);
    reopen(f);
    keys = keys_of(f, 2);
    assert_string_equal(keys[0].because, "lost");
    assert_string_equal(keys[1].keyid, keyid);
    assert_signed(f, "hello", "1.0.0");
    publish(f, "hello", "2.0.0", true);
    assert_string_equal(find(f, "hello", "2.0.0").keyid, keys[0].keyid);
    assert_signed(f, "hello", "2.0.0");
}

/* The file is written first: of a crash before its row, the next start takes the file's key. */
static void a_file_whose_row_was_not_written_is_taken(void **state)
{
    struct fixture *f = *state;
    const char *first = keys_of(f, 1)[0].keyid;
    struct secret_pair *pair = secret_pair_new();
    uint8_t public[SECRET_PUBLIC_SIZE];
    struct signing_key *keys;
    struct error err;

    change(f, "DELETE FROM npm_key");
    assert_string_equal(keys_of(f, 1)[0].keyid, first);
    assert_string_equal(keys_of(f, 1)[0].because, "first");
    publish(f, "hello", "1.0.0", true);
    assert_int_equal(key_file_write(f->data, pair, &err), STATUS_OK);
    reopen(f);
    keys = keys_of(f, 2);
    secret_pair_public(pair, public);
    assert_memory_equal(keys[0].public_key, public, sizeof public);
    assert_string_equal(keys[0].because, "replaced");
    assert_signed(f, "hello", "1.0.0");
    secret_pair_free(pair);
}

static char *read_file(const char *path, size_t *length)
{
    char *text = calloc(1, 4096);
    int fd = open(path, O_RDONLY);

    assert_true(fd >= 0);
    *length = (size_t)read(fd, text, 4096);
    close(fd);
    return text;
}

static void write_file(const char *path, const char *text, size_t length, unsigned mode)
{
    int fd;

    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, length), length);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

/* A file that is there is never replaced, and the sentence names it and what to do. */
static void a_file_of_no_use_ends_the_start_with_a_sentence(void **state)
{
    struct fixture *f = *state;
    const char *path = path_of(f, KEY_FILE);
    const struct {
        size_t length;
        unsigned mode;
        const char *says;
    } rows[] = {
        {100, 0600, "bring it back from a backup, or move it away"},
        {0, 0600, "bring it back from a backup, or move it away"},
        {4096, 0640, "chmod 600"},
        {4096, 0604, "chmod 600"},
    };
    size_t length;
    char *text = read_file(path, &length), *now;

    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        size_t cut = rows[row].length < length ? rows[row].length : length, after;
        struct error err = {0};

        write_file(path, text, cut, rows[row].mode);
        assert_int_equal(try_to_open(f, &err), STATUS_INTERNAL);
        assert_string_equal(err.code, "signing-key");
        assert_non_null(strstr(err.message, path));
        assert_non_null(strstr(err.message, rows[row].says));
        now = read_file(path, &after);
        assert_int_equal(after, cut);
        assert_memory_equal(now, text, cut);
        free(now);
    }
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(try_to_open(f, &(struct error){0}), STATUS_INTERNAL);
    assert_int_equal(rmdir(path), 0);
    write_file(path, text, length, 0600);
    fixture_open(f);
    keys_of(f, 1);
    free(text);
}

/* An old backup of the file must not sign what clients then refuse. */
static void a_retired_keys_file_is_refused(void **state)
{
    struct fixture *f = *state;
    const char *path = path_of(f, KEY_FILE);
    struct error err = {0};
    size_t length;
    char *text = read_file(path, &length);

    assert_int_equal(catalog_rotate_signing_key(f->catalog, &f->actor, &err), STATUS_OK);
    write_file(path, text, length, 0600);
    free(text);
    assert_int_equal(try_to_open(f, &err), STATUS_INTERNAL);
    assert_string_equal(err.code, "signing-key");
    assert_non_null(strstr(err.message, "retired"));
    unlink(path);
    fixture_open(f);
    assert_string_equal(keys_of(f, 3)[0].because, "lost");
}

static int64_t number(struct fixture *f, const char *sql)
{
    struct reading reading;
    struct error err;
    int64_t out;

    assert_int_equal(reading_begin(f->catalog, sql, &reading, &err), STATUS_OK);
    assert_int_equal(db_next_row(reading.query, &err), STATUS_OK);
    out = db_int(reading.query, 0);
    reading_end(&reading);
    return out;
}

/* Each package's documents change once; what is gone, or says nothing that could be signed, is passed over. */
static void what_was_published_earlier_is_signed(void **state)
{
    static const char LEFT[] = "SELECT count(*) FROM npm_unsigned";
    static const char GENERATIONS[] = "SELECT max(generation) FROM package WHERE format = 1";
    struct fixture *f = *state;
    int64_t count = 0, all = 0, generation;
    struct error err;

    for (int i = 0; i < 30; i++)
        for (int v = 0; v < 3; v++)
            publish(f, arena_format(f->arena, "early-%02d", i), arena_format(f->arena, "%d.0.0", v), false);
    publish(f, "late", "1.0.0", true);
    change(f, "INSERT INTO npm_unsigned SELECT package_id, id FROM version;"
              "INSERT INTO npm_unsigned VALUES(999, 999);"
              "DELETE FROM version_document WHERE version_id = (SELECT v.id FROM version v JOIN package p"
              " ON p.id = v.package_id WHERE p.name = 'early-07' AND v.version = '1.0.0')");
    generation = number(f, GENERATIONS);
    do {
        assert_int_equal(catalog_sign_earlier(f->catalog, words_of, &count, &err), STATUS_OK);
        all += count;
    } while (count);
    assert_int_equal(all, 92);
    assert_int_equal(number(f, LEFT), 0);
    assert_int_equal(number(f, GENERATIONS), generation + 1);
    for (int i = 0; i < 30; i++)
        for (int v = 0; v < 3; v++)
            if (i != 7 || v != 1)
                assert_signed(f, arena_format(f->arena, "early-%02d", i), arena_format(f->arena, "%d.0.0", v));
    assert_null(find(f, "early-07", "1.0.0").keyid);
    assert_signed(f, "late", "1.0.0");
}

/* A package that does not fit into what is left of a batch waits for the next one. */
static void a_batch_ends_with_a_package(void **state)
{
    struct fixture *f = *state;
    int64_t count = 0;
    struct error err;

    for (int i = 0; i < 4; i++)
        publish(f, arena_format(f->arena, "big-%d", i), "1.0.0", false);
    change(f, "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 400)"
              " INSERT INTO version(package_id, version, sort_key, published_us)"
              " SELECT p.id, i || '.0.0', CAST(i AS BLOB), 1 FROM n, package p WHERE p.format = 1;"
              "INSERT INTO version_document SELECT id, CAST('sha512-x' AS BLOB) FROM version WHERE published_us = 1;"
              "INSERT INTO npm_unsigned SELECT package_id, id FROM version");
    assert_int_equal(catalog_sign_earlier(f->catalog, words_of, &count, &err), STATUS_OK);
    assert_int_equal(count, 800);
    assert_int_equal(catalog_sign_earlier(f->catalog, words_of, &count, &err), STATUS_OK);
    assert_int_equal(count, 800);
    assert_int_equal(catalog_sign_earlier(f->catalog, words_of, &count, &err), STATUS_OK);
    assert_int_equal(count, 0);
    assert_signed(f, "big-3", "400.0.0");
}

int main(void)
{
#define TEST(name) FIXTURE_TEST(name)
    const struct CMUnitTest tests[] = {
        TEST(the_key_is_made_once_and_for_its_owner_alone),
        TEST(a_signature_stays),
        TEST(after_a_rotation_both_keys_count),
        TEST(a_key_ends_after_all_that_it_signed),
        TEST(rotations_among_publishes_spoil_no_signature),
        TEST(a_lost_file_makes_a_new_key),
        TEST(a_file_whose_row_was_not_written_is_taken),
        TEST(a_file_of_no_use_ends_the_start_with_a_sentence),
        TEST(a_retired_keys_file_is_refused),
        TEST(what_was_published_earlier_is_signed),
        TEST(a_batch_ends_with_a_package),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Pull-through against an upstream of our own on loopback: files. */
#include "storage/catalog/audit.h"
#include "storage/catalog/ingest.h"
#include "storage/catalog/policy_revision.h"
#include "storage/catalog/writer.h"
#include "storage/metadata/db.h"
#include "tests/support/mirror_house.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { LARGE = 3 << 20, HUGE_SIZE = 66 << 20, HELD_BACK = 256 * 1024 };

/* Reads all of it as a client would; how far it came is in *got. */
static enum status read_all(struct mirror_file *file, char *out, int64_t *got)
{
    int64_t available = 0, size = mirror_file_size(file);
    struct error err;
    enum status rc;

    for (*got = 0; *got < size; *got = available) {
        if ((rc = mirror_file_wait(file, *got, &available, &err)))
            return rc;
        assert_int_equal(pread(mirror_file_fd(file), out + *got, (size_t)(available - *got), *got),
                         available - *got);
    }
    return STATUS_OK;
}

static enum status find_stored(struct house *house, const char *name, struct stored_file *out)
{
    struct repository cache = {.id = house->upstream.id};
    struct error err;

    return catalog_find_file(house->fixture.catalog, &cache, FORMAT_NPM, "pkg", name, house->fixture.arena, out,
                             &err);
}

/* Rows follow the answer. */
static void wait_until_stored(struct house *house, const char *name)
{
    int64_t end_ms = clock_monotonic_ms() + 120000;
    struct stored_file stored;

    while (find_stored(house, name, &stored)) {
        if (clock_monotonic_ms() > end_ms)
            fail_msg("%s was never stored", name);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
}

static bool was_reported(struct house *house, const char *action)
{
    struct audit_entry *entries;
    struct error err;
    size_t count;

    fixture_must(catalog_list_audit(house->fixture.catalog, house->upstream.org_id, 0, 100, house->fixture.arena,
                                    &entries, &count, &err), &err);
    for (size_t i = 0; i < count; i++)
        if (!strcmp(entries[i].action, action))
            return true;
    return false;
}

/* The report is written after the answer. */
static void wait_until_reported(struct house *house, const char *action)
{
    int64_t end_ms = clock_monotonic_ms() + 120000;

    while (!was_reported(house, action)) {
        if (clock_monotonic_ms() > end_ms)
            fail_msg("%s was never reported", action);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
}

static char *make_bytes(size_t length)
{
    char *bytes = malloc(length);

    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)(i * 7 + i / 4096);
    return bytes;
}

static void a_file_is_verified_and_kept(void **state)
{
    struct house house;
    struct mirror_wish wish;
    struct mirror_file *file;
    struct stored_file stored;
    struct error err = {0};
    char text[16];
    int64_t got;

    (void)state;
    open_house(&house);
    say(&house, 200, "", "tarball");
    wish = wish_for(&house, "tarball", 7);
    if (mirror_get_file(house.mirror, &wish, &file, &err))
        fail_msg("%s", err.message);
    assert_true(mirror_file_is_whole(file));
    assert_int_equal(mirror_file_size(file), 7);
    assert_int_equal(read_all(file, text, &got), STATUS_OK);
    assert_memory_equal(text, "tarball", 7);
    mirror_file_close(file);
    wait_until_stored(&house, wish.file);
    assert_int_equal(get_file(&house, &wish, NULL), STATUS_OK);
    restart(&house);
    assert_int_equal(find_stored(&house, wish.file, &stored), STATUS_OK);
    assert_string_equal(stored.version, "1.0.0");
    assert_int_equal(get_file(&house, &wish, NULL), STATUS_OK);
    assert_int_equal(requests(&house), 1);
    close_house(&house);
}

struct asker {
    struct house *house;
    const struct mirror_wish *wish;
    pthread_t thread;
    enum status rc;
    bool is_equal;
};

static void *ask_alone(void *context)
{
    struct asker *asker = context;
    char *text = malloc(LARGE);
    struct mirror_file *file;
    struct error err;
    int64_t got;

    if (!(asker->rc = mirror_get_file(asker->house->mirror, asker->wish, &file, &err))) {
        asker->rc = read_all(file, text, &got);
        asker->is_equal = got == LARGE && !memcmp(text, asker->house->body, LARGE);
        mirror_file_close(file);
    }
    free(text);
    return NULL;
}

static void fifty_readers_of_a_growing_file_are_one_request(void **state)
{
    static struct asker askers[50];
    char *body = make_bytes(LARGE);
    struct mirror_wish wish;
    struct house house;

    (void)state;
    open_house(&house);
    say_bytes(&house, 200, "", body, LARGE);
    house.hold_at = LARGE / 2;
    wish = wish_for(&house, body, LARGE);
    for (size_t i = 0; i < 50; i++) {
        askers[i] = (struct asker){.house = &house, .wish = &wish};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_alone, &askers[i]), 0);
    }
    pthread_mutex_lock(&house.lock);
    house.hold_at = 0;
    pthread_cond_broadcast(&house.changed);
    pthread_mutex_unlock(&house.lock);
    for (size_t i = 0; i < 50; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].rc, STATUS_OK);
        assert_true(askers[i].is_equal);
    }
    assert_int_equal(requests(&house), 1);
    close_house(&house);
    free(body);
}

static void let_go(struct house *house)
{
    pthread_mutex_lock(&house->lock);
    house->hold_at = 0;
    pthread_cond_broadcast(&house->changed);
    pthread_mutex_unlock(&house->lock);
}

static void a_large_file_leaves_as_it_comes_but_for_its_end(void **state)
{
    char *body = make_bytes(LARGE), *text = malloc(LARGE);
    struct mirror_file *file;
    struct mirror_wish wish;
    struct house house;
    struct error err = {0};
    int64_t available;

    (void)state;
    open_house(&house);
    say_bytes(&house, 200, "", body, LARGE);
    house.hold_at = LARGE - 1;
    wish = wish_for(&house, body, LARGE);
    if (mirror_get_file(house.mirror, &wish, &file, &err))
        fail_msg("%s", err.message);
    assert_false(mirror_file_is_whole(file));
    assert_int_equal(mirror_file_wait(file, LARGE - HELD_BACK - 1, &available, &err), STATUS_OK);
    assert_int_equal(available, LARGE - HELD_BACK);
    let_go(&house);
    assert_int_equal(read_all(file, text, &available), STATUS_OK);
    assert_memory_equal(text, body, LARGE);
    assert_int_equal(mirror_file_digests(file)->kinds & DIGEST_SHA256, DIGEST_SHA256);
    mirror_file_close(file);
    close_house(&house);
    free(body);
    free(text);
}

static void other_bytes_than_listed_never_leave(void **state)
{
    struct stored_file stored;
    struct mirror_wish wish;
    struct house house;
    char code[40];

    (void)state;
    open_house(&house);
    say(&house, 200, "", "forgery");
    wish = wish_for(&house, "tarball", 7);
    assert_int_equal(get_file(&house, &wish, code), STATUS_BAD_UPSTREAM);
    assert_string_equal(code, "bytes-wrong");
    assert_int_equal(requests(&house), 2); /* a cache in between may have had it wrong, once */
    assert_int_equal(get_file(&house, &wish, NULL), STATUS_BAD_UPSTREAM);
    assert_int_equal(requests(&house), 2);
    wait_until_reported(&house, "upstream.bytes-wrong");
    assert_int_equal(find_stored(&house, wish.file, &stored), STATUS_NOT_FOUND);
    say(&house, 200, "", "tarball");
    clock_shift_us(2 * MINUTE);
    assert_int_equal(get_file(&house, &wish, NULL), STATUS_OK);
    close_house(&house);
    clock_shift_us(0);
}

static void a_large_forgery_is_never_completed(void **state)
{
    char *body = make_bytes(LARGE), *text = malloc(LARGE);
    struct mirror_file *file;
    struct mirror_wish wish;
    struct house house;
    struct error err = {0};
    int64_t got;

    (void)state;
    open_house(&house);
    wish = wish_for(&house, body, LARGE);
    body[LARGE / 3] ^= 1;
    say_bytes(&house, 200, "", body, LARGE);
    house.hold_at = LARGE / 2;
    if (mirror_get_file(house.mirror, &wish, &file, &err))
        fail_msg("%s", err.message);
    let_go(&house);
    assert_int_equal(read_all(file, text, &got), STATUS_BAD_UPSTREAM);
    assert_true(got <= LARGE - HELD_BACK);
    mirror_file_close(file);
    close_house(&house);
    free(body);
    free(text);
}

/* The upstream knows no ranges, and sends all of it again. */
static void a_break_in_the_middle_is_mended(void **state)
{
    char *body = make_bytes(LARGE), *text = malloc(LARGE);
    struct mirror_file *file;
    struct mirror_wish wish;
    struct house house;
    struct error err = {0};
    int64_t got;

    (void)state;
    open_house(&house);
    say_bytes(&house, 200, "", body, LARGE);
    house.cut_at = LARGE / 2;
    wish = wish_for(&house, body, LARGE);
    if (mirror_get_file(house.mirror, &wish, &file, &err))
        fail_msg("%s", err.message);
    assert_int_equal(read_all(file, text, &got), STATUS_OK);
    assert_memory_equal(text, body, LARGE);
    mirror_file_close(file);
    assert_int_equal(requests(&house), 2);
    close_house(&house);
    free(body);
    free(text);
}

static void a_client_that_leaves_stops_nothing_small(void **state)
{
    char *body = make_bytes(LARGE);
    struct mirror_wish wish;
    struct house house;

    (void)state;
    open_house(&house);
    say_bytes(&house, 200, "", body, LARGE);
    house.hold_at = 1000;
    wish = wish_for(&house, body, LARGE);
    assert_int_equal(get_file(&house, &wish, NULL), STATUS_OK);
    let_go(&house);
    wait_until_stored(&house, wish.file);
    assert_int_equal(requests(&house), 1);
    close_house(&house);
    free(body);
}

static void count_errors(void *context, const struct mirror_stats *stats)
{
    *(uint64_t *)context = stats->errors;
}

static void what_nobody_waits_for_is_given_up_when_huge(void **state)
{
    char *body = make_bytes(HUGE_SIZE);
    int64_t end_ms = clock_monotonic_ms() + 120000;
    struct stored_file stored;
    struct mirror_wish wish;
    struct house house;
    uint64_t errors = 0;

    (void)state;
    open_house(&house);
    say_bytes(&house, 200, "", body, HUGE_SIZE);
    house.hold_at = 1 << 20;
    wish = wish_for(&house, body, HUGE_SIZE);
    assert_int_equal(get_file(&house, &wish, NULL), STATUS_OK);
    let_go(&house);
    while (!errors) {
        if (clock_monotonic_ms() > end_ms)
            fail_msg("it was never given up");
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        mirror_visit_stats(house.mirror, house.upstream.id, count_errors, &errors);
    }
    assert_int_equal(find_stored(&house, wish.file, &stored), STATUS_NOT_FOUND);
    assert_int_equal(get_file(&house, &wish, NULL), STATUS_OK); /* once more from the start */
    assert_int_equal(requests(&house), 2);
    close_house(&house);
    free(body);
}

static void a_stop_in_the_middle_keeps_nothing_half(void **state)
{
    char *body = make_bytes(LARGE);
    struct stored_file stored;
    struct mirror_wish wish;
    struct asker asker;
    struct house house;

    (void)state;
    open_house(&house);
    say_bytes(&house, 200, "", body, LARGE);
    house.hold_at = LARGE / 2;
    wish = wish_for(&house, body, LARGE);
    asker = (struct asker){.house = &house, .wish = &wish};
    assert_int_equal(pthread_create(&asker.thread, NULL, ask_alone, &asker), 0);
    while (!requests(&house))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    mirror_stop(house.mirror);
    pthread_join(asker.thread, NULL);
    assert_int_equal(asker.rc, STATUS_UPSTREAM_AWAY);
    let_go(&house);
    catalog_close(house.fixture.catalog);
    fixture_open(&house.fixture);
    start_mirror(&house);
    assert_int_equal(find_stored(&house, wish.file, &stored), STATUS_NOT_FOUND);
    assert_int_equal(get_file(&house, &wish, NULL), STATUS_OK);
    wait_until_stored(&house, wish.file);
    close_house(&house);
    free(body);
}

static void what_the_upstream_lost_is_not_found(void **state)
{
    static const struct {
        int code;
        enum status rc;
    } rows[] = {{404, STATUS_NOT_FOUND}, {410, STATUS_NOT_FOUND}, {403, STATUS_BAD_UPSTREAM}, {500, STATUS_BAD_UPSTREAM}};
    struct mirror_wish wish;
    struct house house;

    (void)state;
    open_house(&house);
    wish = wish_for(&house, "tarball", 7);
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        say(&house, rows[row].code, "", "why");
        assert_int_equal(get_file(&house, &wish, NULL), rows[row].rc);
    }
    wish.url = "http://other.example/pkg-1.0.0.tgz";
    assert_int_equal(get_file(&house, &wish, NULL), STATUS_BAD_UPSTREAM);
    close_house(&house);
}

static enum status run_sql(struct transaction *tx, void *argument, struct error *err)
{
    return db_execute(tx->db, argument, err);
}

static void sql(struct house *house, const char *text)
{
    struct error err;

    fixture_must(writer_run(catalog_writer(house->fixture.catalog), run_sql, (void *)(uintptr_t)text, NULL, 0, &err),
                 &err);
}

/* Evicted, and fetched again under a listing that changed. */
static void the_first_bytes_count_for_ever(void **state)
{
    struct mirror_wish wish;
    struct house house;
    struct pin pin;
    struct error err;

    (void)state;
    open_house(&house);
    say(&house, 200, "", "tarball");
    wish = wish_for(&house, "tarball", 7);
    assert_int_equal(get_file(&house, &wish, NULL), STATUS_OK);
    wait_until_stored(&house, wish.file);
    assert_int_equal(catalog_find_pin(house.fixture.catalog, house.upstream.org_id, FORMAT_NPM, "pkg", wish.file,
                                      &pin, &err), STATUS_OK);
    assert_memory_equal(pin.digests.sha256, wish.expected.sha256, SHA256_SIZE);
    sql(&house, "UPDATE file SET state = 2, blob_id = NULL");
    restart(&house);
    wish = wish_for(&house, "forgery", 7);
    assert_int_equal(get_file(&house, &wish, NULL), STATUS_OK); /* the upstream still has what was pinned */
    wait_until_reported(&house, "upstream.bytes-changed");
    wait_until_stored(&house, wish.file);
    sql(&house, "UPDATE file SET state = 2, blob_id = NULL");
    restart(&house);
    say(&house, 200, "", "forgery");
    assert_int_equal(get_file(&house, &wish, NULL), STATUS_BAD_UPSTREAM);
    close_house(&house);
}

static void what_was_removed_is_not_fetched(void **state)
{
    struct mirror_wish wish;
    struct house house;

    (void)state;
    open_house(&house);
    say(&house, 200, "", "tarball");
    wish = wish_for(&house, "tarball", 7);
    sql(&house, "INSERT INTO tombstone(org_id, format, name_fold, version, repository_id, reason, removed_us,"
                " restore_us, by_account) SELECT id, 1, 'pkg', '1.0.0', 1, 'leak', 0, 0, 1 FROM org");
    assert_int_equal(get_file(&house, &wish, NULL), STATUS_GONE);
    assert_int_equal(requests(&house), 0);
    close_house(&house);
}

static void ours_by_now_is_not_kept(void **state)
{
    struct stored_file stored;
    struct mirror_wish wish;
    struct house house;
    struct error err;

    (void)state;
    open_house(&house);
    say(&house, 200, "", "tarball");
    wish = wish_for(&house, "tarball", 7);
    fixture_must(catalog_set_owner(house.fixture.catalog, &house.fixture.actor, house.upstream.org_id, FORMAT_NPM,
                                   "pkg", NULL, "ours", &err), &err);
    get_file(&house, &wish, NULL);
    restart(&house); /* whatever was to be kept has been */
    assert_int_equal(find_stored(&house, wish.file, &stored), STATUS_NOT_FOUND);
    close_house(&house);
}

static enum status add_sidecar(const struct mirror_wish *wish, int fd, int64_t size, struct arena *arena,
                               struct mirror_inspection *out, struct error *err)
{
    char text[16];

    if (pread(fd, text, sizeof text, 0) != size || memcmp(text, wish->context, (size_t)size))
        return (fail)(err, STATUS_BAD_UPSTREAM, "odd-archive", "not what was to be inspected");
    out->sidecar_suffix = ".metadata";
    out->sidecar = arena_copy(arena, "beside");
    out->sidecar_length = 6;
    return STATUS_OK;
}

static void an_inspected_file_brings_its_sidecar_or_nothing(void **state)
{
    struct stored_file stored;
    struct mirror_wish wish;
    struct house house;
    char context[8] = "tarball";

    (void)state;
    open_house(&house);
    say(&house, 200, "", "forgery");
    wish = wish_for(&house, "forgery", 7);
    wish.inspect = add_sidecar;
    wish.context = context;
    wish.context_size = sizeof context;
    assert_int_equal(get_file(&house, &wish, NULL), STATUS_BAD_UPSTREAM);
    say(&house, 200, "", "tarball");
    wish = wish_for(&house, "tarball", 7);
    wish.inspect = add_sidecar;
    wish.context = context;
    wish.context_size = sizeof context;
    assert_int_equal(get_file(&house, &wish, NULL), STATUS_OK);
    wait_until_stored(&house, wish.file);
    assert_int_equal(find_stored(&house, "pkg-1.0.0.tgz.metadata", &stored), STATUS_OK);
    assert_int_equal(stored.kind, FILE_SIDECAR);
    assert_int_equal(stored.size, 6);
    close_house(&house);
}

static enum status find_facts(const struct mirror_wish *wish, int fd, int64_t size, struct arena *arena,
                              struct mirror_inspection *out, struct error *err)
{
    (void)wish;
    (void)fd;
    (void)size;
    (void)err;
    out->archive_facts = arena_copy(arena, "{}");
    out->changes_verdicts = true;
    return STATUS_OK;
}

/* What a user's repository shows, and how often it came to show something else. */
struct shown {
    int64_t repository_id;
    atomic_int changes;
};

static void count_change(void *context, int64_t repository_id, const char *name_norm)
{
    struct shown *shown = context;

    (void)name_norm;
    if (repository_id == shown->repository_id)
        atomic_fetch_add(&shown->changes, 1);
}

/* A first install fetches a file of each package: none is to be rendered again for nothing. */
static void only_what_listings_show_has_them_rendered_again(void **state)
{
    static char context[8] = "tarball";
    static const struct {
        enum file_kind kind;
        bool changes_listing, has_policy;
        enum status (*inspect)(const struct mirror_wish *, int, int64_t, struct arena *,
                               struct mirror_inspection *, struct error *);
        int changes;
    } rows[] = {
        {FILE_MAIN,    false, false, NULL,        0},
        {FILE_MAIN,    true,  false, NULL,        1}, /* a digest that nobody had told */
        {FILE_SIDECAR, false, false, NULL,        0}, /* the listing told its digest */
        {FILE_SIDECAR, true,  false, NULL,        1},
        {FILE_MAIN,    false, false, add_sidecar, 1},
        {FILE_MAIN,    false, false, find_facts,  0},
        {FILE_MAIN,    false, true,  find_facts,  1},
    };

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct shown shown = {0};
        const struct writer_hooks hooks = {.context = &shown, .package_changed = count_change};
        struct mirror_wish wish;
        struct house house;
        struct error err;

        open_house(&house);
        if (rows[row].has_policy) {
            int64_t number;

            fixture_must(catalog_set_policy(house.fixture.catalog, &house.fixture.actor, house.upstream.org_id,
                                            "version: 1\n", "test", -1, &number, &err), &err);
        }
        say(&house, 200, "", "pkg one");
        assert_int_equal(get_document(&house, "pkg"), STATUS_OK); /* the name is the upstream's from now on */
        shown.repository_id = house.fixture.repository.id;
        writer_add_hooks(catalog_writer(house.fixture.catalog), &hooks);
        say(&house, 200, "", "tarball");
        wish = wish_for(&house, "tarball", 7);
        wish.file_kind = rows[row].kind;
        wish.changes_listing = rows[row].changes_listing;
        wish.inspect = rows[row].inspect;
        wish.context = context;
        wish.context_size = sizeof context;
        assert_int_equal(get_file(&house, &wish, NULL), STATUS_OK);
        wait_until_stored(&house, wish.file);
        close_house(&house);
        if ((shown.changes > 0) != rows[row].changes)
            fail_msg("row %zu: %d changes", row, shown.changes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_verified_and_kept),
        cmocka_unit_test(fifty_readers_of_a_growing_file_are_one_request),
        cmocka_unit_test(a_large_file_leaves_as_it_comes_but_for_its_end),
        cmocka_unit_test(other_bytes_than_listed_never_leave),
        cmocka_unit_test(a_large_forgery_is_never_completed),
        cmocka_unit_test(a_break_in_the_middle_is_mended),
        cmocka_unit_test(a_client_that_leaves_stops_nothing_small),
        cmocka_unit_test(what_nobody_waits_for_is_given_up_when_huge),
        cmocka_unit_test(a_stop_in_the_middle_keeps_nothing_half),
        cmocka_unit_test(what_the_upstream_lost_is_not_found),
        cmocka_unit_test(the_first_bytes_count_for_ever),
        cmocka_unit_test(what_was_removed_is_not_fetched),
        cmocka_unit_test(ours_by_now_is_not_kept),
        cmocka_unit_test(an_inspected_file_brings_its_sidecar_or_nothing),
        cmocka_unit_test(only_what_listings_show_has_them_rendered_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Pull-through against an upstream of our own on loopback: documents. */
#include "tests/support/mirror_house.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static enum status ask(struct house *house, const char *name, char *out, size_t size,
                       uint64_t *generation, bool *is_stale, struct error *err)
{
    const struct mirror_document *document;
    struct reader *reader = NULL;
    size_t got = 0;
    enum status rc;

    if ((rc = mirror_get_document(house->mirror, &house->upstream, name, name, &document, err)))
        return rc;
    if (!(rc = mirror_read_document(document, &reader, err)))
        rc = reader_read_all(reader, out, size - 1, &got, err);
    out[got] = '\0';
    reader_close(reader);
    if (generation)
        *generation = document->generation;
    if (is_stale)
        *is_stale = document->is_stale;
    mirror_release_document(document);
    return rc;
}

static void must_have(struct house *house, const char *name, const char *expected)
{
    struct error err = {0};
    char text[256];

    if (ask(house, name, text, sizeof text, NULL, NULL, &err))
        fail_msg("%s: %s", name, err.message);
    assert_string_equal(text, expected);
}

static enum status status_of(struct house *house, const char *name)
{
    struct error err;
    char text[256];

    return ask(house, name, text, sizeof text, NULL, NULL, &err);
}

static void wait_until_fresh(struct house *house, const char *name)
{
    int64_t end_ms = clock_monotonic_ms() + 120000;

    while (mirror_refresh(house->mirror, &house->upstream, name, name) <= 0) {
        if (clock_monotonic_ms() > end_ms)
            fail_msg("%s was never refreshed", name);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
}

static void a_document_is_fetched_once_and_kept(void **state)
{
    struct house house;

    (void)state;
    open_house(&house);
    say(&house, 200, "", "pkg one");
    must_have(&house, "pkg", "pkg one");
    must_have(&house, "pkg", "pkg one");
    assert_int_equal(requests(&house), 1);
    restart(&house);
    must_have(&house, "pkg", "pkg one");
    assert_int_equal(requests(&house), 1);
    close_house(&house);
}

struct asker {
    struct house *house;
    pthread_t thread;
    enum status rc;
    char text[64];
};

static void *ask_alone(void *context)
{
    struct asker *asker = context;
    struct error err;

    asker->rc = ask(asker->house, "pkg", asker->text, sizeof asker->text, NULL, NULL, &err);
    return NULL;
}

static void fifty_askers_are_one_request(void **state)
{
    static struct asker askers[50];
    struct house house;

    (void)state;
    open_house(&house);
    say(&house, 200, "", "pkg one");
    hold(&house, &house.holds, true);
    for (size_t i = 0; i < 50; i++) {
        askers[i].house = &house;
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_alone, &askers[i]), 0);
    }
    hold(&house, &house.holds, false);
    for (size_t i = 0; i < 50; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].rc, STATUS_OK);
        assert_string_equal(askers[i].text, "pkg one");
    }
    assert_int_equal(requests(&house), 1);
    close_house(&house);
}

static void a_stale_document_is_served_and_refreshed(void **state)
{
    uint64_t before, after;
    struct house house;
    struct error err;
    char text[64];

    (void)state;
    open_house(&house);
    say(&house, 200, "ETag: \"a\"\r\n", "pkg one");
    assert_int_equal(ask(&house, "pkg", text, sizeof text, &before, NULL, &err), STATUS_OK);
    say(&house, 200, "ETag: \"b\"\r\n", "pkg two");
    clock_shift_us(6 * MINUTE);
    must_have(&house, "pkg", "pkg one");
    wait_until_fresh(&house, "pkg");
    assert_int_equal(ask(&house, "pkg", text, sizeof text, &after, NULL, &err), STATUS_OK);
    assert_string_equal(text, "pkg two");
    assert_true(after > before);
    assert_int_equal(requests(&house), 2);
    assert_int_equal(house.conditional, 1);
    close_house(&house);
    clock_shift_us(0);
}

/* With a validator, and with nothing but equal bytes. */
static void what_did_not_change_keeps_its_generation(void **state)
{
    static const struct {
        int code;
        const char *body;
    } second[] = {{304, ""}, {200, "pkg one"}};

    (void)state;
    for (size_t row = 0; row < 2; row++) {
        uint64_t before, after;
        struct house house;
        struct error err;
        char text[64];

        open_house(&house);
        say(&house, 200, "ETag: \"a\"\r\n", "pkg one");
        assert_int_equal(ask(&house, "pkg", text, sizeof text, &before, NULL, &err), STATUS_OK);
        say(&house, second[row].code, "ETag: \"a\"\r\n", second[row].body);
        clock_shift_us(6 * MINUTE);
        must_have(&house, "pkg", "pkg one");
        wait_until_fresh(&house, "pkg");
        assert_int_equal(ask(&house, "pkg", text, sizeof text, &after, NULL, &err), STATUS_OK);
        assert_string_equal(text, "pkg one");
        assert_int_equal(before, after);
        restart(&house); /* that it was checked is written down at the latest now */
        must_have(&house, "pkg", "pkg one");
        assert_int_equal(requests(&house), 2);
        close_house(&house);
        clock_shift_us(0);
    }
}

static void a_document_outlives_its_upstream_for_a_while(void **state)
{
    bool is_stale = false;
    struct house house;
    struct error err;
    char text[64];

    (void)state;
    open_house(&house);
    say(&house, 200, "", "pkg one");
    must_have(&house, "pkg", "pkg one");
    say(&house, 500, "", "");
    clock_shift_us(120 * MINUTE); /* too old to be served unasked */
    assert_int_equal(mirror_refresh(house.mirror, &house.upstream, "pkg", "pkg"), -1);
    assert_int_equal(ask(&house, "pkg", text, sizeof text, NULL, &is_stale, &err), STATUS_OK);
    assert_string_equal(text, "pkg one");
    assert_true(is_stale);
    clock_shift_us(700 * MINUTE);
    assert_int_equal(status_of(&house, "pkg"), STATUS_BAD_UPSTREAM);
    close_house(&house);
    clock_shift_us(0);
}

/* An install asks for one level of a tree after the other: none but the first may wait. */
static void who_hangs_is_waited_for_once(void **state)
{
    enum { LEVELS = 20, TRIES_MAX = 8 };
    char names[LEVELS][32]; /* which the upstream may still be sending */
    struct house house;
    int asked;

    (void)state;
    open_house(&house);
    for (int level = 0; level < LEVELS; level++) {
        snprintf(names[level], sizeof names[level], "level%d", level);
        say(&house, 200, "", names[level]);
        must_have(&house, names[level], names[level]);
    }
    say(&house, 500, "", "");
    house.first_byte_timeout_ms = 300;
    restart(&house);
    clock_shift_us(120 * MINUTE); /* too old to be served unasked */
    hold(&house, &house.holds, true);
    asked = requests(&house);
    for (int level = 0; level < LEVELS; level++) {
        bool is_stale = false;
        const char *name = names[level];
        struct error err;
        char text[64];

        assert_int_equal(ask(&house, name, text, sizeof text, NULL, &is_stale, &err), STATUS_OK);
        assert_string_equal(text, name);
        assert_true(is_stale);
        if (level)
            assert_int_equal(mirror_refresh(house.mirror, &house.upstream, name, name), 0);
    }
    assert_true(requests(&house) - asked <= TRIES_MAX);
    close_house(&house);
    clock_shift_us(0);
}

/* What is not kept cannot be served meanwhile: it comes once the upstream is back. */
static void who_tries_an_upstream_does_not_wait_for_all_its_time(void **state)
{
    struct house house;
    enum status rc = STATUS_OK;

    (void)state;
    open_house(&house); /* whose answers may take a minute to begin */
    say(&house, 0, "", "");
    for (int row = 0; row < 50 && rc != STATUS_UPSTREAM_AWAY; row++)
        rc = status_of(&house, "absent");
    assert_int_equal(rc, STATUS_UPSTREAM_AWAY);
    say(&house, 200, "", "pkg one");
    hold(&house, &house.holds, true);
    clock_shift_us(5 * MINUTE); /* it may be tried again */
    assert_int_equal(status_of(&house, "pkg"), STATUS_UPSTREAM_AWAY);
    hold(&house, &house.holds, false);
    must_have(&house, "pkg", "pkg one"); /* of the same try */
    close_house(&house);
    clock_shift_us(0);
}

static void what_is_absent_is_remembered_for_a_minute(void **state)
{
    struct house house;
    int asked;

    (void)state;
    open_house(&house);
    say(&house, 404, "", "no");
    assert_int_equal(status_of(&house, "pkg"), STATUS_NOT_FOUND);
    assert_int_equal(status_of(&house, "pkg"), STATUS_NOT_FOUND);
    assert_int_equal(requests(&house), 1);
    clock_shift_us(2 * MINUTE);
    assert_int_equal(status_of(&house, "pkg"), STATUS_NOT_FOUND);
    assert_int_equal(requests(&house), 2);
    mirror_forget(house.mirror, house.upstream.id);
    say(&house, 200, "", "pkg one");
    must_have(&house, "pkg", "pkg one");
    say(&house, 500, "", "");
    asked = requests(&house);
    assert_int_equal(status_of(&house, "other"), STATUS_BAD_UPSTREAM);
    assert_int_equal(status_of(&house, "other"), STATUS_BAD_UPSTREAM); /* failures are not remembered */
    assert_true(requests(&house) >= asked + 2);
    close_house(&house);
    clock_shift_us(0);
}

static void what_is_no_document_is_not_kept(void **state)
{
    struct house house;

    (void)state;
    open_house(&house);
    say(&house, 200, "", "<html>sign in</html>");
    assert_int_equal(status_of(&house, "pkg"), STATUS_BAD_UPSTREAM);
    say(&house, 200, "Content-Encoding: gzip\r\n", "pkg, and no gzip");
    assert_int_equal(status_of(&house, "pkg"), STATUS_BAD_UPSTREAM);
    say(&house, 200, "", "pkg one");
    must_have(&house, "pkg", "pkg one");
    close_house(&house);
}

static void an_offline_upstream_is_not_asked(void **state)
{
    struct house house;

    (void)state;
    open_house(&house);
    say(&house, 200, "", "pkg one");
    must_have(&house, "pkg", "pkg one");
    house.upstream.is_offline = true;
    clock_shift_us(60 * 24 * 365 * MINUTE);
    must_have(&house, "pkg", "pkg one");
    assert_int_equal(status_of(&house, "other"), STATUS_UPSTREAM_AWAY);
    assert_int_equal(requests(&house), 1);
    close_house(&house);
    clock_shift_us(0);
}

/* The name was published here while its document was on the way. */
static void a_name_that_was_lost_meanwhile_is_not_served(void **state)
{
    struct asker asker;
    struct house house;
    struct error err;

    (void)state;
    open_house(&house);
    say(&house, 200, "", "pkg one");
    hold(&house, &house.holds, true);
    asker.house = &house;
    assert_int_equal(pthread_create(&asker.thread, NULL, ask_alone, &asker), 0);
    fixture_must(catalog_set_owner(house.fixture.catalog, &house.fixture.actor, house.upstream.org_id, FORMAT_NPM,
                                   "pkg", NULL, "ours", &err), &err);
    hold(&house, &house.holds, false);
    pthread_join(asker.thread, NULL);
    assert_int_equal(asker.rc, STATUS_CONFLICT);
    close_house(&house);
}

static void a_large_document_flows(void **state)
{
    static char body[3 << 20];
    const struct mirror_document *document;
    struct house house;
    struct reader *reader;
    struct error err = {0};
    char *text = malloc(sizeof body);
    size_t got;

    (void)state;
    memset(body, 'x', sizeof body - 1);
    memcpy(body, "pkg", 3);
    open_house(&house);
    say(&house, 200, "", body);
    for (int round = 0; round < 2; round++) {
        if (mirror_get_document(house.mirror, &house.upstream, "pkg", "pkg", &document, &err))
            fail_msg("%s", err.message);
        assert_int_equal(document->size, sizeof body - 1);
        assert_int_equal(mirror_read_document(document, &reader, &err), STATUS_OK);
        assert_int_equal(reader_read_all(reader, text, sizeof body, &got, &err), STATUS_OK);
        assert_int_equal(got, sizeof body - 1);
        assert_memory_equal(text, body, got);
        reader_close(reader);
        mirror_release_document(document);
        restart(&house);
    }
    assert_int_equal(requests(&house), 1);
    free(text);
    close_house(&house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_fetched_once_and_kept),
        cmocka_unit_test(fifty_askers_are_one_request),
        cmocka_unit_test(a_stale_document_is_served_and_refreshed),
        cmocka_unit_test(what_did_not_change_keeps_its_generation),
        cmocka_unit_test(a_document_outlives_its_upstream_for_a_while),
        cmocka_unit_test(who_hangs_is_waited_for_once),
        cmocka_unit_test(who_tries_an_upstream_does_not_wait_for_all_its_time),
        cmocka_unit_test(what_is_absent_is_remembered_for_a_minute),
        cmocka_unit_test(what_is_no_document_is_not_kept),
        cmocka_unit_test(an_offline_upstream_is_not_asked),
        cmocka_unit_test(a_name_that_was_lost_meanwhile_is_not_served),
        cmocka_unit_test(a_large_document_flows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

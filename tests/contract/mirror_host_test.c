/* Pull-through from hosts that fail or hang: whose failure it is, and how long who asks is kept waiting. */
#include "tests/support/mirror_house.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool hangs_up(struct exchange *exchange)
{
    (void)exchange;
    return false;
}

static void a_file_host_that_fails_is_no_failure_of_its_upstream(void **state)
{
    const char *hosts[] = {"127.0.0.1", NULL};
    enum status rc = STATUS_OK;
    struct upstream_server files;
    struct house house;

    (void)state;
    open_house(&house);
    say(&house, 200, "", "pkg one");
    upstream_start(&files, hangs_up, NULL);
    house.upstream.file_hosts = hosts;
    for (int row = 0; row < 50 && rc != STATUS_UPSTREAM_AWAY; row++) {
        char name[32], url[128];
        struct mirror_wish wish = wish_for(&house, "x", 1);

        snprintf(name, sizeof name, "pkg-%d.tgz", row);
        snprintf(url, sizeof url, "%s/%s", files.url, name);
        wish.file = name;
        wish.url = url;
        rc = get_file(&house, &wish, NULL);
        assert_int_not_equal(rc, STATUS_OK);
    }
    assert_int_equal(rc, STATUS_UPSTREAM_AWAY); /* it is left alone by now, and the other is not */
    assert_int_equal(get_document(&house, "pkg"), STATUS_OK);
    upstream_stop(&files);
    close_house(&house);
}

static void who_waits_for_a_file_does_not_wait_for_each_try(void **state)
{
    struct mirror_wish wish;
    enum status rc = STATUS_OK;
    struct house house;

    (void)state;
    open_house(&house); /* whose answers may take a minute to begin */
    say(&house, 0, "", "");
    for (int row = 0; row < 50 && rc != STATUS_UPSTREAM_AWAY; row++)
        rc = get_document(&house, "absent");
    assert_int_equal(rc, STATUS_UPSTREAM_AWAY);
    say(&house, 200, "", "bytes");
    wish = wish_for(&house, "bytes", 5);
    hold(&house, &house.holds, true);
    clock_shift_us(5 * MINUTE); /* it may be tried again */
    assert_int_equal(get_file(&house, &wish, NULL), STATUS_UPSTREAM_AWAY);
    hold(&house, &house.holds, false);
    assert_int_equal(get_file(&house, &wish, NULL), STATUS_OK); /* of the same try */
    close_house(&house);
    clock_shift_us(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_host_that_fails_is_no_failure_of_its_upstream),
        cmocka_unit_test(who_waits_for_a_file_does_not_wait_for_each_try),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

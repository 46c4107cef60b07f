#include "config/clock.h"
#include "storage/remote/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Hours, so that only let_pass() moves on to the next try. */
#define HOUR INT64_C(3600000000)
static const struct breaker_options options = {
    .failures = 3, .open_us = HOUR, .open_max_us = 3 * HOUR};

static void let_pass(int64_t time_us)
{
    static int64_t all_us;

    all_us += time_us;
    clock_shift_us(all_us);
}

static struct breaker_view look(struct breaker *breaker)
{
    struct breaker_view view;

    breaker_view(breaker, &view);
    return view;
}

static void open_it(struct breaker *breaker)
{
    for (int i = 0; i < options.failures; i++) {
        assert_true(breaker_admits(breaker));
        breaker_report(breaker, true, "upstream answered 503");
    }
}

static void failures_in_a_row_open_it(void **state)
{
    struct breaker *breaker = breaker_new(&options);

    (void)state;
    for (int i = 0; i < 10; i++) { /* an answer between them begins the row anew */
        assert_true(breaker_admits(breaker));
        breaker_report(breaker, i % 3 != 0, "x");
    }
    assert_int_equal(look(breaker).state, BREAKER_CLOSED);
    open_it(breaker);
    assert_int_equal(look(breaker).state, BREAKER_OPEN);
    assert_false(breaker_admits(breaker));
    assert_string_equal(look(breaker).last_error, "upstream answered 503");
    assert_true(look(breaker).last_error_us > 0);
    assert_int_equal(look(breaker).requests, 13);
    assert_int_equal(look(breaker).failures, 9);
    breaker_free(breaker);
    breaker_free(NULL);
}

static void one_request_tries_whether_it_is_back(void **state)
{
    struct breaker *breaker = breaker_new(&options);

    (void)state;
    open_it(breaker);
    let_pass(HOUR);
    assert_true(breaker_admits(breaker));
    assert_int_equal(look(breaker).state, BREAKER_TRYING);
    assert_false(breaker_admits(breaker));
    breaker_report(breaker, false, NULL);
    assert_int_equal(look(breaker).state, BREAKER_CLOSED);
    assert_true(breaker_admits(breaker));
    breaker_free(breaker);
}

static void each_failed_try_doubles_the_wait_up_to_its_most(void **state)
{
    static const int hours[] = {1, 2, 3, 3};
    struct breaker *breaker = breaker_new(&options);

    (void)state;
    open_it(breaker);
    for (size_t i = 0; i < sizeof hours / sizeof *hours; i++) {
        let_pass(hours[i] * HOUR - HOUR / 2);
        assert_false(breaker_admits(breaker));
        let_pass(HOUR / 2);
        assert_true(breaker_admits(breaker));
        breaker_report(breaker, true, NULL);
    }
    let_pass(3 * HOUR);
    assert_true(breaker_admits(breaker));
    breaker_report(breaker, false, NULL);
    open_it(breaker); /* and after an answer it begins with the shortest again */
    let_pass(HOUR);
    assert_true(breaker_admits(breaker));
    breaker_free(breaker);
}

static void it_can_be_closed_by_hand(void **state)
{
    struct breaker *breaker = breaker_new(&options);

    (void)state;
    open_it(breaker);
    breaker_report(breaker, true, "a late one"); /* that was on its way when it opened */
    breaker_close(breaker);
    assert_int_equal(look(breaker).state, BREAKER_CLOSED);
    assert_int_equal(look(breaker).opens_until_us, 0);
    open_it(breaker);
    assert_int_equal(look(breaker).state, BREAKER_OPEN);
    breaker_free(breaker);
}

static void a_silence_opens_it_unless_others_were_answered(void **state)
{
    struct breaker *breaker = breaker_new(&options);
    int64_t since_us;

    (void)state;
    assert_true(breaker_admits(breaker));
    since_us = clock_now_us();
    let_pass(HOUR);
    breaker_report(breaker, false, NULL);
    breaker_report_silence(breaker, since_us, "no answer");
    assert_int_equal(look(breaker).state, BREAKER_CLOSED);
    since_us = clock_now_us();
    let_pass(HOUR);
    breaker_heard(breaker); /* a long transfer goes on */
    breaker_report_silence(breaker, since_us, "no answer");
    assert_int_equal(look(breaker).state, BREAKER_CLOSED);
    breaker_report_silence(breaker, clock_now_us() + 1, "no answer"); /* the third in a row */
    assert_int_equal(look(breaker).state, BREAKER_OPEN);
    breaker_close(breaker);
    breaker_report_silence(breaker, clock_now_us() + 1, "no answer"); /* the first */
    assert_int_equal(look(breaker).state, BREAKER_OPEN);
    assert_string_equal(look(breaker).last_error, "no answer");
    breaker_free(breaker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_in_a_row_open_it),
        cmocka_unit_test(one_request_tries_whether_it_is_back),
        cmocka_unit_test(each_failed_try_doubles_the_wait_up_to_its_most),
        cmocka_unit_test(it_can_be_closed_by_hand),
        cmocka_unit_test(a_silence_opens_it_unless_others_were_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

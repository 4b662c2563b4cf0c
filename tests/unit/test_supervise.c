/* The life of a service: time is a parameter, so hours pass at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "init/supervise.h"

#define MS 1000000ull

static struct supervision s;
static uint64_t now;

static int fresh(void **state)
{
    (void)state;
    s = (struct supervision){.state = SERVICE_STOPPED};
    now = 5000 * MS;
    return 0;
}

static void start(void)
{
    supervise_started(&s);
    supervise_ready(&s, now);
}

/* It dies `after` from now; returns how long init waits then. */
static uint64_t die(uint64_t after)
{
    now += after;
    supervise_died(&s, RESTART_ALWAYS, now);
    return s.due_ns - now;
}

static void waits_double_up_to_five_seconds(void **state)
{
    static const uint64_t waits_ms[] = {10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5000};
    (void)state;
    for (unsigned i = 0; i < SUPERVISE_TRIES; i++) {
        start();
        assert_int_equal(die(MS), waits_ms[i] * MS);
        assert_int_equal(s.state, SERVICE_BACKING_OFF);
        assert_int_equal(supervise_due(&s), s.due_ns);
        now = s.due_ns;
    }
}

static void after_ten_tries_in_a_row_it_is_given_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SUPERVISE_TRIES; i++) {
        start();
        die(MS);
        assert_int_equal(s.state, SERVICE_BACKING_OFF);
    }
    start();
    die(MS);
    assert_int_equal(s.state, SERVICE_GIVEN_UP);
    assert_int_equal(supervise_due(&s), DEADLINE_NEVER);
}

static void one_that_never_gets_ready_is_given_up_too(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= SUPERVISE_TRIES; i++) {
        supervise_started(&s);
        die(60000 * MS); /* a minute of starting is not health */
    }
    assert_int_equal(s.state, SERVICE_GIVEN_UP);
}

static void ten_seconds_of_health_forgive(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        start();
        die(MS);
    }
    start();
    assert_int_equal(die(SUPERVISE_HEALTHY_NS - 1), 2560 * MS); /* not quite */
    start();
    assert_int_equal(die(SUPERVISE_HEALTHY_NS), 10 * MS);
    for (unsigned i = 0; i < 1000; i++) { /* dying each 10 s it is never given up */
        start();
        assert_int_equal(die(SUPERVISE_HEALTHY_NS), 10 * MS);
    }
}

static void one_that_is_not_to_be_restarted_stays_down(void **state)
{
    (void)state;
    start();
    supervise_died(&s, RESTART_NEVER, now);
    assert_int_equal(s.state, SERVICE_STOPPED);
    assert_int_equal(supervise_due(&s), DEADLINE_NEVER);
}

static void an_order_starts_at_once_and_forgives(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= SUPERVISE_TRIES; i++) {
        start();
        die(MS);
    }
    supervise_start_now(&s, now);
    assert_int_equal(supervise_due(&s), now);
    start();
    assert_int_equal(die(MS), 10 * MS);
    supervise_stop(&s);
    assert_int_equal(supervise_due(&s), DEADLINE_NEVER);
    assert_false(supervise_alive(&s));
}

static void following_another_is_no_death_of_its_own(void **state)
{
    (void)state;
    start();
    die(MS);
    start();
    supervise_follow(&s, now);
    assert_int_equal(supervise_due(&s), now);
    start();
    assert_true(supervise_alive(&s));
    assert_int_equal(die(MS), 20 * MS);
}

static void starts_are_counted(void **state)
{
    (void)state;
    start();
    die(MS);
    start();
    assert_int_equal(s.starts, 2);
    assert_int_equal(s.state, SERVICE_UP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(waits_double_up_to_five_seconds, fresh),
        cmocka_unit_test_setup(after_ten_tries_in_a_row_it_is_given_up, fresh),
        cmocka_unit_test_setup(one_that_never_gets_ready_is_given_up_too, fresh),
        cmocka_unit_test_setup(ten_seconds_of_health_forgive, fresh),
        cmocka_unit_test_setup(one_that_is_not_to_be_restarted_stays_down, fresh),
        cmocka_unit_test_setup(an_order_starts_at_once_and_forgives, fresh),
        cmocka_unit_test_setup(following_another_is_no_death_of_its_own, fresh),
        cmocka_unit_test_setup(starts_are_counted, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

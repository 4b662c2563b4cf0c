/* kernel/sched/runq.h and timerq.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "kernel/sched/runq.h"
#include "kernel/sched/timerq.h"

static struct runq runq;
static struct link entries[200];

static int setup(void **state)
{
    (void)state;
    runq_init(&runq);
    for (unsigned i = 0; i < 200; i++)
        list_init(&entries[i]);
    return 0;
}

static void the_most_urgent_comes_first_and_equals_in_turn(void **state)
{
    (void)state;
    assert_int_equal(runq_top(&runq), -1);
    assert_null(runq_pop(&runq));
    for (unsigned i = 0; i < 2 * TASK_PRIORITIES; i++)
        runq_push_back(&runq, &entries[i], i * 7 % TASK_PRIORITIES);
    for (int priority = TASK_PRIORITIES - 1; priority >= 0; priority--) {
        assert_int_equal(runq_top(&runq), priority);
        struct link *first = runq_pop(&runq), *second = runq_pop(&runq);
        assert_int_equal((first - entries) * 7 % TASK_PRIORITIES, priority);
        assert_ptr_equal(second, first + TASK_PRIORITIES);
        assert_true(list_empty(first));
    }
    assert_int_equal(runq.ready, 0);
}

static void the_front_is_for_who_was_interrupted(void **state)
{
    (void)state;
    runq_push_back(&runq, &entries[0], 31);
    runq_push_front(&runq, &entries[1], 31);
    runq_push_front(&runq, &entries[2], 0);
    assert_ptr_equal(runq_pop(&runq), &entries[1]);
    assert_ptr_equal(runq_pop(&runq), &entries[0]);
    assert_ptr_equal(runq_pop(&runq), &entries[2]);
}

static void removal_from_anywhere_keeps_the_mask(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        runq_push_back(&runq, &entries[i], 4);
    runq_remove(&runq, &entries[1], 4);
    assert_int_equal(runq.ready, 1u << 4);
    assert_ptr_equal(runq_pop(&runq), &entries[0]);
    runq_remove(&runq, &entries[2], 4);
    assert_int_equal(runq_top(&runq), -1);
}

static void a_long_random_run_agrees_with_a_simple_model(void **state)
{
    static int priority[200], order[200], clock;
    (void)state;
    srand(5);
    for (unsigned i = 0; i < 200; i++)
        priority[i] = -1;
    for (unsigned step = 0; step < 200000; step++) {
        unsigned i = (unsigned)rand() % 200;
        if (rand() % 3 == 0) {
            int best = -1;
            for (int k = 0; k < 200; k++)
                if (priority[k] >= 0 && (best < 0 || priority[k] > priority[best] ||
                                         (priority[k] == priority[best] && order[k] < order[best])))
                    best = k;
            assert_ptr_equal(runq_pop(&runq), best < 0 ? NULL : &entries[best]);
            if (best >= 0)
                priority[best] = -1;
        } else if (priority[i] >= 0) {
            runq_remove(&runq, &entries[i], (uint32_t)priority[i]);
            priority[i] = -1;
        } else {
            bool front = rand() & 1;
            priority[i] = rand() % TASK_PRIORITIES;
            order[i] = front ? -++clock : ++clock;
            (front ? runq_push_front : runq_push_back)(&runq, &entries[i], (uint32_t)priority[i]);
        }
    }
}

static void timers_are_sorted_and_equals_in_turn(void **state)
{
    static struct timer_entry timers[500];
    struct link queue;
    (void)state;
    list_init(&queue);
    assert_true(timerq_first_ns(&queue) == UINT64_MAX);
    srand(6);
    for (unsigned i = 0; i < 500; i++) {
        timers[i].deadline_ns = i % 50 == 0 ? UINT64_MAX - 1 : (uint64_t)rand() % 100;
        timerq_insert(&queue, &timers[i]);
        if (i % 5 == 4)
            list_remove(&timers[i - 2].link);
    }
    unsigned count = 0;
    for (struct link *l = queue.next; l != &queue; l = l->next, count++) {
        struct timer_entry *entry = LIST_OWNER(l, struct timer_entry, link);
        struct timer_entry *next = LIST_OWNER(l->next, struct timer_entry, link);
        if (l->next == &queue)
            break;
        assert_true(entry->deadline_ns < next->deadline_ns ||
                    (entry->deadline_ns == next->deadline_ns && entry < next));
    }
    assert_int_equal(count + 1, 400);
    assert_true(timerq_first_ns(&queue) == LIST_OWNER(queue.next, struct timer_entry, link)->deadline_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_most_urgent_comes_first_and_equals_in_turn, setup),
        cmocka_unit_test_setup(the_front_is_for_who_was_interrupted, setup),
        cmocka_unit_test_setup(removal_from_anywhere_keeps_the_mask, setup),
        cmocka_unit_test_setup(a_long_random_run_agrees_with_a_simple_model, setup),
        cmocka_unit_test(timers_are_sorted_and_equals_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

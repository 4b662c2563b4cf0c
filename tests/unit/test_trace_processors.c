/* tools/trustos-trace's promises of the scheduler: scripts whose answer is known by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/trace_fixture.h"
#include "tools/trustos-trace/processors.h"

static struct processors p;
static struct names names;
static struct model model;
static uint64_t ran[4], moves;
static struct model_migrate last_move;

static void on_run(void *context, const struct model_run *run)
{
    ran[run->cpu] += run->task ? run->to_ns - run->from_ns : 0;
    processors_on_run(context, run);
}
static void on_ready(void *context, const struct model_ready *ready)
{
    processors_on_ready(context, ready);
}
static void on_migrate(void *context, const struct model_migrate *migrate)
{
    (void)context;
    moves++;
    last_move = *migrate;
}
static void on_event(void *context, const struct ctf_event *event)
{
    processors_on_event(context, event);
}

/* What comes of a script on `cpus` CPUs; `pinned`: where task 12 may run, 0: everywhere. */
static void look(const struct synth_step *script, size_t steps, uint32_t cpus, uint64_t pinned, double from_s)
{
    const struct model_sink sink = {
        .context = &p, .on_run = on_run, .on_ready = on_ready, .on_migrate = on_migrate, .on_event = on_event};
    make((struct synth_options){.script = script, .steps = steps, .cpus = cpus});
    struct trace *trace = open_stream(stream.size);
    memset(ran, 0, sizeof ran);
    moves = 0;
    names_learn_all(&names, trace);
    processors_start(&p, &names);
    if (pinned)
        processors_pin(&p, 12, pinned);
    model_run_all(trace, from_s, 1e30, &model, &sink);
    processors_finish(&p, trace);
    names_free(&names);
    trace_close(trace);
}
#define LOOK(script, cpus) look(script, sizeof script / sizeof script[0], cpus, 0, 0)

#define PAIR(lo, hi) ((uint64_t)(lo) | (uint64_t)(hi) << 32)
#define SWITCH(cpu, at, prev, next, why)         \
    {                                            \
        cpu, TRACE_ContextSwitch, at,            \
        {                                        \
            PAIR(prev, next), TRACE_SWITCH_##why \
        }                                        \
    }
#define WAKE(cpu, at, task)    \
    {                          \
        cpu, TRACE_Wakeup, at, \
        {                      \
            PAIR(task, 0)      \
        }                      \
    }
#define MOVE(cpu, at, task, why, from, to)                  \
    {                                                       \
        cpu, TRACE_Migrate, at,                             \
        {                                                   \
            PAIR(task, TRACE_MIGRATE_##why), PAIR(from, to) \
        }                                                   \
    }
#define TICK(cpu, at)             \
    {                             \
        cpu, TRACE_TimerTick, at, \
        {                         \
            at                    \
        }                         \
    }
#define IDLE(cpu, at)            \
    {                            \
        cpu, TRACE_IrqEntry, at, \
        {                        \
            PAIR(0xef, 0)        \
        }                        \
    }
#define SEND(cpu, at)        \
    {                        \
        cpu, SYNTH_SEND, at, \
        {                    \
            0                \
        }                    \
    }
#define LOSE(cpu, at)        \
    {                        \
        cpu, SYNTH_LOSE, at, \
        {                    \
            0                \
        }                    \
    }
#define MS 1000000ull

static void assert_worst(const struct idle_list *list, uint32_t i, uint32_t cpu, uint32_t task, uint64_t from,
                         uint64_t to)
{
    assert_true(i < list->count);
    assert_int_equal(list->worst[i].cpu, cpu);
    assert_int_equal(list->worst[i].task, task);
    assert_int_equal(list->worst[i].from_ns, from);
    assert_int_equal(list->worst[i].to_ns, to);
}

static void no_claims(void)
{
    assert_int_equal(p.elsewhere.count, 0);
    assert_int_equal(p.own.count, 0);
    processors_free(&p);
}

/* 12 runs on CPU 0 and loses it to 13; CPU 1 is idle from the start on, and gets it after 3 ms. */
static const struct synth_step stolen[] = {
    TICK(1, 1 * MS),
    SWITCH(0, 2 * MS, 0, 12, IDLE),
    SWITCH(0, 4 * MS, 12, 13, SLICE),
    MOVE(1, 7 * MS, 12, STEAL_NEAR, 0, 1),
    SWITCH(1, 7 * MS + 500, 0, 12, IDLE),
    SWITCH(0, 9 * MS, 13, 0, WAIT),
    SWITCH(1, 9 * MS, 12, 0, WAIT),
    TICK(0, 10 * MS),
    TICK(1, 10 * MS),
};

static void a_cpu_that_is_idle_while_a_task_waits_elsewhere_is_seen(void **state)
{
    (void)state;
    LOOK(stolen, 2);
    assert_int_equal(p.elsewhere.count, 1);
    assert_worst(&p.elsewhere, 0, 1, 12, 4 * MS, 7 * MS);
    assert_false(p.elsewhere.worst[0].ran); /* it was sent to this CPU, and runs a little later */
    assert_int_equal(p.elsewhere.worst[0].queue, 0);
    assert_int_equal(p.elsewhere.longer, 1);
    assert_worst(&p.own, 0, 1, 12, 7 * MS, 7 * MS + 500);
    assert_true(p.own.worst[0].ran);
    assert_int_equal(processors_steals(&p, false), 1);
    assert_int_equal(processors_steals(&p, true), 0);
    assert_int_equal(p.unknown_ready, 0);
    assert_int_equal(moves, 1);
    assert_int_equal(last_move.from_ns, 7 * MS);
    assert_int_equal(last_move.to_ns, 7 * MS + 500);
    processors_free(&p);
}

static void a_task_that_may_not_run_there_does_not_count(void **state)
{
    (void)state;
    look(stolen, sizeof stolen / sizeof stolen[0], 2, 1, 0);
    no_claims();
    look(stolen, sizeof stolen / sizeof stolen[0], 2, 3, 0);
    assert_int_equal(p.elsewhere.count, 1);
    processors_free(&p);
}

/* What ran before the seconds that are looked at is known, and who was ready then is not. */
static void with_a_beginning_who_runs_is_taken_from_before_it(void **state)
{
    (void)state;
    look(stolen, sizeof stolen / sizeof stolen[0], 2, 0, 0.003);
    assert_worst(&p.elsewhere, 0, 1, 12, 4 * MS, 7 * MS);
    assert_int_equal(ran[0], 6 * MS);
    processors_free(&p);
    look(stolen, sizeof stolen / sizeof stolen[0], 2, 0, 0.005);
    no_claims();
}

/* Through the queues of CPUs 0, 1 and 2, while 3 is idle: for 3 it is one time, for 1 one that is cut in two. */
static void a_wait_in_several_queues_is_one_for_who_has_none_of_them(void **state)
{
    static const struct synth_step script[] = {
        SWITCH(0, 1 * MS, 0, 13, IDLE),
        SWITCH(2, 1 * MS, 0, 14, IDLE),
        IDLE(1, 1 * MS),
        IDLE(3, 1 * MS),
        MOVE(0, 2 * MS, 12, WAITS, 3, 0),
        WAKE(0, 2 * MS, 12),
        MOVE(0, 4 * MS, 12, OVERDUE, 0, 1),
        MOVE(0, 5 * MS, 12, OVERDUE, 1, 2),
        SWITCH(2, 9 * MS, 14, 12, WAIT),
        TICK(0, 10 * MS),
        TICK(1, 10 * MS),
        TICK(2, 10 * MS),
        TICK(3, 10 * MS),
    };
    (void)state;
    LOOK(script, 4);
    assert_int_equal(p.elsewhere.count, 3);
    assert_worst(&p.elsewhere, 0, 3, 12, 2 * MS, 9 * MS);
    assert_worst(&p.elsewhere, 1, 1, 12, 5 * MS, 9 * MS);
    assert_worst(&p.elsewhere, 2, 1, 12, 2 * MS, 4 * MS);
    assert_true(p.elsewhere.worst[0].ran && p.elsewhere.worst[1].ran && !p.elsewhere.worst[2].ran);
    assert_worst(&p.own, 0, 1, 12, 4 * MS, 5 * MS);
    assert_int_equal(p.elsewhere.longer, 2); /* 2 ms is not longer than 2 ms */
    processors_free(&p);
}

/* CPU 0 ends 12, which runs on CPU 1: it is CPU 1 that is idle from then on, and 0 goes on with 13. */
static void the_switch_of_a_task_that_another_cpu_ends_is_its_own_cpus(void **state)
{
    static const struct synth_step script[] = {
        SWITCH(0, 1 * MS, 0, 13, IDLE),
        SWITCH(1, 1 * MS, 0, 12, IDLE),
        SWITCH(1, 5 * MS, 12, 0, END),
        {0, TRACE_TaskExit, 5 * MS + 9, {12}},
        SWITCH(1, 6 * MS, 0, 14, IDLE),
        SWITCH(0, 9 * MS, 13, 0, WAIT),
        TICK(1, 9 * MS),
    };
    (void)state;
    LOOK(script, 2);
    assert_int_equal(ran[0], 8 * MS);
    assert_int_equal(ran[1], 4 * MS + 3 * MS);
    processors_free(&p);
}

/* It blocks, is woken before its CPU has switched away, and goes on without a switch. */
static void a_task_that_is_woken_while_it_runs_is_not_ready(void **state)
{
    static const struct synth_step script[] = {
        SWITCH(0, 1 * MS, 0, 12, IDLE), IDLE(1, 1 * MS), {0, TRACE_Block, 2 * MS, {PAIR(12, 2), 7}},
        WAKE(1, 2 * MS + 10, 12),       TICK(1, 9 * MS), SWITCH(0, 9 * MS, 12, 0, WAIT),
    };
    (void)state;
    LOOK(script, 2);
    no_claims();
}

static void a_task_that_never_runs_counts_until_the_trace_ends(void **state)
{
    static const struct synth_step script[] = {
        SWITCH(0, 1 * MS, 0, 13, IDLE),
        IDLE(1, 1 * MS),
        {0, TRACE_TaskStart, 2 * MS, {PAIR(12, 13)}},
        TICK(1, 9 * MS),
        TICK(0, 9 * MS),
    };
    (void)state;
    LOOK(script, 2);
    assert_worst(&p.elsewhere, 0, 1, 12, 2 * MS, 9 * MS);
    assert_int_equal(p.elsewhere.worst[0].queue, MODEL_UNKNOWN);
    assert_false(p.elsewhere.worst[0].ran);
    processors_free(&p);
}

/* ---- what is not in the trace ---- */

/* CPU 2's events from 3 ms to 6 ms are lost. 12 becomes ready before and is said to run after: it may have run meanwhile.
 * 13 becomes ready within, on a CPU of which all is known, and runs within: nobody knows where it was. */
static void of_a_wait_into_a_loss_only_the_time_before_it_counts(void **state)
{
    static const struct synth_step script[] = {
        IDLE(1, 1 * MS),
        SWITCH(0, 1 * MS, 0, 14, IDLE),
        TICK(2, 2 * MS),
        WAKE(0, 2 * MS + 5, 12),
        SEND(2, 3 * MS),
        TICK(2, 4 * MS),
        WAKE(0, 4 * MS, 13),
        SWITCH(0, 5 * MS, 14, 13, WAIT),
        LOSE(2, 6 * MS),
        TICK(2, 6 * MS),
        SWITCH(0, 8 * MS, 13, 12, WAIT),
        SWITCH(0, 9 * MS, 12, 0, WAIT),
        TICK(1, 9 * MS),
        TICK(2, 9 * MS),
    };
    (void)state;
    LOOK(script, 3);
    assert_int_equal(p.elsewhere.count, 1);
    assert_worst(&p.elsewhere, 0, 1, 12, 2 * MS + 5, 3 * MS);
    assert_int_equal(p.own.count, 0);
    assert_int_equal(p.unknown_ready, 1 + 0); /* 13's; 12's ended with the loss */
    processors_free(&p);
}

/* CPU 1's ring forgot what was before 5 ms. */
static void what_is_older_than_a_cpus_first_packet_is_not_known(void **state)
{
    static const struct synth_step script[] = {
        TICK(1, 1 * MS),
        LOSE(1, 5 * MS),
        TICK(0, 1 * MS),
        IDLE(2, 1 * MS),
        SWITCH(0, 1 * MS, 0, 13, IDLE),
        WAKE(0, 2 * MS, 12),
        SWITCH(0, 4 * MS, 13, 12, WAIT),
        SWITCH(0, 6 * MS, 12, 13, SLICE),
        TICK(1, 7 * MS),
        SWITCH(0, 8 * MS, 13, 12, WAIT),
        SWITCH(1, 9 * MS, 0, 14, IDLE),
        TICK(0, 9 * MS),
        TICK(2, 9 * MS),
    };
    (void)state;
    LOOK(script, 3);
    assert_int_equal(p.elsewhere.count, 2);
    assert_worst(&p.elsewhere, 0, 2, 12, 6 * MS, 8 * MS);
    assert_worst(&p.elsewhere, 1, 1, 12, 6 * MS, 8 * MS); /* what CPU 1 did is known from its first packet on */
    assert_int_equal(p.unknown_ready, 1);
    processors_free(&p);
}

/* A CPU that sleeps has nothing to tell: it is known to have slept until shortly before the end, and not to the end. */
static void a_cpu_that_says_nothing_for_long_was_idle(void **state)
{
    static const struct synth_step script[] = {
        TICK(1, 1 * MS),     SWITCH(1, 2 * MS, 12, 0, WAIT),     SEND(1, 3 * MS),    SWITCH(0, 3 * MS, 0, 13, IDLE),
        WAKE(0, 4 * MS, 14), SWITCH(0, 2000 * MS, 13, 14, WAIT), TICK(0, 2001 * MS),
    };
    (void)state;
    LOOK(script, 2);
    uint64_t known = 2001 * MS - GAPS_LATE_NS;
    assert_worst(&p.elsewhere, 0, 1, 14, 4 * MS, known);
    assert_int_equal(p.unknown_ready, 1);
    processors_free(&p);
}

/* The lists are of those CPUs of which something is known; the others are counted. */
static void cpus_of_which_nothing_is_known_are_told(void **state)
{
    static const struct synth_step script[] = {
        {0, TRACE_CpuNode, 1 * MS, {PAIR(0, 0)}},
        {0, TRACE_CpuNode, 1 * MS, {PAIR(1, 0)}},
        {0, TRACE_CpuNode, 1 * MS, {PAIR(5, 1)}},
        {0, TRACE_CpuNode, 1 * MS, {PAIR(2, 1)}},
        SWITCH(0, 1 * MS, 0, 13, IDLE),
        WAKE(0, 2 * MS, 12),
        SWITCH(0, 6 * MS, 13, 12, WAIT),
        TICK(1, 6 * MS),
        IDLE(2, 6 * MS),
        TICK(0, 7 * MS),
        TICK(2, 7 * MS),
    };
    (void)state;
    LOOK(script, 3);
    assert_int_equal(p.silent, 2); /* 1 tells nothing, 5 is not there at all */
    assert_int_equal(p.elsewhere.count, 0);
    processors_free(&p);
}

static void what_is_known_ends_where_the_first_gap_begins(void **state)
{
    struct gap at[] = {{10, 20}, {30, 40}, {50, UINT64_MAX}};
    const struct gaps gaps = {.at = at, .count = 3};
    (void)state;
    assert_int_equal(gaps_known_until(&gaps, 0, 5), 5);
    assert_int_equal(gaps_known_until(&gaps, 0, 10), 10);
    assert_int_equal(gaps_known_until(&gaps, 0, 99), 10);
    assert_int_equal(gaps_known_until(&gaps, 15, 99), 15);
    assert_int_equal(gaps_known_until(&gaps, 20, 30), 30);
    assert_int_equal(gaps_known_until(&gaps, 20, 31), 30);
    assert_int_equal(gaps_known_until(&gaps, 60, 99), 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cpu_that_is_idle_while_a_task_waits_elsewhere_is_seen),
        cmocka_unit_test(a_task_that_may_not_run_there_does_not_count),
        cmocka_unit_test(with_a_beginning_who_runs_is_taken_from_before_it),
        cmocka_unit_test(a_wait_in_several_queues_is_one_for_who_has_none_of_them),
        cmocka_unit_test(the_switch_of_a_task_that_another_cpu_ends_is_its_own_cpus),
        cmocka_unit_test(a_task_that_is_woken_while_it_runs_is_not_ready),
        cmocka_unit_test(a_task_that_never_runs_counts_until_the_trace_ends),
        cmocka_unit_test(of_a_wait_into_a_loss_only_the_time_before_it_counts),
        cmocka_unit_test(what_is_older_than_a_cpus_first_packet_is_not_known),
        cmocka_unit_test(a_cpu_that_says_nothing_for_long_was_idle),
        cmocka_unit_test(cpus_of_which_nothing_is_known_are_told),
        cmocka_unit_test(what_is_known_ends_where_the_first_gap_begins),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(stream.at);
    return failed;
}

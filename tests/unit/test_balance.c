/* kernel/sched/balance.c with its queues and IPIs, on a machine of processors that take turns: each handles what it was
 * interrupted for, runs, waits, is at the end of a slice. After each step, once all have handled what reached them, the
 * promises of docs/scheduling.md hold. GS is that of the processor whose turn it is. */
#include <asm/prctl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "kernel/sched/sched.h"
#include "kernel/trace/trace.h"

#define CPUS 8
#define NODES 2
#define TASKS 40
#define STEPS 20000
#define MS 1000000ul

struct cpu cpus[CPU_MAX];
uint32_t cpu_count, trace_mask = TRACE_CLASS_ALL, trace_only_count;
static struct task idle_tasks[CPUS], tasks[TASKS];
static struct account accounts[NODES];
static uint64_t now_ns, seed;
static bool ipi[CPUS];
static uint32_t migrations[16]; /* by reason */
static struct trace_ring ring;
uint64_t clock_tsc_start, clock_mult = 1ul << 32;

/* ---- what balance.c needs of the rest ---- */

uint64_t clock_ns(void)
{
    return now_ns;
}
bool sched_is_idle(const struct cpu *cpu)
{
    return cpu->current == &idle_tasks[cpu->id];
}
void sched_slice_begin(struct cpu *cpu)
{
    if (cpu->slice_end_ns == UINT64_MAX)
        cpu->slice_end_ns = now_ns + 10 * MS;
}
void sched_timer_update(struct cpu *cpu)
{
    (void)cpu; /* overdue_ns is looked at as time passes */
}
void cpu_interrupt(const struct cpu *cpu, enum trace_ipi_reason reason)
{
    assert_int_equal(reason, TRACE_IPI_WAKE);
    assert_ptr_not_equal(cpu, cpu_this()); /* nobody interrupts himself */
    ipi[cpu->id] = true;
}
bool trace_chosen(uint32_t other)
{
    (void)other;
    return true;
}

/* The last event, not yet counted: header, payload. The ring has no room, so each begins anew. */
static uint64_t event[TRACE_BURST_WORDS_MAX];

static void event_count(void)
{
    if (!event[0])
        return;
    assert_int_equal((uint16_t)event[0], TRACE_Migrate);
    uint32_t from = (uint32_t)event[2], to = (uint32_t)(event[2] >> 32);
    assert_true(from != to && from < cpu_count && to < cpu_count);
    migrations[event[1] >> 32]++;
    event[0] = 0;
}
uint64_t *trace_roll(struct trace_ring *ring, uint64_t at_ns)
{
    (void)ring, (void)at_ns;
    event_count();
    return event;
}
static uint32_t migrated(enum trace_migrate_reason reason)
{
    event_count();
    return migrations[reason];
}

/* ---- the machine ---- */

static uint32_t random_below(uint32_t limit)
{
    seed = seed * 6364136223846793005ul + 1442695040888963407ul;
    return (uint32_t)(seed >> 33) % limit;
}

static void turn_of(struct cpu *cpu)
{
    syscall(SYS_arch_prctl, ARCH_SET_GS, cpu);
}

static void machine_make(uint32_t cpu_total, uint32_t node_total)
{
    memset(cpus, 0, sizeof cpus);
    event_count();
    memset(migrations, 0, sizeof migrations);
    memset(ipi, 0, sizeof ipi);
    numa_one_node(&numa);
    numa.node_count = node_total;
    for (uint32_t i = 0; i < NODES * NODES; i++)
        numa.distance[i / NODES][i % NODES] = i / NODES == i % NODES ? 10 : 20;
    numa_orders(&numa);
    cpu_count = cpu_total;
    for (uint32_t i = 0; i < cpu_total; i++) {
        idle_tasks[i] = (struct task){.state = TASK_READY, .cpu = i};
        list_init(&idle_tasks[i].run_link);
        cpus[i] = (struct cpu){
            .self = &cpus[i], .id = i, .node = i * node_total / cpu_total, .chore_priority = -1, .trace = &ring};
        cpus[i].current = &idle_tasks[i];
        cpus[i].slice_end_ns = cpus[i].overdue_ns = UINT64_MAX;
        runq_init(&cpus[i].runq);
    }
    sched_machine_start();
}

static void task_make(uint32_t i, uint32_t priority, uint64_t affinity, uint32_t node, uint32_t cpu)
{
    accounts[node].node = node;
    tasks[i] = (struct task){.id = i + 1,
                             .state = TASK_RECEIVING,
                             .priority = priority,
                             .affinity = affinity,
                             .account = &accounts[node],
                             .cpu = cpu};
    list_init(&tasks[i].run_link);
}

/* [sched_loop] */
static void dispatch(struct cpu *cpu)
{
    turn_of(cpu);
    struct task *task = balance_next(cpu);
    cpu->resched = 0;
    cpu->slice_end_ns = UINT64_MAX;
    cpu->current = task ? task : &idle_tasks[cpu->id];
    if (!task)
        return;
    assert_true(list_empty(&task->run_link));
    assert_int_equal(task->cpu, cpu->id);
    assert_true(task->affinity >> cpu->id & 1);
    assert_int_equal(task->state, TASK_READY);
    if (cpu->runq.ready & 1u << task->priority)
        sched_slice_begin(cpu);
}

/* [sched_preempt] */
static void preempt(struct cpu *cpu, bool slice_over)
{
    turn_of(cpu);
    balance_make_way(cpu, cpu->current, slice_over);
    dispatch(cpu);
}

static bool handles(struct cpu *cpu)
{
    if (!ipi[cpu->id] && !cpu->resched)
        return false;
    ipi[cpu->id] = false;
    if (sched_is_idle(cpu))
        dispatch(cpu);
    else if (cpu->resched)
        preempt(cpu, false);
    return true;
}

/* Until nothing is on its way any more. A processor that sleeps only comes when it was interrupted. */
static void settle(void)
{
    uint32_t rounds = 0;
    for (bool more = true; more; assert_true(++rounds < 100)) {
        more = false;
        for (uint32_t i = 0; i < cpu_count; i++)
            if (ipi[i] || (cpus[i].resched && !sched_is_idle(&cpus[i])))
                more |= handles(&cpus[i]);
    }
}

static void wake(struct task *task, struct cpu *by)
{
    turn_of(by);
    task->state = TASK_READY;
    balance_ready(task);
    if (by->resched) /* it looks before it leaves the kernel */
        handles(by);
}

static void current_waits(struct cpu *cpu)
{
    cpu->current->state = TASK_RECEIVING;
    dispatch(cpu);
}

/* [sched_timer_interrupt] on each, every 100 us */
static void pass(uint64_t ns)
{
    for (uint64_t end = now_ns + ns; now_ns < end;) {
        now_ns += 100000;
        for (uint32_t i = 0; i < cpu_count; i++) {
            struct cpu *cpu = &cpus[i];
            turn_of(cpu);
            if (cpu->overdue_ns <= now_ns)
                balance_overdue(cpu, now_ns);
            if (cpu->slice_end_ns <= now_ns && !sched_is_idle(cpu))
                preempt(cpu, true);
        }
        settle();
    }
}

/* ---- what holds ---- */

static int running(const struct cpu *cpu)
{
    return sched_is_idle(cpu) ? -1 : (int)cpu->current->priority;
}

static void everybody_is_somewhere_once(void)
{
    uint32_t waiting_mask = 0, queued[CPUS] = {0};
    for (uint32_t i = 0; i < TASKS; i++) {
        const struct task *task = &tasks[i];
        bool runs = cpus[task->cpu].current == task, waits = !list_empty(&task->run_link);
        assert_int_equal(task->state == TASK_READY, runs + waits);
        queued[task->cpu] += waits;
        if (waits && task->affinity & (task->affinity - 1))
            waiting_mask |= 1u << task->priority;
    }
    assert_int_equal(balance_waiting, cpu_count > 1 ? waiting_mask : 0);
    for (uint32_t i = 0; i < cpu_count; i++)
        assert_int_equal(cpus[i].runq.count, queued[i]);
}

/* No processor that may run the waiting task, near, does anything less urgent; if it is urgent, or was patient, none at all. */
static void nobody_waits_beside_less_urgent_work(bool patient)
{
    for (uint32_t i = 0; i < TASKS; i++) {
        const struct task *task = &tasks[i];
        if (list_empty(&task->run_link))
            continue;
        for (uint32_t c = 0; c < cpu_count; c++) {
            bool near = cpus[c].node == cpus[task->cpu].node;
            if (!(task->affinity >> c & 1) || !(near || task->priority >= PLACEMENT_URGENT || patient))
                continue;
            if (running(&cpus[c]) < (int)task->priority)
                fail_msg("task %u of priority %u waits for cpu %u while cpu %u does %d", i, task->priority, task->cpu,
                         c, running(&cpus[c]));
        }
    }
}

static void random_step(void)
{
    struct task *task = &tasks[random_below(TASKS)];
    struct cpu *cpu = &cpus[random_below(cpu_count)];
    if (task->state != TASK_READY)
        wake(task, cpu);
    else if (!sched_is_idle(cpu) && random_below(2))
        current_waits(cpu);
    else if (!sched_is_idle(cpu) && random_below(4) == 0)
        preempt(cpu, true);
}

static void random_load(uint32_t cpu_total, uint32_t node_total, uint32_t priorities)
{
    machine_make(cpu_total, node_total);
    for (uint32_t i = 0; i < TASKS; i++) {
        uint64_t all = sched_machine.online, some = all & (random_below(255) + 1);
        uint32_t cpu = random_below(cpu_total);
        task_make(i, random_below(priorities) * 31 / (priorities > 1 ? priorities - 1 : 1), i % 3 || !some ? all : some,
                  cpus[cpu].node, cpu);
    }
    for (uint32_t step = 0; step < STEPS; step++) {
        for (uint32_t burst = random_below(4) + 1; burst; burst--) /* the next while the last is on its way */
            random_step();
        settle();
        everybody_is_somewhere_once();
        nobody_waits_beside_less_urgent_work(false);
        if (step % 100)
            continue;
        pass(3 * MS);
        everybody_is_somewhere_once();
        nobody_waits_beside_less_urgent_work(true);
    }
    for (uint32_t i = 0; i < TASKS; i++) /* the next machine begins with empty queues */
        if (!list_empty(&tasks[i].run_link))
            balance_remove(&tasks[i]);
    assert_int_equal(balance_waiting, 0);
}

/* ---- tests ---- */

static void promises_hold_under_random_load_on_one_node(void **state)
{
    (void)state;
    seed = 1;
    random_load(4, 1, 3);
    random_load(8, 1, 1);
    random_load(2, 1, 32);
    assert_true(migrated(TRACE_MIGRATE_STEAL_NEAR) > 0 && migrated(TRACE_MIGRATE_STEAL_FAR) == 0);
}

static void promises_hold_under_random_load_on_two_nodes(void **state)
{
    (void)state;
    seed = 2;
    random_load(8, 2, 4);
    assert_true(migrated(TRACE_MIGRATE_STEAL_NEAR) > 0 && migrated(TRACE_MIGRATE_OVERDUE) > 0);
    random_load(4, 2, 32);
}

static void on_one_processor_nothing_moves_and_the_queue_is_as_before(void **state)
{
    (void)state;
    machine_make(1, 1);
    for (uint32_t i = 0; i < 3; i++)
        task_make(i, i == 2 ? 9 : 5, 1, 0, 0);
    for (uint32_t i = 0; i < 3; i++)
        wake(&tasks[i], &cpus[0]);
    settle();
    assert_ptr_equal(cpus[0].current, &tasks[2]);
    current_waits(&cpus[0]);
    assert_ptr_equal(cpus[0].current, &tasks[0]); /* who was interrupted is in front of his equal */
    preempt(&cpus[0], true);
    assert_ptr_equal(cpus[0].current, &tasks[1]);
    current_waits(&cpus[0]);
    assert_ptr_equal(cpus[0].current, &tasks[0]);
    current_waits(&cpus[0]);
    assert_true(sched_is_idle(&cpus[0]) && balance_waiting == 0 && cpus[0].overdue_ns == UINT64_MAX);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(migrated(i), 0);
}

static void who_is_interrupted_and_stays_goes_on_before_his_equal(void **state)
{
    (void)state;
    machine_make(2, 1);
    for (uint32_t i = 0; i < 3; i++) {
        task_make(i, i == 2 ? 9 : 5, 1, 0, 0);
        wake(&tasks[i], &cpus[1]);
        settle();
    }
    assert_ptr_equal(cpus[0].current, &tasks[2]);
    current_waits(&cpus[0]);
    assert_ptr_equal(cpus[0].current, &tasks[0]);
    current_waits(&cpus[0]);
    assert_ptr_equal(cpus[0].current, &tasks[1]);
    current_waits(&cpus[0]);
}

static void an_awake_processor_is_not_interrupted(void **state)
{
    (void)state;
    machine_make(2, 1);
    task_make(0, 5, 3, 0, 1);
    cpus[1].waiting = true; /* for the kernel lock */
    wake(&tasks[0], &cpus[0]);
    assert_false(ipi[1]);
    assert_int_equal(cpus[1].resched, RESCHED_MORE_URGENT);
    cpus[1].waiting = false;
    dispatch(&cpus[1]);
    assert_ptr_equal(cpus[1].current, &tasks[0]);
    current_waits(&cpus[1]);
    wake(&tasks[0], &cpus[0]);
    assert_true(ipi[1]);
    settle();
    assert_ptr_equal(cpus[1].current, &tasks[0]);
    current_waits(&cpus[1]);
}

/* A chore is work at a priority, though no task runs. */
static void a_processor_with_a_chore_is_not_idle(void **state)
{
    (void)state;
    machine_make(2, 1);
    task_make(0, 5, 3, 0, 0);
    cpus[0].chore_priority = 10;
    wake(&tasks[0], &cpus[0]);
    settle();
    assert_ptr_equal(cpus[1].current, &tasks[0]);
    current_waits(&cpus[1]);
    assert_int_equal(migrated(TRACE_MIGRATE_NEAR_IDLE), 1);
}

static void a_call_takes_its_server_along_inside_the_node_only(void **state)
{
    (void)state;
    machine_make(4, 2);
    task_make(0, 5, sched_machine.online, 0, 1);
    task_make(1, 5, 1ul << 1, 0, 1);
    assert_true(balance_may_come(&cpus[0], &tasks[0]));
    assert_false(balance_may_come(&cpus[2], &tasks[0]));
    assert_false(balance_may_come(&cpus[0], &tasks[1]));
    assert_true(balance_may_come(&cpus[1], &tasks[1]));
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(promises_hold_under_random_load_on_one_node),
        cmocka_unit_test(promises_hold_under_random_load_on_two_nodes),
        cmocka_unit_test(on_one_processor_nothing_moves_and_the_queue_is_as_before),
        cmocka_unit_test(who_is_interrupted_and_stays_goes_on_before_his_equal),
        cmocka_unit_test(an_awake_processor_is_not_interrupted),
        cmocka_unit_test(a_processor_with_a_chore_is_not_idle),
        cmocka_unit_test(a_call_takes_its_server_along_inside_the_node_only),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}

/* kernel/sched/placement.c and kernel/memory/numa.c: single decisions; random machines under random loads, on which urgency,
 * work, fairness and affinity are looked at after each event (placement_sim.c); and a machine of 64 CPUs and 8 nodes.
 * PLACEMENT_SEED=9 PLACEMENT_ROUNDS=5000 PLACEMENT_MS=10000 for other machines, more of them, and longer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/placement_sim.h"

#define MS 1000000ul
#define US 1000ul
#define ALL UINT64_MAX

static struct sim sim;
static struct numa map;
static struct sched_machine machine;
static struct sched_view view;

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);
    return value ? strtoull(value, NULL, 0) : otherwise;
}

/* `nodes` nodes of the same number of CPUs in a row, 20 apart. */
static void even_machine(uint32_t cpus, uint32_t nodes, uint8_t *node_of)
{
    numa_one_node(&map);
    map.node_count = nodes;
    for (uint32_t i = 0; i < nodes; i++)
        for (uint32_t j = 0; j < nodes; j++)
            map.distance[i][j] = i == j ? NUMA_DISTANCE_SELF : NUMA_DISTANCE_UNKNOWN;
    numa_orders(&map);
    for (uint32_t i = 0; i < cpus; i++)
        node_of[i] = (uint8_t)(i * nodes / cpus);
}

/* ---- single decisions, on 8 CPUs in 2 nodes ---- */

static int setup(void **state)
{
    uint8_t node_of[8];
    (void)state;
    even_machine(8, 2, node_of);
    sched_machine_init(&machine, &map, 8, node_of);
    machine.urgent = 24;
    view = (struct sched_view){.machine = &machine, .idle = 0xff};
    return 0;
}

static void runs(uint32_t cpu, uint8_t priority)
{
    view.idle &= ~(1ul << cpu);
    view.running[cpu] = priority;
}

static void waits(uint32_t cpu, uint32_t priority, uint32_t count)
{
    view.waiting |= 1ul << cpu;
    view.ready[cpu] |= 1u << priority;
    view.ready_count[cpu] += count;
}

static struct placement woken(uint32_t last, uint32_t home, uint32_t priority, uint64_t affinity, uint32_t waker)
{
    return placement_wake(&view, &(struct sched_task){affinity, last, home, priority}, waker);
}

static void expect_wake(struct placement is, uint32_t cpu, enum placement_reason reason, bool ipi)
{
    assert_int_equal(is.cpu, cpu);
    assert_int_equal(is.reason, reason);
    assert_int_equal(is.ipi, ipi);
}

static struct placement_victim stolen(uint32_t thief, int own)
{
    return placement_steal(&view, thief, own, &(struct placement_refused){0});
}

static void a_task_wakes_where_it_ran_last_or_near(void **state)
{
    (void)state;
    expect_wake(woken(2, 0, 5, ALL, 0), 2, PLACEMENT_LAST_IDLE, true);
    runs(2, 5);
    expect_wake(woken(2, 0, 9, ALL, 2), 0, PLACEMENT_NEAR_IDLE, true);
    runs(0, 5), runs(1, 4), runs(3, 5);
    expect_wake(woken(2, 0, 9, ALL, 0), 2, PLACEMENT_PREEMPTS, true);
    expect_wake(woken(2, 0, 5, ALL, 0), 1, PLACEMENT_ELSEWHERE, true);
    expect_wake(woken(2, 0, 4, ALL, 0), 2, PLACEMENT_WAITS, true); /* its timers must start */
    waits(2, 4, 1);
    expect_wake(woken(2, 0, 4, ALL, 0), 2, PLACEMENT_WAITS, false);     /* they run */
    expect_wake(woken(2, 0, 5, 1ul << 2, 0), 2, PLACEMENT_WAITS, true); /* an equal of what runs: its slice must end */
}

static void a_cpu_that_is_awake_needs_no_ipi(void **state)
{
    (void)state;
    expect_wake(woken(2, 0, 5, ALL, 2), 2, PLACEMENT_LAST_IDLE, false);
    view.awake = 1ul << 2;
    expect_wake(woken(2, 0, 5, ALL, 0), 2, PLACEMENT_LAST_IDLE, false);
    runs(2, 4), runs(0, 6), runs(1, 6), runs(3, 6);
    expect_wake(woken(2, 0, 5, ALL, 0), 2, PLACEMENT_PREEMPTS, false);
    expect_wake(woken(0, 0, 5, ALL, 0), 2, PLACEMENT_ELSEWHERE, false);
}

static void an_urgent_task_leaves_its_node_rather_than_wait(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        runs(i, 25);
    expect_wake(woken(1, 0, 23, ALL, 0), 1, PLACEMENT_WAITS, true);
    expect_wake(woken(1, 0, 25, ALL, 0), 4, PLACEMENT_ELSEWHERE, true);
    runs(4, 5), runs(5, 9), runs(6, 3), runs(7, 4);
    expect_wake(woken(1, 0, 23, ALL, 0), 1, PLACEMENT_WAITS, true);
    expect_wake(woken(1, 0, 25, ALL, 0), 6, PLACEMENT_ELSEWHERE, true);
    expect_wake(woken(1, 0, 25, ALL & ~(1ul << 6), 0), 7, PLACEMENT_ELSEWHERE, true);
    expect_wake(woken(1, 0, 25, 0x0f, 0), 1, PLACEMENT_WAITS, true);
    machine.urgent = 0;
    expect_wake(woken(1, 0, 23, ALL, 0), 6, PLACEMENT_ELSEWHERE, true);
}

static void a_task_that_was_carried_off_goes_home(void **state)
{
    (void)state;
    expect_wake(woken(6, 0, 5, ALL, 6), 0, PLACEMENT_HOME_IDLE, true);
    expect_wake(woken(6, 0, 5, 0xf0, 6), 6, PLACEMENT_LAST_IDLE, false);
    for (uint32_t i = 0; i < 4; i++)
        runs(i, 1);
    expect_wake(woken(6, 0, 5, ALL, 6), 6, PLACEMENT_LAST_IDLE, false);
}

static void what_is_on_its_way_counts_and_may_be_displaced(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        runs(i, 3);
    waits(1, 9, 1); /* about to preempt */
    expect_wake(woken(1, 0, 9, ALL, 0), 0, PLACEMENT_ELSEWHERE, false);
    struct placement is = woken(1, 0, 11, ALL, 0);
    expect_wake(is, 1, PLACEMENT_PREEMPTS, true);
    assert_int_equal(is.displaces, 9);
    assert_int_equal(woken(2, 0, 11, ALL, 0).displaces, -1);
}

static void a_cpu_steals_near_first_and_far_only_from_the_overloaded(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 7; i++)
        runs(i, 9);
    waits(1, 4, 4);
    assert_int_equal(stolen(7, -1).cpu, PLACEMENT_NONE);
    waits(2, 3, 4);
    assert_int_equal(stolen(7, -1).cpu, PLACEMENT_NONE);
    waits(3, 3, 1);
    assert_int_equal(stolen(7, -1).cpu, 1); /* nine wait for four CPUs */
    waits(5, 4, 1);
    assert_int_equal(stolen(7, -1).cpu, 5);
    waits(4, 4, 2);
    assert_int_equal(stolen(7, -1).cpu, 4); /* the longer queue */
    assert_int_equal(stolen(0, -1).cpu, 1);
    assert_int_equal(stolen(1, -1).cpu, 2);
}

static void a_cpu_takes_what_is_more_urgent_first(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 8; i++)
        runs(i, 30);
    waits(1, 25, 1);
    assert_int_equal(stolen(7, 25).cpu, PLACEMENT_NONE);
    assert_int_equal(stolen(7, 24).cpu, 1);
    waits(5, 23, 1);
    assert_int_equal(stolen(7, -1).cpu, 1); /* else 25 would wait while 23 runs */
    assert_int_equal(stolen(7, -1).priority, 25);
    assert_int_equal(stolen(4, 22).cpu, 1);
    struct placement_refused refused = {.priorities = {[1] = 1u << 25}};
    assert_int_equal(placement_steal(&view, 7, -1, &refused).cpu, 5);
    assert_int_equal(placement_steal(&view, 0, -1, &refused).cpu, PLACEMENT_NONE); /* 23 is not urgent */
    machine.urgent = 0;
    assert_int_equal(placement_steal(&view, 0, -1, &refused).cpu, 5);
}

static void nobody_steals_what_its_cpu_is_about_to_run(void **state)
{
    (void)state;
    waits(1, 4, 1);
    assert_int_equal(stolen(2, -1).cpu, PLACEMENT_NONE);
    waits(1, 3, 1);
    assert_true(stolen(2, -1).priority == 4 && stolen(2, -1).second);
    struct placement_refused refused = {.priorities = {[1] = 1u << 4}};
    assert_int_equal(placement_steal(&view, 2, -1, &refused).priority, 3);
    assert_false(placement_steal(&view, 2, -1, &refused).second);
}

static void who_waits_long_is_handed_on(void **state)
{
    struct sched_task task = {ALL, 1, 0, 5};
    (void)state;
    for (uint32_t i = 0; i < 8; i++)
        runs(i, 9);
    waits(1, 5, 1);
    assert_int_equal(placement_overdue(&view, &task), PLACEMENT_NONE);
    runs(6, 5);
    assert_int_equal(placement_overdue(&view, &task), 6); /* there it gets its turn */
    runs(1, 5);
    assert_int_equal(placement_overdue(&view, &task), PLACEMENT_NONE); /* as it does here */
    waits(1, 5, 1);
    assert_int_equal(placement_overdue(&view, &task), 6); /* but later */
    task.affinity = 0x0f;
    assert_int_equal(placement_overdue(&view, &task), PLACEMENT_NONE);
    view.idle = 1ul << 7 | 1ul << 3;
    assert_int_equal(placement_overdue(&view, &task), 3);
    task.affinity = 0xf0 | 1ul << 1;
    assert_int_equal(placement_overdue(&view, &task), 7);
    runs(3, 9), runs(7, 4);
    assert_int_equal(placement_overdue(&view, &task), 7); /* patience is over: behind nothing less urgent anywhere */
}

static void nodes_are_ordered_by_distance_and_equals_do_not_all_fall_back_on_one(void **state)
{
    static const uint8_t distance[NUMA_NODES_MAX][NUMA_NODES_MAX] = {
        {10, 30, 20, 20}, {30, 10, 20, 255}, {20, 20, 10, 40}, {20, 20, 9, 10}};
    static const uint8_t wanted[4][4] = {{0, 2, 3, 1}, {1, 2, 0, 3}, {2, 0, 1, 3}, {3, 2, 0, 1}};
    uint8_t is[NUMA_NODES_MAX];
    (void)state;
    for (uint32_t node = 0; node < 4; node++) {
        numa_order(distance, 4, node, is);
        assert_memory_equal(is, wanted[node], 4);
    }
}

static void memory_that_no_range_names_goes_with_the_one_below(void **state)
{
    uint64_t end = UINT64_MAX;
    (void)state;
    assert_int_equal(numa_node_of(&map, 0, &end), 0);
    assert_true(end == UINT64_MAX);
    map.ranges[0] = (struct numa_range){0x1000, 0x5000, 1};
    map.ranges[1] = (struct numa_range){0x6000, 0x8000, 1};
    map.ranges[2] = (struct numa_range){0x9000, 0xa000, 0};
    map.range_count = 3;
    assert_int_equal(numa_node_of(&map, 0, &end), 1);
    assert_int_equal(end, 0x9000);
    end = 0x7000;
    assert_int_equal(numa_node_of(&map, 0x5800, &end), 1);
    assert_int_equal(end, 0x7000);
    end = 0x20000;
    assert_int_equal(numa_node_of(&map, 0x9000, &end), 0);
    assert_int_equal(end, 0x20000);
}

static void a_new_task_is_at_home_where_there_is_room(void **state)
{
    struct node_load loads[NUMA_NODES_MAX] = {{1000, 4}, {1000, 4}};
    (void)state;
    assert_int_equal(placement_home(&machine, loads, ALL, 10, 1), 1);
    loads[0].tasks = 3;
    assert_int_equal(placement_home(&machine, loads, ALL, 10, 1), 0);
    loads[0].free_frames = 9;
    assert_int_equal(placement_home(&machine, loads, ALL, 10, 0), 1);
    assert_int_equal(placement_home(&machine, loads, 0x0f, 10, 1), 0);
    loads[1].free_frames = 8;
    assert_int_equal(placement_home(&machine, loads, ALL, 10, 1), 0);
    machine.node_cpus[1] = 0; /* memory only */
    loads[1].free_frames = 5000;
    assert_int_equal(placement_home(&machine, loads, ALL, 10, 1), 0);
}

/* ---- random machines ---- */

static uint64_t random_affinity(uint32_t cpus)
{
    uint64_t all = cpus == 64 ? ALL : (1ul << cpus) - 1, some = 0;
    switch (sim_random(&sim, 4)) {
    case 0: return 1ul << sim_random(&sim, cpus);
    case 1: some = sim.machine.node_cpus[sim_random(&sim, sim.machine.node_count)]; break;
    case 2: some = all & ((uint64_t)sim_random(&sim, UINT32_MAX) << 32 | sim_random(&sim, UINT32_MAX)); break;
    default: break;
    }
    return some ? some : all;
}

/* Nodes in any order, some without CPUs, at any distance. */
static void random_machine(uint64_t seed, int most_cpus)
{
    uint8_t node_of[PLACEMENT_CPUS_MAX];
    srand((unsigned)seed);
    uint32_t cpus = 1 + (uint32_t)rand() % (rand() % 4 ? 6 : most_cpus);
    uint32_t nodes = 1 + (uint32_t)rand() % NUMA_NODES_MAX;
    even_machine(cpus, nodes, node_of);
    for (uint32_t i = 0; i < nodes; i++)
        for (uint32_t j = 0; j < nodes; j++)
            map.distance[i][j] = i == j ? 10 : (uint8_t)(11 + rand() % 60);
    numa_orders(&map);
    for (uint32_t i = 0; i < cpus; i++)
        node_of[i] = (uint8_t)(rand() % (int)nodes);
    sim_init(&sim, &map, cpus, node_of, seed);
    sim.machine.urgent = rand() % 2 ? 0 : (uint32_t)rand() % TASK_PRIORITIES;
}

static void random_task(bool sleeps)
{
    uint32_t levels = 1 + sim_random(&sim, 6);
    struct sim_task *task = sim_task_add(&sim, sim_random(&sim, levels) * 5, random_affinity(sim.machine.cpu_count),
                                         sim_random(&sim, sim.machine.node_count));
    uint64_t scale = sim_random(&sim, 3) ? 20 * US : 3 * MS;
    if (!sleeps)
        return;
    task->run_ns_min = 1 + sim_random(&sim, (uint32_t)scale);
    task->run_ns_max = task->run_ns_min + sim_random(&sim, (uint32_t)scale);
    task->sleep_ns_max = sim_random(&sim, 4 * (uint32_t)scale);
    if (sim_random(&sim, 3) == 0)
        task->partner = sim_random(&sim, sim.task_count);
}

static void random_machines_keep_urgency_work_and_affinity(void **state)
{
    uint64_t seed = setting("PLACEMENT_SEED", 1), rounds = setting("PLACEMENT_ROUNDS", 25);
    uint64_t far_ns = 0, noticed_ns = 0, wakes = 0;
    (void)state;
    for (uint64_t round = 0; round < rounds; round++) {
        random_machine(seed * 1000 + round, PLACEMENT_CPUS_MAX);
        uint32_t tasks = 1 + sim_random(&sim, 3 * sim.machine.cpu_count + 3);
        for (uint32_t i = 0; i < tasks; i++)
            random_task(sim_random(&sim, 10));
        sim_run(&sim, 40 * MS);
        far_ns = sim.figures.neglected_ns > far_ns ? sim.figures.neglected_ns : far_ns;
        noticed_ns = sim.figures.noticed_ns > noticed_ns ? sim.figures.noticed_ns : noticed_ns;
        wakes += sim.figures.wakes;
    }
    printf(
        "    %lu machines, %lu wake-ups: noticed within %lu ns; nobody waited for longer than %lu us while a CPU idled\n",
        rounds, wakes, noticed_ns, far_ns / US);
    assert_true(wakes > 1000 * rounds);
    assert_true(noticed_ns <= SIM_IPI_NS_MAX + 2 * SIM_KERNEL_NS_MAX);
    assert_true(far_ns <= PLACEMENT_PATIENCE_NS + SIM_IPI_NS_MAX + 2 * SIM_KERNEL_NS_MAX);
}

/* A task that was ready all the time and never ran, while an equal did, for long, where it may run itself. */
static bool starved(const struct sim_task *task, uint64_t long_ns)
{
    if (task->ran_ns || task->run_ns_max)
        return false;
    for (uint32_t i = 0; i < sim.task_count; i++) {
        const struct sim_task *other = &sim.tasks[i];
        bool equal = other != task && other->placed.priority == task->placed.priority && other->ran_ns > long_ns;
        if (equal && !(other->placed.affinity & sim.machine.online & ~task->placed.affinity))
            return true;
    }
    return false;
}

static void nobody_starves_beside_an_equal(void **state)
{
    uint64_t seed = setting("PLACEMENT_SEED", 1), rounds = setting("PLACEMENT_ROUNDS", 12), shared = 0;
    (void)state;
    for (uint64_t round = 0; round < rounds; round++) {
        random_machine(seed * 7777 + round, 8);
        sim.check = false;
        uint32_t tasks = 1 + sim_random(&sim, 4 * sim.machine.cpu_count + 3);
        for (uint32_t i = 0; i < tasks; i++)
            random_task(sim_random(&sim, 2));
        sim_run(&sim, 400 * MS);
        for (uint32_t i = 0; i < sim.task_count; i++) {
            assert_false(starved(&sim.tasks[i], 150 * MS));
            shared += sim.tasks[i].ran_ns && !sim.tasks[i].run_ns_max;
        }
    }
    assert_true(shared > rounds);
}

/* ---- 64 CPUs, 8 nodes ---- */

/* Two sockets of four nodes. */
static void large_machine(void)
{
    uint8_t node_of[PLACEMENT_CPUS_MAX];
    even_machine(64, 8, node_of);
    for (uint32_t i = 0; i < 8; i++)
        for (uint32_t j = 0; j < 8; j++)
            map.distance[i][j] = i == j ? 10 : i / 4 == j / 4 ? 12 : 32;
    numa_orders(&map);
    sim_init(&sim, &map, 64, node_of, setting("PLACEMENT_SEED", 1));
}

static const struct kind {
    uint32_t count, priority;
    uint64_t run_us[2], sleep_us[2]; /* 0: always running */
    bool wakes_a_server;
} kinds[] = {
    {48, 24, {5, 40}, {50, 500}, false},          /* drivers and servers */
    {192, 16, {50, 400}, {200, 2000}, true},      /* their clients */
    {64, 8, {1000, 20000}, {5000, 40000}, false}, /* work in pieces */
    {6, 2, {0, 0}, {0, 0}, false},                /* work without end */
};

static void large_load(void)
{
    struct node_load loads[NUMA_NODES_MAX];
    for (uint32_t i = 0; i < 8; i++)
        loads[i] = (struct node_load){1 << 20, 0};
    for (uint32_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
        for (uint32_t i = 0; i < kinds[k].count; i++) {
            uint32_t home = placement_home(&sim.machine, loads, ALL, 1000, 0);
            uint64_t affinity = i % 16 == 15 ? sim.machine.node_cpus[home] : ALL;
            struct sim_task *task = sim_task_add(&sim, kinds[k].priority, affinity, home);
            loads[home].tasks++;
            task->placed.last_cpu = (uint32_t)__builtin_ctzl(sim.machine.node_cpus[home]) + i % 8;
            task->run_ns_min = kinds[k].run_us[0] * US;
            task->run_ns_max = kinds[k].run_us[1] * US;
            task->sleep_ns_min = kinds[k].sleep_us[0] * US;
            task->sleep_ns_max = kinds[k].sleep_us[1] * US;
            for (uint32_t s = 0; kinds[k].wakes_a_server && s < kinds[0].count; s++)
                if (sim.tasks[(s + i) % kinds[0].count].placed.home_node == home)
                    task->partner = (s + i) % kinds[0].count;
        }
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void sixty_four_cpus_in_eight_nodes_stay_near_their_memory(void **state)
{
    const struct sim_figures *f = &sim.figures;
    uint64_t ms = setting("PLACEMENT_MS", 400);
    (void)state;
    large_machine();
    sim.machine.urgent = (uint32_t)setting("PLACEMENT_URGENT", PLACEMENT_URGENT);
    large_load();
    sim.check = false;
    sim_run(&sim, ms * MS);
    printf("    64 CPUs, 8 nodes, %u tasks, %lu ms: %lu wake-ups, %.1f %% busy, %.2f IPIs a wake-up\n", sim.task_count,
           ms, f->wakes, percent(f->runs_ns, 64 * sim.now_ns), (double)f->ipis / (double)f->wakes);
    printf(
        "    woken on the last CPU %.1f %% (idle %.1f, preempting %.1f, waiting %.1f), near %.1f %%, back home %.2f %%, "
        "elsewhere %.1f %%\n",
        percent(f->by_reason[PLACEMENT_LAST_IDLE] + f->by_reason[PLACEMENT_PREEMPTS] + f->by_reason[PLACEMENT_WAITS],
                f->wakes),
        percent(f->by_reason[PLACEMENT_LAST_IDLE], f->wakes), percent(f->by_reason[PLACEMENT_PREEMPTS], f->wakes),
        percent(f->by_reason[PLACEMENT_WAITS], f->wakes), percent(f->by_reason[PLACEMENT_NEAR_IDLE], f->wakes),
        percent(f->by_reason[PLACEMENT_HOME_IDLE], f->wakes), percent(f->by_reason[PLACEMENT_ELSEWHERE], f->wakes));
    printf("    steals %lu, across nodes %.2f %%; wake-ups across nodes %.2f %%; ran at home %.1f %% of the time\n",
           f->steals, percent(f->steals_across, f->steals), percent(f->wakes_across, f->wakes),
           percent(f->runs_at_home_ns, f->runs_ns));
    printf("    a task waited for at most %lu us while a CPU idled; a CPU noticed its new task within %lu ns\n",
           f->neglected_ns / US, f->noticed_ns);
    assert_true(f->wakes > 100 * ms && f->steals > 1000);
    assert_true(f->steals_across * 20 < f->steals);
    assert_true(f->runs_at_home_ns * 20 > f->runs_ns * 19);
    assert_true(f->neglected_ns < 2 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_task_wakes_where_it_ran_last_or_near, setup),
        cmocka_unit_test_setup(a_cpu_that_is_awake_needs_no_ipi, setup),
        cmocka_unit_test_setup(an_urgent_task_leaves_its_node_rather_than_wait, setup),
        cmocka_unit_test_setup(a_task_that_was_carried_off_goes_home, setup),
        cmocka_unit_test_setup(what_is_on_its_way_counts_and_may_be_displaced, setup),
        cmocka_unit_test_setup(a_cpu_steals_near_first_and_far_only_from_the_overloaded, setup),
        cmocka_unit_test_setup(a_cpu_takes_what_is_more_urgent_first, setup),
        cmocka_unit_test_setup(nobody_steals_what_its_cpu_is_about_to_run, setup),
        cmocka_unit_test_setup(who_waits_long_is_handed_on, setup),
        cmocka_unit_test_setup(nodes_are_ordered_by_distance_and_equals_do_not_all_fall_back_on_one, setup),
        cmocka_unit_test_setup(memory_that_no_range_names_goes_with_the_one_below, setup),
        cmocka_unit_test_setup(a_new_task_is_at_home_where_there_is_room, setup),
        cmocka_unit_test(random_machines_keep_urgency_work_and_affinity),
        cmocka_unit_test(nobody_starves_beside_an_equal),
        cmocka_unit_test(sixty_four_cpus_in_eight_nodes_stay_near_their_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

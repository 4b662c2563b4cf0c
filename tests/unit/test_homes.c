/* Where a task is at home, where its memory comes from, and how both are told: on 4 nodes of 2 CPUs and 16 MiB each. */
#include "tests/unit/host_machine.h"
#include "kernel/memory/frame.h"
#include <abi/info.h>

static int64_t tell(enum info_kind kind, uint64_t index, void *records, size_t bytes)
{
    return SYS(machine_root, system_info, machine_trace_handle, kind, index, P(records), bytes);
}

static struct node_info node_told(uint32_t node)
{
    struct node_info info;
    assert_int_equal(tell(INFO_NODES, node, &info, sizeof info), 1);
    assert_int_equal(info.id, node);
    return info;
}

/* ---- system_info ---- */

static void every_node_is_told_with_its_cpus_memory_and_distances(void **state)
{
    struct node_info nodes[MACHINE_NODES + 1];
    (void)state;
    assert_int_equal(tell(INFO_NODES, 0, nodes, sizeof nodes), MACHINE_NODES);
    for (uint32_t n = 0; n < MACHINE_NODES; n++) {
        const struct node_info *node = &nodes[n];
        assert_int_equal(node->id, n);
        assert_int_equal(node->node_count, MACHINE_NODES);
        assert_int_equal(node->cpu_count, MACHINE_NODE_CPUS);
        assert_int_equal(node->cpus, 3ul << n * MACHINE_NODE_CPUS);
        assert_int_equal(node->total_pages, 4096);
        assert_int_equal(node->free_pages + node->local_pages + node->remote_pages, node->total_pages);
        for (uint32_t to = 0; to < MACHINE_NODES; to++)
            assert_int_equal(node->distance[to], to == n ? 10 : 20);
    }
}

static void nodes_and_cpus_are_told_from_the_index_on_as_many_as_fit(void **state)
{
    struct node_info nodes[3];
    struct cpu_info cpu;
    (void)state;
    assert_int_equal(tell(INFO_NODES, 0, nodes, sizeof nodes - 1), 2);
    assert_int_equal(tell(INFO_NODES, 3, nodes, sizeof nodes), 1);
    assert_int_equal(nodes[0].id, 3);
    assert_int_equal(tell(INFO_NODES, 4, nodes, sizeof nodes), 0);
    assert_int_equal(tell(INFO_NODES, UINT64_MAX, nodes, sizeof nodes), 0);
    assert_int_equal(tell(INFO_NODES, 0, nodes, sizeof nodes[0] - 1), 0);
    assert_int_equal(tell(INFO_CPUS, 0, &cpu, sizeof cpu), 1); /* the scheduler has one */
    assert_int_equal(tell(INFO_CPUS, 1, &cpu, sizeof cpu), 0);
    assert_int_equal(tell(INFO_CPUS, UINT64_MAX, &cpu, sizeof cpu), 0);
    assert_int_equal(SYS(machine_root, system_info, machine_trace_handle, INFO_CPUS, 0, 0x10000, sizeof cpu),
                     ERR_FAULT);
    assert_int_equal(SYS(machine_root, system_info, machine_root_handle, INFO_CPUS, 0, P(&cpu), sizeof cpu),
                     ERR_WRONG_TYPE);
}

static void a_cpu_is_told_with_whom_it_runs_and_what_it_counted(void **state)
{
    struct cpu *cpu = &cpus[0];
    struct cpu_info told;
    (void)state;
    cpu->apic_id = 9;
    cpu->node = 2;
    cpu->ipis = 3;
    cpu->steals_near = 4;
    cpu->steals_far = 5;
    cpu->migrations = 11;
    cpu->lock_waits = 6;
    cpu->lock_waited_tsc = 7000; /* a tick is a nanosecond here */
    cpu->lock_held_tsc = 8000;
    cpu->interrupts = 12;
    assert_int_equal(tell(INFO_CPUS, 0, &told, sizeof told), 1);
    assert_int_equal(told.task, task_id(machine_root));
    assert_true(told.switches == cpu->switches && told.messages == cpu->messages && told.interrupts == 12);
    assert_true(told.id == 0 && told.apic_id == 9 && told.node == 2);
    assert_true(told.ipis == 3 && told.steals_near == 4 && told.steals_far == 5 && told.migrations == 11);
    assert_true(told.lock_waits == 6 && told.lock_waited_ns == 7000 && told.lock_held_ns == 8000);
    assert_int_equal(told.idle_ns, sched_idle_tsc(0)); /* it runs somebody: the idle time stands still */
}

/* ---- homes ---- */

static void the_tasks_at_home_are_counted_and_the_count_goes_back(void **state)
{
    (void)state;
    uint32_t before = 0, after = 0;
    for (uint32_t n = 0; n < MACHINE_NODES; n++)
        before += node_told(n).task_count;
    assert_int_equal(before, 1);
    struct task *task = machine_task("one", 10, 64, HANDLE_NONE);
    uint32_t home = task->account->node, at_home = node_told(home).task_count;
    SYS(machine_root, task_kill, machine_handle(task));
    machine_idle();
    assert_int_equal(node_told(home).task_count, at_home - 1);
    for (uint32_t n = 0; n < MACHINE_NODES; n++)
        after += node_told(n).task_count;
    assert_int_equal(after, before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup_nodes, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_node_is_told_with_its_cpus_memory_and_distances),
        TEST(nodes_and_cpus_are_told_from_the_index_on_as_many_as_fit),
        TEST(a_cpu_is_told_with_whom_it_runs_and_what_it_counted),
        TEST(the_tasks_at_home_are_counted_and_the_count_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

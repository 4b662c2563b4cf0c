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

static struct task *task_on(uint64_t affinity, uint32_t quota_pages)
{
    struct task_create_args args = {
        .name = "t", .priority = 10, .quota_pages = quota_pages, .root = machine_root_handle, .affinity = affinity};
    int64_t handle = SYS(machine_root, task_create, P(&args));
    assert_true(handle > 0);
    return task_of_cap(machine_cap(machine_root, (handle_t)handle));
}

/* Where the scheduler has its one CPU. */
static void task_starts(struct task *task)
{
    task->cpu = 0;
    task_begin(task, 0x1000, 0x2000, 0);
}

static void task_ends(const struct task *task)
{
    handle_t handle = machine_handle(task);
    SYS(machine_root, task_kill, handle);
    machine_idle();
    assert_int_equal(SYS(machine_root, cap_close, handle), OK);
}

static void tasks_spread_over_the_nodes_and_begin_on_the_cpus_of_their_home_in_turn(void **state)
{
    uint32_t homes[MACHINE_NODES] = {0}, first[MACHINE_NODES * MACHINE_NODE_CPUS] = {0};
    (void)state;
    for (unsigned i = 0; i < 15; i++) { /* and the root task */
        const struct task *task = task_on(0, 64);
        assert_int_equal(task->cpu / MACHINE_NODE_CPUS, task->account->node);
        homes[task->account->node]++;
        first[task->cpu]++;
    }
    for (uint32_t n = 0; n < MACHINE_NODES; n++)
        assert_int_equal(homes[n], n == machine_root->account->node ? 3 : 4);
    for (uint32_t cpu = 0; cpu < MACHINE_NODES * MACHINE_NODE_CPUS; cpu++)
        assert_in_range(first[cpu], 1, 2);
}

static void affinity_decides_the_home_and_the_first_cpu(void **state)
{
    (void)state;
    for (uint32_t cpu = 0; cpu < MACHINE_NODES * MACHINE_NODE_CPUS; cpu++) {
        for (unsigned i = 0; i < 3; i++) { /* however many are at home there already */
            const struct task *task = task_on(1ul << cpu | 1ul << 60, 64);
            assert_int_equal(task->cpu, cpu);
            assert_int_equal(task->account->node, cpu / MACHINE_NODE_CPUS);
            assert_int_equal(task->affinity, 1ul << cpu);
        }
    }
    const struct task *task = task_on(1ul << 1 | 1ul << 6, 64); /* nodes 0 and 3, each has the same by now */
    assert_true(task->cpu == 1 || task->cpu == 6);
    assert_int_equal(task->cpu / MACHINE_NODE_CPUS, task->account->node);
}

static void the_creators_node_is_the_home_where_it_is_as_good(void **state)
{
    (void)state;
    struct task *far = task_on(1ul << 7, 1024);
    task_starts(far);
    for (uint32_t n = 0; n < MACHINE_NODES - 1; n++)
        if (n != machine_root->account->node)
            (void)task_on(3ul << n * MACHINE_NODE_CPUS, 64); /* one at home on each node */
    handle_t root = machine_grant(far, machine_root_handle, RIGHTS_ALL & ~RIGHTS_SERVICE, 0);
    struct task_create_args args = {.name = "child", .priority = 10, .quota_pages = 64, .root = root};
    int64_t child = SYS(far, task_create, P(&args));
    assert_true(child > 0);
    assert_int_equal(task_of_cap(machine_cap(far, (handle_t)child))->account->node, 3);
}

/* ---- memory ---- */

static handle_t memory_made(struct task *task, uint64_t pages, uint64_t flags)
{
    int64_t handle;
    while ((handle = SYS(task, memory_create, pages, flags)) == ERR_RESTARTED)
        ;
    assert_true(handle > 0);
    return (handle_t)handle;
}

static uint64_t used(uint32_t node)
{
    struct node_info told = node_told(node);
    return told.local_pages + told.remote_pages;
}

static void everything_a_task_makes_lies_on_its_home_node(void **state)
{
    uint64_t before[MACHINE_NODES], used_bytes = machine_root->account->used_bytes;
    (void)state;
    for (uint32_t n = 0; n < MACHINE_NODES; n++)
        before[n] = used(n);
    struct task *task = task_on(1ul << 5, 1024);
    uint64_t creators = used(machine_root->account->node) - before[machine_root->account->node];
    task_starts(task);
    assert_int_equal(machine_node_of(task->root), 2);
    assert_int_equal(machine_node_of(virt_to_phys(task->table.pages)), 2);
    assert_int_equal(machine_node_of(virt_to_phys(task) & ~(PAGE_SIZE - 1)), 2);
    handle_t channel = machine_channel(task, 64, 4);
    const struct channel *made = (const struct channel *)machine_cap(task, channel)->object;
    assert_int_equal(machine_node_of(virt_to_phys(made->slots)), 2);
    handle_t pages = memory_made(task, 40, 0), run = memory_made(task, 8, MEMORY_CONTIGUOUS);
    const struct memory *memory = (const struct memory *)machine_cap(task, pages)->object;
    for (uint64_t page = 0; page < memory->pages; page++)
        assert_int_equal(machine_node_of(memory_page(memory, page)), 2);
    memory = (const struct memory *)machine_cap(task, run)->object;
    assert_int_equal(machine_node_of(memory->base), 2);
    for (uint64_t n = 0; n < 4; n++) /* four page tables */
        assert_true(SYS(task, memory_map, HANDLE_NONE, pages, 0x40000000 * (n + 1), 0, 1, PROT_READ) > 0);
    assert_int_equal(used(2) - before[2], task->account->used_bytes / PAGE_SIZE);
    assert_true(creators <= (machine_root->account->used_bytes - used_bytes) / PAGE_SIZE - 1024);
    assert_int_equal(used(1), before[1]);
    for (uint32_t n = 0; n < MACHINE_NODES; n++)
        assert_int_equal(node_told(n).remote_pages, 0);
}

/* Makes one of all but `left` pages of the node; the rest goes in single ones. */
static struct task *fill_node(uint32_t node, uint64_t left)
{
    struct task *task = task_on(3ul << node * MACHINE_NODE_CPUS, 8192);
    task_starts(task);
    while (node_told(node).free_pages > left + 8) /* an object, its directory, the table's next page */
        (void)memory_made(task, (node_told(node).free_pages - left) / 2, 0);
    while (node_told(node).free_pages > left)
        (void)memory_made(task, 1, 0);
    return task;
}

static void a_full_node_borrows_from_the_next_and_the_counters_say_so_and_go_back(void **state)
{
    (void)state;
    struct node_info before[MACHINE_NODES];
    for (uint32_t n = 0; n < MACHINE_NODES; n++)
        before[n] = node_told(n);
    struct task *task = fill_node(1, 0);
    assert_int_equal(node_told(1).remote_allocations, 0);
    assert_int_equal(node_told(1).local_allocations - before[1].local_allocations, before[1].free_pages);
    (void)memory_made(task, 100, 0);
    (void)memory_made(task, 16, MEMORY_CONTIGUOUS);
    struct node_info lender = node_told(2); /* the next of those that are as far */
    assert_in_range(lender.remote_pages, 116, 120);
    assert_int_equal(node_told(1).remote_allocations, lender.remote_pages);
    assert_int_equal(lender.local_pages, before[2].local_pages);
    assert_int_equal(lender.local_allocations, before[2].local_allocations);
    assert_int_equal(lender.free_pages, before[2].free_pages - lender.remote_pages);
    assert_int_equal(node_told(3).remote_pages, 0);
    task_ends(task);
    for (uint32_t n = 0; n < MACHINE_NODES; n++) {
        struct node_info after = node_told(n);
        assert_int_equal(after.free_pages, before[n].free_pages);
        assert_int_equal(after.local_pages, before[n].local_pages);
        assert_int_equal(after.remote_pages, 0);
        assert_int_equal(after.task_count, before[n].task_count);
    }
    assert_int_equal(node_told(1).remote_allocations, lender.remote_pages); /* that is since boot */
}

static void a_node_without_room_for_the_quota_is_no_home_and_when_none_has_room_the_emptiest_is(void **state)
{
    (void)state;
    struct task *filler = fill_node(2, 100);
    for (unsigned i = 0; i < 8; i++)
        assert_int_not_equal(task_on(0, 101)->account->node, 2);
    task_ends(filler); /* nobody is at home there now */
    assert_int_equal(task_on(0, 101)->account->node, 2);
    filler = fill_node(0, 2000);
    assert_int_equal(task_on(1ul << 0 | 1ul << 4, 5000)->account->node, 2); /* more than any node has */
    assert_int_equal(task_on(1ul << 0, 5000)->account->node, 0);            /* but affinity goes before memory */
}

static void memory_may_be_made_near_the_task_that_it_is_for(void **state)
{
    (void)state;
    struct task *task = task_on(1ul << 6, 64);
    uint32_t here = machine_root->account->node;
    uint64_t mine = used(here);
    struct node_info before = node_told(3);
    handle_t made[] = {memory_made(machine_root, 700, MEMORY_NEAR(task->account->node)),
                       memory_made(machine_root, 4, MEMORY_NEAR(task->account->node) | MEMORY_CONTIGUOUS)};
    for (unsigned i = 0; i < 2; i++) {
        const struct memory *memory = (const struct memory *)machine_cap(machine_root, made[i])->object;
        for (uint64_t page = 0; page < memory->pages; page++)
            assert_int_equal(machine_node_of(memory_page(memory, page)), 3);
    }
    assert_in_range(node_told(3).local_pages - before.local_pages, 704, 710); /* the first one's directory too */
    assert_int_equal(node_told(3).remote_pages, 0);
    assert_true(used(here) - mine <= 1); /* a page of objects, perhaps */
    SYS(machine_root, cap_close, made[0]);
    SYS(machine_root, cap_close, made[1]);
    machine_idle();
    assert_int_equal(node_told(3).local_pages, before.local_pages);
    assert_int_equal(SYS(machine_root, memory_create, 1, MEMORY_NEAR(MACHINE_NODES)), ERR_NOT_FOUND);
    assert_int_equal(SYS(machine_root, memory_create, 1, MEMORY_NEAR_ANY), ERR_NOT_FOUND);
    assert_int_equal(SYS(machine_root, memory_create, 1, MEMORY_NEAR(0) | MEMORY_DEVICE), ERR_INVALID);
    assert_int_equal(SYS(machine_root, memory_create, 1, 1u << 16), ERR_INVALID);
}

static void the_tasks_at_home_are_counted_and_the_count_goes_back(void **state)
{
    (void)state;
    uint32_t before = 0, after = 0;
    for (uint32_t n = 0; n < MACHINE_NODES; n++)
        before += node_told(n).task_count;
    assert_int_equal(before, 1);
    struct task *task = task_on(0, 64);
    uint32_t home = task->account->node, at_home = node_told(home).task_count;
    task_ends(task);
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
        TEST(tasks_spread_over_the_nodes_and_begin_on_the_cpus_of_their_home_in_turn),
        TEST(affinity_decides_the_home_and_the_first_cpu),
        TEST(the_creators_node_is_the_home_where_it_is_as_good),
        TEST(everything_a_task_makes_lies_on_its_home_node),
        TEST(a_full_node_borrows_from_the_next_and_the_counters_say_so_and_go_back),
        TEST(a_node_without_room_for_the_quota_is_no_home_and_when_none_has_room_the_emptiest_is),
        TEST(memory_may_be_made_near_the_task_that_it_is_for),
        TEST(the_tasks_at_home_are_counted_and_the_count_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* system_info: what the kernel tells of its processors and of the memory near them. */
#include "kernel/memory/frame.h"
#include "kernel/sched/sched.h"
#include <abi/info.h>

void cpu_describe(const struct cpu *cpu, struct cpu_info *info);
void node_describe(uint32_t node, struct node_info *info);

void cpu_describe(const struct cpu *cpu, struct cpu_info *info)
{
    *info = (struct cpu_info){.id = cpu->id,
                              .apic_id = cpu->apic_id,
                              .node = cpu->node,
                              .task = task_id(cpu->current), /* the idle task's is 0 */
                              .idle_ns = clock_ns_of_ticks(sched_idle_tsc(cpu->id)),
                              .switches = cpu->switches,
                              .interrupts = cpu->interrupts,
                              .messages = cpu->messages,
                              .ipis = cpu->ipis,
                              .steals_near = cpu->steals_near,
                              .steals_far = cpu->steals_far,
                              .migrations = cpu->migrations,
                              .lock_waits = cpu->lock_waits,
                              .lock_waited_ns = clock_ns_of_ticks(cpu->lock_waited_tsc),
                              .lock_held_ns = clock_ns_of_ticks(cpu->lock_held_tsc)};
}

_Static_assert(NODE_INFO_NODES == NUMA_NODES_MAX && FRAME_NODES_MAX == NUMA_NODES_MAX, "a place for each distance");

void node_describe(uint32_t node, struct node_info *info)
{
    struct frame_node frames = frame_node(node);
    *info = (struct node_info){.id = node,
                               .task_count = task_homes[node],
                               .node_count = sched_machine.node_count,
                               .cpus = sched_machine.node_cpus[node],
                               .total_pages = frames.total,
                               .free_pages = frames.free,
                               .local_pages = frames.total - frames.free - frames.remote,
                               .remote_pages = frames.remote,
                               .local_allocations = frames.given_near,
                               .remote_allocations = frames.given_far};
    for (uint64_t left = info->cpus; left; left &= left - 1)
        info->cpu_count++;
    __builtin_memcpy(info->distance, numa.distance[node], sizeof info->distance);
}

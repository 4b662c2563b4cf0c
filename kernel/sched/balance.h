/* Which CPU's queue a ready task waits in, and who takes it over: placement.h decides, this does it. Kernel lock held.
 *
 * Rules
 *  - A ready task is in the queue of cpus[task->cpu], or current there.
 *  - With one CPU everything goes into its queue and nothing else here is called. */
#pragma once
#include "kernel/list.h"
#include "kernel/sched/placement.h"
#include "kernel/sched/task.h"
#include <abi/trace_events.h>

extern struct sched_machine sched_machine; /* the CPUs online, and their nodes */
void sched_machine_start(void);            /* once, when all CPUs that will come are there */

/* Priorities of the tasks that wait in any queue and may run on more than one CPU: the short path of IPC gives way to them.
 * With one CPU always 0. */
extern uint32_t balance_waiting;

void balance_ready(struct task *task); /* it is in no queue; the CPU that gets it is told if it must be */
void balance_make_way_among(struct cpu *cpu, struct task *task, bool slice_over);
struct task *balance_next_among(struct cpu *cpu);

/* The current task makes way, for what is first in this CPU's queue or for a chore: to another CPU, or to its place here. */
static inline void balance_make_way(struct cpu *cpu, struct task *task, bool slice_over)
{
    if (cpu_count > 1)
        balance_make_way_among(cpu, task, slice_over);
    else if (slice_over)
        runq_push_back(&cpu->runq, &task->run_link, task->priority);
    else
        runq_push_front(&cpu->runq, &task->run_link, task->priority);
}
/* What `cpu`, whose task waits or is gone, runs next, out of its queue; NULL: there is nothing to do. */
static inline struct task *balance_next(struct cpu *cpu)
{
    if (cpu_count > 1)
        return balance_next_among(cpu);
    struct link *entry = runq_pop(&cpu->runq);
    return entry ? LIST_OWNER(entry, struct task, run_link) : NULL;
}
void balance_remove(struct task *task); /* out of its queue */
/* Those that have waited for long go where they fare better; cpu->overdue_ns is when to look again. */
void balance_overdue(struct cpu *cpu, uint64_t now_ns);
/* May a call take the task, which waits, along to this CPU? It stays in its node. */
bool balance_may_come(const struct cpu *cpu, const struct task *task);
void balance_moved(struct task *task, struct cpu *to,
                   enum trace_migrate_reason reason); /* told, counted, task->cpu set */

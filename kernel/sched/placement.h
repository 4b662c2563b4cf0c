/* Which CPU runs what: where a woken task goes, whose waiting task a CPU takes over, where a new task is at home. Pure
 * functions over a picture of the machine: no globals, no locks, no memory; work is constant or a step for each CPU looked
 * at. tests/unit/test_placement.c holds them against simulated machines of up to 64 CPUs and 8 nodes.
 *
 * What they promise together, when the scheduler follows the rules below
 *  - Urgency: while a task waits, no CPU of that node where it may run does anything less urgent, or nothing, for longer
 *    than an IPI takes. For tasks of priority `urgent` and above this holds for all CPUs of the machine.
 *  - Work: what is not so urgent stays near its memory for PLACEMENT_PATIENCE_NS. After that it goes to any CPU that does
 *    something less urgent or nothing; before that when more than twice as many wait in its node as it has CPUs, and
 *    another would idle.
 *  - Fairness: of tasks of one priority that may run in the same places none runs for ever while another never does.
 *  - Affinity is never broken.
 *
 * Rules for the scheduler (kernel lock held, the view as things are)
 *  - placement_wake() for a task that becomes ready; and for one that has to make way or whose slice is over, when
 *    running[] says already what comes in its place. If it keeps its CPU, who was interrupted goes to the queue's front.
 *  - When placement.displaces is not -1, a task of that priority was on its way into the CPU and comes too late: the first
 *    of that queue is taken out and placed by placement_wake(), too. So is the first that a CPU would have run out of its
 *    own queue had placement_steal() not found something more urgent.
 *  - placement_steal() whenever a CPU may be about to do something less urgent than before: its task waits, is gone, or an
 *    IPI came and there was nothing more urgent in its queue after all. Also before it sleeps.
 *  - placement_overdue() for each task that has waited in a queue for PLACEMENT_PATIENCE_NS, and again after each such
 *    time; by the CPU whose queue it is, from a timer that is set while its queue is not empty.
 *  - With one CPU online none of this need be called: everything goes into its queue. */
#pragma once
#include "kernel/memory/numa.h"
#include <abi/task.h>

#define PLACEMENT_CPUS_MAX 64
#define PLACEMENT_PATIENCE_NS 1000000ul
#define PLACEMENT_URGENT 20
#define PLACEMENT_NONE UINT32_MAX

/* What does not change after the start. */
struct sched_machine {
    uint32_t cpu_count, node_count;
    uint32_t urgent; /* tasks of this priority leave their node at once rather than wait; 0: all do */
    uint64_t online; /* one bit a CPU, as in all masks here */
    uint64_t node_cpus[NUMA_NODES_MAX];
    uint8_t node_of[PLACEMENT_CPUS_MAX];
    uint8_t order[NUMA_NODES_MAX][NUMA_NODES_MAX]; /* as struct numa's */
};

struct sched_view {
    const struct sched_machine *machine;
    uint64_t idle;                       /* runs its idle task, asleep or not */
    uint64_t awake;                      /* is inside the kernel and looks at its queue before it leaves or sleeps */
    uint64_t waiting;                    /* its queue is not empty */
    uint8_t running[PLACEMENT_CPUS_MAX]; /* priority of the task it runs; unused while idle */
    uint32_t ready[PLACEMENT_CPUS_MAX];  /* its struct runq.ready */
    uint32_t ready_count[PLACEMENT_CPUS_MAX];
};

struct sched_task {
    uint64_t affinity; /* at least one CPU online is among them */
    uint32_t last_cpu, home_node, priority;
};

enum placement_reason {
    PLACEMENT_LAST_IDLE, /* the CPU where it ran last has nothing to do */
    PLACEMENT_HOME_IDLE, /* it had been carried off from its home node and can go back */
    PLACEMENT_NEAR_IDLE, /* a CPU of the same node has nothing to do */
    PLACEMENT_PREEMPTS,  /* it is more urgent than what its last CPU does */
    PLACEMENT_ELSEWHERE, /* its last CPU does what is as urgent, this one something that is less so, or nothing */
    PLACEMENT_WAITS,     /* nobody does anything less urgent, or not near enough */
};
struct placement {
    uint32_t cpu;
    enum placement_reason reason;
    bool ipi;      /* the CPU would not notice by itself */
    int displaces; /* priority of a task that was on its way into this CPU and has to make way; -1: none was */
};

/* node_of[]: of the online CPUs, numbered 0 .. cpu_count - 1. */
void sched_machine_init(struct sched_machine *machine, const struct numa *numa, uint32_t cpu_count,
                        const uint8_t *node_of);

struct placement placement_wake(const struct sched_view *view, const struct sched_task *task, uint32_t waker);

/* What the scheduler found that the thief may not take, by CPU and priority; zeroed for each search. */
struct placement_refused {
    uint32_t priorities[PLACEMENT_CPUS_MAX];
};
struct placement_victim {
    uint32_t cpu; /* PLACEMENT_NONE */
    uint32_t priority;
    bool second; /* the first of that priority is on its way into its CPU: it is about the others */
};
/* Whose waiting tasks `thief`, which else would run something of priority `own` (-1: nothing), should run instead. Take the
 * first one of victim.priority, or the second, that may run on the thief; when there is none, note it in `refused` and ask again. */
struct placement_victim placement_steal(const struct sched_view *view, uint32_t thief, int own,
                                        const struct placement_refused *refused);

/* Where a task that has waited long in the queue of task->last_cpu has better prospects; PLACEMENT_NONE: nowhere. What is
 * moved there needs an IPI as with placement_wake(): placement_needs_ipi(). */
uint32_t placement_overdue(const struct sched_view *view, const struct sched_task *task);
/* Asked before the task is in the CPU's queue. */
bool placement_needs_ipi(const struct sched_view *view, uint32_t cpu, uint32_t priority, uint32_t waker);

struct node_load {
    uint64_t free_frames;
    uint32_t tasks; /* at home there */
};
/* The home of a new task that may need `frames`: the node with the fewest tasks for its CPUs that has so much memory; its
 * creator's when that is as good. When none has: where most is free. */
uint32_t placement_home(const struct sched_machine *machine, const struct node_load *loads, uint64_t affinity,
                        uint64_t frames, uint32_t creator_node);

#include "kernel/sched/balance.h"
#include "kernel/sched/sched.h"
#include "kernel/trace/trace.h"

#define STEPS_MAX 64 /* tasks of one queue that are looked at under one hold of the lock */

struct sched_machine sched_machine;
uint32_t balance_waiting;
static uint32_t waiting_counts[TASK_PRIORITIES];

void sched_machine_start(void)
{
    uint8_t node_of[CPU_MAX];
    for (uint32_t i = 0; i < cpu_count; i++)
        node_of[i] = (uint8_t)cpus[i].node;
    sched_machine_init(&sched_machine, &numa, cpu_count, node_of);
}

/* ---- The queues ------------------------------------------------------------------------------------------------------- */

static struct task *task_of(struct link *entry)
{
    return LIST_OWNER(entry, struct task, run_link);
}

static bool may_move(const struct task *task)
{
    return (task->affinity & (task->affinity - 1)) != 0;
}

/* Priority of what a CPU does; -1: nothing. Its current task may already wait or stand in a queue. */
static int cpu_running(const struct cpu *cpu)
{
    const struct task *task = cpu->current;
    if (sched_is_idle(cpu))
        return cpu->chore_priority;
    return task->state == TASK_READY && list_empty(&task->run_link) ? (int)task->priority : -1;
}

/* The only one in its queue, and on the way in. */
static bool nobody_waits(const struct cpu *cpu)
{
    return !cpu->runq.count || (cpu->runq.count == 1 && runq_top(&cpu->runq) > cpu_running(cpu));
}

static void queue_add(struct cpu *cpu, struct task *task, bool front)
{
    (front ? runq_push_front : runq_push_back)(&cpu->runq, &task->run_link, task->priority);
    task->queued_ns = clock_ns();
    if (may_move(task) && waiting_counts[task->priority]++ == 0)
        balance_waiting |= 1u << task->priority;
    if (cpu->overdue_ns == UINT64_MAX && !nobody_waits(cpu))
        cpu->overdue_ns = task->queued_ns + PLACEMENT_PATIENCE_NS;
}

void balance_remove(struct task *task)
{
    runq_remove(&cpus[task->cpu].runq, &task->run_link, task->priority);
    if (cpu_count > 1 && may_move(task) && --waiting_counts[task->priority] == 0)
        balance_waiting &= ~(1u << task->priority);
}

/* ---- The machine as placement.h sees it --------------------------------------------------------------------------------- */

/* next_here: priority of what this CPU will do in a moment; -1: what it does. */
static void view_fill(struct sched_view *view, int next_here)
{
    view->machine = &sched_machine;
    view->idle = view->awake = view->waiting = 0;
    for (uint32_t i = 0; i < cpu_count; i++) {
        const struct cpu *cpu = &cpus[i];
        int running = cpu == cpu_this() && next_here >= 0 ? next_here : cpu_running(cpu);
        view->idle |= (uint64_t)(running < 0) << i;
        view->awake |= (uint64_t)(cpu == cpu_this() || __atomic_load_n(&cpu->waiting, __ATOMIC_RELAXED)) << i;
        view->waiting |= (uint64_t)(cpu->runq.ready != 0) << i;
        view->running[i] = (uint8_t)running;
        view->ready[i] = cpu->runq.ready;
        view->ready_count[i] = cpu->runq.count;
    }
}

static struct sched_task describe(const struct task *task)
{
    return (struct sched_task){.affinity = task->affinity,
                               .last_cpu = task->cpu,
                               .home_node = task->account->node,
                               .priority = task->priority};
}

void balance_moved(struct task *task, struct cpu *to, enum trace_migrate_reason reason)
{
    if (task->cpu == to->id)
        return;
    TRACE2_WITH(task_id(task), SCHED, Migrate, TRACE_WORD(task_id(task), reason), TRACE_WORD(task->cpu, to->id));
    to->migrations++;
    to->steals_near += reason == TRACE_MIGRATE_STEAL_NEAR;
    to->steals_far += reason == TRACE_MIGRATE_STEAL_FAR;
    task->cpu = to->id;
}

/* ---- Becoming ready ------------------------------------------------------------------------------------------------------ */

/* What the newcomer means for whom the CPU runs. */
static inline void enters(struct cpu *cpu, const struct task *task)
{
    if (task->priority > cpu->current->priority || sched_is_idle(cpu)) {
        if (!cpu->resched)
            cpu->resched = RESCHED_MORE_URGENT;
    } else if (task->priority == cpu->current->priority) {
        sched_slice_begin(cpu);
    }
}

static void enqueue(struct cpu *cpu, struct task *task, bool front)
{
    queue_add(cpu, task, front);
    enters(cpu, task);
    sched_timer_update(cpu);
}

static struct task *first_of(struct cpu *cpu, int priority)
{
    return priority < 0 ? NULL : task_of(cpu->runq.queues[priority].next);
}

/* To the CPU that placement.h names, in front of its equals if it stays and did not give way to them. Who was on the way in
 * there and comes too late is next. */
static void place(struct task *task, bool front, int next_here)
{
    for (struct task *displaced; task; task = displaced, front = true) {
        struct sched_view view;
        view_fill(&view, next_here);
        struct sched_task is = describe(task);
        struct placement to = placement_wake(&view, &is, cpu_this()->id);
        struct cpu *cpu = &cpus[to.cpu];
        displaced = first_of(cpu, to.displaces);
        if (displaced)
            balance_remove(displaced);
        bool stays = task->cpu == cpu->id;
        balance_moved(task, cpu, (enum trace_migrate_reason)to.reason);
        enqueue(cpu, task, stays && front);
        if (to.ipi)
            cpu_interrupt(cpu, TRACE_IPI_WAKE);
    }
}

void balance_ready(struct task *task)
{
    struct cpu *cpu = &cpus[0];
    if (cpu_count > 1) {
        place(task, false, -1);
        return;
    }
    runq_push_back(&cpu->runq, &task->run_link, task->priority);
    enters(cpu, task);
}

void balance_make_way_among(struct cpu *cpu, struct task *task, bool slice_over)
{
    int next = runq_top(&cpu->runq);
    if (next < (int)task->priority)
        queue_add(cpu, task, !slice_over);
    else
        place(task, !slice_over, next);
}

/* ---- Taking over ------------------------------------------------------------------------------------------------------------ */

static bool more_urgent_elsewhere(const struct cpu *cpu, int own)
{
    uint32_t ready = 0;
    for (uint32_t i = 0; i < cpu_count; i++)
        if (&cpus[i] != cpu && !nobody_waits(&cpus[i]))
            ready |= cpus[i].runq.ready;
    return (uint64_t)ready >> (own + 1) != 0;
}

/* The first that may run on `thief`, or the second of all; NULL: none of the first ones. */
static struct task *first_allowed(struct placement_victim victim, const struct cpu *thief)
{
    struct link *queue = &cpus[victim.cpu].runq.queues[victim.priority], *entry = queue->next;
    if (victim.second)
        entry = entry->next;
    for (uint32_t steps = 0; entry != queue && steps < STEPS_MAX; entry = entry->next, steps++)
        if (task_of(entry)->affinity >> thief->id & 1)
            return task_of(entry);
    return NULL;
}

/* A task that waits elsewhere and is more urgent than `own`; it is in no queue any more. */
static struct task *steal(struct cpu *thief, int own)
{
    struct placement_refused refused = {0};
    struct sched_view view;
    view_fill(&view, -1);
    for (;;) {
        struct placement_victim victim = placement_steal(&view, thief->id, own, &refused);
        if (victim.cpu == PLACEMENT_NONE)
            return NULL;
        struct task *task = first_allowed(victim, thief);
        if (task) {
            bool near = cpus[victim.cpu].node == thief->node;
            balance_remove(task);
            balance_moved(task, thief, near ? TRACE_MIGRATE_STEAL_NEAR : TRACE_MIGRATE_STEAL_FAR);
            return task;
        }
        refused.priorities[victim.cpu] |= 1u << victim.priority;
    }
}

struct task *balance_next_among(struct cpu *cpu)
{
    int own = runq_top(&cpu->runq);
    struct task *task = more_urgent_elsewhere(cpu, own) ? steal(cpu, own) : NULL;
    struct task *first = first_of(cpu, own);
    if (first)
        balance_remove(first);
    if (task && first) /* it comes too late here */
        place(first, true, (int)task->priority);
    return task ? task : first;
}

/* ---- Waiting for long --------------------------------------------------------------------------------------------------------- */

/* When to look at it again. */
static uint64_t overdue_move(struct cpu *cpu, struct task *task, uint64_t now_ns)
{
    struct sched_view view;
    view_fill(&view, -1);
    struct sched_task is = describe(task);
    uint32_t to = placement_overdue(&view, &is);
    if (to == PLACEMENT_NONE) {
        task->queued_ns = now_ns;
        return now_ns + PLACEMENT_PATIENCE_NS;
    }
    bool ipi = placement_needs_ipi(&view, to, task->priority, cpu->id);
    balance_remove(task);
    balance_moved(task, &cpus[to], TRACE_MIGRATE_OVERDUE);
    enqueue(&cpus[to], task, false);
    if (ipi)
        cpu_interrupt(&cpus[to], TRACE_IPI_WAKE);
    return UINT64_MAX;
}

/* The most urgent first; with very many in the queue the others' turn comes when these are gone. */
void balance_overdue(struct cpu *cpu, uint64_t now_ns)
{
    uint32_t steps = 0;
    cpu->overdue_ns = UINT64_MAX;
    for (uint32_t left = cpu->runq.ready; left && steps < STEPS_MAX; left &= ~(1u << (31 - __builtin_clz(left)))) {
        struct link *queue = &cpu->runq.queues[31 - __builtin_clz(left)], *entry = queue->next, *next;
        for (; entry != queue && steps < STEPS_MAX; entry = next, steps++) {
            struct task *task = task_of(entry);
            next = entry->next;
            uint64_t due = task->queued_ns + PLACEMENT_PATIENCE_NS;
            if (due <= now_ns)
                due = overdue_move(cpu, task, now_ns);
            if (due < cpu->overdue_ns)
                cpu->overdue_ns = due;
        }
    }
}

/* ---- Calls ------------------------------------------------------------------------------------------------------------------------- */

bool balance_may_come(const struct cpu *cpu, const struct task *task)
{
    return task->cpu == cpu->id || (task->affinity >> cpu->id & 1 && cpus[task->cpu].node == cpu->node);
}

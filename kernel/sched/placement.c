#include "kernel/sched/placement.h"

/* The compiler's own is a call into libgcc, which the kernel does not have. */
static uint32_t count_bits(uint64_t bits)
{
    uint32_t count = 0;
    for (; bits; bits &= bits - 1)
        count++;
    return count;
}

#define BIT(n) (1ul << (n))

void sched_machine_init(struct sched_machine *machine, const struct numa *numa, uint32_t cpu_count,
                        const uint8_t *node_of)
{
    *machine =
        (struct sched_machine){.cpu_count = cpu_count, .node_count = numa->node_count, .urgent = PLACEMENT_URGENT};
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++) {
        machine->online |= BIT(cpu);
        machine->node_of[cpu] = node_of[cpu];
        machine->node_cpus[node_of[cpu]] |= BIT(cpu);
    }
    __builtin_memcpy(machine->order, numa->order, sizeof(machine->order));
}

/* ---- What a CPU has to do --------------------------------------------------------------------------------------- */

static int top_of(uint32_t ready)
{
    return ready ? 31 - __builtin_clz(ready) : -1;
}

static int running(const struct sched_view *view, uint32_t cpu)
{
    return view->idle & BIT(cpu) ? -1 : view->running[cpu];
}

/* Of what it runs, or will as soon as it has noticed; -1: nothing. */
static int urgency(const struct sched_view *view, uint32_t cpu)
{
    int top = top_of(view->ready[cpu]), now = running(view, cpu);
    return top > now ? top : now;
}

/* Somebody in its queue is more urgent than what it runs: on the way in, not waiting. */
static bool spoken_for(const struct sched_view *view, uint32_t cpu)
{
    return top_of(view->ready[cpu]) > running(view, cpu);
}

static uint64_t nothing_to_do(const struct sched_view *view)
{
    return view->idle & ~view->waiting;
}

/* The least urgent of these CPUs, among equals the one where fewest wait. */
static uint32_t least_urgent(const struct sched_view *view, uint64_t cpus)
{
    uint32_t best = PLACEMENT_NONE;
    for (; cpus; cpus &= cpus - 1) {
        uint32_t cpu = (uint32_t)__builtin_ctzl(cpus);
        int less = best == PLACEMENT_NONE ? -1 : urgency(view, cpu) - urgency(view, best);
        if (less < 0 || (less == 0 && view->ready_count[cpu] < view->ready_count[best]))
            best = cpu;
    }
    return best;
}

/* ---- Waking ------------------------------------------------------------------------------------------------------- */

/* Where it ran last; if it may not run there (any more), the best place nearest to its home. */
static uint32_t anchor(const struct sched_view *view, const struct sched_task *task, uint64_t allowed)
{
    const struct sched_machine *machine = view->machine;
    if (task->last_cpu < machine->cpu_count && allowed & BIT(task->last_cpu))
        return task->last_cpu;
    for (uint32_t i = 0; i < machine->node_count; i++) {
        uint64_t cpus = allowed & machine->node_cpus[machine->order[task->home_node][i]];
        if (cpus)
            return least_urgent(view, cpus);
    }
    return 0;
}

/* A CPU that does something less urgent or nothing, nearest to `near` first. Only what is urgent leaves the node for it. */
static uint32_t less_urgent(const struct sched_view *view, const struct sched_task *task, uint32_t near,
                            uint64_t allowed, uint32_t urgent)
{
    const struct sched_machine *machine = view->machine;
    const uint8_t *order = machine->order[machine->node_of[near]];
    uint32_t nodes = task->priority >= urgent ? machine->node_count : 1;
    for (uint32_t i = 0; i < nodes; i++) {
        uint32_t cpu = least_urgent(view, allowed & machine->node_cpus[order[i]]);
        if (cpu != PLACEMENT_NONE && urgency(view, cpu) < (int)task->priority)
            return cpu;
    }
    return PLACEMENT_NONE;
}

static uint32_t choose(const struct sched_view *view, const struct sched_task *task, enum placement_reason *reason)
{
    const struct sched_machine *machine = view->machine;
    uint64_t allowed = task->affinity & machine->online, idle = allowed & nothing_to_do(view);
    uint32_t last = anchor(view, task, allowed), node = machine->node_of[last], elsewhere;
    uint64_t home = node == task->home_node ? 0 : idle & machine->node_cpus[task->home_node];
    uint64_t near = idle & machine->node_cpus[node];
    if (home) {
        *reason = PLACEMENT_HOME_IDLE;
        return (uint32_t)__builtin_ctzl(home);
    }
    *reason = PLACEMENT_LAST_IDLE;
    if (near & BIT(last))
        return last;
    *reason = PLACEMENT_NEAR_IDLE;
    if (near)
        return (uint32_t)__builtin_ctzl(near);
    *reason = PLACEMENT_PREEMPTS;
    if (urgency(view, last) < (int)task->priority)
        return last;
    elsewhere = less_urgent(view, task, last, allowed, machine->urgent);
    *reason = elsewhere == PLACEMENT_NONE ? PLACEMENT_WAITS : PLACEMENT_ELSEWHERE;
    return elsewhere == PLACEMENT_NONE ? last : elsewhere;
}

/* Whom the newcomer finds there: nobody else waits, so no timer runs; an equal runs, and no slice ends. */
static bool starts_a_timer(const struct sched_view *view, uint32_t cpu, uint32_t priority)
{
    uint32_t ready = view->ready[cpu];
    return !ready || (running(view, cpu) == (int)priority && !(ready >> priority & 1));
}

bool placement_needs_ipi(const struct sched_view *view, uint32_t cpu, uint32_t priority, uint32_t waker)
{
    if (cpu == waker || view->awake & BIT(cpu))
        return false;
    return urgency(view, cpu) < (int)priority || starts_a_timer(view, cpu, priority);
}

struct placement placement_wake(const struct sched_view *view, const struct sched_task *task, uint32_t waker)
{
    struct placement placement = {.displaces = -1};
    placement.cpu = choose(view, task, &placement.reason);
    placement.ipi = placement_needs_ipi(view, placement.cpu, task->priority, waker);
    if (spoken_for(view, placement.cpu) && urgency(view, placement.cpu) < (int)task->priority)
        placement.displaces = urgency(view, placement.cpu);
    return placement;
}

/* ---- Stealing ----------------------------------------------------------------------------------------------------- */

/* The most urgent task that waits for one of these CPUs and was not refused; among equals where most wait. */
static struct placement_victim most_urgent(const struct sched_view *view, uint64_t cpus,
                                           const struct placement_refused *refused)
{
    struct placement_victim best = {.cpu = PLACEMENT_NONE};
    for (; cpus; cpus &= cpus - 1) {
        uint32_t cpu = (uint32_t)__builtin_ctzl(cpus), best_count = 0;
        int top = top_of(view->ready[cpu] & ~refused->priorities[cpu]), best_top = -1;
        if (best.cpu != PLACEMENT_NONE) {
            best_top = (int)best.priority;
            best_count = view->ready_count[best.cpu];
        }
        if (top < 0 || (view->ready_count[cpu] == 1 && spoken_for(view, cpu)))
            continue;
        if (top > best_top || (top == best_top && view->ready_count[cpu] > best_count))
            best =
                (struct placement_victim){cpu, (uint32_t)top, spoken_for(view, cpu) && top == top_of(view->ready[cpu])};
    }
    return best;
}

static int priority_of(struct placement_victim victim)
{
    return victim.cpu == PLACEMENT_NONE ? -1 : (int)victim.priority;
}

/* More than twice as many wait there as there are CPUs: they will not get round to all of them soon. */
static bool overloaded(const struct sched_view *view, uint32_t node)
{
    uint64_t cpus = view->machine->node_cpus[node];
    uint32_t waiting = 0;
    for (uint64_t left = cpus & view->waiting; left; left &= left - 1)
        waiting += view->ready_count[__builtin_ctzl(left)];
    return waiting > 2 * count_bits(cpus);
}

/* Of other nodes, the most urgent above `own`, the nearest first: what is urgent, and for a CPU that would idle what an
 * overloaded node has. */
static struct placement_victim steal_far(const struct sched_view *view, uint32_t thief, int own,
                                         const struct placement_refused *refused)
{
    const struct sched_machine *machine = view->machine;
    const uint8_t *order = machine->order[machine->node_of[thief]];
    struct placement_victim best = {.cpu = PLACEMENT_NONE};
    for (uint32_t i = 1; i < machine->node_count; i++) {
        struct placement_victim victim = most_urgent(view, view->waiting & machine->node_cpus[order[i]], refused);
        if (priority_of(victim) <= own || priority_of(victim) <= priority_of(best))
            continue;
        if (victim.priority >= machine->urgent || (own < 0 && overloaded(view, order[i])))
            best = victim;
    }
    return best;
}

struct placement_victim placement_steal(const struct sched_view *view, uint32_t thief, int own,
                                        const struct placement_refused *refused)
{
    uint64_t others = view->waiting & ~BIT(thief);
    struct placement_victim none = {.cpu = PLACEMENT_NONE};
    if (!others)
        return none;
    uint64_t near_cpus = view->machine->node_cpus[view->machine->node_of[thief]];
    struct placement_victim near = most_urgent(view, others & near_cpus, refused);
    if (priority_of(near) <= own)
        near = none;
    struct placement_victim far = steal_far(view, thief, priority_of(near) > own ? priority_of(near) : own, refused);
    return far.cpu != PLACEMENT_NONE ? far : near;
}

/* ---- Waiting for long ----------------------------------------------------------------------------------------------- */

/* A CPU that shares its time among tasks of this priority: any, when its own never comes to that; else one where fewer wait. */
static uint32_t shorter_queue(const struct sched_view *view, const struct sched_task *task, uint64_t cpus)
{
    bool own_shares = urgency(view, task->last_cpu) == (int)task->priority;
    uint32_t cpu = least_urgent(view, cpus & ~BIT(task->last_cpu));
    if (cpu == PLACEMENT_NONE || urgency(view, cpu) > (int)task->priority)
        return PLACEMENT_NONE;
    if (own_shares && view->ready_count[cpu] + 2 > view->ready_count[task->last_cpu])
        return PLACEMENT_NONE;
    return cpu;
}

uint32_t placement_overdue(const struct sched_view *view, const struct sched_task *task)
{
    const struct sched_machine *machine = view->machine;
    const uint8_t *order = machine->order[machine->node_of[task->last_cpu]];
    uint64_t allowed = task->affinity & machine->online & ~BIT(task->last_cpu);
    uint32_t cpu = less_urgent(view, task, task->last_cpu, allowed, 0);
    for (uint32_t i = 0; i < machine->node_count && cpu == PLACEMENT_NONE; i++)
        cpu = shorter_queue(view, task, allowed & machine->node_cpus[order[i]]);
    return cpu;
}

/* ---- New tasks -------------------------------------------------------------------------------------------------------- */

/* Whether `node` is a better home than `best`. */
static bool better_home(const struct sched_machine *machine, const struct node_load *loads, uint64_t frames,
                        uint32_t node, uint32_t best)
{
    bool room = loads[node].free_frames >= frames, best_room = loads[best].free_frames >= frames;
    if (room != best_room)
        return room;
    if (!room)
        return loads[node].free_frames > loads[best].free_frames;
    uint64_t cpus = count_bits(machine->node_cpus[node]);
    uint64_t best_cpus = count_bits(machine->node_cpus[best]);
    return loads[node].tasks * best_cpus < loads[best].tasks * cpus;
}

uint32_t placement_home(const struct sched_machine *machine, const struct node_load *loads, uint64_t affinity,
                        uint64_t frames, uint32_t creator_node)
{
    uint32_t best = PLACEMENT_NONE;
    for (uint32_t i = 0; i < machine->node_count; i++) {
        uint32_t node = machine->order[creator_node][i];
        if (!(affinity & machine->node_cpus[node]))
            continue;
        if (best == PLACEMENT_NONE || better_home(machine, loads, frames, node, best))
            best = node;
    }
    return best == PLACEMENT_NONE ? creator_node : best;
}

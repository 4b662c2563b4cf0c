#include "tests/unit/placement_sim.h"
#include <string.h>

#define BIT(n) (1ul << (n))

uint32_t sim_random(struct sim *sim, uint32_t below)
{
    sim->random ^= sim->random << 13; /* Marsaglia 2003, xorshift64 */
    sim->random ^= sim->random >> 7;
    sim->random ^= sim->random << 17;
    return (uint32_t)((sim->random >> 16) % below);
}

static uint64_t between(struct sim *sim, uint64_t least, uint64_t most)
{
    return least + sim_random(sim, (uint32_t)(most - least) + 1);
}

static uint32_t node_of(const struct sim *sim, uint32_t cpu)
{
    return sim->machine.node_of[cpu];
}

static uint32_t number_of(const struct sim *sim, const struct sim_cpu *cpu)
{
    return (uint32_t)(cpu - sim->cpus);
}

/* ---- The view, always as things are --------------------------------------------------------------------------- */

static void view_set(uint64_t *mask, uint32_t cpu, bool on)
{
    *mask = on ? *mask | BIT(cpu) : *mask & ~BIT(cpu);
}

static void view_update(struct sim *sim, struct sim_cpu *cpu)
{
    uint32_t number = number_of(sim, cpu);
    view_set(&sim->view.idle, number, !cpu->current);
    view_set(&sim->view.awake, number, cpu->leave_ns != SIM_NEVER);
    view_set(&sim->view.waiting, number, cpu->runq.ready);
    sim->view.running[number] = cpu->current ? (uint8_t)cpu->current->placed.priority : 99;
    sim->view.ready[number] = cpu->runq.ready;
}

static void enqueue(struct sim *sim, uint32_t number, struct sim_task *task, bool front)
{
    struct sim_cpu *cpu = &sim->cpus[number];
    assert_true(task->state != SIM_WAITS && task->placed.affinity & sim->machine.online & BIT(number));
    (front ? runq_push_front : runq_push_back)(&cpu->runq, &task->link, task->placed.priority);
    task->state = SIM_WAITS;
    task->placed.last_cpu = number;
    task->queued_ns = sim->now_ns;
    sim->view.ready_count[number]++;
    view_update(sim, cpu);
}

static void dequeue(struct sim *sim, struct sim_task *task)
{
    struct sim_cpu *cpu = &sim->cpus[task->placed.last_cpu];
    assert_int_equal(task->state, SIM_WAITS);
    runq_remove(&cpu->runq, &task->link, task->placed.priority);
    task->state = SIM_SLEEPS;
    sim->view.ready_count[task->placed.last_cpu]--;
    view_update(sim, cpu);
}

static struct sim_task *first_of(struct sim *sim, uint32_t cpu, uint32_t priority)
{
    struct link *head = &sim->cpus[cpu].runq.queues[priority];
    return list_empty(head) ? NULL : LIST_OWNER(head->next, struct sim_task, link);
}

/* ---- Sleeping tasks --------------------------------------------------------------------------------------------- */

static void heap_swap(struct sim *sim, uint32_t a, uint32_t b)
{
    struct sim_task *task = sim->heap[a];
    sim->heap[a] = sim->heap[b];
    sim->heap[b] = task;
}

static void heap_push(struct sim *sim, struct sim_task *task)
{
    uint32_t at = sim->heap_count++;
    sim->heap[at] = task;
    for (; at && sim->heap[at]->due_ns < sim->heap[(at - 1) / 2]->due_ns; at = (at - 1) / 2)
        heap_swap(sim, at, (at - 1) / 2);
}

static void heap_take(struct sim *sim, uint32_t at)
{
    heap_swap(sim, at, --sim->heap_count);
    for (; at && sim->heap[at]->due_ns < sim->heap[(at - 1) / 2]->due_ns; at = (at - 1) / 2)
        heap_swap(sim, at, (at - 1) / 2);
    for (;;) {
        uint32_t least = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < sim->heap_count; child++)
            if (sim->heap[child]->due_ns < sim->heap[least]->due_ns)
                least = child;
        if (least == at)
            return;
        heap_swap(sim, at, least);
        at = least;
    }
}

/* ---- The scheduler: the rules of placement.h ---------------------------------------------------------------------- */

static void kernel_enter(struct sim *sim, struct sim_cpu *cpu)
{
    if (cpu->leave_ns != SIM_NEVER)
        return;
    if (cpu->current) {
        uint64_t ran = sim->now_ns - cpu->since_ns;
        cpu->current->ran_ns += ran;
        cpu->current->left_ns -= cpu->current->left_ns == SIM_NEVER ? 0 : ran;
        sim->figures.runs_ns += ran;
        if (node_of(sim, number_of(sim, cpu)) == cpu->current->placed.home_node)
            sim->figures.runs_at_home_ns += ran;
    }
    cpu->leave_ns = sim->now_ns + between(sim, 100, SIM_KERNEL_NS_MAX);
    view_update(sim, cpu);
}

static void send_ipi(struct sim *sim, uint32_t number)
{
    struct sim_cpu *cpu = &sim->cpus[number];
    sim->figures.ipis++;
    if (cpu->ipi_ns == SIM_NEVER)
        cpu->ipi_ns = sim->now_ns + between(sim, 500, SIM_IPI_NS_MAX);
}

enum why { WOKEN, PREEMPTED, SLICE_OVER };

static void place(struct sim *sim, struct sim_task *task, uint32_t waker, enum why why)
{
    uint32_t from = task->placed.last_cpu;
    struct placement placement = placement_wake(&sim->view, &task->placed, waker);
    if (why == WOKEN) {
        sim->figures.wakes++;
        sim->figures.by_reason[placement.reason]++;
        sim->figures.wakes_across += node_of(sim, from) != node_of(sim, placement.cpu);
    }
    struct sim_task *late =
        placement.displaces < 0 ? NULL : first_of(sim, placement.cpu, (uint32_t)placement.displaces);
    assert_true(late || placement.displaces < 0);
    if (late)
        dequeue(sim, late);
    enqueue(sim, placement.cpu, task, why == PREEMPTED && placement.cpu == from);
    if (placement.ipi)
        send_ipi(sim, placement.cpu);
    if (late)
        place(sim, late, waker, PREEMPTED);
}

static void wake(struct sim *sim, struct sim_task *task, uint32_t waker)
{
    assert_int_equal(task->state, SIM_SLEEPS);
    task->left_ns = task->run_ns_max ? between(sim, task->run_ns_min, task->run_ns_max) : SIM_NEVER;
    task->ready_ns = sim->now_ns;
    task->neglected_ns = SIM_NEVER;
    kernel_enter(sim, &sim->cpus[waker]);
    place(sim, task, waker, WOKEN);
}

static void count_steal(struct sim *sim, uint32_t from, uint32_t to)
{
    sim->figures.steals++;
    sim->figures.steals_across += node_of(sim, from) != node_of(sim, to);
}

static struct sim_task *steal(struct sim *sim, uint32_t thief, int own)
{
    struct placement_refused refused = {0};
    for (;;) {
        struct placement_victim victim = placement_steal(&sim->view, thief, own, &refused);
        if (victim.cpu == PLACEMENT_NONE)
            return NULL;
        assert_true(victim.cpu != thief && !(refused.priorities[victim.cpu] >> victim.priority & 1));
        assert_true((int)victim.priority > own && sim->view.ready[victim.cpu] >> victim.priority & 1);
        struct link *head = &sim->cpus[victim.cpu].runq.queues[victim.priority];
        for (struct link *at = victim.second ? head->next->next : head->next; at != head; at = at->next) {
            struct sim_task *task = LIST_OWNER(at, struct sim_task, link);
            if (task->placed.affinity & BIT(thief)) {
                dequeue(sim, task);
                count_steal(sim, victim.cpu, thief);
                return task;
            }
        }
        refused.priorities[victim.cpu] |= 1u << victim.priority;
    }
}

static void longest(uint64_t *figure, uint64_t ns)
{
    *figure = ns > *figure ? ns : *figure;
}

static void start(struct sim *sim, struct sim_cpu *cpu, struct sim_task *task)
{
    uint32_t number = number_of(sim, cpu);
    assert_true(task->state != SIM_RUNS && task->placed.affinity & BIT(number));
    task->state = SIM_RUNS;
    task->stolen = false;
    task->neglected_ns = SIM_NEVER;
    task->placed.last_cpu = number;
    task->first_ran_ns = task->first_ran_ns ? task->first_ran_ns : sim->now_ns;
    sim->figures.runs++;
    cpu->current = task;
    cpu->slice_ns = task->slice_left_ns == SIM_NEVER ? SIM_NEVER : sim->now_ns + task->slice_left_ns;
    task->slice_left_ns = SIM_NEVER;
    view_update(sim, cpu);
}

/* Whoever comes next, out of its queue; NULL: it goes on as it is. */
static struct sim_task *next_of(struct sim *sim, struct sim_cpu *cpu)
{
    uint32_t number = number_of(sim, cpu);
    int now = cpu->current ? (int)cpu->current->placed.priority : -1, top = runq_top(&cpu->runq);
    struct sim_task *stolen = steal(sim, number, top > now ? top : now);
    if (stolen) {
        stolen->stolen = true;
        return stolen;
    }
    if (top <= now - (cpu->slice_over ? 1 : 0) || top < 0)
        return NULL;
    struct sim_task *task = first_of(sim, number, (uint32_t)top);
    longest(&sim->figures.noticed_ns, top > now && cpu->current ? sim->now_ns - task->queued_ns : 0);
    dequeue(sim, task);
    return task;
}

static void timers_set(const struct sim *sim, struct sim_cpu *cpu)
{
    if (cpu->current && cpu->slice_ns == SIM_NEVER && cpu->runq.ready >> cpu->current->placed.priority & 1)
        cpu->slice_ns = sim->now_ns + SIM_SLICE_NS;
    cpu->patience_ns = SIM_NEVER;
    for (uint32_t ready = cpu->runq.ready; ready; ready &= ready - 1) {
        struct link *head = &cpu->runq.queues[__builtin_ctz(ready)];
        for (struct link *at = head->next; at != head; at = at->next) {
            uint64_t ns = LIST_OWNER(at, struct sim_task, link)->queued_ns + PLACEMENT_PATIENCE_NS;
            cpu->patience_ns = ns < cpu->patience_ns ? ns : cpu->patience_ns;
        }
    }
}

static void kernel_leave(struct sim *sim, struct sim_cpu *cpu)
{
    uint32_t number = number_of(sim, cpu);
    struct sim_task *before = cpu->current, *next = next_of(sim, cpu);
    uint64_t slice_ns = cpu->slice_ns;
    int now = before ? (int)before->placed.priority : -1, top = runq_top(&cpu->runq);
    bool stolen = next && next->stolen;
    if (next)
        start(sim, cpu, next);
    if (next && before) {
        before->state = SIM_SLEEPS;
        if (!cpu->slice_over && slice_ns != SIM_NEVER) /* or who is often interrupted never makes way for an equal */
            before->slice_left_ns = slice_ns > sim->now_ns ? slice_ns - sim->now_ns : 0;
        place(sim, before, number, cpu->slice_over ? SLICE_OVER : PREEMPTED);
    }
    if (stolen && top > now) {
        struct sim_task *late = first_of(sim, number, (uint32_t)top);
        dequeue(sim, late);
        place(sim, late, number, PREEMPTED);
    }
    cpu->slice_ns = cpu->slice_over ? SIM_NEVER : cpu->slice_ns;
    cpu->slice_over = false;
    cpu->leave_ns = SIM_NEVER;
    cpu->since_ns = sim->now_ns;
    timers_set(sim, cpu);
    view_update(sim, cpu);
}

static void hand_on(struct sim *sim, struct sim_task *task, uint32_t from, uint32_t to)
{
    dequeue(sim, task);
    if (placement_needs_ipi(&sim->view, to, task->placed.priority, from))
        send_ipi(sim, to);
    count_steal(sim, from, to);
    enqueue(sim, to, task, false);
}

static void patience_over(struct sim *sim, uint32_t number)
{
    for (uint32_t ready = sim->cpus[number].runq.ready; ready; ready &= ready - 1) {
        struct link *head = &sim->cpus[number].runq.queues[__builtin_ctz(ready)], *next;
        for (struct link *at = head->next; at != head; at = next) {
            struct sim_task *task = LIST_OWNER(at, struct sim_task, link);
            next = at->next;
            if (sim->now_ns - task->queued_ns < PLACEMENT_PATIENCE_NS)
                continue;
            uint32_t to = placement_overdue(&sim->view, &task->placed);
            task->queued_ns = sim->now_ns;
            if (to != PLACEMENT_NONE)
                hand_on(sim, task, number, to);
        }
    }
}

static void run_over(struct sim *sim, struct sim_cpu *cpu)
{
    struct sim_task *task = cpu->current;
    task->state = SIM_SLEEPS;
    task->due_ns = sim->now_ns + between(sim, task->sleep_ns_min, task->sleep_ns_max);
    heap_push(sim, task);
    cpu->current = NULL;
    cpu->slice_ns = SIM_NEVER;
    view_update(sim, cpu);
    for (uint32_t i = 0; task->partner < SIM_TASKS_MAX && i < sim->heap_count; i++) {
        if (sim->heap[i] != &sim->tasks[task->partner])
            continue;
        heap_take(sim, i);
        wake(sim, &sim->tasks[task->partner], number_of(sim, cpu));
        break;
    }
}

/* ---- What must hold ------------------------------------------------------------------------------------------------ */

static bool will_look(const struct sim *sim, uint32_t cpu)
{
    return sim->cpus[cpu].leave_ns != SIM_NEVER || sim->cpus[cpu].ipi_ns != SIM_NEVER;
}

static int urgency_of(const struct sim_cpu *cpu)
{
    int now = cpu->current ? (int)cpu->current->placed.priority : -1, top = runq_top(&cpu->runq);
    return now > top ? now : top;
}

static void check_waiting(struct sim *sim, uint32_t at, struct sim_task *task)
{
    uint64_t allowed = task->placed.affinity & sim->machine.online,
             idle = allowed & sim->view.idle & ~sim->view.waiting;
    uint64_t since = task->neglected_ns;
    task->neglected_ns = !idle ? SIM_NEVER : since == SIM_NEVER ? sim->now_ns : since;
    if (since != SIM_NEVER)
        longest(&sim->figures.neglected_ns, sim->now_ns - since);
    if (!sim->check)
        return;
    for (uint64_t left = allowed; left; left &= left - 1) {
        uint32_t cpu = (uint32_t)__builtin_ctzl(left);
        if (will_look(sim, cpu))
            continue;
        if (task->placed.priority >= sim->machine.urgent || node_of(sim, cpu) == node_of(sim, at))
            assert_true(urgency_of(&sim->cpus[cpu]) >= (int)task->placed.priority);
    }
}

static void sim_check(struct sim *sim)
{
    for (uint64_t left = sim->view.waiting; left; left &= left - 1) {
        uint32_t at = (uint32_t)__builtin_ctzl(left);
        struct sim_cpu *cpu = &sim->cpus[at];
        int now = cpu->current ? (int)cpu->current->placed.priority : -1, top = runq_top(&cpu->runq);
        if (top > now)
            assert_true(will_look(sim, at)); /* no wake-up is lost */
        for (uint32_t ready = cpu->runq.ready; ready; ready &= ready - 1) {
            uint32_t priority = (uint32_t)__builtin_ctz(ready);
            struct link *head = &cpu->runq.queues[priority], *first = head->next;
            if ((int)priority == top && top > now) { /* the first is on its way in */
                LIST_OWNER(first, struct sim_task, link)->neglected_ns = SIM_NEVER;
                first = first->next;
            }
            for (; first != head; first = first->next)
                check_waiting(sim, at, LIST_OWNER(first, struct sim_task, link));
        }
    }
}

/* ---- Time ------------------------------------------------------------------------------------------------------------ */

static uint64_t first_event(const struct sim_cpu *cpu)
{
    uint64_t first = cpu->ipi_ns < cpu->slice_ns ? cpu->ipi_ns : cpu->slice_ns;
    if (cpu->leave_ns != SIM_NEVER)
        return cpu->leave_ns; /* interrupts are off */
    first = cpu->patience_ns < first ? cpu->patience_ns : first;
    if (cpu->current && cpu->current->left_ns != SIM_NEVER && cpu->since_ns + cpu->current->left_ns < first)
        first = cpu->since_ns + cpu->current->left_ns;
    return first;
}

static void cpu_event(struct sim *sim, struct sim_cpu *cpu)
{
    if (cpu->leave_ns != SIM_NEVER) {
        kernel_leave(sim, cpu);
        return;
    }
    kernel_enter(sim, cpu);
    if (cpu->ipi_ns <= sim->now_ns)
        cpu->ipi_ns = SIM_NEVER;
    if (cpu->slice_ns <= sim->now_ns)
        cpu->slice_over = true;
    if (cpu->patience_ns <= sim->now_ns) {
        cpu->patience_ns = SIM_NEVER;
        patience_over(sim, number_of(sim, cpu));
    }
    if (cpu->current && cpu->current->left_ns == 0)
        run_over(sim, cpu);
}

/* An interrupt for a sleeping task comes where it ran last, or anywhere. */
static void interrupt(struct sim *sim)
{
    struct sim_task *task = sim->heap[0];
    heap_take(sim, 0);
    wake(sim, task, sim_random(sim, 4) ? task->placed.last_cpu : sim_random(sim, sim->machine.cpu_count));
}

void sim_run(struct sim *sim, uint64_t until_ns)
{
    for (;;) {
        struct sim_cpu *next = NULL;
        uint64_t first = sim->heap_count ? sim->heap[0]->due_ns : SIM_NEVER;
        for (uint32_t i = 0; i < sim->machine.cpu_count; i++) {
            uint64_t event = first_event(&sim->cpus[i]);
            if (event < first) {
                first = event;
                next = &sim->cpus[i];
            }
        }
        if (first > until_ns)
            break;
        sim->now_ns = first > sim->now_ns ? first : sim->now_ns;
        if (next)
            cpu_event(sim, next);
        else
            interrupt(sim);
        if (sim->view.waiting)
            sim_check(sim);
    }
    sim->now_ns = until_ns;
}

void sim_init(struct sim *sim, const struct numa *numa, uint32_t cpu_count, const uint8_t *node_of, uint64_t seed)
{
    memset(sim, 0, sizeof(*sim));
    sched_machine_init(&sim->machine, numa, cpu_count, node_of);
    sim->view.machine = &sim->machine;
    sim->random = seed * 2654435761u + 88172645463325252ul;
    sim->check = true;
    for (uint32_t i = 0; i < cpu_count; i++) {
        struct sim_cpu *cpu = &sim->cpus[i];
        runq_init(&cpu->runq);
        cpu->ipi_ns = cpu->leave_ns = cpu->slice_ns = cpu->patience_ns = SIM_NEVER;
        view_update(sim, cpu);
    }
}

struct sim_task *sim_task_add(struct sim *sim, uint32_t priority, uint64_t affinity, uint32_t home)
{
    struct sim_task *task = &sim->tasks[sim->task_count++];
    *task = (struct sim_task){
        .partner = SIM_TASKS_MAX, .sleep_ns_max = 1, .neglected_ns = SIM_NEVER, .slice_left_ns = SIM_NEVER};
    task->placed = (struct sched_task){
        .affinity = affinity, .last_cpu = (uint32_t)__builtin_ctzl(affinity), .home_node = home, .priority = priority};
    list_init(&task->link);
    task->due_ns = sim->now_ns + sim_random(sim, 1000000);
    heap_push(sim, task);
    return task;
}

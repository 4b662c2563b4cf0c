#include "tests/unit/trace_synth_parts.h"
#include <stdio.h>
#include <string.h>

enum { FIRST_TASK = 12, IPI_VECTOR = 0xfd, TIMER_VECTOR = 0xef, TASKS_PER_CPU = 3 };
enum state { WAITS, READY, RUNS };
static struct task {
    enum state state;
    uint32_t id, cpu; /* cpu: where it runs, ran last, or in whose queue it is */
    uint64_t since;   /* READY: order in the queue */
} tasks[SYNTH_CPUS * TASKS_PER_CPU];
static uint32_t task_count, last_id;
static uint64_t now, order;

static uint32_t node_of(const struct synth *s, uint32_t cpu)
{
    return cpu * s->options->nodes / s->options->cpus;
}

static void pass(struct synth *s, struct synth_cpu *cpu, uint64_t least_ns, uint64_t most_ns)
{
    now += least_ns + synth_chance(s, most_ns - least_ns + 1);
    cpu->now = now;
}

/* ---- tasks ---- */

static struct task *on(const struct synth_cpu *cpu)
{
    for (uint32_t i = 0; cpu->current && i < task_count; i++) {
        if (tasks[i].id == cpu->current)
            return &tasks[i];
    }
    return NULL;
}

static struct task *first_ready(uint32_t cpu)
{
    struct task *first = NULL;
    for (uint32_t i = 0; i < task_count; i++) {
        struct task *task = &tasks[i];
        if (task->state == READY && task->cpu == cpu && (!first || task->since < first->since))
            first = task;
    }
    return first;
}

static struct task *any(struct synth *s, enum state state)
{
    uint32_t start = (uint32_t)synth_chance(s, task_count);
    for (uint32_t i = 0; i < task_count; i++) {
        if (tasks[(start + i) % task_count].state == state)
            return &tasks[(start + i) % task_count];
    }
    return NULL;
}

static void start(struct synth *s, struct synth_cpu *cpu, struct task *task)
{
    char name[16];
    *task = (struct task){.state = READY, .id = ++last_id, .cpu = cpu->id, .since = ++order};
    snprintf(name, sizeof name, "work%u", task->id);
    EVENT1(TaskStart, PAIR(task->id, cpu->current));
    synth_name(s, cpu, TRACE_TaskName, PAIR(task->id, node_of(s, cpu->id)), name);
}

static void migrate(struct synth *s, struct synth_cpu *cpu, struct task *task, uint32_t to,
                    enum trace_migrate_reason why)
{
    if (task->cpu != to)
        EVENT2(Migrate, PAIR(task->id, why), PAIR(task->cpu, to));
    task->cpu = to;
}

static void switch_to(struct synth *s, struct synth_cpu *cpu, struct task *task, enum trace_switch_reason why)
{
    EVENT2(ContextSwitch, PAIR(cpu->current, task ? task->id : 0), cpu->current ? why : TRACE_SWITCH_IDLE);
    cpu->current = task ? task->id : 0;
    if (task)
        *task = (struct task){.state = RUNS, .id = task->id, .cpu = cpu->id};
}

/* ---- what happens ---- */

static void wake(struct synth *s, struct synth_cpu *cpu)
{
    struct task *task = any(s, WAITS);
    uint32_t to = (uint32_t)synth_chance(s, s->options->cpus);
    if (!task)
        return;
    EVENT1(Wakeup, PAIR(task->id, cpu->current));
    pass(s, cpu, 50, 300);
    if (synth_chance(s, 2))
        migrate(s, cpu, task, to, (enum trace_migrate_reason)synth_chance(s, TRACE_MIGRATE_STEAL_NEAR));
    task->state = READY;
    task->since = ++order;
    if (task->cpu != cpu->id)
        EVENT1(CpuIpi, PAIR(task->cpu, TRACE_IPI_WAKE));
}

static void interrupt(struct synth *s, struct synth_cpu *cpu)
{
    uint32_t vector = synth_chance(s, 2) ? IPI_VECTOR : TIMER_VECTOR;
    EVENT1(IrqEntry, PAIR(vector, cpu->current));
    pass(s, cpu, 100, 900);
    if (vector == TIMER_VECTOR)
        wake(s, cpu);
    pass(s, cpu, 100, 900);
    EVENT1(IrqExit, PAIR(vector, cpu->current));
}

static void steal(struct synth *s, struct synth_cpu *cpu)
{
    struct task *task = any(s, READY);
    if (!task || task->cpu == cpu->id)
        return;
    bool far = node_of(s, task->cpu) != node_of(s, cpu->id);
    migrate(s, cpu, task, cpu->id, far ? TRACE_MIGRATE_STEAL_FAR : TRACE_MIGRATE_STEAL_NEAR);
    pass(s, cpu, 100, 500);
    switch_to(s, cpu, task, TRACE_SWITCH_IDLE);
}

/* A task that runs elsewhere: its CPU leaves it before the killer goes on. */
static void kill_another(struct synth *s, struct synth_cpu *cpu)
{
    struct task *victim = any(s, RUNS);
    if (!victim || victim->cpu == cpu->id)
        return;
    struct synth_cpu *other = &s->cpus[victim->cpu];
    EVENT1(CpuIpi, PAIR(other->id, TRACE_IPI_LEAVE));
    pass(s, other, 100, 500);
    synth_event(s, other, TRACE_ContextSwitch, 2, PAIR(victim->id, 0), TRACE_SWITCH_END, 0);
    other->current = 0;
    pass(s, cpu, 100, 500);
    EVENT1(TaskExit, PAIR(victim->id, -1));
    start(s, cpu, victim);
}

static void make_way(struct synth *s, struct synth_cpu *cpu, struct task *task)
{
    struct task *next = first_ready(cpu->id);
    if (!next)
        return;
    uint32_t to = (uint32_t)synth_chance(s, s->options->cpus);
    if (synth_chance(s, 3) == 0)
        migrate(s, cpu, task, to, TRACE_MIGRATE_ELSEWHERE);
    switch_to(s, cpu, next, synth_chance(s, 2) ? TRACE_SWITCH_SLICE : TRACE_SWITCH_URGENT);
    task->state = READY;
    task->since = ++order;
}

static void block(struct synth *s, struct synth_cpu *cpu, struct task *task)
{
    EVENT2(Block, PAIR(task->id, TRACE_WAIT_MESSAGE), task->id + 100);
    task->state = WAITS;
    pass(s, cpu, 100, 500);
    switch_to(s, cpu, first_ready(cpu->id), TRACE_SWITCH_WAIT);
}

static void step_busy(struct synth *s, struct synth_cpu *cpu, struct task *task)
{
    uint64_t dice = synth_chance(s, 100);
    if (dice < 30)
        interrupt(s, cpu);
    else if (dice < 65)
        block(s, cpu, task);
    else if (dice < 90)
        make_way(s, cpu, task);
    else if (dice < 98)
        wake(s, cpu);
    else
        kill_another(s, cpu);
}

static void step(struct synth *s, struct synth_cpu *cpu)
{
    struct task *task = on(cpu);
    pass(s, cpu, 2000, 300000);
    if (synth_chance(s, 6) == 0)
        EVENT1(LockWait, 1000 + synth_chance(s, 20000));
    if (task)
        step_busy(s, cpu, task);
    else if (first_ready(cpu->id) && synth_chance(s, 2))
        switch_to(s, cpu, first_ready(cpu->id), TRACE_SWITCH_IDLE);
    else if (synth_chance(s, 2))
        steal(s, cpu);
    else
        interrupt(s, cpu);
    pass(s, cpu, 100, 1000);
    if (synth_chance(s, 20) == 0)
        EVENT1(CpuIpi, PAIR(synth_chance(s, s->options->cpus), TRACE_IPI_FLUSH));
    if (synth_chance(s, 15) == 0)
        EVENT1(LockHold, 100000 + synth_chance(s, 200000));
}

void synth_smp(struct synth *s)
{
    struct synth_cpu *cpu = &s->cpus[0];
    memset(tasks, 0, sizeof tasks);
    task_count = TASKS_PER_CPU * s->options->cpus;
    last_id = FIRST_TASK - 1;
    order = 0;
    now = s->options->start_ns + 1000 * s->options->cpus;
    cpu->now = now;
    for (uint32_t i = 0; i < s->options->cpus; i++)
        EVENT1(CpuNode, PAIR(i, node_of(s, i)));
    for (uint32_t i = 0; i < task_count; i++)
        start(s, cpu, &tasks[i]);
    while (s->result->events < s->options->events)
        step(s, &s->cpus[synth_chance(s, s->options->cpus)]);
    for (uint32_t i = 0; i < s->options->cpus; i++)
        s->cpus[i].now = now;
}

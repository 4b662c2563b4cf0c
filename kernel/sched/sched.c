#include "kernel/sched/sched.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/log.h"
#include "kernel/x86/paging.h"
#include "kernel/x86/platform.h"

#define SLICE_NS 10000000ul /* round robin among equals */
#define CHORE_BUDGET 64

static struct task idle_tasks[CPU_MAX];
static struct link chores; /* struct chore, most urgent first */

void sched_init_cpu(struct cpu *cpu)
{
    struct task *idle = &idle_tasks[cpu->id];
    if (cpu->id == 0)
        list_init(&chores);
    runq_init(&cpu->runq);
    list_init(&cpu->timers);
    cpu->slice_end_ns = cpu->overdue_ns = UINT64_MAX;
    cpu->chore_priority = -1;
    cpu->user_root = paging_kernel_root;
    cpu->fpu_trapping = true; /* cpu_init */
    idle->state = TASK_READY;
    idle->cpu = cpu->id;
    __builtin_memcpy(idle->name, "idle", 5);
    cpu->current = idle;
    cpu->inside = &kernel_inside[cpu->id].inside;
    cpu->trace = &trace_rings[cpu->id];
    cpu->switched_in_tsc = rdtsc();
}

bool sched_is_idle(const struct cpu *cpu)
{
    return cpu->current == &idle_tasks[cpu->id];
}

uint64_t sched_idle_tsc(uint32_t cpu)
{
    uint64_t ticks = idle_tasks[cpu].cpu_time_tsc;
    return cpus[cpu].current == &idle_tasks[cpu] ? ticks + rdtsc() - cpus[cpu].switched_in_tsc : ticks;
}

/* ---- timers ---- */

/* The local timer is only set anew when it would fire too late: an early one finds nothing due and sets the next. */
void sched_timer_update(struct cpu *cpu)
{
    if (cpu != cpu_this())
        return; /* it is kicked, and does so itself */
    uint64_t first = timerq_first_ns(&cpu->timers);
    if (cpu->slice_end_ns < first)
        first = cpu->slice_end_ns;
    if (cpu->overdue_ns < first)
        first = cpu->overdue_ns;
    if (first < cpu->timer_armed_ns) {
        cpu->timer_armed_ns = first;
        apic_timer_arm(first);
    }
}

/* Deadlines beyond this (36 years of running) are as good as never, and would overflow when turned into ticks. */
#define DEADLINE_FAR_NS (1ul << 60)

void sched_timer_add(struct task *task, uint64_t deadline_ns)
{
    if (deadline_ns > DEADLINE_FAR_NS)
        return;
    task->timer.deadline_ns = deadline_ns;
    timerq_insert(&cpu_this()->timers, &task->timer);
    sched_timer_update(cpu_this());
}

void sched_timer_interrupt(void)
{
    struct cpu *cpu = cpu_this();
    uint64_t now = clock_ns();
    cpu->timer_armed_ns = UINT64_MAX;
    TRACE1(SCHED, TimerTick, now);
    while (timerq_first_ns(&cpu->timers) <= now) {
        struct link *first = cpu->timers.next;
        task_wait_cancel(LIST_OWNER(first, struct task, timer.link), ERR_TIMED_OUT);
    }
    if (cpu->slice_end_ns <= now) {
        cpu->slice_end_ns = UINT64_MAX;
        cpu->resched = RESCHED_SLICE_OVER;
    }
    if (cpu->overdue_ns <= now)
        balance_overdue(cpu, now);
    sched_timer_update(cpu);
}

/* ---- ready and waiting ---- */

void sched_slice_begin(struct cpu *cpu)
{
    if (cpu->slice_end_ns != UINT64_MAX)
        return;
    cpu->slice_end_ns = clock_ns() + SLICE_NS;
    sched_timer_update(cpu);
}

void sched_kicked(struct cpu *cpu)
{
    kernel_lock_let_pass(cpu);
    sched_timer_update(cpu);
}

void sched_remove(struct task *task)
{
    if (!list_empty(&task->run_link))
        balance_remove(task);
    list_remove(&task->timer.link);
}

void task_wake(struct task *task, status_t status)
{
    struct task *by = task_this();
    list_remove(&task->timer.link);
    list_remove(&task->server_link);
    task->server = NULL;
    task->state = TASK_READY;
    task->wake_status = status;
    TRACE1_WITH(task_id(task), SCHED, Wakeup, TRACE_WORD(task_id(task), task_id(by)));
    balance_ready(task);
}

void task_block(struct task *task, enum task_state state, const struct channel *channel, void (*finish)(struct task *),
                uint64_t deadline_ns)
{
    task->state = state;
    task->finish = finish;
    TRACE2(SCHED, Block, TRACE_WORD(task_id(task), state), channel->object.id);
    if (deadline_ns != DEADLINE_NEVER)
        sched_timer_add(task, deadline_ns);
}

/* ---- who runs ---- */

/* Why the current task makes way for `next`. */
static enum trace_switch_reason switch_reason(const struct cpu *cpu, const struct task *next)
{
    static const uint8_t reasons[] = {
        [TASK_NEW] = TRACE_SWITCH_END,       [TASK_RECEIVING] = TRACE_SWITCH_WAIT, [TASK_CALLING] = TRACE_SWITCH_WAIT,
        [TASK_REPLYING] = TRACE_SWITCH_WAIT, [TASK_FAULTED] = TRACE_SWITCH_END,    [TASK_DEAD] = TRACE_SWITCH_END};
    const struct task *from = cpu->current;
    if (sched_is_idle(cpu))
        return TRACE_SWITCH_IDLE;
    if (from->state != TASK_READY)
        return reasons[from->state];
    return next->priority > from->priority ? TRACE_SWITCH_URGENT : TRACE_SWITCH_SLICE;
}

void sched_switch_to(struct cpu *cpu, struct task *next)
{
    if (cpu->current == next)
        return;
    TRACE2_WITH(task_id(next), SCHED, ContextSwitch, TRACE_WORD(task_id(cpu->current), task_id(next)),
                switch_reason(cpu, next));
    next->cpu = cpu->id;
    sched_switch_bare(cpu, next, next->root == cpu->user_root ? 0 : next->root, rdtsc());
}

void chore_add(struct chore *chore, bool (*step)(struct chore *chore, uint32_t *budget), uint32_t priority)
{
    struct link *before = chores.next;
    while (before != &chores && LIST_OWNER(before, struct chore, link)->priority >= priority)
        before = before->next;
    chore->step = step;
    chore->priority = priority;
    list_add_before(before, &chore->link);
    if (!cpu_this()->resched)
        cpu_this()->resched = RESCHED_MORE_URGENT; /* before the current task goes on */
}

/* A step of the most urgent chore, unless a more urgent task is ready. */
static bool sched_chore(struct cpu *cpu)
{
    uint32_t budget = CHORE_BUDGET;
    cpu->chore_priority = -1;
    if (list_empty(&chores))
        return false;
    struct chore *chore = LIST_OWNER(chores.next, struct chore, link);
    cpu->chore_priority = (int32_t)chore->priority;
    if (runq_top(&cpu->runq) > (int)chore->priority)
        return false;
    list_remove(&chore->link);
    if (!chore->step(chore, &budget))
        list_push_front(&chores, &chore->link);
    return true;
}

/* With several CPUs only who runs a task has its address space: nobody else need be asked when that changes. */
static void leave_address_space(struct cpu *cpu)
{
    if (cpu_count == 1 || cpu->user_root == paging_kernel_root)
        return;
    cpu->user_root = paging_kernel_root;
    paging_load(paging_kernel_root);
}

void sched_leave(const struct task *task)
{
    struct cpu *cpu = cpu_this();
    if (cpu->current == task)
        sched_switch_to(cpu, &idle_tasks[cpu->id]);
}

/* Other CPUs may come in. One of them may take and run the task that ran here last. */
static void let_others_in(struct cpu *cpu)
{
    if (cpu_count > 1)
        sched_switch_to(cpu, &idle_tasks[cpu->id]);
    leave_address_space(cpu);
    preempt_window();
}

bool sched_panic_when_idle; /* boot option panictest: services have started by then */

void sched_evict(struct task *task)
{
    struct cpu *cpu = &cpus[task->cpu];
    if (cpu == cpu_this() || cpu->current != task)
        return;
    cpu_ask(cpu, CPU_ASK_LEAVE);
    task->cpu_time_tsc += rdtsc() - cpu->switched_in_tsc;
    cpu->switched_in_tsc = rdtsc();
    cpu->current = &idle_tasks[cpu->id];
}

static void sched_idle(struct cpu *cpu)
{
    if (sched_panic_when_idle)
        panic(NULL, "panictest on the boot line");
    sched_switch_to(cpu, &idle_tasks[cpu->id]);
    leave_address_space(cpu);
    cpu->resched = 0;
    cpu_idle_wait();
}

static void slice_start(struct cpu *cpu, struct task *task)
{
    cpu->slice_end_ns = UINT64_MAX;
    if (!(cpu->runq.ready & 1u << task->priority))
        return;
    cpu->slice_end_ns = clock_ns() + (task->slice_left_ns ? task->slice_left_ns : SLICE_NS);
    task->slice_left_ns = 0;
    sched_timer_update(cpu);
}

/* The task could go on but makes way: behind its equals when its slice is over, else in front of them, with what is left of
 * the slice. A whole one each time would keep an equal waiting for ever beside a task that is often interrupted. */
static void make_way(struct cpu *cpu, struct task *task)
{
    uint64_t now = cpu->slice_end_ns == UINT64_MAX ? 0 : clock_ns();
    bool slice_over = cpu->resched == RESCHED_SLICE_OVER || cpu->slice_end_ns <= now;
    task->slice_left_ns = now && !slice_over ? cpu->slice_end_ns - now : 0;
    balance_make_way(cpu, task, slice_over);
}

/* Entered with an empty stack (sched_dispatch). The loop ends in user mode. */
_Noreturn void sched_loop(void)
{
    struct cpu *cpu = cpu_this();
    for (;;) {
        if (cpu->left)
            fpu_forget(cpu);
        cpu->left = false;
        if (cpu->current->state == TASK_DEAD) /* another CPU may take it apart as soon as it gets the lock */
            sched_leave(cpu->current);
        if (sched_chore(cpu)) {
            let_others_in(cpu);
            continue;
        }
        struct task *task = balance_next(cpu);
        if (!task) {
            sched_idle(cpu);
            continue;
        }
        cpu->resched = 0;
        sched_switch_to(cpu, task);
        slice_start(cpu, task);
        void (*finish)(struct task *) = task->finish;
        task->finish = NULL;
        if (finish)
            finish(task);
        if (cpu->current != task || task->state != TASK_READY)
            continue;
        if (finish)
            TRACE1(SYSCALL, SyscallExit, TRACE_WORD(task_id(task), task->context.rax));
        if (!cpu->resched)
            task_resume(task);
        make_way(cpu, task);
    }
}

/* The current task could go on, but a more urgent one is ready or its slice is over. */
_Noreturn void sched_preempt(void)
{
    struct cpu *cpu = cpu_this();
    make_way(cpu, cpu->current);
    sched_dispatch();
}

/* What was just made ready is more urgent than the current task but need not run before that waits: at most a slice. */
void sched_no_hurry(void)
{
    struct cpu *cpu = cpu_this();
    if (cpu->resched != RESCHED_MORE_URGENT)
        return;
    cpu->resched = RESCHED_NO;
    sched_slice_begin(cpu);
}

/* Gives way to equals that are ready. */
void sched_yield(struct task *task)
{
    struct cpu *cpu = cpu_this();
    if (!list_empty(&cpu->runq.queues[task->priority]))
        cpu->resched = RESCHED_SLICE_OVER;
}

/* The scheduler: fixed priorities with round robin, a run queue per CPU, one-shot timers.
 * Rules: kernel lock held. A task is in the run queue, or current, or waits; never two of these. */
#pragma once
#include "kernel/sched/balance.h"
#include "kernel/sched/fpu.h"
#include "kernel/sched/kernel_lock.h"
#include "kernel/sched/runq.h"
#include "kernel/sched/task.h"
#include "kernel/x86/platform.h"

enum { RESCHED_NO = 0, RESCHED_MORE_URGENT = 1, RESCHED_SLICE_OVER = 2 };

void sched_timer_add(struct task *task, uint64_t deadline_ns);
/* The wait that ended had this deadline. */
static inline uint64_t sched_deadline_take(struct task *task)
{
    uint64_t deadline_ns = task->timer.deadline_ns;
    task->timer.deadline_ns = DEADLINE_NEVER;
    return deadline_ns;
}
bool sched_is_idle(const struct cpu *cpu);
void sched_slice_begin(struct cpu *cpu);   /* an equal waits */
void sched_timer_update(struct cpu *cpu);  /* its deadlines have changed */
void cpu_idle_wait(void);                  /* entry.asm */
extern bool sched_panic_when_idle;         /* boot option panictest */
void sched_leave(const struct task *task); /* its struct goes in a moment: not current from now on */
uint64_t sched_idle_tsc(uint32_t cpu);
void sched_kicked(struct cpu *cpu);  /* an interrupt from another CPU: cpu->resched or its slice may be new */
void sched_evict(struct task *task); /* off the CPU that it runs on, if that is another than this */
_Noreturn void sched_loop(void);
_Noreturn void sched_preempt(void);
/* entry.asm: back to a task that waited in a system call, with these results. */
_Noreturn void task_resume_short(struct task *task, int64_t value, uint64_t second);
void preempt_window(void); /* entry.asm: takes pending interrupts inside a long operation */
void task_wait_cancel(struct task *task, status_t status); /* ends a wait from outside: time-out, death */

/* The bare switch to another task: accounting, address space (0: whatever is loaded), FPU trap. The caller records it
 * in the trace. */
static inline void sched_switch_bare(struct cpu *cpu, struct task *next, uint64_t root, uint64_t tsc)
{
    cpu->current->cpu_time_tsc += tsc - cpu->switched_in_tsc;
    cpu->switched_in_tsc = tsc;
    cpu->current = next;
    cpu->switches++;
    next->switches++;
    if (root) {
        cpu->user_root = root;
        __asm__ volatile("mov %0, %%cr3" ::"r"(root) : "memory");
    }
    fpu_switch(cpu, next);
}

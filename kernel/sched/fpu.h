/* FPU state, kept for the tasks that use it: the registers stay with their last user until another task's first FPU
 * instruction traps (#NM). Intel SDM vol. 3 §2.5, §13.4. Kernel lock held.
 *
 * With several CPUs a task's state is saved when it makes way, for the next CPU may be another; the registers still are its
 * own if it comes back to this CPU and ran on no other. */
#pragma once
#include "kernel/sched/task.h"

status_t fpu_trap(struct task *task); /* OK: go on; ERR_QUOTA or ERR_NO_MEMORY: no place for the state */
void fpu_task_ended(struct task *task);
void fpu_forget(struct cpu *cpu);              /* whose task has ended elsewhere */
void fpu_switch_slow(const struct task *next); /* ipc_short.asm */
void fpu_set_trap(struct cpu *cpu, bool on);

/* At every switch: trap unless the registers are the next task's. While nobody owns them the trap is on. */
static inline void fpu_switch(struct cpu *cpu, const struct task *next)
{
    if (__builtin_expect(cpu->fpu_owner == NULL, 1))
        return;
    bool trap = cpu->fpu_owner != next || next->fpu_cpu != cpu->id;
    if (trap != (bool)cpu->fpu_trapping)
        fpu_set_trap(cpu, trap);
}

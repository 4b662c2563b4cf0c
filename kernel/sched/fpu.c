#include <string.h>
#include "kernel/sched/fpu.h"
#include "kernel/memory/slab.h"

#define FPU_STATE_BYTES 512
#define CR0_TS (1ul << 3)

static void fpu_save(const struct task *task)
{
    __asm__ volatile("fxsave64 (%0)" ::"r"(task->fpu) : "memory");
}

void fpu_set_trap(struct cpu *cpu, bool on)
{
    if (on) {
        uint64_t cr0;
        if (cpu_count > 1 && cpu->fpu_owner && !cpu->fpu_trapping)
            fpu_save(cpu->fpu_owner);
        __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
        __asm__ volatile("mov %0, %%cr0" ::"r"(cr0 | CR0_TS));
    } else {
        __asm__ volatile("clts");
    }
    cpu->fpu_trapping = on;
}

/* For ipc_short.asm, after it made `next` current. */
void fpu_switch_slow(const struct task *next)
{
    fpu_switch(cpu_this(), next);
}

/* FXSAVE's area of a task that starts: x87 control word 0x37f, MXCSR 0x1f80 (all exceptions masked), the rest 0. */
static status_t fpu_state_create(struct task *task)
{
    status_t status = OK;
    task->fpu = slab_alloc(task->account, SLAB_CLASS_OF(FPU_STATE_BYTES), &status);
    if (!task->fpu)
        return status;
    memset(task->fpu, 0, FPU_STATE_BYTES);
    *(uint16_t *)task->fpu = 0x37f;
    *(uint32_t *)((uint8_t *)task->fpu + 24) = 0x1f80;
    return OK;
}

status_t fpu_trap(struct task *task)
{
    struct cpu *cpu = cpu_this();
    if (!task->fpu) {
        status_t status = fpu_state_create(task);
        if (status)
            return status;
    }
    fpu_set_trap(cpu, false);
    if (cpu_count == 1 && cpu->fpu_owner)
        fpu_save(cpu->fpu_owner);
    __asm__ volatile("fxrstor64 (%0)" ::"r"(task->fpu) : "memory");
    cpu->fpu_owner = task;
    task->fpu_cpu = cpu->id;
    return OK;
}

void fpu_forget(struct cpu *cpu)
{
    cpu->fpu_owner = NULL;
    if (!cpu->fpu_trapping)
        fpu_set_trap(cpu, true);
}

void fpu_task_ended(struct task *task)
{
    for (uint32_t i = 0; i < cpu_count; i++)
        if (cpus[i].fpu_owner == task)
            cpus[i].fpu_owner = NULL;
    if (!cpu_this()->fpu_owner)
        fpu_set_trap(cpu_this(), true);
    if (!task->fpu)
        return;
    slab_free(task->fpu);
    task->fpu = NULL;
}

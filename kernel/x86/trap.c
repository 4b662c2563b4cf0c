/* What comes in other than by SYSCALL: interrupts, and exceptions of tasks and of the kernel. */
#include "kernel/irq/device.h"
#include "kernel/sched/sched.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/log.h"
#include "kernel/x86/platform.h"
#include "kernel/x86/trap.h"

#define VECTOR_NO_FPU 7
#define VECTOR_PAGE_FAULT 14
#define VECTOR_EXCEPTIONS 32

struct extable_entry {
    uint64_t fault_ip, fixup_ip;
};
extern const struct extable_entry extable_start[], extable_end[]; /* kernel.ld */

static uint64_t read_cr2(void)
{
    uint64_t address;
    __asm__ volatile("mov %%cr2, %0" : "=r"(address));
    return address;
}

static void interrupt_handle(const struct trap_frame *frame)
{
    struct cpu *cpu = cpu_this();
    uint32_t vector = (uint32_t)frame->vector;
    cpu->interrupts++;
    TRACE1(IRQ, IrqEntry, TRACE_WORD(vector, task_id(cpu->current)));
    if (vector == VECTOR_TIMER)
        sched_timer_interrupt();
    else if (vector == VECTOR_IPI)
        sched_kicked(cpu);
    else
        irq_interrupt(vector);
    if (vector != VECTOR_SPURIOUS)
        apic_eoi();
    random_stir(rdtsc());
    TRACE1(IRQ, IrqExit, TRACE_WORD(vector, task_id(cpu->current)));
}

static void context_save(struct task *task, const struct trap_frame *frame)
{
    task->context = (struct context){.rip = frame->rip,
                                     .rflags = frame->rflags,
                                     .rsp = frame->rsp,
                                     .rbx = frame->rbx,
                                     .rbp = frame->rbp,
                                     .r12 = frame->r12,
                                     .r13 = frame->r13,
                                     .r14 = frame->r14,
                                     .r15 = frame->r15,
                                     .rax = frame->rax,
                                     .rdx = frame->rdx,
                                     .full = 1,
                                     .rcx = frame->rcx,
                                     .rsi = frame->rsi,
                                     .rdi = frame->rdi,
                                     .r8 = frame->r8,
                                     .r9 = frame->r9,
                                     .r10 = frame->r10,
                                     .r11 = frame->r11};
}

static void fault_handle(struct task *task, const struct trap_frame *frame)
{
    struct msg_fault fault = {.task_id = task_id(task),
                              .vector = (uint32_t)frame->vector,
                              .error_code = frame->error_code,
                              .address = frame->vector == VECTOR_PAGE_FAULT ? read_cr2() : 0,
                              .ip = frame->rip,
                              .sp = frame->rsp};
    if (frame->vector == VECTOR_PAGE_FAULT) {
        cpu_this()->page_faults++;
        TRACE2(FAULT, PageFault, fault.address, TRACE_WORD(task_id(task), frame->error_code));
    }
    if (frame->vector == VECTOR_NO_FPU && fpu_trap(task) == OK)
        return;
    context_save(task, frame);
    task_stop_for_fault(task, &fault);
    sched_dispatch();
}

/* From user mode. Returns when the same task goes on at once with the registers that it had. */
void trap_user(const struct trap_frame *frame)
{
    struct cpu *cpu = cpu_this();
    struct task *task = cpu->current;
    if (frame->vector >= VECTOR_EXCEPTIONS)
        interrupt_handle(frame);
    if (cpu->left) /* the task was ended while this CPU waited for the lock */
        sched_dispatch();
    if (frame->vector < VECTOR_EXCEPTIONS)
        fault_handle(task, frame);
    if (!cpu->resched)
        return;
    context_save(task, frame);
    sched_preempt();
}

/* A fault inside a user copy goes on where the exception table says. */
static bool fault_fixup(struct trap_frame *frame)
{
    for (const struct extable_entry *e = extable_start; e < extable_end; e++) {
        if (e->fault_ip != frame->rip)
            continue;
        frame->rip = e->fixup_ip;
        return true;
    }
    return false;
}

/* From the kernel: interrupts come while it idles or in a preemption window; an exception is a user copy's, or ours. */
void trap_kernel(struct trap_frame *frame)
{
    if (frame->vector >= VECTOR_EXCEPTIONS)
        interrupt_handle(frame);
    else if ((frame->vector != VECTOR_PAGE_FAULT && frame->vector != 13) || !fault_fixup(frame))
        panic(frame, "exception %u in %s, address 0x%lx", (uint32_t)frame->vector,
              frame->cs & 3 ? "user mode" : "the kernel", read_cr2()); /* NMI and machine check come from either */
}

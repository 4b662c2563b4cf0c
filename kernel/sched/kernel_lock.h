/* The one lock around the kernel. It is taken at every entry from user mode and from idle, and given back on the way out
 * (lock.inc has the assembler's part), so all other kernel code holds it, but for the short path of call and reply_recv:
 * that runs "inside", each CPU for itself, and nobody has the lock meanwhile.
 *
 *      short path                                      all else
 *      kernel_inside[me] = 1   (locked instruction)    held = 1   (locked instruction)
 *      held? then 0 again, and the other way           until all kernel_inside[] are 0: wait, a short path is short
 *      …                                               …
 *      kernel_inside[me] = 0                           held = 0
 *
 * Who wants to go inside and finds the lock held waits for up to 100 us, then asks for the lock: would he ask at once, each
 * would keep the other out of its short path for ever.
 *
 * So IPC on one CPU costs the others nothing, and scales with their number. While one CPU is online the entries skip all of this.
 *
 * Who comes while others wait lets one of them go first: but no longer than 4 us. A queue (ticket, MCS) would be fair without
 * that bound, but hands the lock to a CPU that, as a thread of a hypervisor, may not be running: then each turn costs a time
 * slice of the host's. So that nobody waits for ever all the same, a CPU that has waited for 5 ms says so and interrupts the
 * others, who let it pass.
 *
 * Rules
 *  - Interrupts are off while a CPU holds it, waits for it or is inside.
 *  - Who is inside touches only what is its CPU's alone (ipc_short.asm says what that is), and waits for nothing.
 *  - Who holds it may ask another CPU for something that can't wait (cpu_ask), and waits for the answer. A CPU answers while it
 *    waits for the lock; one in user mode or asleep comes by an interrupt. So whoever waits here answers, or nobody could ask. */
#pragma once
#include "kernel/x86/cpu.h"
#include <abi/trace_events.h>

struct kernel_lock {
    uint32_t held;     /* bit 0 */
    uint32_t waiters;  /* CPUs in kernel_lock_wait() */
    uint32_t turns;    /* how often one of them got it */
    uint32_t starving; /* who has waited for too long: its id + 1; 0: nobody */
};
#define LOCK_POLITE_PER_SECOND 250000 /* for 4 us */
#define LOCK_STARVING_PER_SECOND 200  /* after 5 ms */
#define INSIDE_WAIT_PER_SECOND 10000  /* for 100 us */
#define LOCK_LONG_PER_SECOND 10000    /* held for 100 us: the trace tells */
#define LOCK_WAIT_TOLD_NS 1000u
extern struct kernel_lock kernel_lock;

/* A cache line each. cpu->inside names its own. */
struct kernel_inside {
    uint32_t inside;
} __attribute__((aligned(64)));
extern struct kernel_inside kernel_inside[CPU_MAX];

/* struct cpu.asked: what another CPU wants at once */
#define CPU_ASK_FLUSH 1u /* forget all translations of the user half */
#define CPU_ASK_LEAVE 2u /* its task has ended: off its stack and its address space, to the scheduler */

void kernel_lock_begin(void);               /* once, before the second CPU comes: from now on the entries take it */
void kernel_lock_wait(void);                /* takes it */
void kernel_lock_let_pass(struct cpu *cpu); /* gives it to a CPU that starves, if one does, and takes it again */
/* Returns when `cpu`, another than this, has done it. */
void cpu_ask(struct cpu *cpu, uint32_t what);
/* An interrupt that the trace and the figures know of. */
void cpu_interrupt(const struct cpu *cpu, enum trace_ipi_reason reason);

/* The one lock around the kernel. It is taken at every entry from user mode and from idle, and given back on the way out
 * (lock.inc has the assembler's part), so all other kernel code holds it.
 *
 * Whoever comes first when it is free gets it. A queue (ticket, MCS) would be fair at every turn, but hands the lock to a CPU
 * that, as a thread of a hypervisor, may not be running: then each turn costs a time slice of the host's. Here fairness has a
 * bound instead: a CPU that has waited for 5 ms says so and interrupts the others, who let it pass.
 *
 * Rules
 *  - Interrupts are off while a CPU holds it or waits for it.
 *  - Who holds it may ask another CPU for something that can't wait (cpu_ask), and waits for the answer. A CPU answers while it
 *    waits for the lock; one in user mode or asleep comes by an interrupt. So whoever waits here answers, or nobody could ask. */
#pragma once
#include "kernel/x86/cpu.h"

struct kernel_lock {
    uint8_t held;     /* bit 0 */
    uint8_t starving; /* who has waited for too long: its id + 1; 0: nobody */
};
#define LOCK_STARVING_PER_SECOND 200 /* after 5 ms */
extern struct kernel_lock kernel_lock;

/* struct cpu.asked: what another CPU wants at once */
#define CPU_ASK_FLUSH 1u /* forget all translations of the user half */
#define CPU_ASK_LEAVE 2u /* its task has ended: off its stack and its address space, to the scheduler */

void kernel_lock_wait(void);                /* takes it */
void kernel_lock_let_pass(struct cpu *cpu); /* gives it to a CPU that starves, if one does, and takes it again */
/* Returns when `cpu`, another than this, has done it. */
void cpu_ask(struct cpu *cpu, uint32_t what);
/* Makes `cpu` look at cpu->resched soon; nothing when it will anyway. */
void cpu_kick_other(const struct cpu *cpu);
static inline void cpu_kick(const struct cpu *cpu)
{
    if (cpu != cpu_this())
        cpu_kick_other(cpu);
}

/* The other processors: found in the MADT, started, and handed to the scheduler. */
#pragma once
#include <abi/types.h>

/* Before memory_init(), with the first CPU's APIC on: keeps the page below 1 MiB in which they begin, and resets them; the
 * 10 ms that they need pass while the rest starts. Nothing where the MADT lists one processor, or the boot line says cpus=1. */
void smp_prepare(void);
uint32_t smp_expected(void); /* how many CPUs there will be, if all answer */
/* After sched_init_cpu() of the first: starts them. Those that come are cpus[1] to cpus[cpu_count - 1], in the MADT's order;
 * those that don't are named in the log. They wait for the kernel lock. trace_packets: the size of each one's ring. */
void smp_start(uint32_t trace_packets);
_Noreturn void smp_enter(uint32_t ticket); /* smp_trampoline.asm */

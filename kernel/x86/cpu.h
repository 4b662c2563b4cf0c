/* One struct per processor, found through GS in the kernel. Interrupts are off whenever the kernel runs, and one lock
 * lets one processor in at a time, so no field needs a lock of its own.
 * The assembler files know the first fields by offset (offsets.inc). */
#pragma once
#include "kernel/sched/runq.h"
#include <abi/types.h>

struct task;
struct trace_ring;

#define CPU_MAX 64
#define KERNEL_STACK_SIZE 16384
#define IST_STACK_SIZE 8192

struct gdt_entry_pair; /* private to cpu.c */

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, io_map_base;
} __attribute__((packed));

struct cpu {
    struct cpu *self;         /* gs:0  */
    struct task *current;     /* gs:8  the task whose context is in the CPU; never NULL (idle is a task) */
    uint64_t stack_top;       /* gs:16 kernel stack, empty again at every entry */
    uint64_t scratch;         /* gs:24 user rsp during syscall entry */
    uint64_t user_root;       /* gs:32 physical address in CR3 */
    struct task *fpu_owner;   /* gs:40 whose FPU state is in the registers; NULL: nobody's */
    uint64_t resched;         /* gs:48 a more urgent task became ready */
    uint64_t switched_in_tsc; /* when current began to run */
    uint32_t *inside;         /* kernel_lock.h: in kernel_inside[] */
    uint64_t fpu_trapping;    /* CR0.TS as it stands */
    struct trace_ring *trace;
    struct runq runq;      /* ready tasks, current not among them */
    struct link timers;    /* waits with a deadline, earliest first */
    uint64_t overdue_ns;   /* when to look who has waited for too long in runq; UINT64_MAX: never */
    uint64_t slice_end_ns; /* when current gives way to an equal; UINT64_MAX: there is none */

    uint32_t id, apic_id, node;
    int32_t chore_priority; /* of the chore that it does, its current task being the idle one; -1: none */
    uint64_t gdt[8];
    struct tss tss;
    uint64_t timer_armed_ns; /* what the local timer is set to; UINT64_MAX: off */
    uint64_t switches, interrupts, messages, page_faults;
    uint64_t ipis;                                /* sent */
    uint64_t steals_near, steals_far, migrations; /* of tasks to here; migrations: all of them */
    uint64_t lock_waits, lock_waited_tsc, lock_held_tsc, lock_taken_tsc;

    uint32_t asked; /* CPU_ASK_: by another CPU, which waits until it is 0 */
    bool waiting;   /* for the kernel lock: it looks at resched before it leaves the kernel, and answers meanwhile */
    bool left;      /* its task ended while it waited for the lock */
};

extern struct cpu cpus[CPU_MAX];
extern uint32_t cpu_count;

static inline struct cpu *cpu_this(void)
{
    struct cpu *cpu;
    __asm__("mov %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA 0x1b /* SYSRET order: data, then code */
#define SELECTOR_USER_CODE 0x23
#define SELECTOR_TSS 0x28
#define IST_DOUBLE_FAULT 1
#define IST_NMI 2
#define IST_MACHINE_CHECK 3

#define VECTOR_TIMER 0xef
#define VECTOR_IPI 0xfd
#define VECTOR_IOMMU 0xf0 /* the IOMMU refused something */
#define VECTOR_SPURIOUS 0xff
#define VECTOR_DEVICE_FIRST 0x30
#define VECTOR_DEVICE_LAST 0xee

/* Physical memory is mapped whole here (2 MiB or 1 GiB pages, NX). The kernel's image is linked at KERNEL_BASE. */
#define PHYSMAP_BASE 0xffff800000000000ul
#define KERNEL_BASE 0xffffffff80000000ul
#define MMIO_BASE 0xffffc00000000000ul /* kernel's own device registers: mmio_map() */

static inline void *phys_to_virt(uint64_t physical)
{
    return (void *)(physical + PHYSMAP_BASE);
}
static inline uint64_t virt_to_phys(const void *virtual_address)
{
    return (uint64_t)virtual_address - PHYSMAP_BASE; /* physmap addresses only, not the image's */
}

/* Sets up this CPU's GDT, TSS, IDT, GS base, SYSCALL MSRs, CR0/CR4 (WP, SMEP, SMAP, UMIP, TSD, OSFXSR), EFER.NXE.
 * The entry points are entry.asm's: syscall_entry, and isr_table[256] (addresses). */
void cpu_init(struct cpu *cpu);
struct cpu_stacks;
void cpu_stacks_set(struct cpu *cpu, struct cpu_stacks *stacks); /* before cpu_init(), for all but the first */
extern bool cpu_has_smap, cpu_has_smep, cpu_has_umip, cpu_has_1g_pages, cpu_has_x2apic, cpu_has_tsc_deadline,
    cpu_has_rdrand, cpu_has_nx;
extern char cpu_model[48];
_Noreturn void cpu_halt_forever(void);
_Noreturn void cpu_reboot(void);    /* FADT reset register, then 8042, then triple fault */
_Noreturn void cpu_power_off(void); /* ACPI S5 (\_S5 found in the DSDT by pattern), and QEMU's port as last resort */

#include "kernel/sched/kernel_lock.h"
#include "kernel/sched/sched.h"
#include "kernel/x86/log.h"
#include "kernel/x86/paging.h"

#define ANSWER_SECONDS 10

struct kernel_lock kernel_lock = {.held = 1}; /* by the boot CPU */

static void pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

/* What was asked of this CPU, which holds no lock: only what is its own may be touched. */
static void cpu_answer(struct cpu *cpu, uint32_t asked)
{
    if (asked & CPU_ASK_LEAVE) {
        cpu->user_root = paging_kernel_root;
        cpu->left = true;
    }
    paging_load(cpu->user_root);
    __atomic_store_n(&cpu->asked, 0, __ATOMIC_RELEASE);
}

/* One attempt. A CPU that gets it while another starves gives it back. */
static bool lock_try(uint8_t me)
{
    if (__atomic_load_n(&kernel_lock.held, __ATOMIC_RELAXED) ||
        __atomic_exchange_n(&kernel_lock.held, 1, __ATOMIC_ACQUIRE))
        return false;
    uint8_t starving = __atomic_load_n(&kernel_lock.starving, __ATOMIC_RELAXED);
    if (starving && starving != me) {
        __atomic_store_n(&kernel_lock.held, 0, __ATOMIC_RELEASE);
        return false;
    }
    if (starving)
        kernel_lock.starving = 0;
    return true;
}

/* The others come by an interrupt, if by nothing else, and let this CPU pass. */
static void lock_starve(const struct cpu *me)
{
    uint8_t nobody = 0;
    if (!__atomic_compare_exchange_n(&kernel_lock.starving, &nobody, (uint8_t)(me->id + 1), false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED))
        return;
    for (uint32_t i = 0; i < cpu_count; i++)
        if (&cpus[i] != me)
            apic_interrupt(cpus[i].apic_id, VECTOR_IPI);
}

void kernel_lock_let_pass(struct cpu *cpu)
{
    uint8_t starving = __atomic_load_n(&kernel_lock.starving, __ATOMIC_RELAXED);
    if (!starving || starving == cpu->id + 1)
        return;
    __atomic_store_n(&kernel_lock.held, 0, __ATOMIC_RELEASE);
    kernel_lock_wait();
}

/* With cpu->left set when it returns, what this CPU came for is a dead task's. */
void kernel_lock_wait(void)
{
    struct cpu *cpu = cpu_this();
    uint8_t me = (uint8_t)(cpu->id + 1);
    uint64_t starving_tsc = rdtsc() + clock_tsc_hz / LOCK_STARVING_PER_SECOND;
    __atomic_store_n(&cpu->waiting, true, __ATOMIC_RELAXED);
    while (!lock_try(me)) {
        uint32_t asked = __atomic_load_n(&cpu->asked, __ATOMIC_ACQUIRE);
        if (asked)
            cpu_answer(cpu, asked);
        if (rdtsc() > starving_tsc)
            lock_starve(cpu);
        pause();
    }
    cpu->waiting = false;
}

void cpu_ask(struct cpu *cpu, uint32_t what)
{
    uint64_t give_up = rdtsc() + clock_tsc_hz * ANSWER_SECONDS;
    __atomic_store_n(&cpu->asked, what, __ATOMIC_RELEASE);
    apic_interrupt(cpu->apic_id, VECTOR_IPI);
    while (__atomic_load_n(&cpu->asked, __ATOMIC_ACQUIRE)) {
        if (rdtsc() > give_up)
            panic(NULL, "cpu %u has not answered for %d s", cpu->id, ANSWER_SECONDS);
        pause();
    }
}

void cpu_kick_other(const struct cpu *cpu)
{
    if (!__atomic_load_n(&cpu->waiting, __ATOMIC_RELAXED))
        apic_interrupt(cpu->apic_id, VECTOR_IPI);
}

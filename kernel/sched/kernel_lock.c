#include "kernel/sched/kernel_lock.h"
#include "kernel/sched/sched.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/asm.h"
#include "kernel/x86/log.h"
#include "kernel/x86/paging.h"

#define ANSWER_SECONDS 10

bool kernel_inside_wait(void);
struct kernel_lock kernel_lock = {.held = 1}; /* by the boot CPU */
struct kernel_inside kernel_inside[CPU_MAX];
uint64_t kernel_lock_long_tsc; /* entry.asm */
void kernel_lock_held_long(uint64_t tsc);

static void pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

/* ---- One CPU becomes several ----------------------------------------------------------------------------------------- */

extern uint8_t *const smp_patch_start[], *const smp_patch_end[]; /* kernel.ld: lock.inc's ALONE */

#define CR0_WRITE_PROTECT (1ul << 16)

/* Nobody else is there yet; a CPU sees its own change of code after a serializing instruction, which CR0's writing is
 * (Intel SDM vol. 3 §8.1.3, §8.3). */
void kernel_lock_begin(void)
{
    uint64_t cr0;
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("mov %0, %%cr0" ::"r"(cr0 & ~CR0_WRITE_PROTECT) : "memory");
    for (uint8_t *const *jump = smp_patch_start; jump < smp_patch_end; jump++)
        *(volatile uint16_t *)*jump = 0x9066; /* NOP of two bytes */
    __asm__ volatile("mov %0, %%cr0" ::"r"(cr0) : "memory");
    kernel_lock_long_tsc = clock_tsc_hz / LOCK_LONG_PER_SECOND;
    cpu_this()->lock_taken_tsc = rdtsc();
}

/* ---- Taking it ---------------------------------------------------------------------------------------------------------- */

/* What was asked of this CPU, which holds no lock: only what is its own may be touched. */
static void cpu_answer(struct cpu *cpu, uint32_t asked)
{
    if (asked & CPU_ASK_LEAVE) {
        TRACE2(SCHED, ContextSwitch, TRACE_WORD(task_id(cpu->current), 0), TRACE_SWITCH_END);
        cpu->user_root = paging_kernel_root;
        cpu->left = true;
    }
    paging_load(cpu->user_root);
    __atomic_store_n(&cpu->asked, 0, __ATOMIC_RELEASE);
}

/* Whoever is inside comes out in a moment, and nobody goes in any more. */
static void others_out(void)
{
    for (uint32_t i = 0; i < cpu_count; i++)
        while (__atomic_load_n(&kernel_inside[i].inside, __ATOMIC_ACQUIRE))
            pause();
}

/* One attempt. A CPU that gets it while another starves gives it back. */
static bool lock_try(uint32_t me)
{
    if (__atomic_load_n(&kernel_lock.held, __ATOMIC_RELAXED) ||
        __atomic_exchange_n(&kernel_lock.held, 1, __ATOMIC_SEQ_CST))
        return false;
    uint32_t starving = __atomic_load_n(&kernel_lock.starving, __ATOMIC_RELAXED);
    if (starving && starving != me) {
        __atomic_store_n(&kernel_lock.held, 0, __ATOMIC_RELEASE);
        return false;
    }
    if (starving)
        kernel_lock.starving = 0;
    others_out();
    return true;
}

/* The others come by an interrupt, if by nothing else, and let this CPU pass. */
static void lock_starve(const struct cpu *me)
{
    uint32_t nobody = 0;
    if (!__atomic_compare_exchange_n(&kernel_lock.starving, &nobody, me->id + 1, false, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED))
        return;
    for (uint32_t i = 0; i < cpu_count; i++)
        if (&cpus[i] != me)
            cpu_interrupt(&cpus[i], TRACE_IPI_STARVING);
}

/* Whoever gave this CPU something to do while it waited did not interrupt it: its timer may be due earlier. */
static void lock_got(struct cpu *cpu, uint64_t since_tsc)
{
    cpu->lock_taken_tsc = rdtsc();
    cpu->lock_waits++;
    cpu->lock_waited_tsc += cpu->lock_taken_tsc - since_tsc;
    uint64_t waited_ns = clock_ns_of_ticks(cpu->lock_taken_tsc - since_tsc);
    if (waited_ns >= LOCK_WAIT_TOLD_NS)
        TRACE1(SCHED, LockWait, waited_ns);
    sched_timer_update(cpu);
}

/* Others wait, and none of them had a turn since this CPU came. */
static bool lock_polite(uint32_t turns, uint64_t until_tsc)
{
    return __atomic_load_n(&kernel_lock.turns, __ATOMIC_RELAXED) == turns && rdtsc() < until_tsc;
}

/* With cpu->left set when it returns, what this CPU came for is a dead task's. */
void kernel_lock_wait(void)
{
    struct cpu *cpu = cpu_this();
    uint64_t since_tsc = rdtsc(), starving_tsc = since_tsc + clock_tsc_hz / LOCK_STARVING_PER_SECOND;
    uint64_t polite_tsc = since_tsc + clock_tsc_hz / LOCK_POLITE_PER_SECOND;
    uint32_t turns = __atomic_load_n(&kernel_lock.turns, __ATOMIC_RELAXED);
    bool first = __atomic_fetch_add(&kernel_lock.waiters, 1, __ATOMIC_RELAXED) == 0;
    __atomic_store_n(&cpu->waiting, true, __ATOMIC_RELAXED);
    while ((!first && lock_polite(turns, polite_tsc)) || !lock_try(cpu->id + 1)) {
        uint32_t asked = __atomic_load_n(&cpu->asked, __ATOMIC_ACQUIRE);
        if (asked)
            cpu_answer(cpu, asked);
        if (rdtsc() > starving_tsc)
            lock_starve(cpu);
        pause();
    }
    cpu->waiting = false;
    __atomic_fetch_sub(&kernel_lock.waiters, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&kernel_lock.turns, kernel_lock.turns + 1, __ATOMIC_RELAXED);
    lock_got(cpu, since_tsc);
}

static bool inside_try(const struct cpu *cpu)
{
    if (__atomic_load_n(&kernel_lock.held, __ATOMIC_RELAXED))
        return false;
    __atomic_exchange_n(cpu->inside, 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&kernel_lock.held, __ATOMIC_SEQ_CST))
        return true;
    __atomic_store_n(cpu->inside, 0, __ATOMIC_RELEASE);
    return false;
}

/* For the short path, from entry.asm. false: not inside, the lock is to be asked for; also when the task has ended. */
bool kernel_inside_wait(void)
{
    struct cpu *cpu = cpu_this();
    uint64_t end_tsc = rdtsc() + clock_tsc_hz / INSIDE_WAIT_PER_SECOND;
    bool inside = false;
    __atomic_store_n(&cpu->waiting, true, __ATOMIC_RELAXED);
    while (!cpu->left && !(inside = inside_try(cpu)) && rdtsc() < end_tsc) {
        uint32_t asked = __atomic_load_n(&cpu->asked, __ATOMIC_ACQUIRE);
        if (asked)
            cpu_answer(cpu, asked);
        pause();
    }
    cpu->waiting = false;
    if (inside)
        sched_timer_update(cpu);
    return inside;
}

/* From lock_leave, still with the lock. */
void kernel_lock_held_long(uint64_t tsc)
{
    TRACE1(SCHED, LockHold, clock_ns_of_ticks(tsc));
}

void kernel_lock_let_pass(struct cpu *cpu)
{
    uint32_t starving = __atomic_load_n(&kernel_lock.starving, __ATOMIC_RELAXED);
    if (!starving || starving == cpu->id + 1)
        return;
    cpu->lock_held_tsc += rdtsc() - cpu->lock_taken_tsc;
    __atomic_store_n(&kernel_lock.held, 0, __ATOMIC_RELEASE);
    kernel_lock_wait();
}

/* ---- Other CPUs ------------------------------------------------------------------------------------------------------------ */

void cpu_interrupt(const struct cpu *cpu, enum trace_ipi_reason reason)
{
    cpu_this()->ipis++;
    TRACE1(SCHED, CpuIpi, TRACE_WORD(cpu->id, reason));
    apic_interrupt(cpu->apic_id, VECTOR_IPI);
}

void cpu_ask(struct cpu *cpu, uint32_t what)
{
    uint64_t give_up = rdtsc() + clock_tsc_hz * ANSWER_SECONDS;
    __atomic_store_n(&cpu->asked, what, __ATOMIC_RELEASE);
    cpu_interrupt(cpu, what & CPU_ASK_LEAVE ? TRACE_IPI_LEAVE : TRACE_IPI_FLUSH);
    while (__atomic_load_n(&cpu->asked, __ATOMIC_ACQUIRE)) {
        if (rdtsc() > give_up)
            panic(NULL, "cpu %u has not answered for %d s", cpu->id, ANSWER_SECONDS);
        pause();
    }
}

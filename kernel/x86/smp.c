#include "kernel/x86/smp.h"
#include <abi/boot_options.h>
#include <string.h>
#include "kernel/memory/memory.h"
#include "kernel/sched/sched.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/asm.h"
#include "kernel/x86/boot_info.h"
#include "kernel/x86/log.h"
#include "kernel/x86/paging.h"
#include "kernel/x86/stacks.h"

#define RESET_NS 10000000ul    /* SDM vol. 3 §8.4.4.1 */
#define AGAIN_NS 200000ul      /* the second start, for those that missed the first */
#define ANSWER_NS 1000000000ul /* none takes this long unless it is broken */

/* The end of the trampoline's page (smp_trampoline.asm). */
struct smp_page {
    uint32_t root, efer;
    uint32_t far_offset;
    uint16_t far_selector, pad;
    uint16_t gdt_limit, gdt_base_low, gdt_base_high, pad2; /* LGDT's operand */
    uint64_t stacks, entry;
    uint32_t ticket, places;
    uint64_t gdt[2];
};
#define SMP_PAGE_DATA 0xf00
_Static_assert(offsetof(struct smp_page, gdt_limit) == 16 && offsetof(struct smp_page, stacks) == 24 &&
                   offsetof(struct smp_page, ticket) == 40,
               "smp_trampoline.asm");
#define GDT_CODE_64 0x00209a0000000000ul

extern const uint8_t smp_trampoline[], smp_trampoline_end[], smp_trampoline_long[];

/* One that was called: it says who it is, and is told which cpu it will be. */
static struct place {
    uint32_t apic_id;
    bool here, ready;
    struct cpu *cpu;
} places[CPU_MAX];
static uint64_t stack_tops[CPU_MAX];
static struct cpu_stacks *stacks[CPU_MAX];
static uint64_t low_page, root, reset_tsc;
static const struct acpi_cpu *called[CPU_MAX]; /* APIC ids, in the MADT's order */
static uint32_t wanted;                        /* so many of them */
static bool closed;                            /* nobody is taken in any more */

/* ---- before there are frames ---- */

static uint64_t take_page(struct page_source *source)
{
    (void)source;
    return memory_kernel_page();
}

/* The kernel's address space with the trampoline's page at its physical address. Below 4 GiB, as all memory is at this time. */
static uint64_t trampoline_root(void)
{
    struct page_source source = {.take = take_page};
    uint64_t made = paging_root_create(&source);
    if (!made || paging_map(made, low_page, low_page, PROT_READ | PROT_EXEC, &source))
        panic(NULL, "no memory to start the other CPUs");
    return made;
}

/* How many CPUs may run, this one included. */
static uint32_t cpus_allowed(void)
{
    size_t length, digits = 0;
    const char *value = boot_option(boot_info.boot_line, "cpus", &length);
    uint32_t most = 0;
    for (; value && digits < length && value[digits] >= '0' && value[digits] <= '9' && most <= CPU_MAX; digits++)
        most = most * 10 + (uint32_t)(value[digits] - '0');
    if (value && digits == length && most >= 1 && most <= CPU_MAX)
        return most;
    if (value)
        klog(KLOG_WARNING, "cpus=%.*s is no number from 1 to %d: all are started", length > 40 ? 40 : (int)length,
             value, CPU_MAX);
    return CPU_MAX;
}

static void choose(uint32_t most)
{
    for (uint32_t i = 0; i < acpi_cpu_count && wanted < most; i++) {
        const struct acpi_cpu *cpu = &acpi_cpus[i];
        if (!cpu->enabled || cpu->apic_id == cpu_this()->apic_id)
            continue;
        const char *why = apic_reaches_not(cpu->apic_id);
        if (why)
            klog(KLOG_WARNING, "smp: the CPU with APIC id %u is left out: its id takes x2APIC, and %s", cpu->apic_id,
                 why);
        else
            called[wanted++] = cpu;
    }
}

void smp_prepare(void)
{
    choose(cpus_allowed() - 1);
    if (!wanted)
        return;
    low_page = memory_low_page();
    if (!low_page) {
        klog(KLOG_WARNING, "smp: no page below 1 MiB to start the other %u CPUs in: going on with one", wanted);
        wanted = 0;
        return;
    }
    root = trampoline_root();
    for (uint32_t i = 0; i < wanted; i++)
        apic_reset_cpu(called[i]->apic_id);
    reset_tsc = rdtsc();
}

uint32_t smp_expected(void)
{
    return 1 + wanted;
}

/* ---- starting ---- */

static void trampoline_fill(void)
{
    uint8_t *page = phys_to_virt(low_page);
    struct smp_page *data = (struct smp_page *)(page + SMP_PAGE_DATA);
    uint64_t gdt = low_page + SMP_PAGE_DATA + offsetof(struct smp_page, gdt);
    memcpy(page, smp_trampoline, (size_t)(smp_trampoline_end - smp_trampoline));
    *data = (struct smp_page){.root = (uint32_t)root,
                              .efer = (uint32_t)(msr_read(MSR_EFER) & ~(1ul << 10)), /* LMA is the CPU's to set */
                              .far_offset = (uint32_t)(low_page + (uint64_t)smp_trampoline_long),
                              .far_selector = SELECTOR_KERNEL_CODE,
                              .gdt_limit = sizeof data->gdt - 1,
                              .gdt_base_low = (uint16_t)gdt,
                              .gdt_base_high = (uint16_t)(gdt >> 16),
                              .stacks = (uint64_t)stack_tops,
                              .entry = (uint64_t)smp_enter,
                              .places = wanted,
                              .gdt = {0, GDT_CODE_64}};
}

/* Another CPU's first C. It touches nothing of the kernel's until it has a place; then it waits for the lock. */
_Noreturn void smp_enter(uint32_t ticket)
{
    struct place *place = &places[ticket];
    paging_load(paging_kernel_root);
    place->apic_id = apic_join();
    __atomic_store_n(&place->here, true, __ATOMIC_RELEASE);
    struct cpu *cpu;
    while (!(cpu = __atomic_load_n(&place->cpu, __ATOMIC_ACQUIRE))) {
        if (__atomic_load_n(&closed, __ATOMIC_ACQUIRE))
            cpu_halt_forever();
        __asm__ volatile("pause");
    }
    cpu_stacks_set(cpu, stacks[ticket]);
    cpu_init(cpu);
    apic_init_other();
    __atomic_store_n(&place->ready, true, __ATOMIC_RELEASE);
    kernel_lock_wait();
    sched_dispatch();
}

static uint32_t here_count(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < wanted; i++)
        count += __atomic_load_n(&places[i].here, __ATOMIC_ACQUIRE);
    return count;
}

static void wait_until(uint64_t deadline_ns, uint32_t count)
{
    while (clock_ns() < deadline_ns && here_count() < count)
        __asm__ volatile("pause");
}

static void call_all(void)
{
    for (uint32_t i = 0; i < wanted; i++)
        apic_start_cpu(called[i]->apic_id, (uint32_t)(low_page >> PAGE_SHIFT));
}

static struct place *place_of(uint32_t apic_id)
{
    for (uint32_t i = 0; i < wanted; i++)
        if (places[i].here && places[i].apic_id == apic_id)
            return &places[i];
    return NULL;
}

static void take_in(struct place *place, uint32_t node, uint32_t trace_packets)
{
    struct cpu *cpu = &cpus[cpu_count];
    cpu->id = cpu_count;
    cpu->apic_id = place->apic_id;
    cpu->node = node;
    sched_init_cpu(cpu);
    cpu_count++;
    trace_init_cpu(cpu, trace_packets);
    trace_cpu_node(cpu);
    __atomic_store_n(&place->cpu, cpu, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&place->ready, __ATOMIC_ACQUIRE))
        __asm__ volatile("pause");
}

/* Those that came. Who took a place in the last moment, and was not seen here, finds it closed. */
static void take_all_in(uint32_t trace_packets)
{
    for (uint32_t i = 0; i < wanted; i++) {
        struct place *place = place_of(called[i]->apic_id);
        if (place)
            take_in(place, called[i]->node, trace_packets);
        else
            klog(KLOG_ERROR, "smp: the CPU with APIC id %u does not answer: going on without it", called[i]->apic_id);
    }
    __atomic_store_n(&closed, true, __ATOMIC_RELEASE);
}

void smp_start(uint32_t trace_packets)
{
    if (!wanted)
        return;
    for (uint32_t i = 0; i < wanted; i++) {
        stacks[i] = paging_stacks_create(called[i]->node);
        stack_tops[i] = (uint64_t)(stacks[i]->kernel + KERNEL_STACK_SIZE);
    }
    trampoline_fill();
    kernel_lock_begin();
    uint64_t reset_end_ns = clock_of_tsc(reset_tsc) + RESET_NS;
    while (clock_ns() < reset_end_ns)
        __asm__ volatile("pause");
    call_all();
    wait_until(clock_ns() + AGAIN_NS, wanted);
    if (here_count() < wanted)
        call_all();
    wait_until(clock_ns() + ANSWER_NS, wanted);
    struct smp_page *data = (struct smp_page *)((uint8_t *)phys_to_virt(low_page) + SMP_PAGE_DATA);
    __atomic_store_n(&data->places, 0, __ATOMIC_RELEASE);
    take_all_in(trace_packets);
}

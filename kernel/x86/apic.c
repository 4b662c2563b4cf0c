/* The local APIC (Intel SDM vol. 3, chapter 10): xAPIC through memory, or x2APIC through MSRs (apic_mode.h). */
#include "kernel/x86/acpi.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/apic_mode.h"
#include "kernel/x86/asm.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/log.h"
#include "kernel/x86/paging.h"

enum apic_register { /* offset / 16, which is also the x2APIC MSR less 0x800 */
                     APIC_ID = 0x02,
                     APIC_TASK_PRIORITY = 0x08,
                     APIC_EOI = 0x0b,
                     APIC_SPURIOUS = 0x0f,
                     APIC_COMMAND = 0x30,
                     APIC_COMMAND_HIGH = 0x31,
                     APIC_LVT_TIMER = 0x32,
                     APIC_LVT_LINT0 = 0x35,
                     APIC_LVT_ERROR = 0x37,
                     APIC_TIMER_INITIAL = 0x38,
                     APIC_TIMER_CURRENT = 0x39,
                     APIC_TIMER_DIVIDE = 0x3e,
};
#define MSR_X2APIC 0x800
#define APIC_BASE_X2APIC (1ul << 10)
#define APIC_BASE_ENABLED (1ul << 11)
#define SPURIOUS_ENABLE (1u << 8)
#define LVT_MASKED (1u << 16)
#define LVT_TSC_DEADLINE (2u << 17)
#define DIVIDE_BY_16 3
#define COMMAND_NMI (4u << 8)
#define COMMAND_ASSERT (1u << 14)
#define COMMAND_PENDING (1u << 12) /* xAPIC only */
#define COMMAND_INIT (5u << 8)
#define COMMAND_START (6u << 8)

static volatile uint32_t *registers; /* NULL: x2APIC */
static const char *wide_refused;     /* why it is not x2APIC although a CPU needs that; NULL: none does */
static uint64_t ticks_per_ns_32;     /* APIC timer ticks per nanosecond << 32; 0: TSC deadline mode */
static uint64_t calibration_tsc;
static bool deadline_mode;

static uint32_t apic_read(enum apic_register reg)
{
    return registers ? registers[reg * 4] : (uint32_t)msr_read(MSR_X2APIC + reg);
}

static void apic_write(enum apic_register reg, uint32_t value)
{
    if (registers)
        registers[reg * 4] = value;
    else
        msr_write(MSR_X2APIC + reg, value);
}

/* The two 8259s: vectors out of the way of the exceptions (for what may still be on its way), all masked (8259A data sheet,
 * initialisation command words). */
static void pic_off(void)
{
    static const struct {
        uint16_t port;
        uint8_t value;
    } words[] = {{0x20, 0x11}, {0xa0, 0x11}, {0x21, 0x20}, {0xa1, 0x28}, {0x21, 0x04},
                 {0xa1, 0x02}, {0x21, 0x01}, {0xa1, 0x01}, {0x21, 0xff}, {0xa1, 0xff}};
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        out8(words[i].port, words[i].value);
}

static void timer_mode(uint32_t masked)
{
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_16);
    apic_write(APIC_LVT_TIMER, (deadline_mode ? LVT_TSC_DEADLINE : masked) | VECTOR_TIMER);
}

/* Starts the timer masked: apic_timer_calibrate() looks how far it came. */
static void timer_start(void)
{
    deadline_mode = cpu_has_tsc_deadline;
    timer_mode(LVT_MASKED);
    if (deadline_mode)
        return;
    calibration_tsc = tsc_read();
    apic_write(APIC_TIMER_INITIAL, UINT32_MAX);
}

/* §10.12.5: from off to x2APIC the way leads through xAPIC; anything else is an exception. */
static void mode_enter(void)
{
    uint64_t base = msr_read(MSR_APIC_BASE);
    if (!(base & APIC_BASE_ENABLED))
        msr_write(MSR_APIC_BASE, base |= APIC_BASE_ENABLED);
    if (!registers && !(base & APIC_BASE_X2APIC))
        msr_write(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
}

static void apic_on(void)
{
    apic_write(APIC_TASK_PRIORITY, 0);
    apic_write(APIC_LVT_LINT0, LVT_MASKED);
    apic_write(APIC_LVT_ERROR, LVT_MASKED);
    apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
}

uint32_t apic_id_read(void)
{
    return registers ? apic_read(APIC_ID) >> 24 : apic_read(APIC_ID);
}

static bool mode_choose(void)
{
    struct apic_facts facts = {.on = msr_read(MSR_APIC_BASE) & APIC_BASE_X2APIC,
                               .supported = cpu_has_x2apic,
                               .unwanted = acpi.dmar.x2apic_unwanted};
    struct apic_choice choice = apic_mode_choose(&facts, acpi_cpus, acpi_cpu_count);
    wide_refused = choice.refused;
    if (choice.wide && !facts.on)
        klog(KLOG_INFO, "apic: x2APIC turned on, for the MADT lists a CPU whose id has more than eight bits");
    return choice.wide;
}

void apic_init(void)
{
    pic_off();
    registers = mode_choose() ? NULL : mmio_map(acpi.local_apic_physical, PAGE_SIZE);
    mode_enter();
    apic_on();
    cpu_this()->apic_id = apic_id_read();
    timer_start();
}

uint32_t apic_join(void)
{
    mode_enter();
    return apic_id_read();
}

void apic_init_other(void)
{
    apic_on();
    timer_mode(0);
}

/* Ticks since timer_start() over nanoseconds since then. */
void apic_timer_calibrate(void)
{
    if (deadline_mode)
        return;
    uint32_t left = apic_read(APIC_TIMER_CURRENT);
    uint64_t ns = clock_ns_of_ticks(tsc_read() - calibration_tsc);
    ticks_per_ns_32 = muldiv64((uint64_t)(UINT32_MAX - left) << 16, 1ul << 16, ns ? ns : 1);
    apic_write(APIC_TIMER_INITIAL, 0);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
}

bool apic_is_x2apic(void)
{
    return !registers;
}

const char *apic_reaches_not(uint32_t apic_id)
{
    return apic_id_reached(apic_id, !registers) ? NULL : wide_refused;
}

void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

static uint32_t ticks_until(uint64_t deadline_ns)
{
    uint64_t now = clock_ns();
    uint64_t ns = deadline_ns > now ? deadline_ns - now : 0;
    unsigned __int128 ticks = ((unsigned __int128)ns * ticks_per_ns_32 >> 32) + 1;
    return ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
}

void apic_timer_arm(uint64_t deadline_ns)
{
    bool off = deadline_ns == UINT64_MAX;
    cpu_this()->timer_armed_ns = deadline_ns;
    if (deadline_mode)
        msr_write(MSR_TSC_DEADLINE, off ? 0 : clock_ns_to_tsc(deadline_ns));
    else
        apic_write(APIC_TIMER_INITIAL, off ? 0 : ticks_until(deadline_ns));
}

/* SDM vol. 3 §10.6.1, §10.12.9: the target's half first, for the write of the low one sends.
 *
 *      this CPU                    the target
 *      cpu->asked = what           (still in this CPU's store buffer)
 *      WRMSR: sends
 *                                  looks at asked: nothing; goes on, and nobody calls it again
 *
 * A write to xAPIC's registers comes after all stores before it; an x2APIC's WRMSR waits for nothing (§10.12.3). */
static void apic_command(uint32_t apic_id, uint32_t command)
{
    if (!registers) {
        __asm__ volatile("mfence; lfence" : : : "memory");
        msr_write(MSR_X2APIC + APIC_COMMAND, (uint64_t)apic_id << 32 | command);
        return;
    }
    while (apic_read(APIC_COMMAND) & COMMAND_PENDING)
        __asm__ volatile("pause");
    apic_write(APIC_COMMAND_HIGH, apic_id << 24);
    apic_write(APIC_COMMAND, command);
}

void apic_interrupt(uint32_t apic_id, uint32_t vector)
{
    apic_command(apic_id, COMMAND_ASSERT | vector);
}

/* SDM vol. 3 §8.4.4.1: INIT, 10 ms, then twice the page at which it begins. */
void apic_reset_cpu(uint32_t apic_id)
{
    apic_command(apic_id, COMMAND_ASSERT | COMMAND_INIT);
}
void apic_start_cpu(uint32_t apic_id, uint32_t page)
{
    apic_command(apic_id, COMMAND_ASSERT | COMMAND_START | page);
}

/* Each by its id: one that was left out, or came too late, has no IDT for an NMI and would reset the machine. */
void apic_stop_others(void)
{
    for (uint32_t i = 0; i < cpu_count; i++)
        if (&cpus[i] != cpu_this())
            apic_command(cpus[i].apic_id, COMMAND_ASSERT | COMMAND_NMI);
}

/* SDM vol. 3 §10.11: address 0xfee00000 with the target in bits 19:12, data the vector, fixed, edge. */
void msi_compose(uint32_t vector, uint32_t apic_id, struct irq_route *route)
{
    route->message_address = 0xfee00000u | (apic_id & 0xff) << 12;
    route->message_data = vector;
    route->vector = vector;
}

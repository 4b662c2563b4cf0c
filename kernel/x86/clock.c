/* Time: the TSC, scaled. Its frequency comes from CPUID where that tells it exactly, else it is measured against the ACPI PM
 * timer or the PIT. The window opens in clock_start() and closes in clock_init(): what runs between the two is free. (CPUID 16h
 * is not asked: it rounds to 1 MHz, and a measurement is better than that.) */
#include "kernel/x86/acpi.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/asm.h"
#include "kernel/x86/boot_info.h"
#include "kernel/x86/clock.h"
#include "kernel/x86/log.h"

#define NS_PER_SECOND 1000000000ul
#define WINDOW_DIVISOR 500         /* at least 1/500 s: 2 ms */
#define PM_TIMER_HZ 3579545        /* ACPI 6.4 §4.8.2.1 */
#define PIT_HZ 1193182             /* Intel 8254 data sheet */
#define TSC_HZ_GUESS NS_PER_SECOND /* nothing to measure with: wrong, but time goes on */
#define STANDSTILL_TSC (1ul << 28) /* this long without the window closing: the reference does not move */

uint64_t clock_tsc_hz, clock_mult, clock_tsc_start;
static uint64_t tsc_per_ns_32; /* << 32 */

/* A counter of known frequency that counts up and wraps after `mask`. */
struct reference {
    const char *name;
    uint32_t (*read)(void);
    uint32_t hz, mask;
};
struct sample {
    uint64_t tsc;
    uint32_t count;
};
static struct reference reference;
static struct sample window_start;

/* ---- References --------------------------------------------------------------------------------------------------- */

static uint32_t pm_timer_read(void)
{
    return in32(acpi.pm_timer_port);
}

/* Channel 2, latched (8254 data sheet, counter latch command); it counts down. */
static uint32_t pit_read(void)
{
    out8(0x43, 0x80);
    uint32_t low = in8(0x42);
    return 0xffff - (low | (uint32_t)in8(0x42) << 8);
}

/* Channel 2 in mode 0 from 0xffff, gate on, speaker off. */
static void pit_start(void)
{
    out8(0x61, (in8(0x61) & ~2) | 1);
    out8(0x43, 0xb0);
    out8(0x42, 0xff);
    out8(0x42, 0xff);
}

static void reference_choose(void)
{
    if (acpi.pm_timer_port) {
        reference = (struct reference){"ACPI PM timer", pm_timer_read, PM_TIMER_HZ,
                                       acpi.pm_timer_32bit ? UINT32_MAX : 0xffffff};
        return;
    }
    reference = (struct reference){"PIT", pit_read, PIT_HZ, 0xffff};
    pit_start();
}

/* The best of a few: the one whose two TSC readings lie closest together, that is, with nothing between them. */
static struct sample sample_take(void)
{
    struct sample best = {0};
    uint64_t best_width = UINT64_MAX;
    for (int i = 0; i < 4; i++) {
        uint64_t before = tsc_read();
        uint32_t count = reference.read();
        uint64_t width = tsc_read() - before;
        if (width < best_width) {
            best_width = width;
            best = (struct sample){before + width / 2, count};
        }
    }
    return best;
}

/* ---- The frequency ------------------------------------------------------------------------------------------------ */

/* SDM vol. 2, CPUID 15h: TSC / crystal = ebx / eax, crystal in ecx. */
static uint64_t hz_from_cpuid(void)
{
    if (cpuid_read(0, 0).eax < 0x15)
        return 0;
    struct cpuid r = cpuid_read(0x15, 0);
    return r.eax && r.ebx && r.ecx ? (uint64_t)r.ecx * r.ebx / r.eax : 0;
}

/* Hypervisor leaf 40000010h (VMware's, KVM's too when asked): kHz in eax. */
static uint64_t hz_from_hypervisor(void)
{
    bool hypervisor = cpuid_read(1, 0).ecx >> 31;
    if (!hypervisor || cpuid_read(0x40000000, 0).eax < 0x40000010)
        return 0;
    return cpuid_read(0x40000010, 0).eax * 1000ul;
}

void clock_start(void)
{
    clock_tsc_start = boot_info.entry_tsc;
    clock_tsc_hz = hz_from_cpuid();
    if (!clock_tsc_hz)
        clock_tsc_hz = hz_from_hypervisor();
    reference_choose();
    window_start = sample_take();
}

static uint32_t window_ticks(struct sample end)
{
    return (end.count - window_start.count) & reference.mask;
}

/* 0: the reference does not count. */
static uint64_t measure_hz(void)
{
    uint64_t give_up = tsc_read() + STANDSTILL_TSC;
    if (reference.mask == 0xffff) /* the PIT may have come round meanwhile */
        window_start = sample_take();
    struct sample end = sample_take();
    while (window_ticks(end) < reference.hz / WINDOW_DIVISOR) {
        if (end.tsc > give_up)
            return 0;
        end = sample_take();
    }
    return muldiv64(end.tsc - window_start.tsc, reference.hz, window_ticks(end));
}

static uint64_t measure_hz_with_any(void)
{
    uint64_t hz = measure_hz();
    if (hz || !acpi.pm_timer_port)
        return hz;
    klog(KLOG_WARNING, "clock: the %s stands still, trying the PIT", reference.name);
    acpi.pm_timer_port = 0;
    reference_choose();
    return measure_hz();
}

static void set_frequency(uint64_t hz)
{
    clock_tsc_hz = hz;
    tsc_per_ns_32 = muldiv64(hz, 1ul << 32, NS_PER_SECOND);
    clock_mult = muldiv64(NS_PER_SECOND, 1ul << 32, hz);
}

void clock_init(void)
{
    uint64_t told = clock_tsc_hz, hz = told ? told : measure_hz_with_any();
    if (!hz)
        klog(KLOG_ERROR, "clock: the %s stands still; taking the TSC for 1 GHz", reference.name);
    set_frequency(hz ? hz : TSC_HZ_GUESS);
    apic_timer_calibrate();
    klog(KLOG_INFO, "clock: TSC %lu kHz from %s", clock_tsc_hz / 1000, told ? "CPUID" : reference.name);
}

/* ---- Reading it ----------------------------------------------------------------------------------------------------- */

uint64_t clock_ns(void)
{
    return clock_of_tsc(tsc_read());
}

uint64_t clock_ns_to_tsc(uint64_t ns)
{
    return clock_tsc_start + (uint64_t)((unsigned __int128)ns * tsc_per_ns_32 >> 32);
}

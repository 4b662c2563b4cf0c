/* The machine around the CPU: firmware tables, interrupt controllers, clock, serial port. */
#pragma once
#include <abi/device.h>
#include <abi/errors.h>
#include <abi/types.h>

/* kernel_main()'s first call: everything below, in the right order. Interrupts stay off. (platform.c) */
void platform_init(uint32_t magic, uint64_t info_physical);

/* ---- acpi.c: static tables only (RSDP, RSDT or XSDT, MADT, MCFG, FADT, DMAR, SRAT, SLIT) ---- */
void acpi_init(void); /* reads boot_info.rsdp_physical, else searches EBDA and 0xe0000; a broken table is skipped with a
                         log line, the machine goes on with defaults */
extern struct platform_info platform;
struct acpi_cpu {
    uint32_t apic_id, enabled, node; /* not enabled: may be plugged in later */
};
/* The boot CPU first, none twice; what does not fit is left out. */
extern struct acpi_cpu acpi_cpus[64];
extern uint32_t acpi_cpu_count;

/* ---- apic.c, ioapic.c ---- */
void apic_init(void);       /* this CPU's local APIC on, in the mode that apic_mode.h says; 8259s masked off */
uint32_t apic_join(void);   /* another CPU's into the first one's mode: before anything else of it. Its id */
void apic_init_other(void); /* the rest, once the first one's runs and is calibrated */
const char *apic_reaches_not(uint32_t apic_id); /* why that CPU can't be started; NULL: it can */
uint32_t apic_id_read(void);
void apic_interrupt(uint32_t apic_id, uint32_t vector);
void apic_reset_cpu(uint32_t apic_id);
void apic_start_cpu(uint32_t apic_id, uint32_t page);
void apic_eoi(void);
bool apic_is_x2apic(void); /* ids of more than eight bits */
/* One-shot, VECTOR_TIMER; UINT64_MAX turns it off; past ones fire at once. A deadline farther away than the timer counts
 * (a minute) fires early: look at the clock, and arm again. */
void apic_timer_arm(uint64_t deadline_ns);
void ioapic_init(void);
uint32_t ioapic_gsi_count(void);
/* Programs and masks; unmask with ioapic_set_mask(gsi, false). */
status_t ioapic_route(uint32_t gsi, uint32_t vector, uint32_t apic_id, bool level, bool active_low);
/* To another CPU, masked or not as it is; false: not now. */
bool ioapic_move(uint32_t gsi, uint32_t apic_id);
/* The same as ioapic_route() where interrupts are remapped: `vector` is the entry's number too, and the entry says to whom it goes. */
status_t ioapic_route_remapped(uint32_t gsi, uint32_t vector, bool level, bool active_low);
status_t ioapic_id_of(uint32_t gsi, uint32_t *id); /* the MADT's; ERR_INVALID: no such line */
void ioapic_set_mask(uint32_t gsi, bool masked);
void msi_compose(uint32_t vector, uint32_t apic_id, struct irq_route *route);

/* ---- clock.c ---- */
/* TSC frequency from CPUID 15h or the hypervisor's leaf, else measured against the ACPI PM timer or the PIT; the APIC
 * timer's against the TSC. The window (at least 2 ms) opens in clock_start(), the rest of the start goes on meanwhile. */
void clock_init(void);
uint64_t clock_ns(void);                  /* nanoseconds since the kernel's entry; 128-bit multiply, monotonic */
extern uint64_t clock_tsc_hz, clock_mult; /* ns = (tsc - clock_tsc_start) * clock_mult >> 32 */
extern uint64_t clock_tsc_start;
static inline uint64_t rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}
static inline uint64_t clock_ns_of_ticks(uint64_t ticks) /* a difference of two readings */
{
    return (uint64_t)((unsigned __int128)ticks * clock_mult >> 32);
}
static inline uint64_t clock_of_tsc(uint64_t tsc)
{
    return clock_ns_of_ticks(tsc - clock_tsc_start);
}
uint64_t clock_ns_to_tsc(uint64_t ns);

/* ---- serial.c ---- */
void serial_init(void);                             /* 16550 at 0x3f8, 115200 8N1; absent: writes go nowhere */
void serial_write(const char *text, size_t length); /* polls; "\n" becomes "\r\n" */

/* ---- random.c: ChaCha20 (BearSSL's, see third_party) keyed from RDRAND where present, and timing ---- */
void random_init(void);
void random_fill(void *buffer, size_t bytes);
void random_stir(uint64_t timing); /* from interrupts */

/* Which mode the local APICs work in, and which CPUs can be told of something in it. Pure: tests/unit/test_apic_mode.c.
 *
 * xAPIC names a CPU with eight bits, of which 255 means all (Intel SDM vol. 3 §10.6.2.1); x2APIC with 32 (§10.12). The mode stays
 * as the firmware left it, unless the MADT lists a CPU that eight bits don't name. x2APIC needs no interrupt remapping: IPIs reach
 * every CPU. Only a device's message has eight bits where interrupts are not remapped (§10.11.1), so it goes to a CPU that these
 * can name. */
#pragma once
#include "kernel/x86/platform.h"

#define APIC_ID_NARROW_MAX 254u

struct apic_facts {
    bool on;        /* x2APIC, by the firmware */
    bool supported; /* CPUID.1:ECX.21 */
    bool unwanted;  /* the firmware asks not to turn it on (VT-d specification 3.1 §8.1, X2APIC_OPT_OUT) */
};
struct apic_choice {
    bool wide;           /* x2APIC from here on */
    const char *refused; /* why not although a CPU needs it; NULL: it is on, or none does */
};
struct apic_choice apic_mode_choose(const struct apic_facts *facts, const struct acpi_cpu *list, uint32_t count);

static inline bool apic_id_reached(uint32_t apic_id, bool wide)
{
    return wide || apic_id <= APIC_ID_NARROW_MAX;
}

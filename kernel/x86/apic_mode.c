#include "kernel/x86/apic_mode.h"

static bool needs_wide(const struct acpi_cpu *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i].enabled && list[i].apic_id > APIC_ID_NARROW_MAX)
            return true;
    return false;
}

struct apic_choice apic_mode_choose(const struct apic_facts *facts, const struct acpi_cpu *list, uint32_t count)
{
    if (facts->on || !needs_wide(list, count))
        return (struct apic_choice){.wide = facts->on};
    if (!facts->supported)
        return (struct apic_choice){.refused = "the processor has no x2APIC"};
    if (facts->unwanted)
        return (struct apic_choice){.refused = "the firmware asks to leave x2APIC off"};
    return (struct apic_choice){.wide = true};
}

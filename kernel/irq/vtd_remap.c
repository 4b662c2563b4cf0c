/* Interrupt remapping (§5.1, §9.10): one entry a vector, which says whose interrupt it is. A device can raise the vectors
 * that were made for it, and no others. */
#include "kernel/irq/vtd.h"

#define ENTRY_PRESENT 1ul
#define ENTRY_LEVEL (1ul << 4)
#define ENTRY_VECTOR(v) ((uint64_t)(v) << 16)
#define SOURCE_ALL_BITS_COUNT (1ul << 18) /* SVT 1, SQ 0 */
#define ADDRESS_REMAPPED (1u << 4)        /* §5.1.2.2 */

static struct acpi_interrupt_source sources[ACPI_IOAPICS_MAX];
static uint32_t source_count;

void vtd_remap_init(const struct acpi_dmar *dmar, uint64_t *table)
{
    source_count = dmar->ioapic_count;
    for (uint32_t i = 0; i < source_count; i++)
        sources[i] = dmar->ioapics[i];
    vtd.interrupts = table;
}

bool iommu_remaps_interrupts(void)
{
    return vtd.interrupts != NULL;
}

/* §9.10: an xAPIC's id lies in bits 47:40 of the lower word, an x2APIC's in 63:32. */
static uint64_t destination_of(uint32_t apic_id)
{
    return (uint64_t)(vtd.wide ? apic_id : (apic_id & 0xff) << 8) << 32;
}

/* The entry is not present when it is written, nor is it in a cache then; its lower word goes last. */
status_t iommu_interrupt_allow(uint32_t vector, uint32_t apic_id, uint32_t source_id, bool level)
{
    uint64_t *entry = &vtd.interrupts[(uint64_t)2 * vector];
    entry[1] = SOURCE_ALL_BITS_COUNT | source_id;
    __asm__ volatile("" : : : "memory");
    entry[0] = ENTRY_PRESENT | (level ? ENTRY_LEVEL : 0) | ENTRY_VECTOR(vector) | destination_of(apic_id);
    vtd_publish(entry, 16);
    return vtd_flush_interrupt(vector);
}

/* All that changes lies in one word, so the unit sees the entry as it was or as it is; the first until it has forgotten it
 * (§6.5.2.7). */
status_t iommu_interrupt_move(uint32_t vector, uint32_t apic_id)
{
    uint64_t *entry = &vtd.interrupts[(uint64_t)2 * vector];
    __atomic_store_n(&entry[0], (entry[0] & UINT32_MAX) | destination_of(apic_id), __ATOMIC_RELEASE);
    vtd_publish(entry, 16);
    return vtd_flush_interrupt(vector);
}

void iommu_interrupt_forbid(uint32_t vector)
{
    uint64_t *entry = &vtd.interrupts[(uint64_t)2 * vector];
    entry[0] = 0;
    vtd_publish(entry, 16);
    (void)!vtd_flush_interrupt(vector); /* the worst is that an interrupt comes which nobody is bound to */
}

/* §5.1.5.2: the entry's number in the address, no sub-handle, data 0. */
void iommu_message_compose(uint32_t vector, struct irq_route *route)
{
    *route = (struct irq_route){.message_address = 0xfee00000u | vector << 5 | ADDRESS_REMAPPED, .vector = vector};
}

status_t iommu_ioapic_source(uint32_t ioapic_id, uint32_t *source_id)
{
    for (uint32_t i = 0; i < source_count; i++) {
        if (sources[i].ioapic_id != ioapic_id)
            continue;
        *source_id = sources[i].source_id;
        return OK;
    }
    return ERR_NOT_FOUND;
}

/* DMAR: where the IOMMUs are and which devices lie behind them (VT-d specification 3.1, chapter 8). Pure but for
 * pci_config_read8(): tests/unit/test_acpi.c. What is broken or not understood is left out with a log line; a device that
 * no unit is known for gets no dma object. */
#include "kernel/x86/acpi_table.h"
#include "kernel/x86/log.h"

enum { DMAR_UNIT = 0, DMAR_RESERVED_MEMORY = 1 };
enum { SCOPE_DEVICE = 1, SCOPE_BRIDGE = 2, SCOPE_IOAPIC = 3 };
#define DMAR_INTERRUPTS 1u     /* §8.1, flags */
#define DMAR_X2APIC_OPT_OUT 2u /* counts together with the one above */
#define UNIT_PCI_ALL 1u        /* §8.3, flags */
#define BRIDGE_SECONDARY 0x19u /* PCI-to-PCI bridge specification 1.2 §3.2 */
#define BRIDGE_SUBORDINATE 0x1au

static void covers(uint32_t first, uint32_t last)
{
    struct acpi_dmar *dmar = &acpi.dmar;
    struct acpi_bus_ids *newest = dmar->covered_count ? &dmar->covered[dmar->covered_count - 1] : NULL;
    if (newest && newest->last + 1 == first)
        newest->last = last;
    else if (dmar->covered_count < ACPI_COVERED_MAX)
        dmar->covered[dmar->covered_count++] = (struct acpi_bus_ids){first, last};
    else
        klog(KLOG_WARNING, "acpi: DMAR names more devices than there is room for, from %04x on", first);
}

/* ---- device scopes, §8.3.1: a way from a bus on, through bridges ---- */

static void scope_ioapic(uint32_t ioapic_id, uint32_t bus_id)
{
    struct acpi_dmar *dmar = &acpi.dmar;
    if (dmar->ioapic_count < ACPI_IOAPICS_MAX)
        dmar->ioapics[dmar->ioapic_count++] = (struct acpi_interrupt_source){ioapic_id, bus_id};
}

static void scope_bridge(uint32_t bus_id)
{
    uint32_t first = pci_config_read8(bus_id, BRIDGE_SECONDARY), last = pci_config_read8(bus_id, BRIDGE_SUBORDINATE);
    covers(bus_id, bus_id);
    if (first && first <= last)
        covers(first << 8, last << 8 | 0xff);
}

static void scope_take(struct table scope)
{
    uint32_t bus = (uint32_t)field(scope, 5, 1), bus_id = 0;
    for (uint32_t offset = 6; offset + 2 <= scope.length; offset += 2) {
        if (offset > 6)
            bus = pci_config_read8(bus_id, BRIDGE_SECONDARY);
        bus_id = DMA_BUS_ID(bus, field(scope, offset, 1) & 31, field(scope, offset + 1, 1) & 7);
    }
    if (scope.bytes[0] == SCOPE_IOAPIC)
        scope_ioapic((uint32_t)field(scope, 4, 1), bus_id);
    else if (scope.bytes[0] == SCOPE_BRIDGE)
        scope_bridge(bus_id);
    else if (scope.bytes[0] == SCOPE_DEVICE)
        covers(bus_id, bus_id);
}

static bool scopes_take(struct table unit)
{
    for (uint32_t offset = 16; offset < unit.length;) {
        struct table scope = {unit.bytes + offset, (uint32_t)field(unit, offset + 1, 1)};
        if (scope.length < 8 || scope.length > unit.length - offset)
            return false;
        scope_take(scope);
        offset += scope.length;
    }
    return true;
}

/* ---- the table's structures ---- */

static void dmar_unit(struct table entry)
{
    struct acpi_dmar *dmar = &acpi.dmar;
    uint64_t physical = field(entry, 8, 8), segment = field(entry, 6, 2);
    if (!physical || physical % PAGE_SIZE || segment || dmar->unit_count == ACPI_IOMMUS_MAX) {
        klog(KLOG_WARNING, "acpi: IOMMU at 0x%lx, segment %lu, skipped", physical, segment);
        return;
    }
    if (!scopes_take(entry))
        klog(KLOG_WARNING, "acpi: the list of devices of the IOMMU at 0x%lx is broken", physical);
    if (field(entry, 4, 1) & UNIT_PCI_ALL)
        covers(0, 0xffff);
    dmar->units[dmar->unit_count++] = physical;
}

/* §8.4: memory that the firmware's own use of a device needs (USB keyboards, graphics). It gets no mapping. */
static void dmar_reserved(struct table entry)
{
    klog(KLOG_INFO, "acpi: firmware wants a device to reach 0x%lx..0x%lx; it will not", field(entry, 8, 8),
         field(entry, 16, 8));
}

static const struct {
    uint16_t type, bytes;
    void (*take)(struct table entry);
} dmar_takers[] = {{DMAR_UNIT, 16, dmar_unit}, {DMAR_RESERVED_MEMORY, 24, dmar_reserved}};

static void dmar_entry(struct table entry)
{
    for (size_t i = 0; i < sizeof(dmar_takers) / sizeof(dmar_takers[0]); i++)
        if (dmar_takers[i].type == field(entry, 0, 2) && entry.length >= dmar_takers[i].bytes)
            dmar_takers[i].take(entry);
}

void acpi_take_dmar(struct table dmar)
{
    memset(&acpi.dmar, 0, sizeof(acpi.dmar));
    uint64_t flags = field(dmar, 37, 1);
    acpi.dmar.interrupts_remappable = flags & DMAR_INTERRUPTS;
    acpi.dmar.x2apic_unwanted = flags & DMAR_INTERRUPTS && flags & DMAR_X2APIC_OPT_OUT;
    for (uint32_t offset = 48; offset < dmar.length;) {
        struct table entry = {dmar.bytes + offset, (uint32_t)field(dmar, offset + 2, 2)};
        if (entry.length < 4 || entry.length > dmar.length - offset) {
            klog(KLOG_WARNING, "acpi: DMAR is broken at offset %u, the rest is skipped", offset);
            return;
        }
        dmar_entry(entry);
        offset += entry.length;
    }
}

static bool dmar_names_ioapic(uint32_t id)
{
    for (uint32_t i = 0; i < acpi.dmar.ioapic_count; i++)
        if (acpi.dmar.ioapics[i].ioapic_id == id)
            return true;
    return false;
}

void acpi_dmar_finish(void)
{
    for (uint32_t i = 0; i < acpi.ioapic_count; i++)
        if (!dmar_names_ioapic(acpi.ioapics[i].id))
            acpi.dmar.interrupts_remappable = false;
}

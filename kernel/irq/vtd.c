/* Whether there is an IOMMU that can do what is needed, and turning it on: all units, or none. */
#include <string.h>
#include "kernel/irq/vtd.h"
#include "kernel/memory/memory.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/log.h"

struct vtd vtd;
static struct acpi_dmar facts;

bool iommu_on(void)
{
    return vtd.on;
}

bool iommu_covers(uint32_t bus_id)
{
    for (uint32_t i = 0; i < facts.covered_count; i++)
        if (bus_id >= facts.covered[i].first && bus_id <= facts.covered[i].last)
            return true;
    return false;
}

static void *page_take(void)
{
    uint64_t page = memory_kernel_page();
    if (page)
        vtd_publish(phys_to_virt(page), PAGE_SIZE);
    return page ? phys_to_virt(page) : NULL;
}

/* ---- what they can ---- */

/* Three levels where every unit has them, for the tables are fewer (§10.4.2, SAGAW; §9.3, AW). */
static const char *settle_common(void)
{
    uint32_t widths = 6, domain_bits = 16;
    vtd_coherent = true;
    for (uint32_t i = 0; i < vtd.unit_count; i++) {
        const struct vtd_unit *unit = &vtd.units[i];
        uint32_t bits = CAPABILITY_DOMAIN_BITS(unit->capability);
        widths &= CAPABILITY_WIDTHS(unit->capability);
        domain_bits = bits < domain_bits ? bits : domain_bits;
        vtd_coherent &= unit->extended & EXTENDED_COHERENT;
        vtd.caching |= (unit->capability & CAPABILITY_CACHING) != 0;
    }
    vtd.levels = widths & 2 ? 3 : 4;
    vtd.domain_ids = 1u << domain_bits;
    return widths ? NULL : "they have no page table format in common";
}

static bool can_remap(const struct acpi_dmar *dmar)
{
    uint64_t needed = EXTENDED_QUEUE | EXTENDED_REMAPPING | (vtd.wide ? EXTENDED_WIDE_APIC : 0);
    for (uint32_t i = 0; i < vtd.unit_count; i++)
        if ((vtd.units[i].extended & needed) != needed)
            return false;
    return dmar->interrupts_remappable;
}

static const char *look(const struct acpi_dmar *dmar)
{
    for (; vtd.unit_count < dmar->unit_count; vtd.unit_count++) {
        const char *why = vtd_unit_look(&vtd.units[vtd.unit_count], dmar->units[vtd.unit_count]);
        if (why)
            return why;
    }
    return settle_common();
}

/* ---- on ---- */

static const char *translate(uint32_t apic_id)
{
    volatile uint32_t *answers = page_take();
    vtd.root = page_take();
    if (!vtd.root || !answers)
        return "there is no memory for its tables";
    for (uint32_t i = 0; i < vtd.unit_count; i++) {
        uint64_t *queue = page_take();
        if (!queue)
            return "there is no memory for its tables";
        vtd_faults_start(&vtd.units[i], apic_id);
        if (vtd_unit_translate(&vtd.units[i], queue, &answers[2 * i]))
            return "it does not answer";
    }
    return NULL;
}

static const char *remap(const struct acpi_dmar *dmar)
{
    uint64_t *table = can_remap(dmar) ? page_take() : NULL;
    if (!table)
        return NULL;
    vtd_remap_init(dmar, table);
    for (uint32_t i = 0; i < vtd.unit_count; i++)
        if (vtd_unit_remap(&vtd.units[i]))
            return "it does not remap interrupts although it says so";
    return NULL;
}

static void say(void)
{
    if (vtd.on)
        klog(
            KLOG_INFO,
            "iommu: devices are confined to the memory that is pinned for them (VT-d, %u unit%s, %u levels, interrupts %s)",
            vtd.unit_count, vtd.unit_count == 1 ? "" : "s", vtd.levels, vtd.interrupts ? "too" : "not");
    else
        klog(KLOG_INFO, "iommu: this machine has no IOMMU, so a device driver's task must be trusted with all memory");
}

static void give_up(const char *why)
{
    klog(KLOG_WARNING, "iommu: not used, so a device driver's task must be trusted with all memory: %s", why);
    for (uint32_t i = 0; i < vtd.unit_count; i++)
        vtd_unit_off(&vtd.units[i]);
    memset(&vtd, 0, sizeof vtd);
}

void iommu_init(const struct acpi_dmar *dmar, uint32_t apic_id, bool wide)
{
    memset(&vtd, 0, sizeof vtd);
    facts = *dmar;
    vtd.wide = wide;
    vtd_faults_reset();
    const char *why = NULL;
    if (dmar->unit_count) {
        why = look(dmar);
        why = why ? why : translate(apic_id);
        why = why ? why : remap(dmar);
        vtd.on = !why;
    }
    if (why)
        give_up(why);
    else
        say();
}

/* What the units refused: records of the hardware become a ring of ours (§7, §10.4.9 to §10.4.14).
 *
 * A device that faults for ever costs nothing. Its first fault makes its context entry quiet, and nothing of it is recorded until it gets
 * a dma object anew. Faults that no entry can quieten (interrupts) end in the fault event being masked: after
 * UNSEEN_MAX of them it stays so until somebody has read what there is. */
#include "kernel/irq/vtd.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/cpu.h"

#define RING 64u
#define UNSEEN_MAX 64u
#define STATUS_OVERFLOW 1u /* §10.4.9 */
#define STATUS_ADVANCED 4u
#define STATUS_FIRST(s) ((s) >> 8 & 0xff)
#define CONTROL_MASKED (1u << 31) /* §10.4.10 */
#define RECORD_FULL (1u << 31)    /* in the fourth of its four words */
#define REASON_INTERRUPT_FIRST 0x20u
#define REASON_INTERRUPT_LAST 0x2fu

static struct iommu_fault ring[RING];
static uint64_t last; /* sequence number of the newest; 0: none yet */
static uint32_t unseen;
static bool masked;

/* §10.4.14. Of an interrupt the upper word has the entry's number, which is not an address. */
struct iommu_fault vtd_fault_decode(uint64_t low, uint64_t high)
{
    uint32_t reason = (uint32_t)(high >> 32) & 0xff;
    bool interrupt = reason >= REASON_INTERRUPT_FIRST && reason <= REASON_INTERRUPT_LAST;
    return (struct iommu_fault){.address = interrupt ? low >> 48 : low & ~(PAGE_SIZE - 1),
                                .bus_id = (uint32_t)high & 0xffff,
                                .reason = reason,
                                .write = !interrupt && !(high >> 62 & 1),
                                .interrupt = interrupt};
}

static bool fault_take(uint64_t low, uint64_t high)
{
    struct iommu_fault fault = vtd_fault_decode(low, high);
    if (vtd_device_quiet(fault.bus_id))
        return false;
    fault.sequence = ++last;
    fault.time_ns = clock_ns();
    ring[last % RING] = fault;
    if (trace_mask & TRACE_CLASS_FAULT) /* whichever tasks were chosen: it is no task's */
        trace_record(TRACE_IommuFault, 2, fault.address, TRACE_WORD(fault.bus_id, fault.reason));
    (void)!vtd_device_set_quiet(fault.bus_id, true); /* where it can't be, UNSEEN_MAX bounds it */
    return true;
}

/* Once around, from the oldest on: a device that fills them as fast as they are read is left for the next time. */
static bool unit_drain(const struct vtd_unit *unit)
{
    uint32_t count = CAPABILITY_FAULTS(unit->capability), at = STATUS_FIRST(vtd_read32(unit, VTD_FAULT_STATUS));
    bool news = false;
    for (uint32_t i = 0; i < count; i++, at++) {
        uint32_t record = CAPABILITY_FAULTS_AT(unit->capability) + 16 * (at % count);
        uint64_t high = vtd_read64(unit, record + 8);
        if (!(high >> 32 & RECORD_FULL))
            continue;
        news |= fault_take(vtd_read64(unit, record), high);
        vtd_write32(unit, record + 12, RECORD_FULL);
    }
    vtd_write32(unit, VTD_FAULT_STATUS, STATUS_OVERFLOW | STATUS_ADVANCED);
    return news;
}

static void mask_all(bool mask)
{
    masked = mask;
    for (uint32_t i = 0; i < vtd.unit_count; i++)
        vtd_write32(&vtd.units[i], VTD_FAULT_CONTROL, mask ? CONTROL_MASKED : 0);
}

bool iommu_fault_interrupt(void)
{
    bool news = false;
    if (!vtd.on)
        return false;
    if (++unseen >= UNSEEN_MAX)
        mask_all(true);
    for (uint32_t i = 0; i < vtd.unit_count; i++)
        news |= unit_drain(&vtd.units[i]);
    return news;
}

/* What came meanwhile raises the event now (§10.4.10, IP). */
void iommu_faults_seen(void)
{
    unseen = 0;
    if (masked)
        mask_all(false);
}

bool iommu_fault_read(uint64_t sequence, struct iommu_fault *fault)
{
    uint64_t oldest = last >= RING ? last - RING + 1 : 1;
    sequence = sequence > oldest ? sequence : oldest;
    if (sequence > last)
        return false;
    *fault = ring[sequence % RING];
    return true;
}

/* ---- starting ---- */

void vtd_faults_reset(void)
{
    last = 0;
    unseen = 0;
    masked = false;
}

static void records_clear(const struct vtd_unit *unit)
{
    for (uint32_t i = 0; i < CAPABILITY_FAULTS(unit->capability); i++)
        vtd_write32(unit, CAPABILITY_FAULTS_AT(unit->capability) + 16 * i + 12, RECORD_FULL);
    vtd_write32(unit, VTD_FAULT_STATUS, 0x7f); /* all that can be cleared */
}

/* §5.1: the units' own interrupts are never remapped, so they have the old format. */
void vtd_faults_start(struct vtd_unit *unit, uint32_t apic_id)
{
    vtd_write32(unit, VTD_FAULT_CONTROL, CONTROL_MASKED);
    records_clear(unit);
    vtd_write32(unit, VTD_FAULT_DATA, VECTOR_IOMMU);
    vtd_write32(unit, VTD_FAULT_ADDRESS, 0xfee00000u | (apic_id & 0xff) << 12);
    vtd_write32(unit, VTD_FAULT_ADDRESS_HIGH, apic_id & ~0xffu);
    vtd_write32(unit, VTD_FAULT_CONTROL, 0);
}

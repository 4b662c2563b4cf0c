/* Turning a unit on and off. */
#include "kernel/irq/vtd.h"
#include "kernel/memory/memory.h"
#include "kernel/x86/cpu.h"

#define WAIT_READS (1u << 20) /* of a register: some tenths of a second */
#define PROTECTION_ON (1u << 31)
#define PROTECTION_STATUS 1u
#define INTERRUPT_TABLE_WIDE (1u << 11) /* §10.4.29 */
#define INTERRUPT_TABLE_256 7u          /* 2^(n + 1) entries */

static bool wait_for(const struct vtd_unit *unit, uint32_t offset, uint32_t mask, uint32_t value)
{
    for (uint32_t i = 0; i < WAIT_READS; i++) {
        if ((vtd_read32(unit, offset) & mask) == value)
            return true;
        __asm__ volatile("pause");
    }
    return false;
}

/* §10.4.4: one change at a time, the other states as they are. */
status_t vtd_unit_command(const struct vtd_unit *unit, uint32_t bit, bool on)
{
    uint32_t states = vtd_read32(unit, VTD_STATUS) & ~VTD_ONCE;
    vtd_write32(unit, VTD_COMMAND, on ? states | bit : states & ~bit);
    bool done_is_set = on && bit != VTD_FLUSH_WRITES; /* §10.4.5: this one clears when it is done */
    return wait_for(unit, VTD_STATUS, bit, done_is_set ? bit : 0) ? OK : ERR_IO;
}

static status_t turn_off(const struct vtd_unit *unit, uint32_t state)
{
    return vtd_read32(unit, VTD_STATUS) & state ? vtd_unit_command(unit, state, false) : OK;
}

void vtd_unit_off(const struct vtd_unit *unit)
{
    static const uint32_t states[] = {VTD_TRANSLATION, VTD_REMAPPING, VTD_QUEUE};
    for (unsigned i = 0; i < sizeof states / sizeof states[0]; i++)
        (void)!turn_off(unit, states[i]);
}

/* The registers that the capabilities place lie where the unit says: in the first page, or some pages on. */
static uint64_t registers_bytes(const struct vtd_unit *unit)
{
    uint64_t faults = CAPABILITY_FAULTS_AT(unit->capability) + 16ul * CAPABILITY_FAULTS(unit->capability);
    uint64_t iotlb = EXTENDED_IOTLB_AT(unit->extended) + 16ul;
    return faults > iotlb ? faults : iotlb;
}

const char *vtd_unit_look(struct vtd_unit *unit, uint64_t physical)
{
    *unit = (struct vtd_unit){.physical = physical};
    if (!vtd_map(unit, PAGE_SIZE))
        return "it can't be mapped";
    uint32_t version = vtd_read32(unit, VTD_VERSION);
    unit->capability = vtd_read64(unit, VTD_CAPABILITY);
    unit->extended = vtd_read64(unit, VTD_EXTENDED);
    if (version == UINT32_MAX || !(version >> 4 & 0xf) || unit->capability == UINT64_MAX)
        return "it does not answer";
    if (!(CAPABILITY_WIDTHS(unit->capability) & 6)) /* 39 or 48 bits: three or four levels */
        return "it knows no page tables of three or four levels";
    if (CAPABILITY_ADDRESS_BITS(unit->capability) < 32)
        return "it can't translate addresses of 32 bits";
    if (registers_bytes(unit) > PAGE_SIZE && !vtd_map(unit, registers_bytes(unit)))
        return "it can't be mapped";
    vtd_unit_off(unit); /* as the firmware or another kernel may have left it */
    return vtd_read32(unit, VTD_STATUS) & (VTD_TRANSLATION | VTD_REMAPPING | VTD_QUEUE) ? "it does not turn off" : NULL;
}

/* §6.5.2, §10.4.23: a queue of one page. */
static status_t queue_start(struct vtd_unit *unit, uint64_t *queue, volatile uint32_t *answer)
{
    if (!(unit->extended & EXTENDED_QUEUE))
        return OK;
    vtd_write64(unit, VTD_QUEUE_TAIL, 0);
    vtd_write64(unit, VTD_QUEUE_ADDRESS, virt_to_phys(queue));
    status_t status = vtd_unit_command(unit, VTD_QUEUE, true);
    unit->queue = queue;
    unit->answer = answer;
    return status;
}

/* §10.4.16: what the firmware protected with cruder means is ours from here on. */
static status_t protection_end(const struct vtd_unit *unit)
{
    if (!(unit->capability & CAPABILITY_PROTECTED))
        return OK;
    vtd_write32(unit, VTD_PROTECTED_MEMORY, vtd_read32(unit, VTD_PROTECTED_MEMORY) & ~PROTECTION_ON);
    return wait_for(unit, VTD_PROTECTED_MEMORY, PROTECTION_STATUS, 0) ? OK : ERR_IO;
}

/* §10.4.6, §6.6: the root table, then nothing cached, then on. */
status_t vtd_unit_translate(struct vtd_unit *unit, uint64_t *queue, volatile uint32_t *answer)
{
    vtd_write64(unit, VTD_ROOT_TABLE, virt_to_phys(vtd.root));
    status_t status = vtd_unit_command(unit, VTD_SET_ROOT, true);
    if (!status)
        status = queue_start(unit, queue, answer);
    if (!status)
        status = vtd_flush_unit(unit);
    if (!status)
        status = vtd_unit_command(unit, VTD_TRANSLATION, true);
    return status ? status : protection_end(unit);
}

/* §5.1, §10.4.29. Interrupts in the old format are refused from here on. */
status_t vtd_unit_remap(struct vtd_unit *unit)
{
    vtd_write64(unit, VTD_INTERRUPT_TABLE,
                virt_to_phys(vtd.interrupts) | INTERRUPT_TABLE_256 | (vtd.wide ? INTERRUPT_TABLE_WIDE : 0));
    status_t status = vtd_unit_command(unit, VTD_SET_INTERRUPTS, true);
    if (!status)
        status = vtd_flush_interrupts(unit);
    if (!status)
        status = turn_off(unit, VTD_COMPATIBILITY);
    return status ? status : vtd_unit_command(unit, VTD_REMAPPING, true);
}

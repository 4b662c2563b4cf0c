/* Making the units forget what they have cached (§6.5): by requests in memory where there is a queue, else by registers.
 * Each request is waited for: afterwards nothing old is in use or on its way to memory. */
#include "kernel/irq/vtd.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/log.h"

#define WAIT_LOOKS (1u << 24)
#define WAIT_READS (1u << 20)
#define QUEUE_REQUESTS 256u

enum { REQUEST_CONTEXT = 1, REQUEST_IOTLB = 2, REQUEST_INTERRUPT = 4, REQUEST_WAIT = 5 }; /* §6.5.2 */
enum { WHOLE = 1, BY_DOMAIN = 2, BY_DEVICE_OR_PAGE = 3 };                                 /* granularity */
#define WAIT_WRITES_ANSWER (1ul << 5)
#define INTERRUPT_ONE (1ul << 4)
#define LEAVES_ONLY (1ul << 6)
#define REGISTER_GO (1ul << 63) /* §10.4.7, §10.4.8: cleared when it is done */

static status_t lost(const struct vtd_unit *unit)
{
    if (!vtd.broken)
        klog(KLOG_ERROR, "iommu: the unit at 0x%lx does not answer; what devices could reach stays out of use",
             unit->physical);
    vtd.broken = true;
    return ERR_IO;
}

/* ---- the queue ---- */

static void queue_put(struct vtd_unit *unit, uint64_t low, uint64_t high)
{
    uint64_t *request = &unit->queue[2 * unit->tail];
    request[0] = low;
    request[1] = high;
    vtd_publish(request, 16);
    unit->tail = (unit->tail + 1) % QUEUE_REQUESTS;
}

/* The queue is empty again whenever nobody waits, so there is always room. */
static status_t queue_ask(struct vtd_unit *unit, uint64_t low, uint64_t high)
{
    uint32_t ticket = ++unit->asked;
    queue_put(unit, low, high);
    queue_put(unit, REQUEST_WAIT | WAIT_WRITES_ANSWER | (uint64_t)ticket << 32,
              virt_to_phys((const void *)unit->answer));
    vtd_write64(unit, VTD_QUEUE_TAIL, unit->tail * 16);
    for (uint32_t i = 0; i < WAIT_LOOKS; i++) {
        if (*unit->answer == ticket)
            return OK;
        __asm__ volatile("pause");
    }
    return lost(unit);
}

/* ---- the registers ---- */

static status_t register_ask(struct vtd_unit *unit, uint32_t offset, uint64_t value)
{
    vtd_write64(unit, offset, value | REGISTER_GO);
    for (uint32_t i = 0; i < WAIT_READS; i++) {
        if (!(vtd_read64(unit, offset) & REGISTER_GO))
            return OK;
        __asm__ volatile("pause");
    }
    return lost(unit);
}

/* ---- what there is to forget ---- */

static status_t writes_flush(struct vtd_unit *unit) /* §6.8 */
{
    if (!(unit->capability & CAPABILITY_WRITE_BUFFER) || !vtd_unit_command(unit, VTD_FLUSH_WRITES, true))
        return OK;
    return lost(unit);
}

static status_t context_forget(struct vtd_unit *unit, uint64_t which, uint64_t bus_id, uint64_t domain)
{
    if (unit->queue)
        return queue_ask(unit, REQUEST_CONTEXT | which << 4 | domain << 16 | bus_id << 32, 0);
    return register_ask(unit, VTD_CONTEXT_COMMAND, which << 61 | bus_id << 16 | domain);
}

/* With what is on its way to and from memory (§6.5.4), where the unit does not see to that by itself. */
static status_t pages_forget(struct vtd_unit *unit, uint64_t which, uint64_t domain, uint64_t address_and_mask)
{
    uint64_t drain =
        (unit->capability & CAPABILITY_DRAIN_WRITE ? 1 : 0) | (unit->capability & CAPABILITY_DRAIN_READ ? 2 : 0);
    uint32_t at = EXTENDED_IOTLB_AT(unit->extended);
    if (unit->queue)
        return queue_ask(unit, REQUEST_IOTLB | which << 4 | drain << 6 | domain << 16, address_and_mask);
    if (which == BY_DEVICE_OR_PAGE)
        vtd_write64(unit, at, address_and_mask);
    return register_ask(unit, at + 8, which << 60 | drain << 48 | domain << 32);
}

status_t vtd_flush_unit(struct vtd_unit *unit)
{
    status_t status = writes_flush(unit);
    if (!status)
        status = context_forget(unit, WHOLE, 0, 0);
    return status ? status : pages_forget(unit, WHOLE, 0, 0);
}

status_t vtd_flush_context(uint32_t bus_id, uint32_t domain)
{
    status_t status = vtd.broken ? ERR_IO : OK;
    for (uint32_t i = 0; i < vtd.unit_count && !status; i++) {
        status = writes_flush(&vtd.units[i]);
        if (!status)
            status = context_forget(&vtd.units[i], BY_DEVICE_OR_PAGE, bus_id, domain);
        if (!status)
            status = pages_forget(&vtd.units[i], BY_DOMAIN, domain, 0);
    }
    return status;
}

/* §6.5.2: by pages means a block of 2^n that is aligned to its size: the smallest around the range. */
static status_t unit_flush_pages(struct vtd_unit *unit, uint32_t domain, uint64_t address, uint64_t pages)
{
    uint32_t order = 0;
    uint64_t first = address >> PAGE_SHIFT, last = first + pages - 1;
    while (first >> order != last >> order)
        order++;
    if (!(unit->capability & CAPABILITY_PAGE_SELECTIVE) || order > CAPABILITY_MASK_MAX(unit->capability))
        return pages_forget(unit, BY_DOMAIN, domain, 0);
    return pages_forget(unit, BY_DEVICE_OR_PAGE, domain, first >> order << (order + PAGE_SHIFT) | LEAVES_ONLY | order);
}

status_t vtd_flush_pages(uint32_t domain, uint64_t address, uint64_t pages)
{
    status_t status = vtd.broken ? ERR_IO : OK;
    for (uint32_t i = 0; i < vtd.unit_count && !status; i++) {
        status = writes_flush(&vtd.units[i]);
        if (!status)
            status = unit_flush_pages(&vtd.units[i], domain, address, pages);
    }
    return status;
}

/* §6.1: only a unit in caching mode remembers that something was not there, under domain 0 for contexts. */
status_t vtd_flush_domain_new(uint32_t domain)
{
    status_t status = vtd.broken ? ERR_IO : OK;
    for (uint32_t i = 0; i < vtd.unit_count && !status; i++) {
        status = writes_flush(&vtd.units[i]);
        if (!status && vtd.caching)
            status = context_forget(&vtd.units[i], BY_DOMAIN, 0, 0);
        if (!status && vtd.caching)
            status = pages_forget(&vtd.units[i], BY_DOMAIN, domain, 0);
    }
    return status;
}

status_t vtd_flush_interrupt(uint32_t entry)
{
    status_t status = vtd.broken ? ERR_IO : OK;
    for (uint32_t i = 0; i < vtd.unit_count && !status; i++)
        status = queue_ask(&vtd.units[i], REQUEST_INTERRUPT | INTERRUPT_ONE | (uint64_t)entry << 32, 0);
    return status;
}

status_t vtd_flush_interrupts(struct vtd_unit *unit)
{
    return queue_ask(unit, REQUEST_INTERRUPT, 0);
}

#include "tests/unit/vtd_model.h"
#include <stdlib.h>
#include <string.h>
#include "kernel/memory/memory.h"
#include "kernel/x86/cpu.h"

#define FIRST_UNIT 0xfed90000ul
#define FULL (1ul << 63)
struct vtd_model models[MODEL_UNITS];
static uint32_t model_count;
static void *kernel_pages[600];
static uint32_t kernel_page_count;

uint64_t memory_kernel_page(void)
{
    if (kernel_page_count == sizeof kernel_pages / sizeof kernel_pages[0])
        return 0;
    void *page = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
    kernel_pages[kernel_page_count++] = page;
    return virt_to_phys(memset(page, 0, PAGE_SIZE));
}

void vtd_model_reset(void)
{
    memset(models, 0, sizeof models);
    model_count = 0;
    while (kernel_page_count)
        free(kernel_pages[--kernel_page_count]);
}

struct vtd_model *vtd_model_add(struct acpi_dmar *dmar, uint64_t capability, uint64_t extended)
{
    struct vtd_model *model = &models[model_count];
    *model = (struct vtd_model){.capability = capability, .extended = extended};
    dmar->units[dmar->unit_count++] = FIRST_UNIT + model_count++ * PAGE_SIZE;
    return model;
}

static struct vtd_model *model_of(const struct vtd_unit *unit)
{
    return &models[(unit->physical - FIRST_UNIT) / PAGE_SIZE];
}

/* ---- faults ---- */

static void event(struct vtd_model *m)
{
    if (m->control >> 31)
        m->control |= 1u << 30;
    else
        m->events++;
}

static bool pending(const struct vtd_model *m)
{
    for (uint32_t i = 0; i < CAPABILITY_FAULTS(m->capability); i++)
        if (m->fault_records[i][1] & FULL)
            return true;
    return false;
}

static void fault(struct vtd_model *m, uint32_t source_id, uint64_t address, uint32_t reason, bool write)
{
    uint64_t *record = m->fault_records[m->next_fault];
    bool before = pending(m);
    if (m->fault_status & 1 || record[1] & FULL) {
        m->fault_status |= 1;
        return;
    }
    record[0] = reason >= 0x20 ? address << 48 : address & ~4095ul;
    record[1] = FULL | (write ? 0 : 1ul << 62) | (uint64_t)reason << 32 | source_id;
    if (!before) {
        m->fault_status = (m->fault_status & 0xff) | m->next_fault << 8;
        event(m);
    }
    m->next_fault = (m->next_fault + 1) % CAPABILITY_FAULTS(m->capability);
}

/* ---- what is cached, and forgotten ---- */

static void forget_contexts(struct vtd_model *m, uint64_t granularity, uint64_t domain, uint64_t bus_id)
{
    for (unsigned i = 0; i < 16; i++) {
        bool same_domain = (m->contexts[i].high >> 8 & 0xffff) == domain;
        if (granularity == 1 || (same_domain && (granularity == 2 || m->contexts[i].bus_id == bus_id)))
            m->contexts[i].valid = false;
    }
}

static void forget_pages(struct vtd_model *m, uint64_t granularity, uint64_t domain, uint64_t address)
{
    uint64_t order = address & 63;
    m->flushes[granularity]++;
    for (unsigned i = 0; i < 1024; i++) {
        bool same_page = m->pages[i].page >> order == address >> 12 >> order;
        if (granularity == 1 || (m->pages[i].domain == domain && (granularity == 2 || same_page)))
            m->pages[i].valid = false;
    }
}

static void forget_interrupts(struct vtd_model *m, bool one, uint64_t index)
{
    for (unsigned i = 0; i < 256; i++)
        if (!one || i == index)
            m->entries[i].valid = false;
}

static void request(struct vtd_model *m, uint64_t low, uint64_t high)
{
    if ((low & 15) == 1)
        forget_contexts(m, low >> 4 & 3, low >> 16 & 0xffff, low >> 32 & 0xffff);
    else if ((low & 15) == 2)
        forget_pages(m, low >> 4 & 3, low >> 16 & 0xffff, high);
    else if ((low & 15) == 4)
        forget_interrupts(m, low >> 4 & 1, low >> 32 & 0xffff);
    else if ((low & 15) == 5 && low & 32)
        *(uint32_t *)phys_to_virt(high) = (uint32_t)(low >> 32);
    else
        abort();
}

static void queue_work(struct vtd_model *m, uint64_t tail)
{
    const uint64_t *queue = phys_to_virt(m->queue & VTD_ADDRESS);
    for (; m->head != tail && !m->silent; m->head = (m->head + 16) % 4096)
        request(m, queue[m->head / 8], queue[m->head / 8 + 1]);
}

/* ---- registers ---- */

static void command(struct vtd_model *m, uint32_t value)
{
    const uint32_t states = VTD_TRANSLATION | VTD_QUEUE | VTD_REMAPPING | VTD_COMPATIBILITY;
    if (m->silent)
        return;
    m->status = (m->status & ~states) | (value & states) | (value & (VTD_SET_ROOT | VTD_SET_INTERRUPTS));
    if (!(m->extended & EXTENDED_QUEUE))
        m->status &= ~VTD_QUEUE;
}

static uint64_t iotlb_at(const struct vtd_model *m)
{
    return EXTENDED_IOTLB_AT(m->extended);
}

bool vtd_map(struct vtd_unit *unit, uint64_t bytes)
{
    (void)bytes;
    return (unit->physical - FIRST_UNIT) / PAGE_SIZE < model_count;
}

uint32_t vtd_read32(const struct vtd_unit *unit, uint32_t offset)
{
    struct vtd_model *m = model_of(unit);
    switch (offset) {
    case VTD_VERSION: return 0x10;
    case VTD_STATUS: return m->status;
    case VTD_FAULT_STATUS: return m->fault_status | (pending(m) ? 2 : 0);
    case VTD_FAULT_CONTROL: return m->control;
    default: abort();
    }
}

uint64_t vtd_read64(const struct vtd_unit *unit, uint32_t offset)
{
    struct vtd_model *m = model_of(unit);
    uint32_t record = offset - CAPABILITY_FAULTS_AT(m->capability);
    if (offset == VTD_CAPABILITY)
        return m->capability;
    if (offset == VTD_EXTENDED)
        return m->extended;
    if (record < 16 * CAPABILITY_FAULTS(m->capability))
        return m->fault_records[record / 16][record / 8 % 2];
    if (offset == VTD_CONTEXT_COMMAND || offset == iotlb_at(m) + 8)
        return m->silent ? FULL : 0;
    abort();
}

void vtd_write32(const struct vtd_unit *unit, uint32_t offset, uint32_t value)
{
    struct vtd_model *m = model_of(unit);
    uint32_t record = offset - CAPABILITY_FAULTS_AT(m->capability);
    if (offset == VTD_COMMAND)
        command(m, value);
    else if (offset == VTD_FAULT_STATUS)
        m->fault_status &= ~(value & 0x7d);
    else if (record < 16 * CAPABILITY_FAULTS(m->capability) && record % 16 == 12 && value >> 31)
        m->fault_records[record / 16][1] &= ~FULL;
    else if (offset == VTD_FAULT_CONTROL) {
        bool late = m->control >> 30 & 1 && !(value >> 31);
        m->control = value >> 31 ? (m->control & 1u << 30) | 1u << 31 : 0;
        m->events += late;
    } else if (offset < VTD_FAULT_DATA || offset > VTD_FAULT_ADDRESS_HIGH)
        abort();
}

void vtd_write64(const struct vtd_unit *unit, uint32_t offset, uint64_t value)
{
    struct vtd_model *m = model_of(unit);
    if (offset == VTD_ROOT_TABLE)
        m->root = value;
    else if (offset == VTD_INTERRUPT_TABLE)
        m->interrupts = value;
    else if (offset == VTD_QUEUE_ADDRESS)
        m->queue = value;
    else if (offset == VTD_QUEUE_TAIL && m->status & VTD_QUEUE)
        queue_work(m, value);
    else if (offset == VTD_QUEUE_TAIL)
        m->head = (uint32_t)value;
    else if (offset == VTD_CONTEXT_COMMAND && !(m->status & VTD_QUEUE))
        forget_contexts(m, value >> 61 & 3, value & 0xffff, value >> 16 & 0xffff);
    else if (offset == iotlb_at(m))
        m->invalidate_address = value;
    else if (offset == iotlb_at(m) + 8 && !(m->status & VTD_QUEUE))
        forget_pages(m, value >> 60 & 3, value >> 32 & 0xffff, m->invalidate_address);
    else
        abort();
}

/* ---- what a device does ---- */

static bool caches(const struct vtd_model *m, uint64_t entry, uint64_t present)
{
    return entry & present || m->capability & CAPABILITY_CACHING;
}

static void context_read(struct vtd_model *m, uint32_t bus_id, uint64_t *low, uint64_t *high)
{
    for (unsigned i = 0; i < 16; i++)
        if (m->contexts[i].valid && m->contexts[i].bus_id == bus_id) {
            *low = m->contexts[i].low;
            *high = m->contexts[i].high;
            return;
        }
    const uint64_t *root = (uint64_t *)phys_to_virt(m->root) + 2 * (bus_id >> 8);
    *low = *high = 0;
    if (!(root[0] & 1))
        return;
    const uint64_t *context = (uint64_t *)phys_to_virt(root[0] & VTD_ADDRESS) + 2 * (bus_id & 0xff);
    *low = context[0];
    *high = context[1];
    if (!caches(m, *low, 1))
        return;
    unsigned at = m->next_context++ % 16;
    m->contexts[at].valid = true;
    m->contexts[at].bus_id = bus_id;
    m->contexts[at].low = *low;
    m->contexts[at].high = *low & 1 ? *high : 0;
}

static uint64_t walk(uint64_t table, uint32_t levels, uint64_t address)
{
    uint64_t entry = table | 3;
    for (uint32_t level = levels; level-- > 0 && entry & 3;)
        entry = ((uint64_t *)phys_to_virt(entry & VTD_ADDRESS))[address >> (12 + 9 * level) & 511];
    return address >> (12 + 9 * levels) ? 0 : entry;
}

static uint64_t page_read(struct vtd_model *m, uint64_t low, uint64_t high, uint64_t address)
{
    uint64_t domain = high >> 8 & 0xffff;
    for (unsigned i = 0; i < 1024; i++)
        if (m->pages[i].valid && m->pages[i].domain == domain && m->pages[i].page == address >> 12)
            return m->pages[i].entry;
    uint64_t entry = walk(low & VTD_ADDRESS, (uint32_t)(high & 7) + 2, address);
    if (caches(m, entry, 3)) {
        unsigned at = m->next_page++ % 1024;
        m->pages[at].valid = true;
        m->pages[at].domain = domain;
        m->pages[at].page = address >> 12;
        m->pages[at].entry = entry;
    }
    return entry;
}

uint64_t vtd_model_reach(struct vtd_model *m, uint32_t bus_id, uint64_t address, bool write)
{
    uint64_t low, high, entry = 0;
    if (!(m->status & VTD_TRANSLATION))
        return address;
    context_read(m, bus_id, &low, &high);
    if (low & 1)
        entry = page_read(m, low, high, address);
    if (entry & (write ? 2 : 1))
        return (entry & VTD_ADDRESS) + (address & 4095);
    if (!(low & 2))
        fault(m, bus_id, address, !(low & 1) ? 2 : write ? 5 : 6, write);
    return 0;
}

static uint32_t refuse(struct vtd_model *m, uint32_t source_id, uint64_t index, uint32_t reason)
{
    fault(m, source_id, index, reason, true);
    return 0;
}

uint32_t vtd_model_interrupt(struct vtd_model *m, uint32_t source_id, uint64_t address, uint32_t data)
{
    uint64_t index = address >> 5 & 0x7fff;
    if (!(m->status & VTD_REMAPPING))
        return data & 0xff;
    if (!(address & 16))
        return m->status & VTD_COMPATIBILITY ? data & 0xff : refuse(m, source_id, 0, 0x25);
    if (index >= 2ul << (m->interrupts & 15))
        return refuse(m, source_id, index, 0x21);
    if (!m->entries[index].valid) {
        const uint64_t *entry = (uint64_t *)phys_to_virt(m->interrupts & VTD_ADDRESS) + 2 * index;
        m->entries[index].low = entry[0];
        m->entries[index].high = entry[1];
        m->entries[index].valid = caches(m, entry[0], 1);
    }
    if (!(m->entries[index].low & 1))
        return refuse(m, source_id, index, 0x22);
    if ((m->entries[index].high >> 18 & 3) == 1 && (m->entries[index].high & 0xffff) != source_id)
        return refuse(m, source_id, index, 0x26);
    bool wide = m->interrupts >> 11 & 1;
    m->target = wide ? (uint32_t)(m->entries[index].low >> 32) : m->entries[index].low >> 40 & 0xff;
    return m->entries[index].low >> 16 & 0xff;
}

/* Interrupts of a claimed device: MSI-X if it has it, else MSI, else its line. devmgr writes the vectors into the
 * device; a driver gets an irq capability and never sees the MSI-X table, with which it could write anywhere. */
#include "devmgr/claims.h"

#define ENTRY_WORDS (PCI_MSIX_ENTRY / 4) /* PCI 3.0 §6.8.2.6: address low, high, data, vector control */
#define ENTRY_MASKED 1u

struct attempt {
    struct devmgr *d;
    struct claim *claim;
    uint32_t entry;
    handle_t irq;
};

/* entry_at: where the kernel may change the message, so that it follows the driver from CPU to CPU; 0: it can't. */
static status_t message_irq(struct attempt *a, struct irq_route *route, uint64_t entry_at)
{
    result_t irq = irq_create(a->d->access.root, IRQ_MESSAGE, a->claim->device->bus_id, route, entry_at);
    if (irq < 0)
        return (status_t)irq;
    a->irq = (handle_t)irq;
    return OK;
}

/* ---- MSI-X ---- */

static status_t map_table(struct devmgr *d, struct claim *claim)
{
    const struct pci_msix *m = &claim->device->msix;
    uint64_t first = m->table_offset & ~(PAGE_SIZE - 1), lead = m->table_offset - first;
    size_t pages = (lead + m->vectors * PCI_MSIX_ENTRY + PAGE_SIZE - 1) >> PAGE_SHIFT;
    uint64_t physical = claim->device->bars[m->table_bar].address + first;
    if (claim->msix_table)
        return OK;
    if (physical & (PAGE_SIZE - 1))
        return ERR_NOT_SUPPORTED;
    result_t memory = devmem_create(d->access.root, physical, pages << PAGE_SHIFT);
    if (memory < 0)
        return (status_t)memory;
    result_t address = memory_map(HANDLE_NONE, (handle_t)memory, 0, 0, pages, PROT_READ | PROT_WRITE);
    cap_close((handle_t)memory); /* the mapping stays */
    if (address < 0)
        return (status_t)address;
    claim->msix_address = (uint64_t)address;
    claim->msix_pages = pages;
    claim->msix_table = (volatile uint32_t *)((uint64_t)address + lead);
    return OK;
}

/* §6.8.2.6: an entry is written while it is masked. */
static void write_entry(volatile uint32_t *entry, const struct irq_route *route)
{
    entry[3] = ENTRY_MASKED;
    entry[0] = (uint32_t)route->message_address;
    entry[1] = (uint32_t)(route->message_address >> 32);
    entry[2] = route->message_data;
    entry[3] = 0;
}

/* The physical address of an entry; 0 where a table lies so that one may cross a page. */
static uint64_t entry_at(const struct attempt *a)
{
    const struct pci_msix *m = &a->claim->device->msix;
    uint64_t at = a->claim->device->bars[m->table_bar].address + m->table_offset + (uint64_t)a->entry * PCI_MSIX_ENTRY;
    return at % PCI_MSIX_ENTRY ? 0 : at;
}

static status_t try_msix(struct attempt *a)
{
    struct irq_route route;
    if (!a->claim->device->msix.offset)
        return ERR_NOT_SUPPORTED;
    if (a->entry >= a->claim->device->msix.vectors)
        return ERR_INVALID;
    status_t status = map_table(a->d, a->claim);
    if (status == OK)
        status = message_irq(a, &route, entry_at(a));
    if (status != OK)
        return status;
    write_entry(a->claim->msix_table + a->entry * ENTRY_WORDS, &route);
    pci_msix_set(a->d->bus.ops, a->claim->device, true);
    return OK;
}

/* ---- MSI and the line ---- */

static status_t try_msi(struct attempt *a)
{
    struct irq_route route;
    if (!a->claim->device->msi_offset)
        return ERR_NOT_SUPPORTED;
    if (a->entry != 0)
        return ERR_INVALID;
    status_t status = message_irq(a, &route, 0);
    if (status == OK)
        pci_msi_set(a->d->bus.ops, a->claim->device, route.message_address, route.message_data);
    return status;
}

/* The line that firmware routed the pin to, as the interrupt line register tells it (PCI 3.0 §6.2.4: an ISA irq). */
static status_t try_line(struct attempt *a)
{
    struct irq_route route;
    const struct pci_device *device = a->claim->device;
    if (!device->irq_pin || device->irq_line >= sizeof a->d->access.platform.isa_gsi)
        return ERR_NOT_SUPPORTED;
    if (a->entry != 0)
        return ERR_INVALID;
    uint32_t gsi = a->d->access.platform.isa_gsi[device->irq_line];
    result_t irq = irq_create(a->d->access.root, IRQ_LINE_LEVEL, gsi, &route, 0);
    if (irq < 0)
        return (status_t)irq;
    a->irq = (handle_t)irq;
    pci_line_allow(a->d->bus.ops, device);
    return OK;
}

static status_t (*const modes[])(struct attempt *a) = {
    [DEVMGR_IRQ_MSIX] = try_msix,
    [DEVMGR_IRQ_MSI] = try_msi,
    [DEVMGR_IRQ_LINE] = try_line,
};

/* ---- both together ---- */

static struct claim_irq *slot_of(struct claim *claim, uint32_t entry)
{
    struct claim_irq *free = NULL;
    for (unsigned i = 0; i < CLAIM_IRQS_MAX; i++) {
        struct claim_irq *slot = &claim->irqs[i];
        if (slot->irq != HANDLE_NONE && slot->entry == entry)
            return slot;
        if (slot->irq == HANDLE_NONE && !free)
            free = slot;
    }
    return free;
}

/* The first irq settles the mode, the best that works; later ones are of the same. */
static status_t make(struct attempt *a)
{
    status_t status = ERR_NOT_SUPPORTED;
    bool settled = a->claim->irqs[0].irq != HANDLE_NONE;
    uint32_t mode = settled ? a->claim->irq_mode : DEVMGR_IRQ_MSIX;
    uint32_t last = settled ? mode : DEVMGR_IRQ_LINE;
    for (; status == ERR_NOT_SUPPORTED && mode <= last; mode++) {
        status = modes[mode](a);
        a->claim->irq_mode = mode;
    }
    return status;
}

status_t claim_irq(struct devmgr *d, struct claim *claim, uint32_t entry, handle_t *irq)
{
    struct attempt a = {.d = d, .claim = claim, .entry = entry};
    struct claim_irq *slot = slot_of(claim, entry);
    if (!slot)
        return ERR_TABLE_FULL;
    if (slot->irq == HANDLE_NONE) {
        status_t status = make(&a);
        if (status != OK)
            return status;
        *slot = (struct claim_irq){a.irq, entry};
    }
    *irq = slot->irq;
    return OK;
}

void claim_irqs_end(struct claim *claim)
{
    if (!claim->msix_table)
        return;
    for (unsigned i = 0; i < CLAIM_IRQS_MAX; i++) {
        if (claim->irqs[i].irq != HANDLE_NONE)
            claim->msix_table[claim->irqs[i].entry * ENTRY_WORDS + 3] = ENTRY_MASKED;
    }
    (void)memory_unmap(HANDLE_NONE, claim->msix_address, claim->msix_pages);
    claim->msix_table = NULL;
}

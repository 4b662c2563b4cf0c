#include "devmgr/claims.h"

uint32_t claim_device_id(const struct devmgr *d, const struct claim *claim)
{
    return (uint32_t)(claim->device - d->bus.devices) + 1;
}

struct claim *claim_of_device(struct devmgr *d, const struct pci_device *device)
{
    for (unsigned i = 0; i < CLAIMS_MAX; i++) {
        if (d->claims[i].device == device)
            return &d->claims[i];
    }
    return NULL;
}

struct claim *claim_find(struct devmgr *d, uint32_t device_id, uint32_t badge)
{
    if (device_id == 0 || device_id > d->bus.count)
        return NULL;
    struct claim *claim = claim_of_device(d, &d->bus.devices[device_id - 1]);
    return claim && claim->holder == badge ? claim : NULL;
}

/* A private channel that nobody sends to: waiting on it is sleeping. */
static void sleep_until(uint64_t deadline_ns)
{
    struct msg m;
    uint64_t signals;
    result_t channel = channel_create(1, 1);
    if (channel < 0)
        return;
    (void)channel_recv((handle_t)channel, &m, 1, &signals, deadline_ns);
    cap_close((handle_t)channel);
}

/* A reset that the end of an earlier claim started may need the rest of its 100 ms. */
static void make_clean(struct devmgr *d, struct pci_device *device)
{
    uint64_t done = d->reset_done_ns[device - d->bus.devices];
    if (device->restore && clock_now() < done)
        sleep_until(done);
    pci_size_bars(d->bus.ops, device);
    pci_quiet(d->bus.ops, device);
    pci_reset_finish(d->bus.ops, device);
}

struct claim *claim_new(struct devmgr *d, struct pci_device *device, uint32_t badge, status_t *status)
{
    struct claim *claim = claim_of_device(d, NULL);
    *status = ERR_TABLE_FULL;
    if (!claim)
        return NULL;
    result_t dma = dma_create(d->access.root, device->bus_id);
    *status = dma < 0 ? (status_t)dma : OK;
    if (dma < 0)
        return NULL;
    make_clean(d, device);
    *claim = (struct claim){.device = device, .holder = badge, .dma = (handle_t)dma};
    return claim;
}

static void take_back(handle_t *cap)
{
    if (*cap == HANDLE_NONE)
        return;
    (void)cap_revoke(*cap);
    cap_close(*cap);
    *cap = HANDLE_NONE;
}

void claim_release(struct devmgr *d, struct claim *claim)
{
    struct pci_device *device = claim->device;
    pci_quiet(d->bus.ops, device);
    claim_irqs_end(claim);
    if (pci_reset_start(d->bus.ops, device))
        d->reset_done_ns[device - d->bus.devices] = clock_now() + PCI_RESET_NS;
    for (unsigned i = 0; i < CLAIM_IRQS_MAX; i++)
        take_back(&claim->irqs[i].irq);
    for (unsigned i = 0; i < PCI_BARS; i++)
        take_back(&claim->bars[i]);
    take_back(&claim->dma);
    *claim = (struct claim){0};
}

void claims_release_all_of(struct devmgr *d, uint32_t badge)
{
    for (unsigned i = 0; i < CLAIMS_MAX; i++) {
        if (!d->claims[i].device || d->claims[i].holder != badge)
            continue;
        log_info("device %04x:%04x is taken back", d->claims[i].device->vendor, d->claims[i].device->device);
        claim_release(d, &d->claims[i]);
    }
}

/* ---- BARs ---- */

static result_t make_memory(struct devmgr *d, const struct claim *claim, unsigned bar)
{
    const struct pci_bar *b = &claim->device->bars[bar];
    struct pci_bar_part part = pci_bar_part(claim->device, bar);
    if (part.pages == 0)
        return ERR_NOT_FOUND;
    if (b->address & (PAGE_SIZE - 1)) /* smaller than a page and not at its start */
        return ERR_NOT_SUPPORTED;
    if (b->size < PAGE_SIZE && pci_page_shared(&d->bus, claim->device, b->address >> PAGE_SHIFT))
        return ERR_NOT_SUPPORTED;
    return devmem_create(d->access.root, b->address + (part.first_page << PAGE_SHIFT), part.pages << PAGE_SHIFT);
}

status_t claim_bar(struct devmgr *d, struct claim *claim, unsigned bar, handle_t *cap)
{
    const struct pci_bar *b = &claim->device->bars[bar];
    if (b->size == 0)
        return ERR_NOT_FOUND;
    if (claim->bars[bar] == HANDLE_NONE) {
        result_t made = b->port ? ioport_create(d->access.root, (uint32_t)b->address, (uint32_t)b->size)
                                : make_memory(d, claim, bar);
        if (made < 0)
            return (status_t)made;
        claim->bars[bar] = (handle_t)made;
    }
    *cap = claim->bars[bar];
    return OK;
}

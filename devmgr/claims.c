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
    device_clean(d, device);
    (void)cap_revoke((handle_t)dma); /* pins of an earlier holder's, now that the device is quiet */
    d->orphans[device - d->bus.devices] = false;
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
    device_stop(d, device);
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

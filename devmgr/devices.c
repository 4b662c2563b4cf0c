/* Devices while nobody has them: stopping, resetting, and pins whose owner is gone. */
#include "devmgr/claims.h"

#define ORPHANS_AGAIN_NS 1000000000ull

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
void device_clean(struct devmgr *d, struct pci_device *device)
{
    uint64_t done = d->reset_done_ns[device - d->bus.devices];
    if (device->restore && clock_now() < done)
        sleep_until(done);
    pci_size_bars(d->bus.ops, device);
    pci_quiet(d->bus.ops, device);
    pci_reset_finish(d->bus.ops, device);
}

/* A reset loses what firmware wrote into the BARs, so that is read before. */
void device_stop(struct devmgr *d, struct pci_device *device)
{
    pci_quiet(d->bus.ops, device);
    if (device->restore)
        return; /* its reset is under way */
    pci_size_bars(d->bus.ops, device);
    if (pci_reset_start(d->bus.ops, device))
        d->reset_done_ns[device - d->bus.devices] = clock_now() + PCI_RESET_NS;
}

void devices_stop_all(struct devmgr *d)
{
    for (uint32_t i = 0; i < d->bus.count; i++) {
        if (d->bus.devices[i].was_master)
            device_stop(d, &d->bus.devices[i]);
        d->orphans[i] = pci_class_of(&d->bus.devices[i])->right != 0;
    }
}

/* There is one dma object a device. If an earlier devmgr's is still around and nobody holds it, this gets it back with
 * all pins in it; they end here, the device being quiet. */
static bool end_orphans(struct devmgr *d, const struct pci_device *device)
{
    result_t dma = dma_create(d->access.root, device->bus_id);
    if (dma < 0)
        return dma != ERR_BUSY;
    (void)cap_revoke((handle_t)dma);
    cap_close((handle_t)dma);
    return true;
}

static void look_for_orphans(struct devmgr *d)
{
    d->orphans_due_ns = DEADLINE_NEVER;
    for (uint32_t i = 0; i < d->bus.count; i++) {
        if (d->orphans[i])
            d->orphans[i] = !end_orphans(d, &d->bus.devices[i]);
        if (d->orphans[i])
            d->orphans_due_ns = clock_now() + ORPHANS_AGAIN_NS;
    }
}

/* The BARs go back as soon as that may be: they are in nobody's memory but this task's. */
void devices_turn(struct devmgr *d)
{
    for (uint32_t i = 0; i < d->bus.count; i++) {
        if (d->bus.devices[i].restore && d->reset_done_ns[i] <= clock_now())
            pci_reset_finish(d->bus.ops, &d->bus.devices[i]);
    }
    if (d->orphans_due_ns <= clock_now())
        look_for_orphans(d);
}

uint64_t devices_due(const struct devmgr *d)
{
    uint64_t due = d->orphans_due_ns;
    for (uint32_t i = 0; i < d->bus.count; i++) {
        if (d->bus.devices[i].restore && d->reset_done_ns[i] < due)
            due = d->reset_done_ns[i];
    }
    return due;
}

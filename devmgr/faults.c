/* What the IOMMU refused: the device that wanted it is stopped, and its driver loses it. quarantine.h has the rules. */
#include "devmgr/claims.h"

#define FAULTS_AT_ONCE 8

static void quarantine_device(struct devmgr *d, struct pci_device *device, const struct iommu_fault *fault)
{
    char text[FAULT_TEXT];
    struct claim *claim = claim_of_device(d, device);
    if (claim)
        claim_release(d, claim);
    else
        device_stop(d, device);
    fault_text(fault, text);
    log_error("device %02x:%02x.%u (%s %04x:%04x) %s. QUARANTINED until the machine is restarted", device->bus_id >> 8,
              device->bus_id >> 3 & 31, device->bus_id & 7, pci_class_of(device)->kind, device->vendor, device->device,
              text);
}

static void report_nobody(const struct iommu_fault *fault)
{
    char text[FAULT_TEXT];
    fault_text(fault, text);
    log_error("%02x:%02x.%u, which is no device that could be taken from anybody, %s", fault->bus_id >> 8 & 0xff,
              fault->bus_id >> 3 & 31, fault->bus_id & 7, text);
}

static void fault_seen(struct devmgr *d, const struct iommu_fault *fault)
{
    struct pci_device *device;
    switch (quarantine_add(&d->quarantine, &d->bus, fault, &device)) {
    case QUARANTINE_NEW: quarantine_device(d, device, fault); break;
    case QUARANTINE_NOBODY: report_nobody(fault); break;
    case QUARANTINE_ALREADY: break;
    }
}

void faults_look(struct devmgr *d)
{
    struct iommu_fault faults[FAULTS_AT_ONCE];
    result_t count;
    do {
        count = system_info(d->access.root, INFO_IOMMU_FAULTS, d->quarantine.next_sequence, faults, sizeof faults);
        for (result_t i = 0; i < count; i++)
            fault_seen(d, &faults[i]);
    } while (count == FAULTS_AT_ONCE);
    if (d->fault_irq != HANDLE_NONE)
        (void)irq_ack(d->fault_irq);
}

status_t faults_init(struct devmgr *d, handle_t signal)
{
    struct irq_route route;
    if (!d->access.platform.iommu_present)
        return OK;
    result_t irq = irq_create(d->access.root, IRQ_IOMMU, 0, &route, 0);
    if (irq < 0)
        return (status_t)irq;
    d->fault_irq = (handle_t)irq;
    status_t status = irq_bind(d->fault_irq, signal, FAULT_BIT);
    faults_look(d); /* those that a devmgr before this one saw, too */
    return status;
}

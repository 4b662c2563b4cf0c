#include "devmgr/quarantine.h"

#include <stdio.h>

/* VT-d specification 3.4, appendix A: "Fault Reason Encodings". */
static const struct {
    uint32_t reason;
    const char *text;
} reasons[] = {
    {0x01, "its bus was given nothing"},
    {0x02, "it was given nothing"},
    {0x03, "its entry in the IOMMU's table is malformed"},
    {0x04, "the address is wider than the IOMMU's tables"},
    {0x05, "nothing is pinned there for it to write"},
    {0x06, "nothing is pinned there for it to read"},
    {0x07, "the IOMMU cannot read its page tables"},
    {0x08, "the IOMMU cannot read its root table"},
    {0x09, "the IOMMU cannot read its context table"},
    {0x0a, "a reserved bit is set in its root entry"},
    {0x0b, "a reserved bit is set in its context entry"},
    {0x0c, "a reserved bit is set in its page tables"},
    {0x0d, "this kind of request is blocked for it"},
    {0x20, "a reserved bit is set in the interrupt"},
    {0x21, "there is no such entry in the interrupt table"},
    {0x22, "that interrupt is nobody's"},
    {0x23, "the IOMMU cannot read the interrupt table"},
    {0x24, "a reserved bit is set in that interrupt's entry"},
    {0x25, "it names a vector itself, past the interrupt table"},
    {0x26, "that interrupt is another device's"},
};

static const char *reason_text(uint32_t reason)
{
    for (unsigned i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].reason == reason)
            return reasons[i].text;
    }
    return "for a reason that this version does not know";
}

void fault_text(const struct iommu_fault *fault, char text[FAULT_TEXT])
{
    unsigned long long address = fault->address;
    const char *why = reason_text(fault->reason);
    if (fault->interrupt)
        snprintf(text, FAULT_TEXT, "sent an interrupt (0x%llx) that is not its own: %s (reason 0x%x)", address, why,
                 fault->reason);
    else
        snprintf(text, FAULT_TEXT, "wanted to %s 0x%llx: %s (reason 0x%x)", fault->write ? "write to" : "read from",
                 address, why, fault->reason);
}

static struct pci_device *device_at(struct pci_bus *bus, uint32_t bus_id)
{
    for (uint32_t i = 0; i < bus->count; i++) {
        if (bus->devices[i].bus_id == bus_id && !pci_is_bridge(&bus->devices[i]))
            return &bus->devices[i];
    }
    return NULL;
}

enum quarantine_verdict quarantine_add(struct quarantine *q, struct pci_bus *bus, const struct iommu_fault *fault,
                                       struct pci_device **device)
{
    if (fault->sequence >= q->next_sequence)
        q->next_sequence = fault->sequence + 1;
    *device = device_at(bus, fault->bus_id);
    if (!*device)
        return QUARANTINE_NOBODY;
    struct iommu_fault *kept = &q->faults[*device - bus->devices];
    if (kept->sequence)
        return QUARANTINE_ALREADY;
    *kept = *fault;
    return QUARANTINE_NEW;
}

const struct iommu_fault *quarantine_of(const struct quarantine *q, const struct pci_bus *bus,
                                        const struct pci_device *device)
{
    const struct iommu_fault *kept = &q->faults[device - bus->devices];
    return kept->sequence ? kept : NULL;
}

/* virtio over PCI, modern interface (virtio 1.2 §4.1), seen by a task: registers lie in BARs that devmgr hands out.
 *
 * Rules
 *  - open maps everything and resets the device; then negotiate, queue_setup for each queue, driver_ok. Any failure on
 *    the way: close, which resets the device before the memory that it knew is given back.
 *  - A device register is read once and checked before use; a device that answers nonsense is ERR_IO.
 */
#pragma once
#include "drivers/pci.h"
#include "drivers/virtio/virtqueue.h"

#define VIRTIO_F_INDIRECT_DESC 28 /* §6 */
#define VIRTIO_F_EVENT_IDX 29
#define VIRTIO_F_VERSION_1 32
#define VIRTIO_F_ACCESS_PLATFORM 33
#define VIRTIO_BIT(feature) (1ull << (feature))

struct virtio_common; /* §4.1.4.3, in transport.c */

struct virtio_device {
    struct nic_resources resources;
    volatile struct virtio_common *common;
    volatile uint8_t *isr, *notify, *config;
    uint32_t notify_length, notify_multiplier, config_length;
    uint64_t features;
    struct pci_mapping bars[6];
    handle_t irq, config_irq;
    bool message_interrupts; /* MSI-X; else the line, and ISR must be read */
    struct {
        volatile uint16_t *doorbell;
        uint16_t index;
        struct pci_memory memory;
    } queues[2];
};

MUST_CHECK status_t virtio_open(struct virtio_device *device, const struct nic_resources *resources);
void virtio_close(struct virtio_device *device); /* device reset, memory unpinned and given back */
/* Takes of the offered features those in `wanted`; VERSION_1 is required. §3.1.1 steps 4 to 6.
 * ERR_NOT_SUPPORTED also for a device past the IOMMU of a machine that has one. */
MUST_CHECK status_t virtio_negotiate(struct virtio_device *device, uint64_t wanted);
/* §4.1.5.1.3. size_limit: at most so many entries. chains: of more than one buffer (needs memory for indirect tables). */
MUST_CHECK status_t virtio_queue_setup(struct virtio_device *device, uint16_t index, struct virtqueue *queue,
                                       uint16_t size_limit, bool chains);
void virtio_driver_ok(struct virtio_device *device);
bool virtio_needs_reset(const struct virtio_device *device);
uint8_t virtio_config8(const struct virtio_device *device, uint32_t offset); /* 0 past the end */
void virtio_irq_cause(struct virtio_device *device);

static inline void virtio_notify(struct virtio_device *device, unsigned queue) /* §4.1.5.2 */
{
    *device->queues[queue].doorbell = device->queues[queue].index;
}

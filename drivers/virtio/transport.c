/* virtio over PCI: see transport.h. Section numbers are of virtio 1.2. */
#include "drivers/virtio/transport.h"

#include <string.h>

struct virtio_common { /* §4.1.4.3 */
    uint32_t device_feature_select, device_feature, driver_feature_select, driver_feature;
    uint16_t config_msix_vector, num_queues;
    uint8_t device_status, config_generation;
    uint16_t queue_select, queue_size, queue_msix_vector, queue_enable, queue_notify_off;
    uint32_t queue_desc[2], queue_driver[2], queue_device[2];
};
_Static_assert(sizeof(struct virtio_common) == 56, "virtio_pci_common_cfg up to queue_device");

enum {
    STATUS_ACKNOWLEDGE = 1,
    STATUS_DRIVER = 2,
    STATUS_DRIVER_OK = 4,
    STATUS_FEATURES_OK = 8,
    STATUS_NEEDS_RESET = 64
};
enum { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_DEVICE = 4 }; /* §4.1.4 */
#define PCI_CAP_POINTER 0x34
#define PCI_CAP_VENDOR 9
#define NO_VECTOR 0xffffu

static uint32_t config_read(const struct virtio_device *device, unsigned offset, unsigned width)
{
    return pci_config_read(&device->resources, offset, width);
}

/* ---- the vendor capabilities (§4.1.4) ---- */

struct vendor_cap {
    uint8_t type, bar;
    uint32_t offset, length, multiplier;
};

static struct vendor_cap read_cap(const struct virtio_device *device, unsigned at)
{
    struct vendor_cap cap = {
        .type = (uint8_t)config_read(device, at + 3, 1),
        .bar = (uint8_t)config_read(device, at + 4, 1),
        .offset = config_read(device, at + 8, 4),
        .length = config_read(device, at + 12, 4),
    };
    if (cap.type == CAP_NOTIFY)
        cap.multiplier = config_read(device, at + 16, 4); /* §4.1.4.4 */
    return cap;
}

/* Where the area of a capability lies for us; NULL when it is not in what devmgr gave. */
static volatile uint8_t *locate(struct virtio_device *device, const struct vendor_cap *cap, uint32_t need)
{
    if (cap->bar >= 6 || cap->length < need)
        return NULL;
    struct pci_mapping *mapping = &device->bars[cap->bar];
    if (mapping->memory == HANDLE_NONE && pci_map_bar(&device->resources, cap->bar, mapping) != OK)
        return NULL;
    if (cap->offset < mapping->first)
        return NULL;
    uint64_t start = cap->offset - mapping->first;
    if (start > mapping->bytes || cap->length > mapping->bytes - start)
        return NULL;
    return mapping->address + start;
}

static void use_cap(struct virtio_device *device, const struct vendor_cap *cap)
{
    if (cap->type == CAP_COMMON && !device->common)
        device->common = (volatile struct virtio_common *)locate(device, cap, sizeof(struct virtio_common));
    if (cap->type == CAP_ISR && !device->isr)
        device->isr = locate(device, cap, 1);
    if (cap->type == CAP_DEVICE && !device->config && (device->config = locate(device, cap, 1)))
        device->config_length = cap->length;
    if (cap->type == CAP_NOTIFY && !device->notify && (device->notify = locate(device, cap, 2))) {
        device->notify_length = cap->length;
        device->notify_multiplier = cap->multiplier;
    }
}

/* The first capability of a type that we can use counts (§4.1.4: in the order of the device's preference). */
static status_t find_areas(struct virtio_device *device)
{
    unsigned at = config_read(device, PCI_CAP_POINTER, 1) & 0xfc;
    for (unsigned hops = 0; at >= 0x40 && hops < 48; hops++) {
        if (config_read(device, at, 1) == PCI_CAP_VENDOR) {
            struct vendor_cap cap = read_cap(device, at);
            use_cap(device, &cap);
        }
        at = config_read(device, at + 1, 1) & 0xfc;
    }
    return device->common && device->isr && device->notify && device->config ? OK : ERR_NOT_SUPPORTED;
}

/* ---- interrupts ---- */

/* Entry 0 for both queues, entry 1 for changes of configuration; without MSI-X one line for all. */
static status_t take_irqs(struct virtio_device *device)
{
    uint32_t mode;
    status_t status = pci_take_irq(&device->resources, 0, device->resources.irq_bit, &device->irq, &mode);
    if (status != OK)
        return status;
    device->message_interrupts = mode == DEVMGR_IRQ_MSIX;
    if (device->message_interrupts && device->resources.claimed.msix_vectors > 1 &&
        pci_take_irq(&device->resources, 1, device->resources.config_irq_bit, &device->config_irq, &mode) != OK)
        device->config_irq = HANDLE_NONE; /* link changes are then seen at the next status request */
    return irq_ack(device->irq);
}

void virtio_irq_cause(struct virtio_device *device)
{
    if (device->message_interrupts)
        return;
    (void)*device->isr; /* §4.1.4.5: reading it takes the line down */
    status_t status = irq_ack(device->irq);
    if (status != OK)
        log_error("virtio: irq_ack: %s", status_name(status));
}

/* ---- life (§3.1.1) ---- */

static void set_status(struct virtio_device *device, uint8_t bits)
{
    device->common->device_status = (uint8_t)(device->common->device_status | bits);
}

static status_t reset(struct virtio_device *device)
{
    device->common->device_status = 0;
    for (unsigned i = 0; i < 100000; i++) /* §4.1.4.3.2: wait until it reads 0 */
        if (device->common->device_status == 0)
            return OK;
    return ERR_IO;
}

status_t virtio_open(struct virtio_device *device, const struct nic_resources *resources)
{
    memset(device, 0, sizeof *device);
    device->resources = *resources;
    status_t status = find_areas(device);
    if (status == OK)
        status = reset(device); /* before it may touch memory: it may still know another driver's */
    if (status == OK)
        status = pci_bus_master(resources);
    if (status == OK)
        status = take_irqs(device);
    if (status != OK)
        return status;
    set_status(device, STATUS_ACKNOWLEDGE);
    set_status(device, STATUS_DRIVER);
    return OK;
}

static uint64_t offered_features(struct virtio_device *device)
{
    device->common->device_feature_select = 0;
    uint64_t low = device->common->device_feature;
    device->common->device_feature_select = 1;
    return low | (uint64_t)device->common->device_feature << 32;
}

/* §6.1: a device that offers ACCESS_PLATFORM goes through the IOMMU if there is one, and wants to hear that we know. One
 * that does not would take the addresses that the IOMMU knows for real ones, and write over somebody's memory. */
#define ALWAYS_TAKEN (VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM))

static status_t past_the_iommu(void)
{
    log_error("virtio: the device goes past the IOMMU, so it is not used (in QEMU it needs iommu_platform=on)");
    return ERR_NOT_SUPPORTED;
}

status_t virtio_negotiate(struct virtio_device *device, uint64_t wanted)
{
    device->features = offered_features(device) & (wanted | ALWAYS_TAKEN);
    if (device->resources.claimed.confined && !(device->features & VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM)))
        return past_the_iommu();
    if (!(device->features & VIRTIO_BIT(VIRTIO_F_VERSION_1)))
        return ERR_NOT_SUPPORTED;
    device->common->driver_feature_select = 0;
    device->common->driver_feature = (uint32_t)device->features;
    device->common->driver_feature_select = 1;
    device->common->driver_feature = (uint32_t)(device->features >> 32);
    set_status(device, STATUS_FEATURES_OK);
    return device->common->device_status & STATUS_FEATURES_OK ? OK : ERR_NOT_SUPPORTED;
}

static void tell_queue(volatile struct virtio_common *common, const struct virtqueue *queue)
{
    common->queue_size = queue->size;
    common->queue_desc[0] = (uint32_t)queue->desc_address;
    common->queue_desc[1] = (uint32_t)(queue->desc_address >> 32);
    common->queue_driver[0] = (uint32_t)queue->avail_address;
    common->queue_driver[1] = (uint32_t)(queue->avail_address >> 32);
    common->queue_device[0] = (uint32_t)queue->used_address;
    common->queue_device[1] = (uint32_t)(queue->used_address >> 32);
}

static status_t find_doorbell(struct virtio_device *device, uint16_t index)
{
    uint64_t offset = (uint64_t)device->common->queue_notify_off * device->notify_multiplier; /* §4.1.4.4 */
    if (offset > device->notify_length - 2u || offset % 2)
        return ERR_IO;
    device->queues[index].doorbell = (volatile uint16_t *)(device->notify + offset);
    device->queues[index].index = index;
    return OK;
}

/* §4.1.5.1.2.2: a device that has no room for the vector answers NO_VECTOR. */
static status_t set_vector(struct virtio_device *device)
{
    if (!device->message_interrupts)
        return OK;
    device->common->queue_msix_vector = 0;
    return device->common->queue_msix_vector == 0 ? OK : ERR_IO;
}

status_t virtio_queue_setup(struct virtio_device *device, uint16_t index, struct virtqueue *queue, uint16_t size_limit,
                            bool chains)
{
    volatile struct virtio_common *common = device->common;
    common->queue_select = index;
    uint16_t size = common->queue_size, use = 1;
    while (use * 2 <= size && use * 2 <= size_limit)
        use = (uint16_t)(use * 2);
    if (size < 2)
        return ERR_IO;
    uint32_t options = (device->features & VIRTIO_BIT(VIRTIO_F_EVENT_IDX) ? VIRTQUEUE_EVENT_INDEX : 0) |
                       (chains && device->features & VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) ? VIRTQUEUE_INDIRECT : 0);
    uint64_t address = 0;
    size_t pages = (virtqueue_bytes(use, options) + PAGE_SIZE - 1) >> PAGE_SHIFT;
    status_t status = pci_memory_new(&device->resources, pages, &device->queues[index].memory, &address);
    if (status != OK)
        return status;
    virtqueue_init(queue, use, options, device->queues[index].memory.base, address);
    tell_queue(common, queue);
    status = find_doorbell(device, index);
    if (status == OK)
        status = set_vector(device);
    if (status == OK)
        common->queue_enable = 1;
    return status;
}

void virtio_driver_ok(struct virtio_device *device)
{
    if (device->message_interrupts)
        device->common->config_msix_vector = device->config_irq ? 1 : NO_VECTOR;
    set_status(device, STATUS_DRIVER_OK);
}

bool virtio_needs_reset(const struct virtio_device *device) /* §2.1.1 */
{
    return device->common->device_status & STATUS_NEEDS_RESET;
}

uint8_t virtio_config8(const struct virtio_device *device, uint32_t offset)
{
    return offset < device->config_length ? device->config[offset] : 0;
}

void virtio_close(struct virtio_device *device)
{
    if (device->common && reset(device) != OK)
        log_error("virtio: the device does not reset");
    for (unsigned i = 0; i < 2; i++)
        pci_memory_free(&device->resources, &device->queues[i].memory);
    for (unsigned i = 0; i < 6; i++)
        pci_unmap_bar(&device->bars[i]);
    if (device->irq)
        cap_close(device->irq);
    if (device->config_irq)
        cap_close(device->config_irq);
    memset(device, 0, sizeof *device);
}

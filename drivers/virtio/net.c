/* The virtio network device (virtio 1.2 §5.1) as a nic. One receive and one transmit queue. */
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio/transport.h"

/* §5.1.3 */
#define NET_F_CSUM 0
#define NET_F_GUEST_CSUM 1
#define NET_F_MAC 5
#define NET_F_STATUS 16
/* §5.1.4: struct virtio_net_config starts with mac[6], status */
#define CONFIG_MAC 0
#define CONFIG_STATUS 6
#define STATUS_LINK_UP 1

enum { QUEUE_RX = 0, QUEUE_TX = 1 };

struct net_header { /* §5.1.6; with VERSION_1 num_buffers is always there */
    uint8_t flags, gso_type;
    uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
_Static_assert(sizeof(struct net_header) == 12, "virtio_net_hdr with num_buffers");
#define HEADER_NEEDS_CSUM 1
#define HEADER_DATA_VALID 2

struct virtio_net {
    struct virtio_device device;
    struct virtqueue rx, tx;
    const uint8_t *rx_memory[VIRTQUEUE_SIZE_MAX]; /* by id */
    bool rx_ran_low;                              /* the device may have gone without buffers: kick whatever it says */
};

static struct virtio_net *net_of(struct nic *nic)
{
    return nic->driver;
}

/* ---- opening ---- */

/* Not EVENT_IDX, although the queue can do it in a way that lives through lost kicks: that way kicks once a batch
 * whatever the device wishes, and under TCG each kick may wait for QEMU's lock. With the flags of §2.7.7 and §2.7.10
 * the device can say that it is awake: 108 instead of 115 us for an echo, and more connections per second. */
#define WANTED                                                                                                  \
    (VIRTIO_BIT(NET_F_CSUM) | VIRTIO_BIT(NET_F_GUEST_CSUM) | VIRTIO_BIT(NET_F_MAC) | VIRTIO_BIT(NET_F_STATUS) | \
     VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC))

static void describe(struct nic *nic, const struct virtio_net *net)
{
    for (unsigned i = 0; i < 6; i++)
        nic->mac[i] = virtio_config8(&net->device, CONFIG_MAC + i);
    nic->tx_headroom = sizeof(struct net_header);
    nic->rx_buffers = net->rx.size;
    nic->tx_packets = net->tx.size;
    nic->features = net->device.features & VIRTIO_BIT(NET_F_CSUM) ? NIC_TX_CHECKSUM : 0;
    if (net->device.features & VIRTIO_BIT(NET_F_GUEST_CSUM))
        nic->features |= NIC_RX_CHECKSUM;
}

static status_t setup(struct virtio_net *net, const struct nic_resources *resources)
{
    status_t status = virtio_open(&net->device, resources);
    if (status == OK)
        status = virtio_negotiate(&net->device, WANTED);
    if (status == OK && !(net->device.features & VIRTIO_BIT(NET_F_MAC)))
        status = ERR_NOT_SUPPORTED;
    if (status == OK)
        status = virtio_queue_setup(&net->device, QUEUE_RX, &net->rx, VIRTQUEUE_SIZE_MAX, false);
    if (status == OK)
        status = virtio_queue_setup(&net->device, QUEUE_TX, &net->tx, VIRTQUEUE_SIZE_MAX, true);
    return status;
}

static void net_close(struct nic *nic)
{
    struct virtio_net *net = net_of(nic);
    if (!net)
        return;
    virtio_close(&net->device);
    free(net);
    nic->driver = NULL;
}

static status_t net_open(struct nic *nic, const struct nic_resources *resources)
{
    struct virtio_net *net = calloc(1, sizeof *net);
    if (!net)
        return ERR_NO_MEMORY;
    nic->driver = net;
    status_t status = setup(net, resources);
    if (status != OK) {
        net_close(nic);
        return status;
    }
    describe(nic, net);
    virtqueue_disarm(&net->rx);
    virtqueue_disarm(&net->tx); /* sent packets are collected in passing */
    virtio_driver_ok(&net->device);
    return OK;
}

/* ---- receiving (§5.1.6.3, §5.1.6.4) ---- */

static bool rx_provide(struct nic *nic, const uint8_t *memory, uint64_t address, uint32_t length, uint32_t id)
{
    struct virtio_net *net = net_of(nic);
    struct virtq_buffer buffer = {address, length};
    if (id >= VIRTQUEUE_SIZE_MAX)
        return false;
    net->rx_memory[id] = memory;
    net->rx_ran_low |= net->rx.outstanding <= net->rx.size / 8;
    return virtqueue_add(&net->rx, &buffer, 0, 1, id);
}

static unsigned rx_take(struct nic *nic, struct nic_received *received, unsigned max)
{
    struct virtio_net *net = net_of(nic);
    unsigned n = 0;
    uint32_t id, length;
    while (n < max && virtqueue_take(&net->rx, &id, &length)) {
        uint32_t header = sizeof(struct net_header);
        uint32_t frame = length > header ? length - header : 0; /* 0: netsrv only takes the buffer back */
        bool good = net->rx_memory[id][0] & (HEADER_NEEDS_CSUM | HEADER_DATA_VALID); /* §5.1.6.4.1 */
        received[n++] =
            (struct nic_received){.id = id,
                                  .offset = header,
                                  .length = frame,
                                  .flags = good && nic->features & NIC_RX_CHECKSUM ? NIC_RX_CHECKSUM_GOOD : 0};
    }
    return n;
}

static bool rx_pending(struct nic *nic)
{
    return virtqueue_pending(&net_of(nic)->rx);
}

/* ---- sending (§5.1.6.2) ---- */

static bool tx_send(struct nic *nic, const struct nic_packet *packet)
{
    struct virtio_net *net = net_of(nic);
    struct virtq_buffer buffers[NIC_FRAGMENTS_MAX];
    if (packet->count > NIC_FRAGMENTS_MAX)
        return false;
    for (unsigned i = 0; i < packet->count; i++)
        buffers[i] = (struct virtq_buffer){packet->fragments[i].address, packet->fragments[i].length};
    struct net_header header = {0};
    if (packet->checksum_start) {
        header.flags = HEADER_NEEDS_CSUM;
        header.csum_start = packet->checksum_start;
        header.csum_offset = packet->checksum_offset;
    }
    memcpy(packet->headroom, &header, sizeof header);
    return virtqueue_add(&net->tx, buffers, packet->count, 0, packet->id);
}

static unsigned tx_done(struct nic *nic, uint32_t *ids, unsigned max)
{
    struct virtio_net *net = net_of(nic);
    unsigned n = 0;
    uint32_t length;
    while (n < max && virtqueue_take(&net->tx, &ids[n], &length))
        n++;
    return n;
}

static unsigned tx_outstanding(struct nic *nic)
{
    return net_of(nic)->tx.outstanding;
}

/* ---- notifications and interrupts ---- */

static void kick(struct nic *nic)
{
    struct virtio_net *net = net_of(nic);
    if (virtqueue_publish(&net->tx))
        virtio_notify(&net->device, QUEUE_TX);
    if (virtqueue_publish(&net->rx) || net->rx_ran_low)
        virtio_notify(&net->device, QUEUE_RX);
    net->rx_ran_low = false;
}

static void second_look(struct nic *nic)
{
    struct virtio_net *net = net_of(nic);
    struct {
        struct virtqueue *queue;
        unsigned index;
    } both[] = {{&net->tx, QUEUE_TX}, {&net->rx, QUEUE_RX}};
    for (unsigned i = 0; i < 2; i++)
        if (virtqueue_second_look(both[i].queue)) {
            virtio_notify(&net->device, both[i].index);
            nic->recovered += both[i].index == QUEUE_TX;
        }
}

static bool irq_arm(struct nic *nic)
{
    return virtqueue_arm(&net_of(nic)->rx);
}
static void irq_disarm(struct nic *nic)
{
    virtqueue_disarm(&net_of(nic)->rx);
}
static void irq_cause(struct nic *nic)
{
    virtio_irq_cause(&net_of(nic)->device);
}

static bool link_up(struct nic *nic)
{
    struct virtio_net *net = net_of(nic);
    if (!(net->device.features & VIRTIO_BIT(NET_F_STATUS)))
        return true; /* §5.1.4.2 */
    return virtio_config8(&net->device, CONFIG_STATUS) & STATUS_LINK_UP;
}

static bool failed(struct nic *nic)
{
    struct virtio_net *net = net_of(nic);
    return virtqueue_broken(&net->rx) || virtqueue_broken(&net->tx) || virtio_needs_reset(&net->device);
}

/* 0x1041: modern network device; 0x1000: transitional, its modern interface (§4.1.2) */
static const uint16_t device_ids[] = {0x1041, 0x1000, 0};

const struct nic_ops virtio_net_ops = {
    .name = "virtio-net",
    .vendor = 0x1af4,
    .devices = device_ids,
    .open = net_open,
    .close = net_close,
    .rx_provide = rx_provide,
    .rx_take = rx_take,
    .rx_pending = rx_pending,
    .tx_send = tx_send,
    .tx_done = tx_done,
    .tx_outstanding = tx_outstanding,
    .kick = kick,
    .second_look = second_look,
    .irq_arm = irq_arm,
    .irq_disarm = irq_disarm,
    .irq_cause = irq_cause,
    .link_up = link_up,
    .failed = failed,
};

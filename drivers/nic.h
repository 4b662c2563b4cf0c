/* A network interface as netsrv sees it: a table of calls. The loop over it is written once, in netsrv.
 *
 * Rules
 *  - One task, one thread: no call is made while another runs. Nothing here blocks, save open.
 *  - Memory is netsrv's. It pins it through the dma capability and hands out device addresses (struct nic_fragment);
 *    of a packet's bytes a driver reads and writes only its own device header. `id` is netsrv's name for a buffer or packet: the driver keeps it in its own
 *    memory and gives back nothing else, whatever the device says.
 *  - rx_provide: the buffer is the device's until rx_take returns its id. tx_send: the fragments are the device's until
 *    tx_done returns the id. After close all of them are netsrv's again.
 *  - tx_headroom bytes before the first fragment of a packet belong to the driver (a device header): netsrv gives the
 *    address where they start.
 *  - Nothing added is promised to be seen by the device before kick. kick may leave a notification out when the device
 *    asked for that; second_look never does: it is for the timer that runs while something is outstanding, since a
 *    notification or an interrupt can be lost (qemu.md).
 *  - irq_arm: interrupts on. True: something is there already, look again instead of waiting. irq_disarm: off (a hint).
 *  - failed(): the device asked for a reset or lied; netsrv closes and opens it again. Reads a device register: not in
 *    the fast path.
 */
#pragma once
#include <proto/devmgr.h>
#include <lib/runtime.h>

#define NIC_FRAGMENTS_MAX 10
#define NIC_MTU_FRAME 1514u /* bytes of an Ethernet frame without its checksum */

struct nic_fragment {
    uint64_t address; /* as the device sees it */
    uint32_t length;
};

enum nic_rx_flags { NIC_RX_CHECKSUM_GOOD = 1u << 0 };
struct nic_received {
    uint32_t id, offset, length; /* the frame lies at offset in the buffer */
    uint32_t flags;
};

struct nic_packet {
    const struct nic_fragment *fragments; /* the first starts tx_headroom bytes before the frame */
    uint32_t count, id;
    uint8_t *headroom;                        /* where the first fragment lies for us */
    uint16_t checksum_start, checksum_offset; /* start 0: no checksum to be filled in by the device */
};

struct nic_resources { /* what devmgr gave; all of it is the driver's from open to close */
    handle_t devmgr, dma;
    uint32_t device_id;
    struct devmgr_claimed claimed;
    handle_t signal; /* interrupts raise these bits of it */
    uint32_t irq_bit, config_irq_bit;
};

enum nic_features { NIC_TX_CHECKSUM = 1u << 0, NIC_RX_CHECKSUM = 1u << 1 };

struct nic {
    const struct nic_ops *ops;
    void *driver; /* the driver's own */
    uint8_t mac[6];
    uint16_t tx_headroom, rx_buffers; /* rx_buffers: how many it can hold at once */
    uint16_t tx_packets;              /* likewise, packets to send */
    uint32_t features;                /* enum nic_features */
    uint32_t recovered;               /* lost notifications and interrupts made good */
    uint64_t rx_missed, rx_errors;    /* frames that the device dropped, as of the last count */
};

struct nic_ops {
    const char *name;
    uint16_t vendor;
    const uint16_t *devices; /* PCI ids, ends in 0 */
    status_t (*open)(struct nic *nic, const struct nic_resources *resources);
    void (*close)(struct nic *nic); /* the device is stopped when it returns */
    /* id < rx_buffers; memory is where the buffer lies for us (for device headers). False: full. */
    bool (*rx_provide)(struct nic *nic, const uint8_t *memory, uint64_t address, uint32_t length, uint32_t id);
    unsigned (*rx_take)(struct nic *nic, struct nic_received *received, unsigned max);
    bool (*rx_pending)(struct nic *nic);                               /* cheap: reads one word */
    bool (*tx_send)(struct nic *nic, const struct nic_packet *packet); /* false: full */
    unsigned (*tx_done)(struct nic *nic, uint32_t *ids, unsigned max);
    unsigned (*tx_outstanding)(struct nic *nic);
    void (*kick)(struct nic *nic);
    void (*second_look)(struct nic *nic);
    bool (*irq_arm)(struct nic *nic);
    void (*irq_disarm)(struct nic *nic);
    void (*irq_cause)(struct nic *nic); /* after an interrupt: acknowledge it at the device and the kernel */
    bool (*link_up)(struct nic *nic);
    bool (*failed)(struct nic *nic);
    void (*count)(struct nic *nic); /* rx_missed and rx_errors up to date; NULL: the device does not tell */
};

extern const struct nic_ops virtio_net_ops, e1000_ops;

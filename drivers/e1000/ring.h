/* The descriptor rings of Intel's gigabit controllers, driver side. Pure logic: memory in, answers out; the host tests run
 * it against a model device that lies. Sections "S" and "D": see registers.h.
 *
 * Rules
 *  - Receiving uses legacy descriptors (S3.2.3, D7.1.4), sending TCP/IP context and data descriptors (S3.3.6, S3.3.7,
 *    D7.2): the legacy ones can't have a checksum from a packet's middle to its end in all three.
 *  - The rings are shared with the device. What the driver must remember (ids, lengths, who comes next) is in private
 *    memory; of what the device writes only status, errors and length are read, in one word, and checked. A device
 *    that says it wrote past the end of a buffer has broken the ring for good (broken): only a reset helps.
 *  - One place stays free: head equal to tail says empty to the device (S3.2.6, S3.4).
 *  - add, add, …, then the tail register gets `tail`: before that the device sees nothing.
 */
#pragma once
#include "drivers/nic.h"

#define E1000_RX_RING 256u /* descriptors: lengths in bytes are multiples of 128 */
#define E1000_TX_RING 1024u
#define E1000_BUFFER 2048u /* what the device may write into one receive buffer */

struct e1000_rx_descriptor { /* S3.2.3, D7.1.4 */
    uint64_t address;
    uint64_t result; /* length 0 to 15, checksum 16 to 31, status 32 to 39, errors 40 to 47, VLAN 48 to 63 */
};
struct e1000_tx_descriptor { /* S3.3.6 and S3.3.7; D7.2 */
    uint64_t first, second;
};

struct e1000_rx_ring {
    volatile struct e1000_rx_descriptor *descriptors; /* shared with the device */
    /* private */
    uint32_t ids[E1000_RX_RING];
    uint16_t next, tail; /* to be taken, to be filled */
    uint16_t held;       /* the device has */
    bool in_pieces;      /* inside a frame of several buffers, which is dropped */
    bool broken;
    uint32_t bad; /* frames dropped here */
};

struct e1000_tx_packet {
    uint32_t id;
    uint16_t last, count; /* its last descriptor; how many */
};

struct e1000_tx_ring {
    volatile struct e1000_tx_descriptor *descriptors; /* shared with the device */
    /* private */
    struct e1000_tx_packet packets[E1000_TX_RING];
    uint16_t tail, used;                    /* descriptors */
    uint32_t sent, done;                    /* packets, free-running */
    uint16_t context_start, context_offset; /* what the device's context says; start 0: nothing yet */
};

/* memory: zeroed, aligned to 16 (S13.4.25). */
void e1000_rx_init(struct e1000_rx_ring *ring, void *memory);
bool e1000_rx_add(struct e1000_rx_ring *ring, uint64_t address, uint32_t length, uint32_t id); /* false: full */
bool e1000_rx_pending(const struct e1000_rx_ring *ring);
/* The next buffer that the device gives back. length 0: nothing usable in it. */
bool e1000_rx_take(struct e1000_rx_ring *ring, struct nic_received *received);

void e1000_tx_init(struct e1000_tx_ring *ring, void *memory);
bool e1000_tx_add(struct e1000_tx_ring *ring, const struct nic_packet *packet); /* false: no room */
bool e1000_tx_take(struct e1000_tx_ring *ring, uint32_t *id);                   /* the next that was sent */
static inline unsigned e1000_tx_outstanding(const struct e1000_tx_ring *ring)
{
    return ring->sent - ring->done;
}

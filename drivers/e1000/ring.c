/* Descriptor rings: see ring.h. */
#include "drivers/e1000/ring.h"

#include <string.h>

/* ---- receiving: S3.2.3.1 and D7.1.4.2 status, S3.2.3.2 and D7.1.4.3 errors ---- */

#define RX_DONE (1ull << 32)
#define RX_END_OF_PACKET (1ull << 33)
#define RX_IGNORE_CHECKSUM (1ull << 34)
#define RX_TCP_CHECKED (1ull << 37)
#define RX_IP_CHECKED (1ull << 38)
#define RX_TCP_ERROR (1ull << 45)
#define RX_IP_ERROR (1ull << 46)
/* CRC or alignment, symbol, sequence, carrier extension, RX data */
#define RX_FRAME_ERRORS (1ull << 40 | 1ull << 41 | 1ull << 42 | 1ull << 44 | 1ull << 47)

void e1000_rx_init(struct e1000_rx_ring *ring, void *memory)
{
    memset(ring, 0, sizeof *ring);
    ring->descriptors = memory;
}

bool e1000_rx_add(struct e1000_rx_ring *ring, uint64_t address, uint32_t length, uint32_t id)
{
    if (ring->held == E1000_RX_RING - 1 || length < E1000_BUFFER || ring->broken)
        return false;
    ring->descriptors[ring->tail].address = address;
    ring->descriptors[ring->tail].result = 0;
    ring->ids[ring->tail] = id;
    ring->tail = (uint16_t)((ring->tail + 1) % E1000_RX_RING);
    ring->held++;
    return true;
}

/* S3.2.3.1: the status is written last, so what is read after it is whole. */
static uint64_t result_of(const struct e1000_rx_ring *ring)
{
    return __atomic_load_n(&ring->descriptors[ring->next].result, __ATOMIC_ACQUIRE);
}

bool e1000_rx_pending(const struct e1000_rx_ring *ring)
{
    return ring->held && !ring->broken && (result_of(ring) & RX_DONE);
}

/* Both sums were looked at and are right. IPv6 has no sum of its own, so such frames are checked by software. */
static bool checksum_good(uint64_t result)
{
    uint64_t both = RX_IP_CHECKED | RX_TCP_CHECKED;
    return (result & both) == both && !(result & (RX_IGNORE_CHECKSUM | RX_TCP_ERROR | RX_IP_ERROR));
}

/* S3.2.3: frames longer than a buffer go on in the next; none is so long that we want it. */
static bool usable(struct e1000_rx_ring *ring, uint64_t result)
{
    bool last = result & RX_END_OF_PACKET, whole = last && !ring->in_pieces;
    ring->in_pieces = !last;
    return whole && !(result & RX_FRAME_ERRORS);
}

bool e1000_rx_take(struct e1000_rx_ring *ring, struct nic_received *received)
{
    if (!ring->held || ring->broken)
        return false;
    uint64_t result = result_of(ring);
    uint32_t length = result & 0xffff;
    if (!(result & RX_DONE))
        return false;
    if (length > E1000_BUFFER) {
        ring->broken = true;
        return false;
    }
    bool good = usable(ring, result);
    ring->bad += !good;
    *received = (struct nic_received){.id = ring->ids[ring->next],
                                      .length = good ? length : 0,
                                      .flags = good && checksum_good(result) ? NIC_RX_CHECKSUM_GOOD : 0};
    ring->next = (uint16_t)((ring->next + 1) % E1000_RX_RING);
    ring->held--;
    return true;
}

/* ---- sending ---- */

#define TX_DATA (1ull << 20) /* DTYP; 0: context */
#define TX_END_OF_PACKET (1ull << 24)
#define TX_FRAME_CHECKSUM (1ull << 25)
#define TX_CONTEXT_TCP (1ull << 24)
#define TX_REPORT_STATUS (1ull << 27)
#define TX_EXTENDED (1ull << 29)
#define TX_DONE (1ull << 32)
#define TX_INSERT_CHECKSUM (1ull << 41) /* POPTS.TXSM */
#define ETHERNET_HEADER 14u
#define IP4_CHECKSUM 10u /* in the IP header */

void e1000_tx_init(struct e1000_tx_ring *ring, void *memory)
{
    memset(ring, 0, sizeof *ring);
    ring->descriptors = memory;
}

static void put(struct e1000_tx_ring *ring, uint64_t first, uint64_t second)
{
    ring->descriptors[ring->tail].first = first;
    ring->descriptors[ring->tail].second = second;
    ring->tail = (uint16_t)((ring->tail + 1) % E1000_TX_RING);
    ring->used++;
}

static bool needs_context(const struct e1000_tx_ring *ring, const struct nic_packet *packet)
{
    return packet->checksum_start &&
           (packet->checksum_start != ring->context_start || packet->checksum_offset != ring->context_offset);
}

/* S3.3.6: where the sum of the following packets starts, where it goes, and that it covers all to the end (TUCSE 0). The
 * sum of the IP header, which is not asked for, still has to lie somewhere. */
static void put_context(struct e1000_tx_ring *ring, const struct nic_packet *packet)
{
    uint64_t start = packet->checksum_start & 0xff, place = (start + packet->checksum_offset) & 0xff;
    uint64_t ip = ETHERNET_HEADER | (uint64_t)(ETHERNET_HEADER + IP4_CHECKSUM) << 8 | (start - 1) << 16;
    put(ring, ip | start << 32 | place << 40, TX_EXTENDED | TX_CONTEXT_TCP);
    ring->context_start = packet->checksum_start;
    ring->context_offset = packet->checksum_offset;
}

/* S3.3.7. The options are told in each: one of the three looks at the last, not at the first. */
static void put_data(struct e1000_tx_ring *ring, const struct nic_fragment *fragment, bool last, bool checksum)
{
    uint64_t command = TX_DATA | TX_EXTENDED | TX_FRAME_CHECKSUM;
    if (last)
        command |= TX_END_OF_PACKET | TX_REPORT_STATUS;
    if (checksum)
        command |= TX_INSERT_CHECKSUM;
    put(ring, fragment->address, fragment->length | command);
}

/* What one packet may be; start and place have eight bits in the context. */
static bool sane(const struct nic_packet *packet)
{
    uint32_t bytes = 0;
    if (packet->count == 0 || packet->count > NIC_FRAGMENTS_MAX ||
        (uint32_t)packet->checksum_start + packet->checksum_offset > 0xff)
        return false;
    for (unsigned i = 0; i < packet->count; i++) {
        if (packet->fragments[i].length == 0 || packet->fragments[i].length > NIC_MTU_FRAME)
            return false;
        bytes += packet->fragments[i].length;
    }
    return bytes <= NIC_MTU_FRAME;
}

bool e1000_tx_add(struct e1000_tx_ring *ring, const struct nic_packet *packet)
{
    bool context = needs_context(ring, packet);
    uint16_t before = ring->used;
    if (!sane(packet) || packet->count + context > E1000_TX_RING - 1 - ring->used)
        return false;
    if (context)
        put_context(ring, packet);
    for (unsigned i = 0; i < packet->count; i++)
        put_data(ring, &packet->fragments[i], i + 1 == packet->count, packet->checksum_start);
    ring->packets[ring->sent++ % E1000_TX_RING] = (struct e1000_tx_packet){
        packet->id, (uint16_t)((ring->tail + E1000_TX_RING - 1) % E1000_TX_RING), (uint16_t)(ring->used - before)};
    return true;
}

bool e1000_tx_take(struct e1000_tx_ring *ring, uint32_t *id)
{
    const struct e1000_tx_packet *packet = &ring->packets[ring->done % E1000_TX_RING];
    if (ring->sent == ring->done)
        return false;
    if (!(__atomic_load_n(&ring->descriptors[packet->last].second, __ATOMIC_ACQUIRE) & TX_DONE))
        return false;
    *id = packet->id;
    ring->used = (uint16_t)(ring->used - packet->count);
    ring->done++;
    return true;
}

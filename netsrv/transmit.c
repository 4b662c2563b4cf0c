/* From pbufs to device fragments: see transmit.h. */
#include "netsrv/transmit.h"

#include <string.h>

#include <lwip/ip.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/prot/ethernet.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/tcp.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include "netsrv/checksum.h"
#include "netsrv/dma.h"

struct flight {
    struct pbuf *pbuf; /* NULL: free */
    uint64_t number;
};

static struct {
    struct nic *nic;
    struct netif *netif;
    struct flight flights[TRANSMIT_PACKETS];
    uint16_t free[TRANSMIT_PACKETS];
    unsigned free_count;
    uint64_t next_number;
    bool starved; /* lwIP was told ERR_MEM: wake its connections when there is room */
} self;

status_t transmit_init(struct nic *nic, struct netif *netif)
{
    self.nic = nic;
    self.netif = netif;
    self.free_count = 0;
    for (unsigned i = 0; i < TRANSMIT_PACKETS; i++)
        self.free[self.free_count++] = (uint16_t)(TRANSMIT_PACKETS - 1 - i);
    return nic->tx_headroom <= PBUF_LINK_ENCAPSULATION_HLEN ? OK : ERR_NOT_SUPPORTED;
}

/* ---- pieces ---- */

/* Adds [at, at + length), page by page; neighbours in device memory become one. False: not pinned or too many. */
static bool add_piece(struct nic_fragment *fragments, unsigned *count, const uint8_t *at, size_t length)
{
    while (length) {
        size_t in_page = PAGE_SIZE - ((uint64_t)at & (PAGE_SIZE - 1));
        size_t n = length < in_page ? length : in_page;
        uint64_t address = dma_address(at);
        struct nic_fragment *last = *count ? &fragments[*count - 1] : NULL;
        if (!address)
            return false;
        if (last && last->address + last->length == address)
            last->length += (uint32_t)n;
        else if (*count < NIC_FRAGMENTS_MAX)
            fragments[(*count)++] = (struct nic_fragment){address, (uint32_t)n};
        else
            return false;
        at += n;
        length -= n;
    }
    return true;
}

/* Bytes before the frame that belong to the pbuf and are in nobody's use. A received packet that goes out again (an
 * echo) has the driver's receive header there, which is as long. */
static bool has_headroom(const struct pbuf *pbuf, size_t need)
{
    if (pbuf->flags & PBUF_FLAG_IS_CUSTOM)
        return ((uint64_t)pbuf->payload & 2047) >= need;
    bool contiguous = pbuf->type_internal & PBUF_TYPE_FLAG_STRUCT_DATA_CONTIGUOUS;
    return contiguous && (const uint8_t *)pbuf->payload - need >= (const uint8_t *)(pbuf + 1);
}

static bool gather(const struct pbuf *pbuf, struct nic_fragment *fragments, unsigned *count)
{
    size_t headroom = self.nic->tx_headroom;
    *count = 0;
    if (!has_headroom(pbuf, headroom))
        return false;
    if (!add_piece(fragments, count, (const uint8_t *)pbuf->payload - headroom, pbuf->len + headroom))
        return false;
    for (const struct pbuf *q = pbuf->next; q; q = q->next)
        if (!add_piece(fragments, count, q->payload, q->len))
            return false;
    return true;
}

/* ---- checksum by the device (virtio 1.2 §5.1.6.2): it wants the pseudo header's sum in the field ---- */

static void offload(const struct pbuf *pbuf, struct nic_packet *packet)
{
    uint8_t *frame = pbuf->payload;
    const struct ip_hdr *ip = (const struct ip_hdr *)(frame + SIZEOF_ETH_HDR);
    size_t ip_bytes = frame[12] == 0x08 && frame[13] == 0 ? IPH_HL_BYTES(ip) : 40;
    size_t tcp_at = SIZEOF_ETH_HDR + ip_bytes;
    bool is_ip4 = ip_bytes != 40 || frame[12] == 0x08;
    uint8_t proto = is_ip4 ? IPH_PROTO(ip) : frame[SIZEOF_ETH_HDR + 6];
    if (pbuf->len < tcp_at + sizeof(struct tcp_hdr) || proto != IP_PROTO_TCP)
        return;
    uint32_t length = (uint32_t)(pbuf->tot_len - tcp_at);
    uint32_t sum = packet_sum(frame + SIZEOF_ETH_HDR + (is_ip4 ? 12 : 8), is_ip4 ? 8 : 32);
    sum += lwip_htons((uint16_t)length) + (uint32_t)PP_HTONS(IP_PROTO_TCP);
    sum = (sum & 0xffff) + (sum >> 16);
    struct tcp_hdr *tcp = (struct tcp_hdr *)(frame + tcp_at);
    tcp->chksum = (uint16_t)((sum & 0xffff) + (sum >> 16));
    packet->checksum_start = (uint16_t)tcp_at;
    packet->checksum_offset = offsetof(struct tcp_hdr, chksum);
}

/* ---- sending and its end ---- */

static bool send(struct pbuf *pbuf, const struct nic_fragment *fragments, unsigned count)
{
    uint16_t id = self.free[self.free_count - 1];
    struct nic_packet packet = {
        .fragments = fragments, .count = count, .id = id, .headroom = (uint8_t *)pbuf->payload - self.nic->tx_headroom};
    if (self.nic->features & NIC_TX_CHECKSUM)
        offload(pbuf, &packet);
    if (!self.nic->ops->tx_send(self.nic, &packet))
        return false;
    self.free_count--;
    self.flights[id] = (struct flight){pbuf, self.next_number++};
    return true;
}

static bool have_room(void)
{
    if (self.free_count == 0)
        transmit_collect();
    return self.free_count != 0;
}

static bool send_copy(struct pbuf *pbuf)
{
    struct nic_fragment fragments[NIC_FRAGMENTS_MAX];
    unsigned count;
    struct pbuf *copy = pbuf_clone(PBUF_RAW_TX, PBUF_RAM, pbuf);
    if (!copy)
        return false;
    if (gather(copy, fragments, &count) && send(copy, fragments, count))
        return true;
    pbuf_free(copy);
    return false;
}

bool transmit(struct pbuf *pbuf)
{
    struct nic_fragment fragments[NIC_FRAGMENTS_MAX];
    unsigned count;
    bool sent = false;
    if (!have_room()) {
        self.starved = true;
        return false;
    }
    if (!gather(pbuf, fragments, &count))
        sent = send_copy(pbuf);
    else if ((sent = send(pbuf, fragments, count)))
        pbuf_ref(pbuf);
    self.starved |= !sent;
    return sent;
}

static void end_flight(uint32_t id)
{
    struct pbuf *pbuf = self.flights[id].pbuf;
    self.flights[id].pbuf = NULL;
    self.free[self.free_count++] = (uint16_t)id;
    pbuf_free(pbuf);
}

/* Segments that found the queue full lie in their connections: no acknowledgement will come to push them. */
static void wake_starved(void)
{
    if (!self.starved || self.free_count < TRANSMIT_PACKETS / 2)
        return;
    self.starved = false;
    for (struct tcp_pcb *pcb = tcp_active_pcbs, *next; pcb; pcb = next) {
        next = pcb->next;
        if (pcb->unsent)
            tcp_output(pcb);
    }
}

void transmit_collect(void)
{
    uint32_t ids[64];
    unsigned n;
    while ((n = self.nic->ops->tx_done(self.nic, ids, 64)))
        for (unsigned i = 0; i < n; i++)
            end_flight(ids[i]);
}

void transmit_turn(void)
{
    transmit_collect();
    wake_starved();
}

void transmit_reset(void)
{
    for (unsigned i = 0; i < TRANSMIT_PACKETS; i++)
        if (self.flights[i].pbuf)
            end_flight(i);
    self.starved = true;
}

uint64_t transmit_mark(void)
{
    return self.next_number;
}

bool transmit_passed(uint64_t mark)
{
    for (unsigned i = 0; i < TRANSMIT_PACKETS; i++)
        if (self.flights[i].pbuf && self.flights[i].number < mark)
            return false;
    return true;
}

/* Receiving: see receive.h. */
#include "netsrv/receive.h"

#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include "netsrv/checksum.h"
#include "netsrv/dma.h"
#include "netsrv/interface.h"
#include "netsrv/merge.h"
#include "netsrv/tell.h"

#define RX_BUFFERS 128u
#define RX_BUFFER_SIZE 2048u
#define RX_KEEP_FREE (RX_BUFFERS / 4) /* fewer at the device: copy packets out */
#define RECEIVE_BATCH 64u
#define RUN_MAX 40u
struct run { /* segments to be handed up as one */
    struct pbuf *pbufs[RUN_MAX];
    unsigned count;
    struct merge_segment first, last;
    uint32_t payload, bytes; /* bytes: of the frames, as they came */
};

struct rx_buffer {
    struct pbuf_custom pbuf; /* first: lwIP's pointer is ours */
    uint8_t *memory;
    bool at_device;
};

static struct {
    struct nic *nic;
    struct netif *netif;
    struct interface_counters *counters;
    struct dma_area area;
    struct rx_buffer rx[RX_BUFFERS];
    uint16_t idle[RX_BUFFERS]; /* ids of buffers that are neither at the device nor in use */
    unsigned idle_count, at_device;
} self;

/* ---- receive buffers ---- */

static void rx_freed(struct pbuf *pbuf)
{
    struct rx_buffer *buffer = (struct rx_buffer *)pbuf;
    self.idle[self.idle_count++] = (uint16_t)(buffer - self.rx);
}

void receive_provide(void)
{
    while (self.idle_count) {
        uint16_t id = self.idle[self.idle_count - 1];
        struct rx_buffer *buffer = &self.rx[id];
        if (!self.nic->ops->rx_provide(self.nic, buffer->memory, dma_address(buffer->memory), RX_BUFFER_SIZE, id))
            return;
        buffer->at_device = true;
        self.at_device++;
        self.idle_count--;
    }
}

status_t receive_init(struct nic *nic, struct netif *netif, struct interface_counters *counters)
{
    self.nic = nic;
    self.netif = netif;
    self.counters = counters;
    status_t status = dma_area_new(&self.area, RX_BUFFERS * RX_BUFFER_SIZE / PAGE_SIZE);
    if (status != OK)
        return status;
    for (unsigned i = 0; i < RX_BUFFERS; i++) {
        self.rx[i].memory = self.area.address + i * RX_BUFFER_SIZE;
        self.rx[i].pbuf.custom_free_function = rx_freed;
        self.idle[self.idle_count++] = (uint16_t)i;
    }
    return OK;
}

void receive_reset(void)
{
    for (unsigned i = 0; i < RX_BUFFERS; i++)
        if (self.rx[i].at_device) {
            self.rx[i].at_device = false;
            rx_freed(&self.rx[i].pbuf.pbuf);
        }
    self.at_device = 0;
}

unsigned receive_out(void)
{
    return RX_BUFFERS - self.at_device;
}

/* ---- receiving ---- */

/* The frame as a pbuf: the buffer itself, or a copy when the device runs short of buffers. */
static struct pbuf *wrap(struct rx_buffer *buffer, const struct nic_received *received)
{
    uint8_t *frame = buffer->memory + received->offset;
    uint16_t length = (uint16_t)received->length;
    if (self.at_device + self.idle_count >= RX_KEEP_FREE)
        return pbuf_alloced_custom(PBUF_RAW, length, PBUF_REF, &buffer->pbuf, frame,
                                   (u16_t)(RX_BUFFER_SIZE - received->offset));
    struct pbuf *copy = pbuf_alloc(PBUF_RAW, length, PBUF_RAM);
    if (copy)
        packet_copy(copy->payload, frame, length);
    rx_freed(&buffer->pbuf.pbuf);
    return copy;
}

/* ---- runs of segments (merge.h) ---- */

static void hand_up(struct pbuf *pbuf, bool checked)
{
    u16_t checks = self.netif->chksum_flags;
    if (checked)
        NETIF_SET_CHECKSUM_CTRL(self.netif, checks & ~(NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_IP));
    if (self.netif->input(pbuf, self.netif) != ERR_OK)
        pbuf_free(pbuf);
    NETIF_SET_CHECKSUM_CTRL(self.netif, checks);
    tell_input_done();
}

/* Links the payloads behind the first frame, from the last on: each pbuf's tot_len covers all behind it. */
static struct pbuf *link_run(const struct run *run)
{
    struct pbuf *chain = NULL;
    for (unsigned i = run->count; i-- > 0;) {
        struct pbuf *pbuf = run->pbufs[i];
        if (i)
            pbuf_remove_header(pbuf, MERGE_HEADERS);
        pbuf->next = chain;
        pbuf->tot_len = (u16_t)(pbuf->len + (chain ? chain->tot_len : 0));
        chain = pbuf;
    }
    return chain;
}

static void end_run(struct run *run)
{
    if (run->count)
        tell_received(run->first.frame, MERGE_HEADERS, run->count, run->bytes);
    if (run->count > 1)
        merge_write(&run->first, run->payload, &run->last);
    if (run->count)
        hand_up(link_run(run), true);
    run->count = 0;
}

static void add_to_run(struct run *run, struct pbuf *pbuf, const struct merge_segment *segment, uint32_t bytes)
{
    if (run->count && (run->count == RUN_MAX || !merge_follows(&run->first, run->payload, segment)))
        end_run(run);
    if (run->count == 0) {
        run->first = *segment;
        run->payload = run->bytes = 0;
    }
    run->last = *segment;
    run->payload += segment->payload;
    run->bytes += bytes;
    pbuf->len = pbuf->tot_len = (u16_t)(MERGE_HEADERS + segment->payload);
    run->pbufs[run->count++] = pbuf;
}

static void receive_one(struct run *run, const struct nic_received *received)
{
    struct rx_buffer *buffer = &self.rx[received->id];
    struct merge_segment segment;
    buffer->at_device = false;
    self.at_device--;
    if (received->length < 14 || received->length > NIC_MTU_FRAME ||
        received->offset > RX_BUFFER_SIZE - NIC_MTU_FRAME) {
        self.counters->rx_dropped++;
        rx_freed(&buffer->pbuf.pbuf);
        return;
    }
    struct pbuf *pbuf = wrap(buffer, received);
    self.counters->rx_packets++;
    self.counters->rx_bytes += received->length;
    bool checked = received->flags & NIC_RX_CHECKSUM_GOOD;
    if (!pbuf) {
        self.counters->rx_dropped++;
    } else if (merge_look(pbuf->payload, received->length, checked, &segment)) {
        add_to_run(run, pbuf, &segment, received->length);
    } else {
        end_run(run); /* in the order in which they came */
        tell_received(pbuf->payload, received->length, 1, received->length);
        hand_up(pbuf, checked);
    }
}

unsigned receive_batch(void)
{
    struct nic_received received[RECEIVE_BATCH];
    struct run run = {.count = 0};
    unsigned n = self.nic->ops->rx_take(self.nic, received, RECEIVE_BATCH);
    for (unsigned i = 0; i < n; i++)
        receive_one(&run, &received[i]);
    end_run(&run);
    return n;
}

/* Between nic driver and lwIP: see interface.h. */
#include "netsrv/interface.h"

#include <stdlib.h>
#include <string.h>

#include <lib/ipc.h>
#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/snmp.h>
#include <netif/ethernet.h>
#include "netsrv/checksum.h"
#include "netsrv/dma.h"
#include "netsrv/merge.h"
#include "netsrv/transmit.h"

#define RX_BUFFERS 128u
#define RX_BUFFER_SIZE 2048u
#define RX_KEEP_FREE (RX_BUFFERS / 4) /* fewer at the device: copy packets out */
#define DEVMGR_TIMEOUT_NS 2000000000ull

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_DEVMGR, NAME, number)
enum { DEVMGR_OPS(X) };
#undef X

static const struct nic_ops *const drivers[] = {&virtio_net_ops};

struct rx_buffer {
    struct pbuf_custom pbuf; /* first: lwIP's pointer is ours */
    uint8_t *memory;
    bool at_device;
};

static struct {
    struct nic nic;
    struct nic_resources resources;
    struct netif netif;
    struct dma_area rx_area;
    struct rx_buffer rx[RX_BUFFERS];
    uint16_t idle[RX_BUFFERS]; /* ids of buffers that are neither at the device nor in use */
    unsigned idle_count, rx_count, at_device;
    struct interface_counters counters;
} self;

#define RUN_MAX 40u
struct run { /* segments to be handed up as one */
    struct pbuf *pbufs[RUN_MAX];
    unsigned count;
    struct merge_segment first, last;
    uint32_t payload;
};

/* ---- receive buffers ---- */

static void rx_freed(struct pbuf *pbuf)
{
    struct rx_buffer *buffer = (struct rx_buffer *)pbuf;
    self.idle[self.idle_count++] = (uint16_t)(buffer - self.rx);
}

static void rx_provide_idle(void)
{
    while (self.idle_count) {
        uint16_t id = self.idle[self.idle_count - 1];
        struct rx_buffer *buffer = &self.rx[id];
        if (!self.nic.ops->rx_provide(&self.nic, buffer->memory, dma_address(buffer->memory), RX_BUFFER_SIZE, id))
            return;
        buffer->at_device = true;
        self.at_device++;
        self.idle_count--;
    }
}

static status_t rx_init(void)
{
    status_t status = dma_area_new(&self.rx_area, RX_BUFFERS * RX_BUFFER_SIZE / PAGE_SIZE);
    if (status != OK)
        return status;
    for (unsigned i = 0; i < RX_BUFFERS; i++) {
        self.rx[i].memory = self.rx_area.address + i * RX_BUFFER_SIZE;
        self.rx[i].pbuf.custom_free_function = rx_freed;
        self.idle[self.idle_count++] = (uint16_t)i;
    }
    self.rx_count = RX_BUFFERS;
    return OK;
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
    u16_t checks = self.netif.chksum_flags;
    if (checked)
        NETIF_SET_CHECKSUM_CTRL(&self.netif, checks & ~(NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_IP));
    if (self.netif.input(pbuf, &self.netif) != ERR_OK)
        pbuf_free(pbuf);
    NETIF_SET_CHECKSUM_CTRL(&self.netif, checks);
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
    if (run->count > 1)
        merge_write(&run->first, run->payload, &run->last);
    if (run->count)
        hand_up(link_run(run), true);
    run->count = 0;
}

static void add_to_run(struct run *run, struct pbuf *pbuf, const struct merge_segment *segment)
{
    if (run->count && (run->count == RUN_MAX || !merge_follows(&run->first, run->payload, segment)))
        end_run(run);
    if (run->count == 0) {
        run->first = *segment;
        run->payload = 0;
    }
    run->last = *segment;
    run->payload += segment->payload;
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
        self.counters.rx_dropped++;
        rx_freed(&buffer->pbuf.pbuf);
        return;
    }
    struct pbuf *pbuf = wrap(buffer, received);
    self.counters.rx_packets++;
    self.counters.rx_bytes += received->length;
    bool checked = received->flags & NIC_RX_CHECKSUM_GOOD;
    if (!pbuf) {
        self.counters.rx_dropped++;
    } else if (merge_look(pbuf->payload, received->length, checked, &segment)) {
        add_to_run(run, pbuf, &segment);
    } else {
        end_run(run); /* in the order in which they came */
        hand_up(pbuf, checked);
    }
}

unsigned interface_receive(void)
{
    struct nic_received received[INTERFACE_BATCH];
    struct run run = {.count = 0};
    unsigned n = self.nic.ops->rx_take(&self.nic, received, INTERFACE_BATCH);
    for (unsigned i = 0; i < n; i++)
        receive_one(&run, &received[i]);
    end_run(&run);
    return n;
}

/* ---- sending: transmit.c ---- */

static err_t link_output(struct netif *netif, struct pbuf *pbuf)
{
    (void)netif;
    if (!transmit(pbuf)) {
        self.counters.tx_dropped++;
        return ERR_MEM; /* TCP keeps the segment and tries again */
    }
    self.counters.tx_packets++;
    self.counters.tx_bytes += pbuf->tot_len;
    return ERR_OK;
}

void interface_collect(void)
{
    transmit_turn();
}

void interface_flush(void)
{
    rx_provide_idle();
    self.nic.ops->kick(&self.nic);
}

/* ---- the device's life ---- */

static err_t netif_setup(struct netif *netif)
{
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->hostname = "trustos";
    netif->mtu = 1500;
    netif->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(netif->hwaddr, self.nic.mac, ETH_HWADDR_LEN);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_MLD6;
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = link_output;
    MIB2_INIT_NETIF(netif, snmp_ifType_ethernet_csmacd, 1000000000u);
    return ERR_OK;
}

static void set_checksums(void)
{
    u16_t flags = NETIF_CHECKSUM_ENABLE_ALL;
    if (self.nic.features & NIC_TX_CHECKSUM)
        flags &= (u16_t)~NETIF_CHECKSUM_GEN_TCP;
    NETIF_SET_CHECKSUM_CTRL(&self.netif, flags);
}

static const struct nic_ops *find_driver(const struct devmgr_device *about)
{
    for (unsigned i = 0; i < sizeof drivers / sizeof *drivers; i++)
        for (const uint16_t *id = drivers[i]->devices; about->vendor == drivers[i]->vendor && *id; id++)
            if (*id == about->device)
                return drivers[i];
    return NULL;
}

static status_t claim(handle_t devmgr, uint32_t index)
{
    struct devmgr_claim request = {0xffff, 0xffff, index};
    self.resources.devmgr = devmgr;
    status_t status =
        ipc_call_caps(devmgr, DEVMGR_CLAIM, &request, sizeof request, NULL, 0, 0, &self.resources.claimed,
                      sizeof self.resources.claimed, &self.resources.dma, 1, clock_now() + DEVMGR_TIMEOUT_NS);
    self.resources.device_id = self.resources.claimed.device_id;
    return status;
}

static void release(void)
{
    struct devmgr_enable request = {self.resources.device_id, 0};
    status_t status = ipc_call(self.resources.devmgr, DEVMGR_RELEASE, &request, sizeof request, NULL, 0,
                               clock_now() + DEVMGR_TIMEOUT_NS);
    if (status != OK)
        log_warning("release: %s", status_name(status));
    cap_close(self.resources.dma);
}

/* Claims the first network device that a driver knows. */
static status_t choose(handle_t devmgr)
{
    for (uint32_t index = 0; index < 8; index++) {
        status_t status = claim(devmgr, index);
        if (status != OK)
            return status;
        const struct devmgr_device *about = &self.resources.claimed.about;
        self.nic.ops = find_driver(about);
        if (self.nic.ops)
            return OK;
        log_info("no driver for network device %04x:%04x", about->vendor, about->device);
        release();
    }
    return ERR_NOT_FOUND;
}

status_t interface_init(handle_t devmgr, handle_t signal, uint32_t irq_bit, uint32_t config_irq_bit)
{
    status_t status = choose(devmgr);
    if (status != OK)
        return status;
    self.resources.signal = signal;
    self.resources.irq_bit = irq_bit;
    self.resources.config_irq_bit = config_irq_bit;
    dma_init(self.resources.dma);
    status = self.nic.ops->open(&self.nic, &self.resources);
    if (status == OK)
        status = rx_init();
    if (status == OK)
        status = transmit_init(&self.nic, &self.netif);
    return status;
}

void interface_start(void)
{
    netif_add_noaddr(&self.netif, NULL, netif_setup, ethernet_input);
    netif_set_default(&self.netif);
    set_checksums();
    interface_check_link();
    interface_flush();
}

/* A device that failed lost all that it had: the buffers are ours again. */
static void restart(void)
{
    log_error("%s failed: resetting it", self.nic.ops->name);
    self.nic.ops->close(&self.nic);
    for (unsigned i = 0; i < self.rx_count; i++)
        if (self.rx[i].at_device) {
            self.rx[i].at_device = false;
            rx_freed(&self.rx[i].pbuf.pbuf);
        }
    self.at_device = 0;
    transmit_reset();
    status_t status = self.nic.ops->open(&self.nic, &self.resources);
    if (status != OK) {
        log_error("%s: %s", self.nic.ops->name, status_text(status));
        task_exit(status); /* init starts netsrv anew, devmgr resets the device harder */
    }
    interface_flush();
}

void interface_second_look(void)
{
    if (self.nic.ops->failed(&self.nic))
        restart();
    self.nic.ops->second_look(&self.nic);
}

bool interface_pending(void)
{
    return self.nic.ops->rx_pending(&self.nic);
}
bool interface_arm(void)
{
    return self.nic.ops->irq_arm(&self.nic);
}
void interface_disarm(void)
{
    self.nic.ops->irq_disarm(&self.nic);
}
void interface_irq(void)
{
    self.nic.ops->irq_cause(&self.nic);
}

void interface_check_link(void)
{
    bool up = self.nic.ops->link_up(&self.nic);
    if (up && !netif_is_link_up(&self.netif))
        netif_set_link_up(&self.netif);
    if (!up && netif_is_link_up(&self.netif))
        netif_set_link_down(&self.netif);
}

bool interface_busy(void)
{
    return self.nic.ops->tx_outstanding(&self.nic) != 0;
}

struct netif *interface_netif(void)
{
    return &self.netif;
}
const struct nic *interface_nic(void)
{
    return &self.nic;
}
const struct interface_counters *interface_counters(void)
{
    return &self.counters;
}
unsigned interface_buffers_out(void)
{
    return self.rx_count - self.at_device;
}
unsigned interface_descriptors_used(void)
{
    return self.nic.ops->tx_outstanding(&self.nic);
}

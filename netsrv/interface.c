/* Between nic driver and lwIP: see interface.h. */
#include "netsrv/interface.h"

#include <string.h>

#include <lib/ipc.h>
#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/snmp.h>
#include <netif/ethernet.h>
#include "netsrv/dma.h"
#include "netsrv/receive.h"
#include "netsrv/tell.h"
#include "netsrv/transmit.h"

#define DEVMGR_TIMEOUT_NS 2000000000ull
#define RESETS_MAX 8u

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_DEVMGR, NAME, number)
enum { DEVMGR_OPS(X) };
#undef X

static const struct nic_ops *const drivers[] = {&virtio_net_ops, &e1000_ops};

static struct {
    struct nic nic;
    struct nic_resources resources;
    struct netif netif;
    struct interface_counters counters;
    uint64_t received_at_reset;
    unsigned resets; /* one after another, with no frame received in between */
} self;

/* ---- packets: receive.c and transmit.c ---- */

unsigned interface_receive(void)
{
    return receive_batch();
}

static err_t link_output(struct netif *netif, struct pbuf *pbuf)
{
    (void)netif;
    if (!transmit(pbuf)) {
        self.counters.tx_dropped++;
        return ERR_MEM; /* TCP keeps the segment and tries again */
    }
    self.counters.tx_packets++;
    self.counters.tx_bytes += pbuf->tot_len;
    tell_sent(pbuf);
    return ERR_OK;
}

void interface_collect(void)
{
    transmit_turn();
}

void interface_flush(void)
{
    receive_provide();
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
        status = receive_init(&self.nic, &self.netif, &self.counters);
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
    if (self.counters.rx_packets != self.received_at_reset)
        self.resets = 0;
    self.received_at_reset = self.counters.rx_packets;
    if (++self.resets > RESETS_MAX) {
        log_error("%s failed %u times without receiving a frame: given up", self.nic.ops->name, RESETS_MAX);
        task_exit(ERR_IO); /* init backs off */
    }
    log_error("%s failed: resetting it", self.nic.ops->name);
    self.nic.ops->close(&self.nic);
    receive_reset();
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
    if (self.nic.ops->count)
        self.nic.ops->count(&self.nic);
    return &self.counters;
}
unsigned interface_buffers_out(void)
{
    return receive_out();
}
unsigned interface_descriptors_used(void)
{
    return self.nic.ops->tx_outstanding(&self.nic);
}

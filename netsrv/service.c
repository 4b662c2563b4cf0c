/* Handlers of the net protocol's messages: see service.h. */
#include "netsrv/service.h"

#include <string.h>

#include <lwip/dns.h>
#include <lwip/netif.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/stats.h>
#include <lwip/tcp.h>
#include "netsrv/address.h"
#include "netsrv/connection.h"
#include "netsrv/heap.h"
#include "netsrv/interface.h"

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_NET, NAME, number)
enum { NET_OPS(X) };
#undef X

static handle_t own_channel;

status_t service_init(handle_t channel)
{
    own_channel = channel;
    return scopes_init(channel);
}

/* ---- attaching ---- */

static status_t handle_NET_ATTACH(void *server, struct msg *request, struct msg *reply)
{
    struct net_attach attach;
    handle_t caps[3], bell = HANDLE_NONE;
    (void)server;
    memcpy(&attach, request->payload, sizeof attach);
    for (unsigned i = 0; i < 3; i++)
        caps[i] = ipc_take_cap(request, i);
    struct net_attached attached = {0};
    status_t status = client_attach(request->head.badge, &attach, caps, &attached, &bell);
    if (status != OK)
        return status;
    memcpy(reply->payload, &attached, sizeof attached);
    reply->head.cap_count = 1;
    reply->head.caps[0] = bell;
    return OK;
}

static status_t handle_NET_PRESENT(void *server, struct msg *request, struct msg *reply)
{
    struct net_present about;
    (void)server;
    (void)reply;
    memcpy(&about, request->payload, sizeof about);
    struct client *client = client_numbered(about.client, request->head.badge);
    status_t status = client ? scope_present(client, request->head.caps[0]) : ERR_NO_RIGHT;
    if (status == OK)
        (void)ipc_take_cap(request, 0);
    return status;
}

/* A badge that is a scope's may be others' too, so it only says that some of them are gone. */
void service_on_kernel_message(void *context, struct msg *m)
{
    (void)context;
    if (m->head.kind != MSG_CLOSED)
        return;
    if (m->head.badge < SCOPE_BADGE_MIN)
        clients_drop_badge(m->head.badge);
    scopes_check_soon();
}

/* ---- status ---- */

static void put_ip4(struct net_status *status, struct netif *netif)
{
    memcpy(status->ipv4, &netif_ip4_addr(netif)->addr, 4);
    memcpy(status->mask, &netif_ip4_netmask(netif)->addr, 4);
    memcpy(status->gateway, &netif_ip4_gw(netif)->addr, 4);
    for (u8_t i = 0; i < 2; i++) {
        const ip_addr_t *dns = dns_getserver(i);
        if (IP_IS_V4(dns))
            memcpy(status->dns[i], &ip_2_ip4(dns)->addr, 4);
    }
}

static void put_ip6(struct net_status *status, struct netif *netif)
{
    unsigned n = 0;
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES && n < 3; i++)
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
            memcpy(status->ipv6[n++], netif_ip6_addr(netif, i)->addr, 16);
}

static uint32_t count_connections(void)
{
    uint32_t n = 0;
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
        n++;
    return n;
}

static void put_counters(struct net_status *status)
{
    const struct interface_counters *counters = interface_counters();
    status->rx_packets = counters->rx_packets;
    status->tx_packets = counters->tx_packets;
    status->rx_bytes = counters->rx_bytes;
    status->tx_bytes = counters->tx_bytes;
    status->rx_dropped = counters->rx_dropped + interface_nic()->rx_missed + interface_nic()->rx_errors;
    status->tx_dropped = counters->tx_dropped;
}

static status_t handle_NET_STATUS(void *server, struct msg *request, struct msg *reply)
{
    struct net_status_request asked;
    struct net_status status = {0};
    struct netif *netif = interface_netif();
    (void)server;
    memcpy(&asked, request->payload, sizeof asked);
    if (asked.interface != 0)
        return ERR_NOT_FOUND;
    interface_check_link();
    memcpy(status.name, "en0", 4);
    strncpy(status.driver, interface_nic()->ops->name, sizeof status.driver - 1);
    memcpy(status.mac, interface_nic()->mac, 6);
    status.link_up = netif_is_link_up(netif);
    status.configured = (uint8_t)address_source();
    put_ip4(&status, netif);
    put_ip6(&status, netif);
    strncpy(status.hostname, netif->hostname, sizeof status.hostname - 1);
    put_counters(&status);
    status.lease_seconds = address_lease_seconds();
    status.connections = count_connections();
    memcpy(reply->payload, &status, sizeof status);
    return OK;
}

/* ---- pools ---- */

static uint32_t pool_used(memp_t pool)
{
    return (uint32_t)lwip_stats.memp[pool]->used;
}

static uint32_t count_time_wait(void)
{
    uint32_t n = 0;
    for (struct tcp_pcb *pcb = tcp_tw_pcbs; pcb; pcb = pcb->next)
        n++;
    return n;
}

static void count_clients(struct net_stats *stats)
{
    for (unsigned i = 0; i < NET_CLIENTS_MAX; i++) {
        stats->clients += clients[i].used && !clients[i].dropped;
        stats->slots_used += clients[i].used && !clients[i].dropped ? clients[i].slots_used : 0;
    }
}

static status_t handle_NET_STATS(void *server, struct msg *request, struct msg *reply)
{
    (void)server;
    (void)request;
    struct net_stats stats = {
        .tcp_pcbs = pool_used(MEMP_TCP_PCB),
        .tcp_time_wait = count_time_wait(),
        .tcp_listeners = pool_used(MEMP_TCP_PCB_LISTEN),
        .tcp_segments = pool_used(MEMP_TCP_SEG),
        .pbufs = pool_used(MEMP_PBUF),
        .rx_buffers_out = interface_buffers_out(),
        .heap_used = (uint32_t)heap_used(),
        .heap_limit = (uint32_t)heap_limit(),
        .tx_descriptors_used = interface_descriptors_used(),
        .lost_kicks_recovered = interface_nic()->recovered,
        .retransmits = lwip_stats.mib2.tcpretranssegs,
        .checksum_errors = (uint64_t)lwip_stats.tcp.chkerr + lwip_stats.ip.chkerr + lwip_stats.udp.chkerr,
    };
    count_clients(&stats);
    memcpy(reply->payload, &stats, sizeof stats);
    return OK;
}

/* ---- connections ---- */

static void put_connection(struct net_connection_list *list, const struct tcp_pcb *pcb, const struct client *client)
{
    struct net_connection *out = &list->connections[list->count++];
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
    *out = (struct net_connection){.local_port = pcb->local_port, .state = (uint8_t)pcb->state, .proto = 6};
    out->client = client ? client->number : 0xff;
    if (pcb->state == LISTEN)
        return;
    out->remote_port = pcb->remote_port;
    if (IP_IS_V6(&pcb->remote_ip)) {
        memcpy(out->remote, ip_2_ip6(&pcb->remote_ip)->addr, 16);
    } else {
        memcpy(out->remote, mapped, 12);
        memcpy(out->remote + 12, &ip_2_ip4(&pcb->remote_ip)->addr, 4);
    }
}

static const struct client *owner(const struct tcp_pcb *pcb)
{
    if (pcb->state == LISTEN) {
        const struct listener *listener = tcp_ext_arg_get(pcb, 0);
        return listener ? listener->client : NULL;
    }
    const struct slot *slot = tcp_ext_arg_get(pcb, 0);
    return slot ? slot->client : NULL;
}

static void walk(struct net_connection_list *list, const struct tcp_pcb *pcb, uint32_t first)
{
    for (; pcb; pcb = pcb->next, list->total++)
        if (list->total >= first && list->count < sizeof list->connections / sizeof *list->connections)
            put_connection(list, pcb, owner(pcb));
}

static status_t handle_NET_CONNECTIONS(void *server, struct msg *request, struct msg *reply)
{
    struct net_connections asked;
    struct net_connection_list list = {0};
    (void)server;
    memcpy(&asked, request->payload, sizeof asked);
    walk(&list, tcp_listen_pcbs.pcbs, asked.first);
    walk(&list, tcp_active_pcbs, asked.first);
    walk(&list, tcp_tw_pcbs, asked.first);
    memcpy(reply->payload, &list, sizeof list);
    return OK;
}

/* ---- names ---- */

#define WAITING_MAX 16
static struct {
    uint32_t token;
    bool used;
} waiting[WAITING_MAX]; /* callers that wait for the name server */

static void put_address(struct net_resolved *out, const ip_addr_t *address)
{
    memset(out, 0, sizeof *out);
    if (IP_IS_V6(address)) {
        memcpy(out->address, ip_2_ip6(address)->addr, 16);
        return;
    }
    out->address[10] = out->address[11] = 0xff;
    memcpy(out->address + 12, &ip_2_ip4(address)->addr, 4);
}

static void on_found(const char *name, const ip_addr_t *address, void *arg)
{
    uint32_t *token = arg;
    struct msg reply = {.head = {.op = NET_RESOLVE, .status = ERR_NOT_FOUND}};
    (void)name;
    if (address) {
        struct net_resolved resolved;
        put_address(&resolved, address);
        memcpy(reply.payload, &resolved, sizeof resolved);
        reply.head.status = OK;
        reply.head.length = sizeof resolved;
    }
    for (unsigned i = 0; i < WAITING_MAX; i++)
        if (&waiting[i].token == token)
            waiting[i].used = false;
    status_t status = ipc_reply(own_channel, &reply, *token);
    if (status != OK)
        log_debug("the caller of resolve is gone: %s", status_name(status));
}

static status_t handle_NET_RESOLVE(void *server, struct msg *request, struct msg *reply)
{
    struct net_resolve asked;
    ip_addr_t address;
    unsigned i = 0;
    (void)server;
    if (request->head.badge != NET_SCOPE_ANY)
        return ERR_NO_RIGHT;
    memcpy(&asked, request->payload, sizeof asked);
    asked.name[sizeof asked.name - 1] = 0;
    while (i < WAITING_MAX && waiting[i].used)
        i++;
    if (i == WAITING_MAX)
        return ERR_BUSY;
    waiting[i].token = request->head.token;
    err_t err = dns_gethostbyname(asked.name, &address, on_found, &waiting[i].token);
    waiting[i].used = err == ERR_INPROGRESS;
    if (err == ERR_INPROGRESS)
        return IPC_DEFERRED;
    if (err != ERR_OK)
        return ERR_INVALID;
    struct net_resolved resolved;
    put_address(&resolved, &address);
    memcpy(reply->payload, &resolved, sizeof resolved);
    return OK;
}

const struct ipc_op service_ops[] = {
#define X(NAME, number, request, reply, caps, rights) IPC_OP_ROW(NAME, request, reply, caps, rights)
    NET_OPS(X)
#undef X
};
const size_t service_op_count = sizeof service_ops / sizeof *service_ops;

/* A client that writes what it likes into its region, against the whole of netsrv and lwIP: nothing but its own
 * connections may suffer. Input: steps of {what, where, value}; see step(). */
#include <stdlib.h>
#include <string.h>

#include <lib/net_client.h>
#include <lwip/init.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>
#include "netsrv/address.h"
#include "netsrv/command.h"
#include "netsrv/connection.h"
#include "netsrv/heap.h"
#include "netsrv/interface.h"
#include "netsrv/loop.h"
#include "netsrv/port.h"
#include "netsrv/service.h"

#define SLOTS 8u
#define MS 1000000ull

static struct net_client client;
static struct net_layout layout;
static handle_t client_signal;

static void start(void)
{
    handle_t signal = (handle_t)host_signal_create();
    client_signal = (handle_t)host_signal_create();
    if (interface_init((handle_t)service_connect("devmgr", 0), signal, IRQ_BIT, CONFIG_IRQ_BIT) != OK)
        abort();
    clients_init(signal, FIRST_CLIENT_BIT);
    host_server_channel = (handle_t)host_channel_create(8, 1);
    if (service_init(host_server_channel) != OK)
        abort();
    heap_init(32 << 20, sizeof(struct tcp_pcb), NET_PCBS_MAX);
    port_update_time();
    lwip_init();
    (void)tcp_ext_arg_alloc_id();
    (void)tcp_ext_arg_alloc_id();
    interface_start();
    address_start(boot_line());
}

/* A peer that connects, writes, and may reset. */
static struct tcp_pcb *peer;

static void on_destroy(u8_t id, void *data)
{
    (void)id;
    (void)data;
    peer = NULL;
}
static const struct tcp_ext_arg_callbacks callbacks = {.destroy = on_destroy};

static void peer_step(uint8_t value)
{
    static uint8_t bytes[1000];
    ip_addr_t to = IPADDR4_INIT_BYTES(10, 0, 2, 15);
    if (!peer) {
        peer = tcp_new_ip_type(IPADDR_TYPE_V4);
        if (!peer)
            return;
        tcp_ext_arg_set_callbacks(peer, 0, &callbacks);
        (void)tcp_connect(peer, &to, (u16_t)(1 + value % 4), NULL);
    } else if (value & 1) {
        if (tcp_write(peer, bytes, (u16_t)(value * 3u), TCP_WRITE_FLAG_COPY) == ERR_OK)
            tcp_output(peer);
    } else {
        tcp_abort(peer);
    }
}

struct step {
    uint8_t what, where, value, more;
};

static void put_command(const struct step *s)
{
    struct net_region *region = (struct net_region *)client.region;
    struct net_command *ring = (struct net_command *)(client.region + layout.command_offset);
    struct net_command *c = &ring[region->commands.produced % NET_COMMANDS];
    *c = (struct net_command){.code = s->where % 10,
                              .slot = s->value % 12,
                              .value = 1u + s->more % 5,
                              .address = {[10] = 0xff, 0xff, 10, 0, 2, 15}};
    region->commands.produced++;
}

static void step(const struct step *s)
{
    uint8_t *slots = client.region + layout.slot_offset;
    switch (s->what % 6) {
    case 0: put_command(s); break;
    case 1: /* any word of the slots' controls */
        memset(slots + (s->where * 4u + s->value) % (SLOTS * sizeof(struct net_slot)), s->more, 1);
        break;
    case 2: /* the region's own words, command ring's count included */
        client.region[(s->where | (s->value & 1u) << 8) % sizeof(struct net_region)] = s->more;
        break;
    case 3: peer_step(s->value); break;
    case 4: host_now += s->value * 10 * MS; break;
    default:
        for (unsigned i = 0; i < 1 + s->value % 4u; i++)
            loop_turn();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    if (!started)
        start();
    started = true;
    struct net_client_config config = {
        .slot_count = SLOTS,
        .connect_slots = 2,
        .rx_size = 2048,
        .tx_size = 2048,
        .signal = client_signal,
        .scopes = {NET_SCOPE_LISTEN(1), NET_SCOPE_LISTEN(2), NET_SCOPE_LISTEN(3), NET_NETWORK(10, 0, 2, 0)}};
    if (net_client_attach(&client, &config, DEADLINE_NEVER) != OK ||
        net_region_layout(SLOTS, 2048, 2048, &layout) != OK)
        abort();
    for (; size >= sizeof(struct step); data += sizeof(struct step), size -= sizeof(struct step))
        step((const struct step *)data);
    struct msg closed = {.head = {.kind = MSG_CLOSED, .badge = 77}};
    service_on_kernel_message(NULL, &closed);
    if (peer)
        tcp_abort(peer);
    for (unsigned i = 0; i < 4; i++)
        loop_turn();
    client.attached = false; /* its bell is closed already */
    net_client_detach(&client);
    return 0;
}

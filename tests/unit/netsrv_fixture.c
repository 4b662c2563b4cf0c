/* See netsrv_fixture.h. */
#include "tests/unit/netsrv_fixture.h"

#include <lwip/init.h>
#include <lwip/stats.h>
#include "netsrv/address.h"
#include "netsrv/heap.h"
#include "netsrv/interface.h"
#include "netsrv/port.h"
#include "netsrv/tell.h"

handle_t server_signal, client_signal, client_channel;

/* ---- the peer: a raw control block ---- */

static err_t peer_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct peer *peer = arg;
    (void)err;
    if (!p) {
        peer->fin = true;
        return ERR_OK;
    }
    if (peer->bytes)
        pbuf_copy_partial(p, peer->bytes + peer->received, p->tot_len, 0);
    peer->received += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}
static err_t peer_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)pcb;
    (void)err;
    ((struct peer *)arg)->connected = true;
    return ERR_OK;
}
static void peer_error(void *arg, err_t err)
{
    struct peer *peer = arg;
    peer->dead = true;
    peer->err = err;
    peer->pcb = NULL;
}
void peer_dial(struct peer *peer, uint16_t port)
{
    ip_addr_t to = IPADDR4_INIT_BYTES(10, 0, 2, 15);
    uint8_t *bytes = peer->bytes;
    *peer = (struct peer){.bytes = bytes};
    peer->pcb = tcp_new_ip_type(IPADDR_TYPE_V4);
    assert_non_null(peer->pcb);
    tcp_arg(peer->pcb, peer);
    tcp_recv(peer->pcb, peer_received);
    tcp_err(peer->pcb, peer_error);
    assert_int_equal(tcp_connect(peer->pcb, &to, port, peer_connected), ERR_OK);
}
void peer_close(struct peer *peer)
{
    if (!peer->pcb)
        return;
    peer->pcb->rcv_wnd = TCP_WND_MAX(peer->pcb);
    tcp_arg(peer->pcb, NULL);
    tcp_recv(peer->pcb, NULL);
    tcp_err(peer->pcb, NULL);
    tcp_close(peer->pcb);
    peer->pcb = NULL;
}

/* ---- turns ---- */

void turns(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        loop_turn();
}
void pass(uint64_t ns)
{
    for (uint64_t end = host_now + ns; host_now < end; host_now += 50 * MS)
        turns(3);
}

/* ---- an echo client that remembers what it saw ---- */

void app_echo(struct app *app, uint32_t slot)
{
    uint8_t buffer[512];
    uint32_t n;
    while (!app->hold && (n = net_client_room(&app->net, slot)) != 0 &&
           (n = net_client_read(&app->net, slot, buffer, n < sizeof buffer ? n : sizeof buffer)) != 0)
        assert_int_equal(net_client_write(&app->net, slot, buffer, n), n);
    if (net_client_unread(&app->net, slot) && !app->hold)
        (void)net_client_want_room(&app->net, slot);
    else if (app->fin[slot])
        net_client_close(&app->net, slot);
}

static void app_event(struct app *app, const struct net_event *e)
{
    app->accepted += e->code == NET_EVENT_ACCEPTED;
    app->closed += e->code == NET_EVENT_CLOSED;
    app->fins += e->code == NET_EVENT_FIN;
    app->listening += e->code == NET_EVENT_LISTENING;
    app->failed += e->code == NET_EVENT_FAILED || e->code == NET_EVENT_LISTEN_FAILED;
    app->connected += e->code == NET_EVENT_CONNECTED;
    app->data += e->code == NET_EVENT_DATA;
    app->last_status = e->status;
    app->last_slot = e->slot;
    app->last_cookie = e->cookie;
    if (e->code == NET_EVENT_ACCEPTED)
        app->fin[e->slot] = 0;
    if (e->code == NET_EVENT_FIN)
        app->fin[e->slot] = 1;
    if (app->echo && (e->code == NET_EVENT_DATA || e->code == NET_EVENT_ROOM || e->code == NET_EVENT_FIN))
        app_echo(app, e->slot);
}

static void app_turn(struct app *app)
{
    struct net_event event;
    do {
        while (net_client_event(&app->net, &event))
            app_event(app, &event);
    } while (!net_client_sleep(&app->net));
}

void both(struct app *app, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        loop_turn();
        app_turn(app);
        host_now += 100000;
    }
}

struct app app;

void attach_with(uint32_t slots, uint32_t connect_slots, uint32_t rx, uint32_t tx, uint32_t scope)
{
    struct net_client_config config = {.slot_count = slots,
                                       .connect_slots = connect_slots,
                                       .rx_size = rx,
                                       .tx_size = tx,
                                       .signal = client_signal,
                                       .bit = 5,
                                       .channel = client_channel,
                                       .badge = 9,
                                       .scopes = {NET_SCOPE_LISTEN(PORT), scope}};
    memset(&app, 0, sizeof app);
    app.echo = true;
    assert_int_equal(net_client_attach(&app.net, &config, DEADLINE_NEVER), OK);
    assert_int_equal(net_client_listen(&app.net, PORT, 0x1234), OK);
    both(&app, 3);
    assert_int_equal(app.listening, 1);
}

void attach(uint32_t slots, uint32_t connect_slots, uint32_t rx, uint32_t tx)
{
    attach_with(slots, connect_slots, rx, tx, NET_SCOPE_ANY);
}

void connect_echo_close(unsigned i)
{
    static struct peer peer;
    peer = (struct peer){0};
    uint8_t in[1], out = (uint8_t)i;
    peer.bytes = in;
    peer_dial(&peer, PORT);
    both(&app, 4);
    assert_true(peer.connected);
    assert_int_equal(tcp_write(peer.pcb, &out, 1, TCP_WRITE_FLAG_COPY), ERR_OK);
    tcp_output(peer.pcb);
    for (unsigned k = 0; k < 20 && peer.received == 0; k++)
        both(&app, 1);
    assert_int_equal(peer.received, 1);
    assert_int_equal(in[0], out);
    peer_close(&peer);
    both(&app, 6);
}

/* ---- leaks: everything as before, once TIME_WAIT is over ---- */

struct levels {
    unsigned handles, pcbs, segments, pbufs, buffers;
    size_t heap;
};
static struct levels now_levels(void)
{
    pass(60000 * MS);
    return (struct levels){host_handles() - (unsigned)(heap_grown() >> 16),
                           (unsigned)lwip_stats.memp[MEMP_TCP_PCB]->used,
                           (unsigned)lwip_stats.memp[MEMP_TCP_SEG]->used,
                           (unsigned)lwip_stats.memp[MEMP_PBUF]->used,
                           interface_buffers_out(),
                           heap_used()};
}
static void levels_equal(struct levels a)
{
    struct levels b = now_levels();
    assert_int_equal(a.handles, b.handles);
    assert_int_equal(a.pcbs, b.pcbs);
    assert_int_equal(a.segments, b.segments);
    assert_int_equal(a.pbufs, b.pbufs);
    assert_int_equal(a.buffers, b.buffers);
    assert_int_equal(a.heap, b.heap);
}
static struct levels before;

int fixture_setup(void **state)
{
    (void)state;
    host_loss_percent = 0;
    host_tx_limit = 256;
    host_network_bits = 8;
    host_signals(client_signal);
    before = now_levels();
    return 0;
}
int fixture_teardown(void **state)
{
    (void)state;
    net_client_detach(&app.net);
    while (tcp_active_pcbs) { /* what a failed test left */
        struct tcp_pcb *pcb = tcp_active_pcbs;
        tcp_err(pcb, NULL);
        tcp_abort(pcb);
    }
    host_loss_percent = 0;
    host_tx_limit = 256;
    turns(5);
    levels_equal(before);
    return 0;
}

int fixture_start(void **state)
{
    (void)state;
    server_signal = (handle_t)host_signal_create();
    client_signal = (handle_t)host_signal_create();
    client_channel = (handle_t)host_channel_create(8, 1);
    host_server_channel = (handle_t)host_channel_create(8, 1);
    assert_int_equal(service_init(host_server_channel), OK);
    assert_int_equal(interface_init((handle_t)service_connect("devmgr", 0), server_signal, IRQ_BIT, CONFIG_IRQ_BIT),
                     OK);
    clients_init(server_signal, FIRST_CLIENT_BIT);
    heap_init(32 << 20, sizeof(struct tcp_pcb), NET_PCBS_MAX);
    port_update_time();
    lwip_init();
    assert_int_equal(tcp_ext_arg_alloc_id(), 0);
    assert_int_equal(tcp_ext_arg_alloc_id(), TELL_EXT_ARG);
    interface_start();
    address_start(boot_line());
    pass(70000 * MS); /* duplicate address detection and the like */
    return 0;
}

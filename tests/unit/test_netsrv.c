/* netsrv's sockets with lwIP and the client library, whole, over a wire that ends where it begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lib/net_client.h>
#include <lwip/timeouts.h>
#include <lwip/init.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/stats.h>
#include <lwip/tcp.h>
#include "netsrv/address.h"
#include "netsrv/connection.h"
#include "netsrv/heap.h"
#include "netsrv/interface.h"
#include "netsrv/loop.h"
#include "netsrv/port.h"
#include "netsrv/service.h"
#include "netsrv/transmit.h"

#define MS 1000000ull
#define PORT 7

static handle_t server_signal, client_signal, client_channel;

/* ---- the peer: a raw control block ---- */

struct peer {
    struct tcp_pcb *pcb;
    bool connected, fin, dead;
    err_t err;
    size_t received;
    uint8_t *bytes; /* what came, when wanted */
    size_t want;    /* bytes that may still be credited: the peer's own window */
};

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
static void peer_dial(struct peer *peer, uint16_t port)
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
static void peer_close(struct peer *peer)
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

static void turns(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        loop_turn();
}
static void pass(uint64_t ns) /* in steps, so that timers run in order */
{
    for (uint64_t end = host_now + ns; host_now < end; host_now += 50 * MS)
        turns(3);
}

/* ---- an echo client that remembers what it saw ---- */

struct app {
    struct net_client net;
    unsigned accepted, closed, fins, listening, failed, connected, data;
    int32_t last_status;
    uint32_t last_slot;
    bool echo, hold; /* hold: reads nothing */
    uint8_t fin[NET_SLOTS_MAX];
    uint64_t last_cookie;
};

static void app_echo(struct app *app, uint32_t slot)
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

static void both(struct app *app, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        loop_turn();
        app_turn(app);
        host_now += 100000;
    }
}

static struct app app;

static void attach(uint32_t slots, uint32_t connect_slots, uint32_t rx, uint32_t tx)
{
    struct net_client_config config = {.slot_count = slots,
                                       .connect_slots = connect_slots,
                                       .rx_size = rx,
                                       .tx_size = tx,
                                       .signal = client_signal,
                                       .bit = 5,
                                       .channel = client_channel,
                                       .badge = 9};
    memset(&app, 0, sizeof app);
    app.echo = true;
    assert_int_equal(net_client_attach(&app.net, &config, DEADLINE_NEVER), OK);
    assert_int_equal(net_client_listen(&app.net, PORT, 0x1234), OK);
    both(&app, 3);
    assert_int_equal(app.listening, 1);
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

static int setup(void **state)
{
    (void)state;
    host_loss_percent = 0;
    host_tx_limit = 256;
    host_signals(client_signal);
    before = now_levels();
    return 0;
}
static int teardown(void **state)
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

static int start(void **state)
{
    (void)state;
    server_signal = (handle_t)host_signal_create();
    client_signal = (handle_t)host_signal_create();
    client_channel = (handle_t)host_channel_create(8, 1);
    assert_int_equal(interface_init((handle_t)service_connect("devmgr", 0), server_signal, IRQ_BIT, CONFIG_IRQ_BIT),
                     OK);
    clients_init(server_signal, FIRST_CLIENT_BIT);
    heap_init(32 << 20, sizeof(struct tcp_pcb), NET_PCBS_MAX);
    port_update_time();
    lwip_init();
    assert_int_equal(tcp_ext_arg_alloc_id(), 0);
    interface_start();
    address_start(boot_line());
    pass(70000 * MS); /* duplicate address detection and the like */
    return 0;
}

/* ---- tests ---- */

static void accepts_and_echoes(void **state)
{
    (void)state;
    attach(8, 0, 4096, 4096);
    uint8_t out[1000], in[1000];
    static struct peer peer;
    peer = (struct peer){.bytes = in};
    for (unsigned i = 0; i < sizeof out; i++)
        out[i] = (uint8_t)(i * 7);
    peer_dial(&peer, PORT);
    both(&app, 10);
    assert_true(peer.connected);
    assert_int_equal(app.accepted, 1);
    assert_int_equal(app.last_cookie, 0x1234);
    assert_int_equal(tcp_write(peer.pcb, out, sizeof out, TCP_WRITE_FLAG_COPY), ERR_OK);
    tcp_output(peer.pcb);
    both(&app, 20);
    assert_int_equal(peer.received, sizeof out);
    assert_memory_equal(in, out, sizeof out);
    peer_close(&peer);
    both(&app, 20);
    assert_int_equal(app.fins, 1);
    assert_int_equal(app.closed, 1);
    assert_int_equal(app.last_status, OK);
    assert_int_equal(clients[app.net.config.bit * 0].slots_used, 0);
}

static void window_is_the_ring(void **state)
{
    (void)state;
    static uint8_t out[60000], in[60000];
    attach(4, 0, 8192, 2048);
    app.hold = true;
    static struct peer peer;
    peer = (struct peer){.bytes = in};
    for (unsigned i = 0; i < sizeof out; i++)
        out[i] = (uint8_t)(i * 31 >> 3);
    peer_dial(&peer, PORT);
    both(&app, 10);
    uint32_t slot = app.last_slot;
    assert_int_equal(tcp_write(peer.pcb, out, sizeof out, TCP_WRITE_FLAG_COPY), ERR_OK);
    tcp_output(peer.pcb);
    for (unsigned i = 0; i < 50; i++) {
        both(&app, 5);
        host_now += 300 * MS;
        assert_true(net_client_unread(&app.net, slot) <= 8192);
    }
    assert_true(net_client_unread(&app.net, slot) > 8192 - 8); /* the window's scale is 8 */
    app.hold = false;
    app_echo(&app, slot);
    for (unsigned i = 0; i < 400 && peer.received < sizeof out; i++) {
        both(&app, 5);
        host_now += 20 * MS;
    }
    assert_int_equal(peer.received, sizeof out);
    assert_memory_equal(in, out, sizeof out);
    peer_close(&peer);
    both(&app, 20);
}

/* Sends `total` bytes of a running pattern from the client through its ring; the peer checks each. */
static void bulk_out(size_t total, unsigned rounds)
{
    uint8_t *in = malloc(total);
    static struct peer peer;
    peer = (struct peer){.bytes = in};
    app.echo = false;
    peer_dial(&peer, PORT);
    for (unsigned i = 0; i < 100 && !app.accepted; i++) {
        both(&app, 10);
        host_now += 200 * MS;
    }
    assert_int_equal(app.accepted, 1);
    uint32_t slot = app.last_slot;
    size_t sent = 0;
    for (unsigned i = 0; i < rounds && peer.received < total; i++) {
        void *at;
        uint32_t n;
        while (sent < total && (n = net_client_room_span(&app.net, slot, &at)) != 0) {
            n = n < total - sent ? n : (uint32_t)(total - sent);
            for (uint32_t k = 0; k < n; k++)
                ((uint8_t *)at)[k] = (uint8_t)((sent + k) * 2654435761u >> 13);
            net_client_produce(&app.net, slot, n);
            sent += n;
        }
        both(&app, 3);
        host_now += 10 * MS;
    }
    assert_int_equal(peer.received, total);
    for (size_t i = 0; i < total; i++)
        if (in[i] != (uint8_t)(i * 2654435761u >> 13))
            fail_msg("byte %zu differs", i);
    net_client_close(&app.net, slot);
    both(&app, 20);
    assert_true(peer.fin);
    peer_close(&peer);
    for (unsigned i = 0; i < 20 && !app.closed; i++) {
        both(&app, 10);
        host_now += 300 * MS;
    }
    assert_int_equal(app.closed, 1);
    free(in);
}

static void bulk_out_is_whole(void **state)
{
    (void)state;
    attach(4, 0, 2048, 16384);
    bulk_out(2000000, 20000);
}
static void bulk_out_with_losses(void **state)
{
    (void)state;
    attach(4, 0, 2048, 65536);
    host_loss_percent = 3;
    bulk_out(300000, 200000);
    host_loss_percent = 0;
}
static void bulk_out_with_a_short_queue(void **state)
{
    (void)state;
    attach(4, 0, 2048, 65536);
    host_tx_limit = 3;
    bulk_out(500000, 200000);
}

/* In the middle of a transfer the device asks for a reset: TCP makes good what was lost. */
static void device_failure_is_survived(void **state)
{
    (void)state;
    attach(4, 0, 4096, 16384);
    static uint8_t in[8000], out[8000];
    static struct peer peer;
    peer = (struct peer){.bytes = in};
    memset(out, 'q', sizeof out);
    peer_dial(&peer, PORT);
    both(&app, 10);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(tcp_write(peer.pcb, out, 1600, TCP_WRITE_FLAG_COPY), ERR_OK);
        tcp_output(peer.pcb);
        loop_turn();
        host_device_failed = true;
        loop_signals(NULL, 1u << CONFIG_IRQ_BIT);
        both(&app, 5);
        assert_false(host_device_failed);
        for (unsigned k = 0; k < 40 && peer.received < (i + 1) * 1600; k++) {
            both(&app, 3);
            host_now += 250 * MS;
        }
        assert_int_equal(peer.received, (i + 1) * 1600);
    }
    peer_close(&peer);
    both(&app, 20);
    assert_int_equal(app.closed, 1);
}

static void connect_echo_close(unsigned i)
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

static void many_connections_leave_nothing(void **state)
{
    (void)state;
    attach(8, 0, 2048, 2048);
    for (unsigned i = 0; i < 1200; i++) /* more than there are control blocks: TIME_WAIT (the peer's) is recycled */
        connect_echo_close(i);
    assert_int_equal(app.accepted, 1200);
    assert_int_equal(app.closed, 1200);
}

static void two_hundred_at_once(void **state)
{
    (void)state;
    static struct peer peers[200];
    memset(peers, 0, sizeof peers);
    attach(200, 0, 2048, 2048);
    for (unsigned i = 0; i < 200; i++) {
        peer_dial(&peers[i], PORT);
        both(&app, 1);
    }
    for (unsigned i = 0; i < 20; i++) {
        both(&app, 10);
        host_now += 500 * MS;
    }
    assert_int_equal(app.accepted, 200);
    for (unsigned i = 0; i < 200; i++) {
        assert_true(peers[i].connected);
        assert_int_equal(tcp_write(peers[i].pcb, "abc", 3, TCP_WRITE_FLAG_COPY), ERR_OK);
        tcp_output(peers[i].pcb);
    }
    both(&app, 50);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(peers[i].received, 3);
        peer_close(&peers[i]);
    }
    both(&app, 50);
    assert_int_equal(app.closed, 200);
}

static void reset_in_the_middle(void **state)
{
    (void)state;
    attach(2, 0, 4096, 4096);
    app.hold = true;
    for (unsigned i = 0; i < 10; i++) {
        static struct peer peer;
        peer = (struct peer){0};
        peer_dial(&peer, PORT);
        both(&app, 10);
        assert_int_equal(tcp_write(peer.pcb, "unread", 6, TCP_WRITE_FLAG_COPY), ERR_OK);
        tcp_output(peer.pcb);
        both(&app, 5);
        assert_int_equal(net_client_write(&app.net, app.last_slot, "never acknowledged", 18), 18);
        tcp_abort(peer.pcb);
        both(&app, 10);
        assert_int_equal(app.closed, i + 1);
        assert_int_equal(app.last_status, ERR_PEER_DIED);
    }
    assert_int_equal(app.accepted, 10);
}

/* A command that was on its way when the slot's connection ended does not hit the next one. */
static void late_command_hits_nothing(void **state)
{
    (void)state;
    attach(1, 0, 2048, 2048);
    static struct peer first, second;
    peer_dial(&first, PORT);
    both(&app, 10);
    tcp_abort(first.pcb);
    turns(5);                      /* netsrv knows, the client does not */
    net_client_abort(&app.net, 0); /* late */
    net_client_flush(&app.net);
    peer_dial(&second, PORT);
    turns(5);
    both(&app, 20);
    for (unsigned i = 0; i < 10; i++) { /* the first SYN found no slot */
        both(&app, 3);
        host_now += 500 * MS;
    }
    assert_true(second.connected);
    assert_false(second.dead);
    assert_int_equal(app.accepted, 2);
    peer_close(&second);
    both(&app, 20);
}

static void no_slot_means_the_syn_waits(void **state)
{
    (void)state;
    attach(1, 0, 2048, 2048);
    static struct peer first, second;
    peer_dial(&first, PORT);
    both(&app, 10);
    peer_dial(&second, PORT);
    both(&app, 10);
    assert_true(first.connected);
    assert_false(second.connected);
    assert_false(second.dead);
    peer_close(&first);
    both(&app, 20);
    for (unsigned i = 0; i < 10; i++) {
        both(&app, 3);
        host_now += 500 * MS;
    }
    assert_true(second.connected);
    peer_close(&second);
    both(&app, 20);
}

static void client_death_resets(void **state)
{
    (void)state;
    attach(8, 0, 4096, 4096);
    static struct peer peers[5];
    memset(peers, 0, sizeof peers);
    for (unsigned i = 0; i < 5; i++)
        peer_dial(&peers[i], PORT);
    for (unsigned i = 0; i < 20 && app.accepted < 5; i++) { /* a SYN may be lost to the ARP queue */
        both(&app, 5);
        host_now += 250 * MS;
    }
    assert_int_equal(app.accepted, 5);
    static const uint8_t bytes[3000];
    assert_int_equal(net_client_write(&app.net, app.last_slot, bytes, sizeof bytes), sizeof bytes);
    net_client_flush(&app.net);
    struct msg closed = {.head = {.kind = MSG_CLOSED, .badge = 77}};
    service_on_kernel_message(NULL, &closed);
    turns(10);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(peers[i].dead);
        assert_int_equal(peers[i].err, ERR_RST);
    }
    assert_null(dma_blocks[DMA_BLOCKS - 1]);
    static struct peer late;
    peer_dial(&late, PORT); /* nobody listens any more: a reset */
    both(&app, 10);
    assert_true(late.dead);
}

static struct tcp_pcb *test_accepted;
static err_t test_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)err;
    test_accepted = pcb;
    return ERR_OK;
}

static void connects_and_is_refused(void **state)
{
    (void)state;
    attach(4, 2, 4096, 4096);
    struct tcp_pcb *listening = tcp_new_ip_type(IPADDR_TYPE_V4);
    assert_int_equal(tcp_bind(listening, IP4_ADDR_ANY, 99), ERR_OK);
    listening = tcp_listen(listening);
    tcp_accept(listening, test_accept);
    uint8_t to[16] = {[10] = 0xff, 0xff, 10, 0, 2, 15};
    result_t slot = net_client_connect(&app.net, to, 99, 5);
    assert_int_equal(slot, 2);
    both(&app, 10);
    assert_int_equal(app.connected, 1);
    assert_int_equal(app.last_slot, 2);
    assert_int_equal(app.last_cookie, 5);
    assert_int_equal(net_client_write(&app.net, 2, "hello", 5), 5);
    both(&app, 10);
    assert_non_null(test_accepted);
    tcp_abort(test_accepted);
    tcp_close(listening);
    both(&app, 10);
    assert_int_equal(app.closed, 1);
    slot = net_client_connect(&app.net, to, 98, 6);
    assert_true(slot >= 2);
    both(&app, 10);
    assert_int_equal(app.failed, 1);
    assert_int_equal(app.last_status, ERR_REFUSED);
    assert_true(net_client_connect(&app.net, to, 98, 6) >= 2); /* both slots are free again */
    assert_true(net_client_connect(&app.net, to, 98, 6) >= 2);
    both(&app, 10);
    assert_int_equal(app.failed, 3);
}

static void half_close_both_ways(void **state)
{
    (void)state;
    attach(2, 0, 4096, 4096);
    app.echo = false;
    uint8_t in[64];
    static struct peer peer;
    peer = (struct peer){.bytes = in};
    peer_dial(&peer, PORT);
    both(&app, 10);
    net_client_shut(&app.net, app.last_slot);
    both(&app, 10);
    assert_true(peer.fin);
    assert_int_equal(tcp_write(peer.pcb, "after your fin", 14, TCP_WRITE_FLAG_COPY), ERR_OK);
    tcp_output(peer.pcb);
    both(&app, 10);
    uint8_t got[32];
    assert_int_equal(net_client_read(&app.net, 0, got, sizeof got), 14);
    peer_close(&peer);
    both(&app, 10);
    assert_int_equal(app.fins, 1);
    assert_int_equal(app.closed, 0); /* both directions ended well, the slot is the client's until it says so */
    net_client_close(&app.net, 0);
    both(&app, 10);
    assert_int_equal(app.closed, 1);
    assert_int_equal(app.last_status, OK);
}

static void last_bytes_before_close_arrive(void **state)
{
    (void)state;
    attach(2, 0, 4096, 32768);
    app.echo = false;
    static uint8_t in[30000], out[30000];
    static struct peer peer;
    peer = (struct peer){.bytes = in};
    memset(out, 'x', sizeof out);
    peer_dial(&peer, PORT);
    both(&app, 10);
    assert_int_equal(tcp_write(peer.pcb, "unread", 6, TCP_WRITE_FLAG_COPY), ERR_OK);
    tcp_output(peer.pcb);
    both(&app, 10);
    assert_int_equal(net_client_write(&app.net, 0, out, sizeof out), sizeof out);
    net_client_close(&app.net, 0); /* with unread bytes, too */
    both(&app, 100);
    assert_int_equal(peer.received, sizeof out);
    assert_true(peer.fin);
    assert_false(peer.dead);
    peer_close(&peer);
    both(&app, 10);
    assert_int_equal(app.closed, 1);
}

static void same_port_twice_fails(void **state)
{
    (void)state;
    attach(2, 0, 2048, 2048);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(net_client_listen(&app.net, PORT, 1), OK);
    both(&app, 10);
    assert_int_equal(app.failed, 100);
}

/* ---- a client that lies ---- */

static void scribble(uint8_t *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)rand();
}

static void lying_client_harms_itself(void **state)
{
    (void)state;
    attach(4, 1, 2048, 2048);
    struct net_client liar = {0};
    struct net_client_config config = {.slot_count = 16,
                                       .connect_slots = 4,
                                       .rx_size = 2048,
                                       .tx_size = 4096,
                                       .signal = client_signal,
                                       .bit = 6,
                                       .channel = client_channel,
                                       .badge = 10};
    assert_int_equal(net_client_attach(&liar, &config, DEADLINE_NEVER), OK);
    assert_int_equal(net_client_listen(&liar, 1000, 0), OK);
    net_client_flush(&liar);
    turns(3);
    struct net_layout layout;
    assert_int_equal(net_region_layout(16, 2048, 4096, &layout), OK);
    uint8_t in[1];
    for (unsigned i = 0; i < 300; i++) {
        static struct peer peer;
        peer = (struct peer){.bytes = NULL};
        peer_dial(&peer, 1000);
        turns(4);
        if (peer.pcb && peer.connected && tcp_write(peer.pcb, "0123456789", 10, TCP_WRITE_FLAG_COPY) == ERR_OK)
            tcp_output(peer.pcb);
        scribble(liar.region + layout.command_offset, 64 * sizeof(struct net_command));
        for (unsigned k = 0; k < 64; k++) { /* likely codes, so that handlers are reached */
            struct net_command *c = (struct net_command *)(liar.region + layout.command_offset) + k;
            c->code %= NET_COMMAND_DETACH;
            c->slot %= 20;
        }
        struct net_region *region = (struct net_region *)liar.region;
        region->commands.produced += (uint32_t)(rand() % 64);
        region->events.consumed = (uint32_t)rand();
        scribble(liar.region + layout.slot_offset, 16 * sizeof(struct net_slot));
        turns(4);
        if (peer.pcb) {
            tcp_arg(peer.pcb, NULL);
            tcp_err(peer.pcb, NULL);
            tcp_recv(peer.pcb, NULL);
            tcp_abort(peer.pcb);
        }
        turns(2);
    }
    (void)in;
    for (unsigned i = 0; i < 5; i++)
        connect_echo_close(i); /* the honest one goes on */
    assert_int_equal(app.closed, 5);
    struct msg closed = {.head = {.kind = MSG_CLOSED, .badge = 77}};
    service_on_kernel_message(NULL, &closed);
    turns(10);
    net_client_detach(&liar);
}

static void bad_attach_is_refused(void **state)
{
    (void)state;
    static const struct net_client_config bad[] = {
        {.slot_count = 0, .rx_size = 2048, .tx_size = 2048},
        {.slot_count = 2000, .rx_size = 2048, .tx_size = 2048},
        {.slot_count = 1, .rx_size = 1024, .tx_size = 2048},
        {.slot_count = 1, .rx_size = 3000, .tx_size = 2048},
        {.slot_count = 1, .rx_size = 2048, .tx_size = 1u << 30},
        {.slot_count = 1, .connect_slots = 2, .rx_size = 2048, .tx_size = 2048},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct net_client net = {0};
        struct net_client_config config = bad[i];
        config.signal = client_signal;
        assert_int_equal(net_client_attach(&net, &config, DEADLINE_NEVER), ERR_INVALID);
    }
    struct net_attach request = {1 << 20, 1, 2048, 2048, 0}; /* another size than the layout says */
    handle_t caps[3] = {(handle_t)host_memory_create(256, 0), (handle_t)host_signal_create(),
                        (handle_t)host_channel_create(1, 1)};
    struct net_attached reply;
    handle_t bell;
    assert_int_equal(client_attach(1, 0xffff, &request, caps, &reply, &bell), ERR_INVALID);
    struct net_layout layout;
    assert_int_equal(net_region_layout(1, 2048, 2048, &layout), OK);
    request.region_bytes = layout.bytes; /* the object is smaller than it says */
    handle_t small[3] = {(handle_t)host_memory_create(2, 0), (handle_t)host_signal_create(),
                         (handle_t)host_channel_create(1, 1)};
    assert_true(client_attach(1, 0xffff, &request, small, &reply, &bell) < 0);
}

/* lwIP counts time in runs of its timers: a late one is time that TIME_WAIT or a lease never sees. */
static void quiet_wakes_for_timers_only_and_never_late(void **state)
{
    (void)state;
    attach(2, 0, 2048, 2048);
    pass(60000 * MS);
    unsigned wakes = 0;
    for (uint64_t end = host_now + 10000 * MS; host_now < end; wakes++) {
        uint64_t deadline = host_now;
        loop_turn();
        if (loop_more() || !loop_may_wait(&deadline) || deadline <= host_now)
            continue;
        assert_true(deadline - host_now <= sys_timeouts_sleeptime() * MS);
        host_now = deadline;
    }
    assert_in_range(wakes, 10, 400);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(accepts_and_echoes),
        T(window_is_the_ring),
        T(bulk_out_is_whole),
        T(bulk_out_with_losses),
        T(bulk_out_with_a_short_queue),
        T(device_failure_is_survived),
        T(many_connections_leave_nothing),
        T(two_hundred_at_once),
        T(reset_in_the_middle),
        T(late_command_hits_nothing),
        T(no_slot_means_the_syn_waits),
        T(client_death_resets),
        T(connects_and_is_refused),
        T(half_close_both_ways),
        T(last_bytes_before_close_arrive),
        T(same_port_twice_fails),
        T(lying_client_harms_itself),
        T(bad_attach_is_refused),
        T(quiet_wakes_for_timers_only_and_never_late),
    };
    srand(1);
    return cmocka_run_group_tests(tests, start, NULL);
}

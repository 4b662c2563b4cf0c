/* Clients of netsrv: attaching, dying, lying; and netsrv alone, when all is quiet. */
#include "tests/unit/netsrv_fixture.h"

#include <lwip/timeouts.h>

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
                                       .badge = 10,
                                       .scopes = {NET_SCOPE_LISTEN(1000), NET_SCOPE_ANY}};
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

/* ---- attaching as it must not be ---- */

static status_t try_region(handle_t region)
{
    struct net_layout layout;
    assert_int_equal(net_region_layout(1, 2048, 2048, &layout), OK);
    struct net_attach request = {layout.bytes, 1, 2048, 2048, 0};
    struct net_attached reply;
    handle_t bell = HANDLE_NONE,
             caps[3] = {region, (handle_t)host_signal_create(), (handle_t)host_channel_create(1, 1)};
    status_t status = client_attach(1, &request, caps, &reply, &bell);
    if (status == OK)
        host_cap_close(bell);
    return status;
}

static handle_t region_memory(void)
{
    struct net_layout layout;
    assert_int_equal(net_region_layout(1, 2048, 2048, &layout), OK);
    return (handle_t)host_memory_create(layout.bytes / PAGE_SIZE, 0);
}

static void a_region_that_others_could_take_away_is_refused(void **state)
{
    (void)state;
    handle_t root = region_memory(), child = (handle_t)host_cap_mint(root, RIGHTS_ALL, 0);
    assert_int_equal(try_region((handle_t)host_cap_mint(root, RIGHTS_ALL, 0)), ERR_REFUSED);
    assert_int_equal(try_region((handle_t)host_cap_mint(child, RIGHTS_ALL, 0)), ERR_REFUSED);
    host_cap_close(root); /* the child is the root now */
    handle_t next = (handle_t)host_cap_mint(child, RIGHTS_ALL, 0);
    assert_int_equal(try_region(child), OK);
    clients_drop_badge(1);
    turns(3);
    struct cap_info info;
    assert_int_equal(host_cap_info(next, &info), OK); /* and after netsrv the next one is */
    assert_int_equal(info.parent_id, 0);
    host_cap_close(next);
}

static void a_region_without_the_rights_or_of_a_device_or_no_memory_is_refused(void **state)
{
    (void)state;
    static const uint32_t lacking[] = {RIGHT_MEMORY_READ, RIGHT_MEMORY_WRITE, RIGHT_MEMORY_PIN};
    for (unsigned i = 0; i < 3; i++) {
        handle_t root = region_memory(), weak = (handle_t)host_cap_mint(root, RIGHTS_ALL & ~lacking[i], 0);
        host_cap_close(root);
        assert_int_equal(try_region(weak), ERR_NO_RIGHT);
    }
    assert_int_equal(try_region((handle_t)host_signal_create()), ERR_WRONG_TYPE);
    assert_int_equal(try_region((handle_t)host_channel_create(1, 1)), ERR_WRONG_TYPE);
    assert_true(try_region((handle_t)host_device_memory_create(64)) < 0);
    assert_true(try_region((handle_t)host_memory_create(2, 0)) < 0);
    turns(3);
}

/* In the middle of a transfer the client revokes, through all that it holds: nothing of netsrv's goes. */
static void a_client_cannot_revoke_its_region_from_netsrv(void **state)
{
    (void)state;
    attach(2, 0, 4096, 16384);
    static struct peer peer;
    peer = (struct peer){0};
    peer_dial(&peer, PORT);
    both(&app, 10);
    static const uint8_t bytes[16000];
    handle_t served = clients[app.net.number].area.memory;
    struct cap_info info;
    assert_int_equal(net_client_write(&app.net, app.last_slot, bytes, sizeof bytes), sizeof bytes);
    net_client_flush(&app.net);
    turns(1);
    assert_int_equal(host_cap_revoke(app.net.memory), OK);
    assert_int_equal(host_cap_revoke(app.net.bell), OK);
    assert_int_equal(host_cap_info(served, &info), OK);
    assert_int_equal(info.parent_id, 0);
    both(&app, 40);
    assert_int_equal(peer.received, sizeof bytes);
    peer_close(&peer);
    both(&app, 20);
}

static void one_task_cannot_take_all_places(void **state)
{
    (void)state;
    struct net_client many[NET_CLIENTS_MAX] = {0};
    struct net_client_config config = {.slot_count = 1, .rx_size = 2048, .tx_size = 2048, .signal = client_signal};
    unsigned attached = 0;
    for (unsigned i = 0; i < NET_CLIENTS_MAX; i++)
        attached += net_client_attach(&many[i], &config, DEADLINE_NEVER) == OK;
    assert_int_equal(attached, NET_CLIENTS_OF_ONE);
    host_client_badge = 78;
    attach(2, 0, 2048, 2048); /* another's place is there */
    connect_echo_close(0);
    host_client_badge = 77;
    for (unsigned i = 0; i < NET_CLIENTS_MAX; i++)
        net_client_detach(&many[i]);
    turns(3);
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
    assert_int_equal(client_attach(1, &request, caps, &reply, &bell), ERR_INVALID);
    struct net_layout layout;
    assert_int_equal(net_region_layout(1, 2048, 2048, &layout), OK);
    request.region_bytes = layout.bytes; /* the object is smaller than it says */
    handle_t small[3] = {(handle_t)host_memory_create(2, 0), (handle_t)host_signal_create(),
                         (handle_t)host_channel_create(1, 1)};
    assert_true(client_attach(1, &request, small, &reply, &bell) < 0);
}

/* lwIP counts time in runs of its timers: a late one is time that TIME_WAIT or a lease never sees. */
/* What the kernel says when the notice that netsrv holds is closed. */
static struct msg end_of(const struct net_client *net)
{
    struct cap_info notice;
    const struct client *client = client_numbered(net->number, 77);
    assert_non_null(client);
    assert_int_equal(cap_info(client->notice, &notice), OK);
    return (struct msg){.head = {.kind = MSG_CLOSED, .badge = (uint32_t)notice.badge}};
}

static void the_end_of_an_attachment_before_is_not_the_end_of_this_one(void **state)
{
    (void)state;
    attach(4, 0, 2048, 2048);
    const struct net_client_config config = app.net.config;
    struct msg first = end_of(&app.net), sent = first;
    assert_true(net_client_closed(&app.net, &first));
    assert_int_equal(net_client_attach(&app.net, &config, DEADLINE_NEVER), OK);
    struct msg second = end_of(&app.net);
    assert_false(net_client_closed(&app.net, &first));
    assert_true(net_client_closed(&app.net, &second));
    sent.head.badge = second.head.badge;
    sent.head.kind = MSG_SEND;
    assert_false(net_client_closed(&app.net, &sent));
    assert_int_equal(second.head.badge & 0xff, config.badge);
    net_client_detach(&app.net);
    assert_false(net_client_closed(&app.net, &second));
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(client_death_resets),
        T(lying_client_harms_itself),
        T(a_region_that_others_could_take_away_is_refused),
        T(a_region_without_the_rights_or_of_a_device_or_no_memory_is_refused),
        T(a_client_cannot_revoke_its_region_from_netsrv),
        T(one_task_cannot_take_all_places),
        T(bad_attach_is_refused),
        T(the_end_of_an_attachment_before_is_not_the_end_of_this_one),
        T(quiet_wakes_for_timers_only_and_never_late),
    };
    srand(1);
    return cmocka_run_group_tests(tests, fixture_start, NULL);
}

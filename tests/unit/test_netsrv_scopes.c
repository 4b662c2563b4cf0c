/* Scopes: what was not presented is refused, what was revoked ends, and nobody's word counts but the kernel's. */
#include "tests/unit/netsrv_fixture.h"

static const uint8_t here[16] = {[10] = 0xff, 0xff, 10, 0, 2, 15}, away[16] = {[10] = 0xff, 0xff, 10, 0, 3, 15};

#define X(NAME, number, request, reply, caps, rights) IPC_OP_ENUM(PROTO_NET, NAME, number)
enum { NET_OPS(X) };
#undef X

/* A raw listener on the wire's other end, to connect to. */
static struct tcp_pcb *listening, *accepted;

static void on_error(void *arg, err_t err) /* lwIP has freed it */
{
    (void)arg;
    (void)err;
    accepted = NULL;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)err;
    accepted = pcb;
    tcp_err(pcb, on_error);
    return ERR_OK;
}

static void listen_raw(uint16_t port)
{
    accepted = NULL;
    listening = tcp_new_ip_type(IPADDR_TYPE_V4);
    assert_int_equal(tcp_bind(listening, IP4_ADDR_ANY, port), ERR_OK);
    listening = tcp_listen(listening);
    tcp_accept(listening, on_accept);
}

static void end_raw(void)
{
    if (accepted)
        tcp_abort(accepted);
    tcp_close(listening);
}

static void refused_connect(const uint8_t address[16])
{
    unsigned failed = app.failed, connected = app.connected;
    assert_true(net_client_connect(&app.net, address, 99, 1) >= 0);
    both(&app, 10);
    assert_int_equal(app.failed, failed + 1);
    assert_int_equal(app.connected, connected);
    assert_int_equal(app.last_status, ERR_NO_RIGHT);
    assert_null(accepted);
}

static uint32_t connected_slot(void)
{
    unsigned connected = app.connected;
    result_t slot = net_client_connect(&app.net, here, 99, 1);
    assert_true(slot >= 0);
    both(&app, 20);
    assert_int_equal(app.connected, connected + 1);
    assert_non_null(accepted);
    return (uint32_t)slot;
}

static struct client *served(void)
{
    return &clients[app.net.number];
}

static status_t present(uint32_t number, handle_t cap)
{
    struct net_present request = {.client = number};
    return ipc_call_caps(app.net.service, NET_PRESENT, &request, sizeof request, &cap, 1, 0, NULL, 0, NULL, 0,
                         DEADLINE_NEVER);
}

/* What the kernel would tell netsrv of. */
static void closed(uint32_t badge)
{
    struct msg m = {.head = {.kind = MSG_CLOSED, .badge = badge}};
    service_on_kernel_message(NULL, &m);
}

/* ---- what was not presented ---- */

static void a_port_without_its_scope_is_refused(void **state)
{
    (void)state;
    attach(2, 0, 2048, 2048);
    for (uint32_t port = 1; port < 400; port += 3) {
        if (port == PORT)
            continue;
        unsigned failed = app.failed;
        assert_int_equal(net_client_listen(&app.net, (uint16_t)port, 1), OK);
        both(&app, 3);
        assert_int_equal(app.failed, failed + 1);
        assert_int_equal(app.last_status, ERR_NO_RIGHT);
    }
    assert_int_equal(app.listening, 1);
}

static void without_a_scope_nothing_is_connected_to(void **state)
{
    (void)state;
    attach_with(4, 2, 2048, 2048, 0);
    listen_raw(99);
    refused_connect(here);
    end_raw();
}

static void a_network_is_connected_to_and_its_neighbour_is_not(void **state)
{
    (void)state;
    attach_with(4, 2, 2048, 2048, NET_NETWORK(10, 0, 2, 0));
    listen_raw(99);
    refused_connect(away);
    refused_connect((const uint8_t[16]){0x20, 1, [15] = 1});
    uint32_t slot = connected_slot();
    net_client_abort(&app.net, slot);
    both(&app, 5);
    end_raw();
}

/* ---- what is presented falsely ---- */

static void what_is_no_scope_of_ours_is_refused(void **state)
{
    (void)state;
    attach_with(4, 2, 2048, 2048, 0);
    const uint32_t send = RIGHT_CHANNEL_SEND | RIGHT_TRANSFER;
    handle_t other = (handle_t)host_channel_create(1, 1); /* own channel, own badge: not netsrv's */
    assert_int_equal(present(app.net.number, (handle_t)host_cap_mint(other, RIGHTS_ALL, NET_SCOPE_ANY)), ERR_NO_RIGHT);
    host_cap_close(other);
    assert_int_equal(present(app.net.number, (handle_t)host_signal_create()), ERR_NO_RIGHT);
    handle_t ours = host_server_channel;
    static const uint32_t badges[] = {1, 77, NET_SCOPE_LISTEN(0), 0xf3000000};
    for (unsigned i = 0; i < 4; i++) {
        handle_t cap = (handle_t)host_cap_mint(ours, send | SERVICE_CONNECT | SERVICE_LISTEN, badges[i]);
        assert_int_equal(present(app.net.number, cap), ERR_NO_RIGHT);
    }
    assert_int_equal(present(app.net.number, (handle_t)host_cap_mint(ours, send, NET_SCOPE_ANY)), ERR_NO_RIGHT);
    listen_raw(99);
    refused_connect(here);
    end_raw();
}

static void nobody_presents_for_another_client(void **state)
{
    (void)state;
    attach_with(4, 2, 2048, 2048, 0);
    host_client_badge = 78;
    for (uint32_t number = 0; number < NET_CLIENTS_MAX + 2; number++)
        assert_int_equal(present(number, (handle_t)service_scope("netsrv", NET_SCOPE_ANY, 0)), ERR_NO_RIGHT);
    host_client_badge = 77;
    assert_int_equal(present(UINT32_MAX, (handle_t)service_scope("netsrv", NET_SCOPE_ANY, 0)), ERR_NO_RIGHT);
    listen_raw(99);
    refused_connect(here);
    end_raw();
}

static void only_so_many_scopes_are_kept(void **state)
{
    (void)state;
    attach(2, 0, 2048, 2048); /* presents two */
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(present(app.net.number, (handle_t)service_scope("netsrv", NET_SCOPE_LISTEN(100 + i), 0)),
                         i < NET_SCOPES_MAX - 2 ? OK : ERR_TABLE_FULL);
}

static void names_are_asked_through_any_only(void **state)
{
    (void)state;
    struct msg request = {.head = {.op = NET_RESOLVE,
                                   .kind = MSG_CALL,
                                   .length = sizeof(struct net_resolve),
                                   .rights = SERVICE_CONNECT,
                                   .badge = NET_NETWORK(10, 0, 2, 0)}},
               reply;
    strcpy((char *)request.payload, "10.1.2.3");
    assert_true(ipc_dispatch(service_ops, service_op_count, NULL, &request, &reply));
    assert_int_equal(reply.head.status, ERR_NO_RIGHT);
    request.head.badge = NET_SCOPE_ANY;
    assert_true(ipc_dispatch(service_ops, service_op_count, NULL, &request, &reply));
    assert_int_equal(reply.head.status, OK);
}

/* ---- attenuated and revoked ---- */

/* The client gives netsrv a child of a wider scope, with fewer free bits, and takes it away again. */
static void an_attenuated_scope_is_smaller_and_ends_with_its_revocation(void **state)
{
    (void)state;
    attach_with(4, 2, 2048, 2048, 0);
    host_network_bits = 24;
    handle_t wide = (handle_t)service_scope("netsrv", NET_NETWORK(10, 0, 2, 15), 0);
    handle_t small = (handle_t)host_cap_mint(wide, RIGHTS_ALL & ~NET_HOST_BITS(63), 0);
    assert_int_equal(present(app.net.number, small), OK);
    listen_raw(99);
    refused_connect(away);
    (void)connected_slot();
    static const uint8_t bytes[100];
    assert_int_equal(net_client_write(&app.net, app.last_slot, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(host_cap_revoke(wide), OK);
    pass(1100 * MS); /* others hold that badge: nobody tells netsrv */
    both(&app, 5);
    assert_int_equal(app.closed, 1);
    assert_int_equal(app.last_status, ERR_NO_RIGHT);
    assert_null(accepted); /* the peer saw the reset */
    refused_connect(here);
    host_cap_close(wide);
    end_raw();
}

static handle_t scope_cap(uint32_t badge)
{
    for (unsigned i = 0; i < NET_SCOPES_MAX; i++)
        if (served()->scopes[i].id && served()->scopes[i].badge == badge)
            return served()->scopes[i].cap;
    fail();
    return 0;
}

/* init revokes what it gave: the listener goes, and all connections that came through it; other scopes stay. */
static void a_revoked_listen_scope_closes_its_port_and_resets_its_connections(void **state)
{
    (void)state;
    attach(8, 2, 2048, 2048);
    listen_raw(99);
    (void)connected_slot();
    static struct peer open, late;
    peer_dial(&open, PORT);
    both(&app, 10);
    assert_int_equal(app.accepted, 1);
    host_cap_close(scope_cap(NET_SCOPE_LISTEN(PORT)));
    closed(NET_SCOPE_LISTEN(PORT));
    both(&app, 5);
    assert_true(open.dead);
    assert_int_equal(app.closed, 1);
    assert_int_equal(app.failed, 1); /* LISTEN_FAILED */
    peer_dial(&late, PORT);
    both(&app, 5);
    assert_true(late.dead);
    assert_non_null(accepted); /* what ANY allowed goes on */
    assert_int_equal(net_client_listen(&app.net, PORT, 2), OK);
    both(&app, 5);
    assert_int_equal(app.failed, 2);
    assert_int_equal(app.last_status, ERR_NO_RIGHT);
    end_raw();
}

/* Before netsrv knows: a SYN finds nobody. */
static void nothing_new_begins_through_a_scope_that_is_revoked_already(void **state)
{
    (void)state;
    attach(4, 2, 2048, 2048);
    listen_raw(99);
    host_cap_close(scope_cap(NET_SCOPE_ANY));
    refused_connect(here);
    end_raw();
    host_cap_close(scope_cap(NET_SCOPE_LISTEN(PORT)));
    static struct peer peer;
    peer_dial(&peer, PORT);
    both(&app, 10);
    assert_false(peer.connected);
    assert_int_equal(app.accepted, 0);
    peer_close(&peer);
}

/* A badge that a scope has is nobody's number: the end of one does not drop the client that has that number. */
static void the_end_of_a_scope_is_not_the_end_of_a_client(void **state)
{
    (void)state;
    host_client_badge = PORT;
    attach(2, 0, 2048, 2048);
    closed(NET_SCOPE_LISTEN(PORT));
    closed(NET_NETWORK(10, 0, 2, 0));
    both(&app, 5);
    connect_echo_close(1);
    assert_int_equal(app.closed, 1);
    host_client_badge = 77;
}

static void a_client_that_goes_takes_its_scopes_with_it(void **state)
{
    (void)state;
    unsigned handles = host_handles();
    for (unsigned i = 0; i < 50; i++) {
        attach(2, 0, 2048, 2048);
        net_client_detach(&app.net);
        turns(3);
    }
    assert_int_equal(host_handles(), handles);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_port_without_its_scope_is_refused),
        T(without_a_scope_nothing_is_connected_to),
        T(a_network_is_connected_to_and_its_neighbour_is_not),
        T(what_is_no_scope_of_ours_is_refused),
        T(nobody_presents_for_another_client),
        T(only_so_many_scopes_are_kept),
        T(names_are_asked_through_any_only),
        T(an_attenuated_scope_is_smaller_and_ends_with_its_revocation),
        T(a_revoked_listen_scope_closes_its_port_and_resets_its_connections),
        T(nothing_new_begins_through_a_scope_that_is_revoked_already),
        T(the_end_of_a_scope_is_not_the_end_of_a_client),
        T(a_client_that_goes_takes_its_scopes_with_it),
    };
    srand(1);
    return cmocka_run_group_tests(tests, fixture_start, NULL);
}

/* Connections of netsrv's clients: how they begin and end, and that nothing of them stays. */
#include "tests/unit/netsrv_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(many_connections_leave_nothing),
        T(two_hundred_at_once),
        T(reset_in_the_middle),
        T(late_command_hits_nothing),
        T(no_slot_means_the_syn_waits),
        T(connects_and_is_refused),
        T(half_close_both_ways),
        T(last_bytes_before_close_arrive),
        T(same_port_twice_fails),
    };
    srand(1);
    return cmocka_run_group_tests(tests, fixture_start, NULL);
}

/* Bytes through netsrv, lwIP and the client library: whole and in order, whatever the wire and the device do. */
#include "tests/unit/netsrv_fixture.h"

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

/* Resetting it again and again would fill the log and help nobody. */
static void a_device_that_fails_after_each_reset_is_given_up(void **state)
{
    jmp_buf gone;
    volatile unsigned resets = 0;
    (void)state;
    host_exit = &gone;
    if (!setjmp(gone)) {
        for (; resets < 100; resets++) {
            host_device_failed = true;
            loop_signals(NULL, 1u << CONFIG_IRQ_BIT);
            host_now += 10 * MS;
            loop_turn();
        }
    }
    host_exit = NULL;
    host_device_failed = false;
    assert_int_equal(resets, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(accepts_and_echoes),
        T(window_is_the_ring),
        T(bulk_out_is_whole),
        T(bulk_out_with_losses),
        T(bulk_out_with_a_short_queue),
        T(device_failure_is_survived),
        T(a_device_that_fails_after_each_reset_is_given_up),
    };
    srand(1);
    return cmocka_run_group_tests(tests, fixture_start, NULL);
}

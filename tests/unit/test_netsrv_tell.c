/* What netsrv tells the trace: packets by their headers, states in the order in which they came, and what was sent again. */
#include "tests/unit/netsrv_fixture.h"

#include <abi/trace_events.h>
#include <stdio.h>
#include "netsrv/tell.h"

static struct {
    unsigned in, out, again, events;
    uint64_t in_bytes, out_bytes;
    unsigned states;
    struct {
        uint32_t state;
        uint16_t local, remote;
    } state[64];
    uint32_t last_protocol, again_bytes;
    uint16_t again_local, again_remote;
} seen;

static void told(uint32_t event, uint32_t low, uint64_t rest)
{
    seen.in += event == TRACE_NetPacketIn ? NET_PACKETS(rest) : 0;
    seen.events += event == TRACE_NetPacketIn || event == TRACE_NetPacketOut;
    seen.in_bytes += event == TRACE_NetPacketIn ? low : 0;
    seen.out += event == TRACE_NetPacketOut ? NET_PACKETS(rest) : 0;
    seen.out_bytes += event == TRACE_NetPacketOut ? low : 0;
    if (event == TRACE_NetPacketIn)
        seen.last_protocol = (uint32_t)rest & ~0xff00u;
    if (event == TRACE_TcpRetransmit) {
        seen.again++;
        seen.again_bytes = low;
        seen.again_local = (uint16_t)rest;
        seen.again_remote = (uint16_t)(rest >> 32);
    }
    if (event == TRACE_TcpState && seen.states < 64) {
        seen.state[seen.states].state = low;
        seen.state[seen.states].local = (uint16_t)rest;
        seen.state[seen.states++].remote = (uint16_t)(rest >> 32);
    }
}

static void watch(void)
{
    memset(&seen, 0, sizeof seen);
    host_told = told;
}

/* The states that the end with this local port went through, as text: "2 4 5". */
static const char *path_of(uint16_t local, bool listener)
{
    static char text[128];
    text[0] = 0;
    for (unsigned i = 0; i < seen.states; i++)
        if (seen.state[i].local == local && (seen.state[i].remote == 0) == listener)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%u", *text ? " " : "", seen.state[i].state);
    return text;
}

static void a_frame_is_read_only_as_far_as_it_goes(void **state)
{
    (void)state;
    uint8_t ip4[60] = {[12] = 0x08, [14] = 0x46, [23] = 6, [38] = 0x12, [39] = 0x34, [40] = 0, [41] = 80};
    struct packet_facts facts = packet_read(ip4, sizeof ip4);
    assert_int_equal(facts.protocol, 0x08000006);
    assert_int_equal(facts.source, 0x1234); /* behind an option of four bytes */
    assert_int_equal(facts.target, 80);
    assert_int_equal(packet_read(ip4, 41).source, 0);
    assert_int_equal(packet_read(ip4, 33).protocol, 0x08000000);
    assert_int_equal(packet_read(ip4, 13).protocol, 0);
    ip4[21] = 1; /* a later fragment */
    assert_int_equal(packet_read(ip4, sizeof ip4).source, 0);
    uint8_t ip6[62] = {[12] = 0x86, [13] = 0xdd, [20] = 17, [54] = 0, [55] = 53, [56] = 1, [57] = 2};
    facts = packet_read(ip6, sizeof ip6);
    assert_int_equal(facts.protocol, 0x86dd0011);
    assert_int_equal(facts.source, 53);
    assert_int_equal(facts.target, 0x102);
    assert_int_equal(packet_read(ip6, 53).protocol, 0x86dd0000);
    uint8_t arp[42] = {[12] = 0x08, [13] = 0x06};
    assert_int_equal(packet_read(arp, sizeof arp).protocol, 0x08060000);
}

static void a_connection_tells_each_state_of_both_ends(void **state)
{
    (void)state;
    watch();
    attach(2, 0, 2048, 2048);
    both(&app, 3);
    assert_string_equal(path_of(PORT, true), "1");
    static struct peer peer;
    peer = (struct peer){0};
    peer_dial(&peer, PORT);
    uint16_t from = peer.pcb->local_port;
    both(&app, 10);
    assert_string_equal(path_of(PORT, false), "3 4");
    assert_string_equal(path_of(from, false), "2 4");
    peer_close(&peer);
    both(&app, 20);
    assert_string_equal(path_of(PORT, false), "3 4 7 9 0");
    assert_string_equal(path_of(from, false), "2 4 5 10"); /* netsrv answers a FIN with its own */
    pass(61000 * MS);
    assert_string_equal(path_of(from, false), "2 4 5 10 0");
    assert_int_equal(seen.again, 0);
}

static void a_reset_connection_is_closed_at_once(void **state)
{
    (void)state;
    watch();
    attach(2, 0, 2048, 2048);
    static struct peer peer;
    peer = (struct peer){0};
    peer_dial(&peer, PORT);
    uint16_t from = peer.pcb->local_port;
    both(&app, 10);
    tcp_abort(peer.pcb);
    both(&app, 10);
    assert_string_equal(path_of(PORT, false), "3 4 0");
    assert_string_equal(path_of(from, false), "2 4 0");
}

static void every_packet_is_told_with_its_bytes(void **state)
{
    (void)state;
    attach(2, 0, 2048, 2048);
    both(&app, 3);
    watch();
    unsigned frames = host_frames;
    connect_echo_close(1);
    both(&app, 10);
    pass(100 * MS); /* nothing is held for longer */
    assert_int_equal(seen.out, host_frames - frames);
    assert_int_equal(seen.in, seen.out); /* the wire ends where it begins */
    assert_int_equal(seen.in_bytes, seen.out_bytes);
    assert_true(seen.out_bytes >= seen.out * 54);
    assert_int_equal(seen.last_protocol, 0x08000006);
}

static void packets_in_a_row_are_one_event_and_none_is_left_out(void **state)
{
    (void)state;
    attach(2, 0, 32768, 32768);
    static struct peer peer;
    static char bytes[20000];
    peer = (struct peer){0};
    peer_dial(&peer, PORT);
    both(&app, 10);
    watch();
    unsigned frames = host_frames;
    assert_int_equal(tcp_write(peer.pcb, bytes, sizeof bytes, 0), ERR_OK);
    tcp_output(peer.pcb);
    both(&app, 60);
    assert_int_equal(peer.received, sizeof bytes);
    pass(100 * MS);
    assert_int_equal(seen.out, host_frames - frames);
    assert_int_equal(seen.in, seen.out);
    assert_int_equal(seen.in_bytes, seen.out_bytes);
    assert_true(seen.out > 26); /* 20,000 bytes there and back, and acknowledgements */
    assert_true(seen.events < seen.out);
    peer_close(&peer);
    both(&app, 20);
}

static void a_segment_that_goes_out_again_is_told_once_and_new_ones_are_not(void **state)
{
    (void)state;
    watch();
    attach(2, 0, 2048, 2048);
    static struct peer peer;
    peer = (struct peer){0};
    peer_dial(&peer, PORT);
    uint16_t from = peer.pcb->local_port;
    both(&app, 10);
    assert_int_equal(seen.again, 0);
    host_loss_percent = 100;
    assert_int_equal(tcp_write(peer.pcb, "lost once", 9, TCP_WRITE_FLAG_COPY), ERR_OK);
    tcp_output(peer.pcb);
    both(&app, 2);
    host_loss_percent = 0;
    assert_int_equal(seen.again, 0);
    pass(3000 * MS);
    both(&app, 10);
    assert_int_equal(seen.again, 1);
    assert_int_equal(seen.again_bytes, 9);
    assert_int_equal(seen.again_local, from);
    assert_int_equal(seen.again_remote, PORT);
    assert_int_equal(peer.received, 9);
    peer_close(&peer);
    both(&app, 20);
    assert_int_equal(seen.again, 1);
}

static int teardown(void **state)
{
    host_told = NULL;
    return fixture_teardown(state);
}

#define TELL(f) cmocka_unit_test_setup_teardown(f, fixture_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_read_only_as_far_as_it_goes),
        TELL(a_connection_tells_each_state_of_both_ends),
        TELL(a_reset_connection_is_closed_at_once),
        TELL(every_packet_is_told_with_its_bytes),
        TELL(packets_in_a_row_are_one_event_and_none_is_left_out),
        TELL(a_segment_that_goes_out_again_is_told_once_and_new_ones_are_not),
    };
    return cmocka_run_group_tests(tests, fixture_start, NULL);
}

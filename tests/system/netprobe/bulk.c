/* Bytes to QEMU's host and back, while the ground is pulled from under netsrv. */
#include "tests/system/netprobe/probe.h"

#include <string.h>

#define TOTAL (4u << 20)

static struct net_client net;
static uint32_t slot, sent, received;
static bool faulty;

static uint8_t pattern(uint32_t at)
{
    return (uint8_t)(at * 2654435761u >> 19);
}

static void write_some(void)
{
    void *to;
    uint32_t n;
    while (sent < TOTAL && (n = net_client_room_span(&net, slot, &to)) != 0) {
        n = n < TOTAL - sent ? n : TOTAL - sent;
        for (uint32_t i = 0; i < n; i++)
            ((uint8_t *)to)[i] = pattern(sent + i);
        net_client_produce(&net, slot, n);
        sent += n;
    }
    (void)net_client_want_room(&net, slot);
}

static void read_some(void)
{
    void *from;
    uint32_t n;
    while ((n = net_client_peek(&net, slot, &from)) != 0) {
        for (uint32_t i = 0; i < n; i++)
            faulty |= ((const uint8_t *)from)[i] != pattern(received + i);
        received += n;
        net_client_consume(&net, slot, n);
    }
}

static const char *begin(void)
{
    sent = received = 0;
    faulty = false;
    status_t status = probe_attach(&net, OWN_NETWORK, 0);
    if (status == OK)
        status = try_connect(&net, host_address, &slot);
    return status == OK ? NULL : wrong("it could not begin", status);
}

/* Until `until` bytes are back. False: it stood still for so long, or the connection ended. */
static bool pump_for(uint32_t until, uint64_t patience_ns)
{
    struct net_event event;
    struct msg m;
    uint64_t bits, end = clock_now() + patience_ns;
    while (received < until && !faulty && clock_now() < end) {
        uint32_t before = received;
        while (net_client_event(&net, &event))
            if (event.code == NET_EVENT_CLOSED)
                return false;
        write_some();
        read_some();
        if (received != before)
            end = clock_now() + patience_ns;
        if (net_client_sleep(&net) && received < until)
            (void)channel_recv(channel, &m, 1, &bits, end);
    }
    return received >= until && !faulty;
}

static bool pump(uint32_t until)
{
    return pump_for(until, 10 * SECOND_NS);
}

/* ---- attacks ---- */

static const char *bytes_to_the_host_and_back(void)
{
    const char *fault = begin();
    if (!fault && !pump(TOTAL))
        fault = "not all came back as it was sent";
    net_client_detach(&net);
    return fault;
}

/* All that I have that could reach netsrv's memory; the transfer goes on to its last byte. */
static const char *region_revoked_in_the_middle(void)
{
    const char *fault = begin();
    for (uint32_t at = 1; !fault && at <= 16; at++) {
        if (!pump(TOTAL / 16 * at))
            fault = "not all came back as it was sent";
        if (cap_revoke(net.memory) != OK || cap_revoke(net.service) != OK || cap_revoke(net.bell) != OK)
            fault = "revoke";
    }
    net_client_detach(&net);
    return fault;
}

/* What netsrv holds is its own, and I am below it. */
static const char *memory_comes_back_as_mine(void)
{
    struct cap_info before, after;
    const char *fault = begin();
    handle_t kept = fault ? HANDLE_NONE : own_child(net.memory, RIGHTS_ALL);
    if (fault || cap_info(net.memory, &before) != OK || before.parent_id == 0)
        return fault ? fault : "my region was a root while netsrv worked on it";
    net_client_detach(&net);
    for (unsigned i = 0; i < 50; i++) { /* netsrv lets go when the device has passed what was sent */
        struct msg m;
        uint64_t bits;
        if (cap_info(kept, &after) == OK && after.parent_id == 0)
            break;
        (void)channel_recv(channel, &m, 1, &bits, clock_now() + SECOND_NS / 10);
    }
    cap_close(kept);
    return after.parent_id == 0 ? NULL : "netsrv keeps the root";
}

static const char *indices_that_lie(void)
{
    const char *fault = begin();
    struct net_region *region = (struct net_region *)net.region;
    struct net_slot *slots = (struct net_slot *)(net.region + region->slot_offset);
    for (uint32_t i = 0; !fault && i < 200; i++) {
        region->commands.produced += i * 7919u;
        region->events.consumed -= i * 104729u;
        slots[slot].tx.produced = i * 2654435761u;
        slots[slot].rx.consumed = ~i * 40503u;
        (void)signal_raise(net.bell, UINT64_MAX);
        task_yield();
    }
    net_client_detach(&net);
    return fault;
}

/* Everything that I have of it, in the order that hurts most: memory, bell, notice's channel end stays. */
static const char *everything_closed_in_the_middle(void)
{
    const char *fault = begin();
    if (fault)
        return fault;
    if (!pump(TOTAL / 4))
        return "it stood still";
    write_some();
    net_client_flush(&net);
    handle_t held[] = {net.memory, net.bell, net.service};
    for (unsigned i = 0; i < 3; i++)
        cap_close(held[i]);
    net_client_detach(&net); /* unmaps; the handles are dead already */
    return bytes_to_the_host_and_back();
}

/* netsrv rings a bell that is none any more: it lets go of this client, and of no other. */
static const char *bell_revoked_in_the_middle(void)
{
    const char *fault = begin();
    if (fault)
        return fault;
    if (!pump(TOTAL / 4) || cap_revoke(signal) != OK)
        return "it stood still";
    (void)pump_for(TOTAL, SECOND_NS);
    bool ended = received < TOTAL;
    net_client_detach(&net);
    fault = bytes_to_the_host_and_back();
    return fault ? fault : ended ? NULL : "without a bell all came back";
}

const struct attack bulk_attacks[] = {
    {"bytes_to_the_host_and_back", bytes_to_the_host_and_back},
    {"region_revoked_in_the_middle", region_revoked_in_the_middle},
    {"memory_comes_back_as_mine", memory_comes_back_as_mine},
    {"indices_that_lie", indices_that_lie},
    {"everything_closed_in_the_middle", everything_closed_in_the_middle},
    {"bell_revoked_in_the_middle", bell_revoked_in_the_middle},
    {NULL, NULL},
};

/* What the attacks share: see probe.h. */
#include "tests/system/netprobe/probe.h"

#include <stdio.h>

const uint8_t host_address[16] = {[10] = 0xff, 0xff, 10, 0, 2, 2};

const char *wrong(const char *what, status_t got)
{
    static char text[160];
    snprintf(text, sizeof text, "%s: %s", what, status_text(got));
    return text;
}

status_t probe_attach(struct net_client *net, uint32_t scope, uint32_t scope2)
{
    struct net_client_config config = {.slot_count = 4,
                                       .connect_slots = 2,
                                       .rx_size = 32768,
                                       .tx_size = 32768,
                                       .signal = signal,
                                       .channel = channel,
                                       .badge = 1,
                                       .scopes = {scope, scope2}};
    return net_client_attach(net, &config, clock_now() + 10 * SECOND_NS);
}

handle_t own_child(handle_t cap, uint32_t rights)
{
    result_t child = cap_mint(cap, rights, 0);
    return child > 0 ? (handle_t)child : HANDLE_NONE;
}

status_t present(const struct net_client *net, uint32_t number, handle_t cap)
{
    struct net_present request = {.client = number};
    return ipc_call_caps(net->service, NET_PRESENT, &request, sizeof request, &cap, 1, 0, NULL, 0, NULL, 0,
                         clock_now() + SECOND_NS);
}

/* ---- events ---- */

static bool find_event(struct net_client *net, uint16_t first, uint16_t second, struct net_event *event)
{
    while (net_client_event(net, event))
        if (event->code == first || event->code == second)
            return true;
    return false;
}

static bool await(struct net_client *net, uint16_t first, uint16_t second, uint64_t timeout_ns, struct net_event *event)
{
    uint64_t end = clock_now() + timeout_ns, bits;
    struct msg m;
    while (!find_event(net, first, second, event)) {
        if (clock_now() >= end)
            return false;
        if (net_client_sleep(net))
            (void)channel_recv(channel, &m, 1, &bits, end);
    }
    return true;
}

status_t wait_event(struct net_client *net, uint16_t code, uint64_t timeout_ns)
{
    struct net_event event;
    return await(net, code, code, timeout_ns, &event) ? event.status : ERR_TIMED_OUT;
}

status_t try_connect(struct net_client *net, const uint8_t address[16], uint32_t *slot)
{
    struct net_event event;
    result_t taken = net_client_connect(net, address, host_port, 1);
    if (taken < 0)
        return (status_t)taken;
    *slot = (uint32_t)taken;
    bool came = await(net, NET_EVENT_CONNECTED, NET_EVENT_FAILED, 10 * SECOND_NS, &event);
    return came ? event.status : ERR_TIMED_OUT;
}

status_t try_listen(struct net_client *net, uint16_t port)
{
    struct net_event event;
    status_t status = net_client_listen(net, port, 2);
    if (status != OK)
        return status;
    bool came = await(net, NET_EVENT_LISTENING, NET_EVENT_LISTEN_FAILED, 5 * SECOND_NS, &event);
    return came ? event.status : ERR_TIMED_OUT;
}

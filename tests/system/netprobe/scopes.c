/* Attacks on scopes: listening and connecting without one, with a wrong one, and after it was taken away. */
#include "tests/system/netprobe/probe.h"

#include <string.h>

static struct net_client net;

/* Attaches, tries, detaches. */
static const char *connect_is_refused(uint32_t scope, const uint8_t address[16])
{
    uint32_t slot;
    status_t status = probe_attach(&net, scope, 0);
    if (status != OK)
        return wrong("attach", status);
    status = try_connect(&net, address, &slot);
    net_client_detach(&net);
    return status == ERR_NO_RIGHT ? NULL : wrong("connect", status);
}

static const char *connect_without_a_scope(void)
{
    return connect_is_refused(0, host_address);
}

static const char *connect_with_a_scope_to_listen(void)
{
    return connect_is_refused(NET_SCOPE_LISTEN(OWN_PORT), host_address);
}

static const char *connect_outside_the_network(void)
{
    static const uint8_t outside[][16] = {{[10] = 0xff, 0xff, 10, 0, 3, 2},
                                          {[10] = 0xff, 0xff, 8, 8, 8, 8},
                                          {[10] = 0xff, 0xff, 127, 0, 0, 1},
                                          {0xfe, 0xc0, [15] = 2}};
    const char *fault = NULL;
    for (unsigned i = 0; i < 4 && !fault; i++)
        fault = connect_is_refused(OWN_NETWORK, outside[i]);
    return fault;
}

static const char *connect_inside_the_network(void)
{
    uint32_t slot;
    status_t status = probe_attach(&net, OWN_NETWORK, 0);
    if (status == OK)
        status = try_connect(&net, host_address, &slot);
    net_client_detach(&net);
    return status == OK ? NULL : wrong("what is allowed does not work", status);
}

static const char *listen_on_ports_of_others(void)
{
    static const uint16_t ports[] = {1, 7, 80, 2323, OWN_PORT - 1, OWN_PORT + 1, 65535};
    status_t status = probe_attach(&net, NET_SCOPE_LISTEN(OWN_PORT), OWN_NETWORK);
    for (unsigned i = 0; i < sizeof ports / sizeof *ports && status == OK; i++)
        status = try_listen(&net, ports[i]) == ERR_NO_RIGHT ? OK : ERR_BAD_STATE;
    if (status == OK)
        status = try_listen(&net, OWN_PORT);
    net_client_detach(&net);
    return status == OK ? NULL : wrong("listen", status);
}

static const char *ask_init_for_more(void)
{
    static const uint32_t asked[] = {1, 3, NET_SCOPE_ANY, NET_SCOPE_LISTEN(2323), NET_NETWORK(10, 0, 0, 0)};
    for (unsigned i = 0; i < sizeof asked / sizeof *asked; i++) {
        result_t got = service_scope("netsrv", asked[i], clock_now() + SECOND_NS);
        if (got != ERR_NO_RIGHT)
            return wrong("init gave it", (status_t)got);
    }
    return NULL;
}

/* The badge is the kernel's: what says who I am does not come to say what I may. */
static const char *make_a_scope_of_what_i_have(void)
{
    result_t service = service_connect("netsrv", clock_now() + SECOND_NS);
    result_t own = service_scope("netsrv", OWN_NETWORK, clock_now() + SECOND_NS);
    result_t forged = cap_mint((handle_t)service, RIGHTS_ALL, NET_SCOPE_ANY);
    result_t widened = cap_mint((handle_t)own, RIGHTS_ALL, NET_SCOPE_ANY);
    cap_close((handle_t)service);
    cap_close((handle_t)own);
    return forged < 0 && widened < 0 ? NULL : "the kernel changed a badge";
}

static const char *present_what_is_no_scope(void)
{
    if (probe_attach(&net, 0, 0) != OK)
        return "attach";
    result_t other = cap_mint(channel, RIGHT_CHANNEL_SEND | RIGHT_TRANSFER | SERVICE_CONNECT, NET_SCOPE_ANY);
    status_t a = present(&net, net.number, (handle_t)other);
    status_t b = present(&net, net.number, own_child(net.service, RIGHTS_ALL));
    status_t c = present(&net, net.number, (handle_t)signal_create());
    status_t d = present(&net, net.number, own_child(net.memory, RIGHTS_ALL));
    net_client_detach(&net);
    return a == ERR_NO_RIGHT && b == ERR_NO_RIGHT && c == ERR_NO_RIGHT && d == ERR_NO_RIGHT ? NULL : "netsrv took one";
}

static const char *present_for_others(void)
{
    if (probe_attach(&net, 0, 0) != OK)
        return "attach";
    status_t worst = ERR_NO_RIGHT;
    for (uint32_t number = 0; number < 64 && worst == ERR_NO_RIGHT; number++) {
        result_t own = service_scope("netsrv", OWN_NETWORK, clock_now() + SECOND_NS);
        if (number != net.number)
            worst = present(&net, number, (handle_t)own);
        else
            cap_close((handle_t)own);
    }
    net_client_detach(&net);
    return worst == ERR_NO_RIGHT ? NULL : wrong("it was taken", worst);
}

static const char *ask_for_names_with_a_network(void)
{
    struct net_resolve request = {.name = "example.org"};
    struct net_resolved reply;
    result_t own = service_scope("netsrv", OWN_NETWORK, clock_now() + SECOND_NS);
    status_t status =
        ipc_call((handle_t)own, NET_RESOLVE, &request, sizeof request, &reply, sizeof reply, clock_now() + SECOND_NS);
    cap_close((handle_t)own);
    return status == ERR_NO_RIGHT ? NULL : wrong("a name was asked for", status);
}

/* What I gave netsrv has fewer bits than what I have: 10.0.2.0/32. */
static const char *connect_outside_what_i_attenuated(void)
{
    uint32_t slot;
    result_t own = service_scope("netsrv", OWN_NETWORK, clock_now() + SECOND_NS);
    status_t status = probe_attach(&net, 0, 0);
    if (status == OK)
        status = present(&net, net.number, own_child((handle_t)own, RIGHTS_ALL & ~NET_HOST_BITS(63)));
    if (status == OK)
        status = try_connect(&net, host_address, &slot);
    net_client_detach(&net);
    cap_close((handle_t)own);
    return status == ERR_NO_RIGHT ? NULL : wrong("connect", status);
}

/* Who took a scope away sees its connections end. */
static const char *go_on_after_the_scope_was_revoked(void)
{
    uint32_t slot;
    result_t own = service_scope("netsrv", OWN_NETWORK, clock_now() + SECOND_NS);
    status_t status = probe_attach(&net, 0, 0);
    if (status == OK)
        status = present(&net, net.number, own_child((handle_t)own, RIGHTS_ALL));
    if (status == OK)
        status = try_connect(&net, host_address, &slot);
    if (status != OK || cap_revoke((handle_t)own) != OK)
        return wrong("it could not begin", status);
    status_t ended = wait_event(&net, NET_EVENT_CLOSED, 3 * SECOND_NS);
    status_t again = try_connect(&net, host_address, &slot);
    net_client_detach(&net);
    cap_close((handle_t)own);
    if (ended != ERR_NO_RIGHT)
        return wrong("the connection lives", ended);
    return again == ERR_NO_RIGHT ? NULL : wrong("a new one began", again);
}

const struct attack scope_attacks[] = {
    {"connect_without_a_scope", connect_without_a_scope},
    {"connect_with_a_scope_to_listen", connect_with_a_scope_to_listen},
    {"connect_outside_the_network", connect_outside_the_network},
    {"connect_inside_the_network", connect_inside_the_network},
    {"listen_on_ports_of_others", listen_on_ports_of_others},
    {"ask_init_for_more", ask_init_for_more},
    {"make_a_scope_of_what_i_have", make_a_scope_of_what_i_have},
    {"present_what_is_no_scope", present_what_is_no_scope},
    {"present_for_others", present_for_others},
    {"ask_for_names_with_a_network", ask_for_names_with_a_network},
    {"connect_outside_what_i_attenuated", connect_outside_what_i_attenuated},
    {"go_on_after_the_scope_was_revoked", go_on_after_the_scope_was_revoked},
    {NULL, NULL},
};

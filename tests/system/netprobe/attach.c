/* Attacks on attaching: regions that netsrv must not take, and too many of them. */
#include "tests/system/netprobe/probe.h"

#include <string.h>

static struct net_layout layout;

/* Attaches by hand, with that region; detaches at once when it is taken. */
static status_t attach_region(handle_t region)
{
    struct net_attach request = {layout.bytes, 1, 2048, 2048, 0};
    struct net_attached reply;
    handle_t bell = HANDLE_NONE;
    result_t service = service_connect("netsrv", clock_now() + 5 * SECOND_NS);
    if (service < 0)
        return (status_t)service;
    handle_t caps[3] = {region, own_child(signal, RIGHTS_ALL), HANDLE_NONE};
    result_t notice = cap_mint(channel, RIGHT_CHANNEL_SEND | RIGHT_TRANSFER, 7);
    caps[2] = notice > 0 ? (handle_t)notice : HANDLE_NONE;
    status_t status = ipc_call_caps((handle_t)service, NET_ATTACH, &request, sizeof request, caps, 3, 0, &reply,
                                    sizeof reply, &bell, 1, clock_now() + 5 * SECOND_NS);
    cap_close((handle_t)service);
    if (bell)
        cap_close(bell);
    return status;
}

static handle_t new_region(size_t pages)
{
    if (net_region_layout(1, 2048, 2048, &layout) != OK)
        return HANDLE_NONE;
    result_t made = memory_create(pages ? pages : layout.bytes / PAGE_SIZE, 0);
    return made > 0 ? (handle_t)made : HANDLE_NONE;
}

static const char *region_that_i_can_revoke(void)
{
    handle_t root = new_region(0);
    status_t status = attach_region(own_child(root, RIGHTS_ALL));
    cap_close(root);
    return status == ERR_REFUSED ? NULL : wrong("a child was taken", status);
}

static const char *region_that_another_task_could_revoke(void)
{
    handle_t root = new_region(0), child = own_child(root, RIGHTS_ALL), grandchild = own_child(child, RIGHTS_ALL);
    cap_close(child);
    status_t status = attach_region(grandchild); /* its parent is the root now */
    cap_close(root);
    return status == ERR_REFUSED ? NULL : wrong("a grandchild was taken", status);
}

static const char *region_with_too_few_rights(void)
{
    static const uint32_t lacking[] = {RIGHT_MEMORY_READ, RIGHT_MEMORY_WRITE, RIGHT_MEMORY_PIN};
    for (unsigned i = 0; i < 3; i++) {
        handle_t root = new_region(0), weak = own_child(root, RIGHTS_ALL & ~lacking[i]);
        cap_close(root);
        status_t status = attach_region(weak);
        if (status != ERR_NO_RIGHT)
            return wrong("it was taken", status);
    }
    return NULL;
}

static const char *region_that_is_too_small(void)
{
    status_t status = attach_region(new_region(3));
    return status < 0 ? NULL : "it was taken";
}

static const char *region_that_is_no_memory(void)
{
    result_t other = signal_create();
    status_t status = attach_region((handle_t)other);
    return status == ERR_WRONG_TYPE ? NULL : wrong("a signal was taken", status);
}

static const char *attach_without_the_right(void)
{
    struct net_attach request = {0};
    result_t service = service_connect("netsrv", clock_now() + 5 * SECOND_NS);
    handle_t weak = own_child((handle_t)service, RIGHTS_ALL & ~SERVICE_ATTACH);
    status_t status =
        ipc_call(weak, NET_ATTACH, &request, sizeof request, NULL, 0, clock_now() + SECOND_NS); /* no capabilities */
    cap_close(weak);
    cap_close((handle_t)service);
    return status == ERR_NO_RIGHT || status == ERR_BAD_MESSAGE ? NULL : wrong("it was let in", status);
}

#define MANY 20u

static const char *all_places_for_one(void)
{
    static struct net_client many[MANY];
    unsigned taken = 0;
    status_t last = OK;
    for (unsigned i = 0; i < MANY && last == OK; i++, taken += last == OK)
        last = probe_attach(&many[i], 0, 0);
    for (unsigned i = 0; i < MANY; i++)
        net_client_detach(&many[i]);
    return taken < MANY && last == ERR_TABLE_FULL ? NULL : wrong("no end of it", last);
}

static const char *coming_and_going_without_end(void)
{
    static struct net_client net;
    for (unsigned i = 0; i < 300; i++)
        (void)probe_attach(&net, 0, 0);
    net_client_detach(&net);
    status_t status = OK; /* when the device has passed what was sent */
    for (unsigned i = 0; i < 50 && (status = probe_attach(&net, 0, 0)) == ERR_TABLE_FULL; i++) {
        struct msg m;
        uint64_t bits;
        (void)channel_recv(channel, &m, 1, &bits, clock_now() + SECOND_NS / 10);
    }
    net_client_detach(&net);
    return status == OK ? NULL : wrong("nobody gets in any more", status);
}

const struct attack attach_attacks[] = {
    {"region_that_i_can_revoke", region_that_i_can_revoke},
    {"region_that_another_task_could_revoke", region_that_another_task_could_revoke},
    {"region_with_too_few_rights", region_with_too_few_rights},
    {"region_that_is_too_small", region_that_is_too_small},
    {"region_that_is_no_memory", region_that_is_no_memory},
    {"attach_without_the_right", attach_without_the_right},
    {"all_places_for_one", all_places_for_one},
    {"coming_and_going_without_end", coming_and_going_without_end},
    {NULL, NULL},
};

/* netbench: echo, discard and chargen through netsrv's rings, to measure the whole path from the wire to a task of its
 * own. Started when the boot line says so. */
#include <lib/ipc.h>

#include "netbench/pattern.h"
#include "netbench/services.h"

#define ATTACH_TIMEOUT_NS 30000000000ull
#define BADGE_FIRST 1u

static struct net_client clients[SERVICES_COUNT];
static handle_t channel, signal;

/* ---- memory: as many slots as the quota holds, a part of it for each service ---- */

static uint32_t fitting_slots(const struct service *service)
{
    struct task_info info = {0};
    struct net_layout layout;
    uint32_t slots = service->slots;
    if (task_info(HANDLE_NONE, &info) != OK)
        return 8;
    uint64_t room = (uint64_t)(info.quota_pages - info.used_pages) * PAGE_SIZE / 2;
    while (slots > 1 &&
           (net_region_layout(slots, service->rx_size, service->tx_size, &layout) != OK || layout.bytes > room))
        slots /= 2;
    return slots;
}

/* The machine may have less than the quota says. */
static status_t attach(unsigned i)
{
    const struct service *service = &services[i];
    struct net_client_config config = {
        .slot_count = fitting_slots(service),
        .rx_size = service->rx_size,
        .tx_size = service->tx_size,
        .signal = signal,
        .bit = i,
        .channel = channel,
        .badge = BADGE_FIRST + i,
    };
    status_t status;
    do {
        status = net_client_attach(&clients[i], &config, clock_now() + ATTACH_TIMEOUT_NS);
        config.slot_count /= 2;
    } while ((status == ERR_NO_MEMORY || status == ERR_QUOTA) && config.slot_count);
    if (status == OK)
        status = net_client_listen(&clients[i], service->port, 0);
    if (status != OK)
        log_error("%s: %s", service->name, status_text(status));
    return status;
}

/* ---- the loop ---- */

static void on_messages(const struct msg *messages, result_t count)
{
    for (result_t m = 0; m < count; m++) {
        uint32_t i = messages[m].head.badge - BADGE_FIRST;
        if (messages[m].head.kind == MSG_CLOSED && i < SERVICES_COUNT && attach(i) != OK)
            task_exit(ERR_PEER_DIED); /* init starts us anew */
    }
}

static bool all_asleep(void)
{
    bool asleep = true;
    for (unsigned i = 0; i < SERVICES_COUNT; i++)
        asleep &= net_client_sleep(&clients[i]);
    return asleep;
}

_Noreturn static void run(void)
{
    struct msg messages[4];
    uint64_t bits = (1u << SERVICES_COUNT) - 1;
    unsigned attached = 0;
    for (;;) {
        for (unsigned i = 0; i < attached; i++)
            service_events(&services[i], &clients[i]);
        bool wait = all_asleep();
        if (attached < SERVICES_COUNT) { /* one a turn: the first serves while the next one's memory is made */
            if (attach(attached++) != OK)
                task_exit(ERR_NO_MEMORY);
            continue;
        }
        result_t count = channel_recv(channel, messages, 4, &bits, wait ? DEADLINE_NEVER : DEADLINE_NOW);
        on_messages(messages, count);
    }
}

static status_t make_channel(void)
{
    result_t made = channel_create(8, 4);
    if (made < 0)
        return (status_t)made;
    channel = (handle_t)made;
    made = signal_create();
    if (made < 0)
        return (status_t)made;
    signal = (handle_t)made;
    return signal_bind(signal, channel);
}

int main(void)
{
    status_t status = make_channel();
    pattern_init();
    if (status == OK)
        status = service_ready(channel);
    if (status == OK)
        run();
    return status;
}

/* netbench: echo, discard and chargen through netsrv's rings, to measure the whole path from the wire to a task of its
 * own. Started when the boot line says so. */
#include <lib/ipc.h>

#include "netbench/pattern.h"
#include "netbench/services.h"

#define ATTACH_TIMEOUT_NS 5000000000ull
#define SECOND_NS 1000000000ull
#define BADGE_FIRST 1u

static struct net_client clients[SERVICES_COUNT];
static handle_t channel, signal;
static unsigned to_attach = (1u << SERVICES_COUNT) - 1; /* bit i: service i has no netsrv */
static uint64_t attach_ns;                              /* when to try the next of them */
static bool away_told;

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
        .scopes = {NET_SCOPE_LISTEN(service->port)},
    };
    status_t status;
    do {
        status = net_client_attach(&clients[i], &config, clock_now() + ATTACH_TIMEOUT_NS);
        config.slot_count /= 2;
    } while ((status == ERR_NO_MEMORY || status == ERR_QUOTA) && config.slot_count);
    return status == OK ? net_client_listen(&clients[i], service->port, 0) : status;
}

/* netsrv is dead, backs off or was given up: it may come back, and without it there is nothing else to do. */
static bool netsrv_is_away(status_t status)
{
    return status == ERR_PEER_DIED || status == ERR_TIMED_OUT || status == ERR_UNREACHABLE;
}

/* One a turn: the first serves while the next one's memory is made. */
static void attach_next(void)
{
    unsigned i = (unsigned)__builtin_ctz(to_attach);
    status_t status = attach(i);
    if (netsrv_is_away(status)) {
        if (!away_told)
            log_warning("no network: %s; trying again each second", status_text(status));
        away_told = true;
        attach_ns = clock_now() + SECOND_NS;
        return;
    }
    if (status != OK) {
        log_error("%s: %s", services[i].name, status_text(status));
        task_exit(status);
    }
    away_told = false;
    to_attach &= to_attach - 1;
}

/* ---- the loop ---- */

static void on_messages(const struct msg *messages, result_t count)
{
    for (result_t m = 0; m < count; m++) {
        for (unsigned i = 0; i < SERVICES_COUNT; i++)
            if (net_client_closed(&clients[i], &messages[m]))
                to_attach |= 1u << i;
    }
}

static bool all_asleep(void)
{
    bool asleep = true;
    for (unsigned i = 0; i < SERVICES_COUNT; i++)
        asleep &= net_client_sleep(&clients[i]);
    return asleep;
}

static uint64_t next_deadline(void)
{
    if (!all_asleep())
        return DEADLINE_NOW;
    return to_attach ? attach_ns : DEADLINE_NEVER;
}

_Noreturn static void run(void)
{
    struct msg messages[4];
    uint64_t bits;
    for (;;) {
        for (unsigned i = 0; i < SERVICES_COUNT; i++)
            service_events(&services[i], &clients[i]);
        uint64_t deadline = next_deadline(); /* flushes */
        if (to_attach && clock_now() >= attach_ns)
            attach_next();
        else
            on_messages(messages, channel_recv(channel, messages, 4, &bits, deadline));
    }
}

int main(void)
{
    status_t status = channel_with_signal(8, 4, &channel, &signal);
    pattern_init();
    if (status == OK)
        status = service_ready(channel);
    if (status == OK)
        run();
    return status;
}

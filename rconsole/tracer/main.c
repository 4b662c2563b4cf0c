/* tracer: setup and one loop. */
#include <abi/boot_options.h>
#include <lib/ipc.h>
#include <string.h>

#include "rconsole/tracer/tracer.h"

#define ATTACH_NS 5000000000ull
#define SECOND_NS 1000000000ull
#define NETSRV_BADGE 1u
#define NET_BIT 0u
#define SLOTS (CLIENTS_MAX + SLOTS_SPARE)
#define RX_SIZE 2048u
#define TX_SIZE 131072u

static struct tracer tracer;
static const uint32_t ports[] = {STREAM_PORT, LIVE_PORT};
#define PORTS (sizeof ports / sizeof ports[0])
static uint64_t listen_ns[PORTS]; /* when to listen again; DEADLINE_NEVER: listening, or asked to */

result_t kernel_read(uint32_t cpu, uint64_t sequence, void *buffer, uint64_t *second)
{
    static handle_t trace;
    if (!trace)
        trace = cap_named("trace");
    struct syscall_result got = trace_read_packet(trace, cpu, sequence, buffer, TRACE_PACKET_SIZE);
    *second = got.second;
    return got.value;
}

/* ---- the network ---- */

/* The largest transmit rings with which the region takes at most half of what is left of the quota. */
static uint32_t fitting_tx(void)
{
    struct task_info info = {0};
    struct net_layout layout;
    uint32_t size = TX_SIZE;
    if (task_info(HANDLE_NONE, &info) != OK)
        return NET_SIZE_MIN;
    uint64_t room = (uint64_t)(info.quota_pages - info.used_pages) * PAGE_SIZE / 2;
    while (size > NET_SIZE_MIN && (net_region_layout(SLOTS, RX_SIZE, size, &layout) != OK || layout.bytes > room))
        size /= 2;
    return size;
}

static void attach(struct tracer *t)
{
    const struct net_client_config config = {.slot_count = SLOTS,
                                             .rx_size = RX_SIZE,
                                             .tx_size = fitting_tx(),
                                             .signal = t->signal,
                                             .bit = NET_BIT,
                                             .channel = t->channel,
                                             .badge = NETSRV_BADGE,
                                             .scopes = {NET_SCOPE_LISTEN(STREAM_PORT), NET_SCOPE_LISTEN(LIVE_PORT)}};
    status_t status = net_client_attach(&t->net, &config, clock_now() + ATTACH_NS);
    t->net_up = status == OK;
    if (status != OK && status != ERR_TIMED_OUT)
        log_warning("no network: %s", status_text(status));
    for (unsigned i = 0; i < PORTS; i++)
        listen_ns[i] = t->net_up ? DEADLINE_NOW : clock_now() + SECOND_NS;
}

static void net_died(struct tracer *t)
{
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        if (t->clients[i].kind)
            client_close(t, &t->clients[i]);
    attach(t);
}

static void listen_again(struct tracer *t, uint64_t now_ns)
{
    for (unsigned i = 0; i < PORTS; i++) {
        if (now_ns < listen_ns[i])
            continue;
        if (!t->net_up)
            attach(t);
        bool asked = t->net_up && net_client_listen(&t->net, (uint16_t)ports[i], ports[i]) == OK;
        listen_ns[i] = asked ? DEADLINE_NEVER : now_ns + SECOND_NS;
    }
}

/* ---- events ---- */

static void on_listening(struct tracer *t, struct client *client, const struct net_event *event)
{
    (void)t;
    (void)client;
    log_info("listening on port %u: %s", event->value,
             event->value == STREAM_PORT ? "the trace" : "the trace for LTTng-live viewers");
}

static void on_listen_failed(struct tracer *t, struct client *client, const struct net_event *event)
{
    (void)t;
    (void)client;
    log_error("cannot listen on port %u: %s", event->value, status_text(event->status));
    for (unsigned i = 0; i < PORTS; i++)
        if (ports[i] == event->value)
            listen_ns[i] = clock_now() + SECOND_NS;
}

static void on_accepted(struct tracer *t, struct client *client, const struct net_event *event)
{
    (void)client;
    if (client_open(t, event))
        return;
    log_info("a reader on port %u was refused: all places are taken", event->value);
    net_client_close(&t->net, event->slot);
}

static void on_data(struct tracer *t, struct client *client, const struct net_event *event)
{
    (void)event;
    if (client)
        client_input(t, client);
}

static void on_room(struct tracer *t, struct client *client, const struct net_event *event)
{
    (void)t;
    (void)event;
    if (client)
        client->stalled = false;
}

static void on_fin(struct tracer *t, struct client *client, const struct net_event *event)
{
    (void)event;
    if (client)
        client_fin(t, client);
}

static void on_closed(struct tracer *t, struct client *client, const struct net_event *event)
{
    net_client_close(&t->net, event->slot);
    if (client)
        client_close(t, client);
}

static void net_event(struct tracer *t, const struct net_event *event)
{
    static void (*const handlers[])(struct tracer * t, struct client * client, const struct net_event *event) = {
        [NET_EVENT_LISTENING] = on_listening, [NET_EVENT_LISTEN_FAILED] = on_listen_failed,
        [NET_EVENT_ACCEPTED] = on_accepted,   [NET_EVENT_DATA] = on_data,
        [NET_EVENT_ROOM] = on_room,           [NET_EVENT_FIN] = on_fin,
        [NET_EVENT_CLOSED] = on_closed};
    if (event->code >= sizeof handlers / sizeof handlers[0] || !handlers[event->code])
        return;
    bool of_slot = event->code > NET_EVENT_ACCEPTED && event->slot < SLOTS;
    struct client *client = of_slot ? net_client_user(&t->net, event->slot) : NULL;
    handlers[event->code](t, client, event);
}

/* ---- the loop ---- */

static uint64_t turn(struct tracer *t)
{
    struct net_event event;
    uint64_t now = clock_now(), due = DEADLINE_NEVER;
    while (net_client_event(&t->net, &event))
        net_event(t, &event);
    listen_again(t, now);
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        if (t->clients[i].kind)
            client_turn(t, &t->clients[i], now);
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        uint64_t at = client_due(&t->clients[i]);
        due = at < due ? at : due;
    }
    for (unsigned i = 0; i < PORTS; i++)
        due = listen_ns[i] < due ? listen_ns[i] : due;
    return net_client_sleep(&t->net) ? due : DEADLINE_NOW;
}

static void token_init(struct tracer *t)
{
    size_t length;
    const char *value = boot_option(boot_line(), "trace", &length);
    t->asks_token = value && length == 5 && memcmp(value, "token", 5) == 0;
    if (!t->asks_token)
        return;
    value = boot_option(boot_line(), "token", &length);
    if (value && length)
        login_set_token(&t->login, value, length);
    else
        log_error("trace=token without token=...: nobody can read the trace");
}

int main(void)
{
    struct tracer *t = &tracer;
    struct msg messages[4];
    uint64_t bits;
    status_t status = channel_with_signal(8, 4, &t->channel, &t->signal);
    token_init(t);
    if (status == OK)
        status = metadata_init(&t->metadata);
    if (status == OK)
        status = service_ready(t->channel);
    if (status != OK) {
        log_error("cannot start: %s", status_text(status));
        return 1;
    }
    attach(t);
    for (;;) {
        result_t count = channel_recv(t->channel, messages, 4, &bits, turn(t));
        for (result_t i = 0; i < count; i++)
            if (net_client_closed(&t->net, &messages[i]))
                net_died(t);
    }
}

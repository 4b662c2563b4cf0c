/* tracegen: makes a known number of events at a known rate, to see what the trace's stream can take.
 *
 * On port 4001 a line `RATE COUNT` makes COUNT events UserEvent at RATE a second, in bursts; then comes the answer
 * `COUNT FIRST NANOSECONDS`. An event's two words are its number, which goes on from one line to the next. The line
 * `mask BITS` sets the classes that are recorded and answers with those before. */
#include <lib/ipc.h>
#include <lib/net_client.h>
#include <lib/runtime.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 4001u
#define NETSRV_BADGE 1u
#define ATTACH_NS 60000000000ull
#define SECOND_NS 1000000000ull
#define BURST_NS 2000000ull      /* from one to the next */
#define BURST_MAX_NS 20000000ull /* of events in one, after the machine stood still */
#define RATE_MAX 10000000ull
#define COUNT_MAX 1000000000ull
#define LINE_MAX_BYTES 64u

static struct net_client net;
static handle_t channel, signal;
static uint64_t number; /* of the next event */

static struct work {
    uint32_t slot;
    uint64_t rate, count, done; /* rate 0: nothing to do */
    uint64_t start_ns, first;
} work;

/* ---- making events ---- */

static void burst(uint64_t now_ns)
{
    const handle_t trace = cap_named("trace");
    uint64_t due = (now_ns - work.start_ns) * work.rate / SECOND_NS;
    uint64_t most = work.done + work.rate * BURST_MAX_NS / SECOND_NS + 1;
    due = due < most ? due : most;
    due = due < work.count ? due : work.count;
    for (; work.done < due; work.done++, number++)
        (void)trace_emit(trace, TRACE_UserEvent, (uint32_t)number, number);
}

static void say(uint32_t slot, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(uint32_t slot, const char *format, ...)
{
    char text[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)net_client_write(&net, slot, text, (uint32_t)length);
}

static void work_done(uint64_t now_ns)
{
    say(work.slot, "%llu %llu %llu\n", (unsigned long long)work.count, (unsigned long long)work.first,
        (unsigned long long)(now_ns - work.start_ns));
    work.rate = 0;
}

/* ---- being asked ---- */

static void on_line(uint32_t slot, const char *line)
{
    char *end;
    if (strncmp(line, "mask ", 5) == 0) {
        say(slot, "%lld\n", (long long)trace_control(cap_named("trace"), strtoull(line + 5, NULL, 0)));
        return;
    }
    uint64_t rate = strtoull(line, &end, 10), count = strtoull(end, NULL, 10);
    bool fits = rate && rate <= RATE_MAX && count && count <= COUNT_MAX && !work.rate;
    if (!fits)
        say(slot, "error\n");
    else
        work = (struct work){.slot = slot, .rate = rate, .count = count, .start_ns = clock_now(), .first = number};
}

static void on_data(uint32_t slot)
{
    static char line[LINE_MAX_BYTES];
    static uint32_t length;
    char c;
    while (net_client_read(&net, slot, &c, 1)) {
        if (c == '\n') {
            line[length] = 0;
            length = 0;
            on_line(slot, line);
        } else if (length < sizeof line - 1) {
            line[length++] = c;
        }
    }
}

static void on_event(const struct net_event *event)
{
    if (event->code == NET_EVENT_DATA)
        on_data(event->slot);
    else if (event->code == NET_EVENT_FIN)
        net_client_close(&net, event->slot);
    else if (event->code == NET_EVENT_LISTENING)
        log_info("listening on port %u", event->value);
}

/* ---- the loop ---- */

static uint64_t turn(void)
{
    struct net_event event;
    while (net_client_event(&net, &event))
        on_event(&event);
    uint64_t now = clock_now();
    if (work.rate)
        burst(now);
    if (work.rate && work.done == work.count)
        work_done(now);
    if (!net_client_sleep(&net))
        return DEADLINE_NOW;
    return work.rate ? now + BURST_NS : DEADLINE_NEVER;
}

static status_t attach(void)
{
    const struct net_client_config config = {.slot_count = 2,
                                             .rx_size = NET_SIZE_MIN,
                                             .tx_size = NET_SIZE_MIN,
                                             .signal = signal,
                                             .channel = channel,
                                             .badge = NETSRV_BADGE,
                                             .scopes = {NET_SCOPE_LISTEN(PORT)}};
    status_t status = net_client_attach(&net, &config, clock_now() + ATTACH_NS);
    return status == OK ? net_client_listen(&net, PORT, 0) : status;
}

int main(void)
{
    struct msg messages[4];
    uint64_t bits;
    status_t status = channel_with_signal(8, 4, &channel, &signal);
    if (status == OK)
        status = service_ready(channel);
    if (status == OK)
        status = attach();
    while (status == OK)
        if (channel_recv(channel, messages, 4, &bits, turn()) > 0)
            status = ERR_PEER_DIED; /* the only message there is: netsrv's end */
    log_error("%s", status_text(status));
    return status;
}

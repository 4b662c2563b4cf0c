#include "mark.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "known.h"
#include "net_names.h"

struct marking {
    const struct names *names;
    const struct ctf_layout *layout;
    char *out;
    size_t room;
};
#define SAY(m, ...) snprintf((m)->out, (m)->room, __VA_ARGS__)

/* "in tcp:2323 54 B", "out tcp:7 3 packets, 4380 B", "in arp 60 B" */
static void packet_text(struct marking *m, const char *way, uint32_t protocol, uint32_t ports, uint32_t bytes)
{
    char text[24], port[16] = "", packets[24] = "";
    if (ports >> 16)
        snprintf(port, sizeof port, ":%u", ports >> 16);
    if (NET_PACKETS(protocol) > 1)
        snprintf(packets, sizeof packets, "%u packets, ", NET_PACKETS(protocol));
    SAY(m, "%s %s%s %s%u B", way, net_protocol_name(net_protocol(protocol), text), port, packets, bytes);
}

static void packet_in(struct marking *m, const union known_event *k)
{
    packet_text(m, "in", k->NetPacketIn.protocol, k->NetPacketIn.ports, k->NetPacketIn.bytes);
}

static void packet_out(struct marking *m, const union known_event *k)
{
    packet_text(m, "out", k->NetPacketOut.protocol, k->NetPacketOut.ports, k->NetPacketOut.bytes);
}

static void tcp_state_text(struct marking *m, const union known_event *k)
{
    char text[24];
    SAY(m, ":%u %s", k->TcpState.local_port, names_value(m->layout, TRACE_TcpState, "state", k->TcpState.state, text));
}

static void retransmit(struct marking *m, const union known_event *k)
{
    SAY(m, "again :%u %u B", k->TcpRetransmit.local_port, k->TcpRetransmit.bytes);
}

static void plan(struct marking *m, const union known_event *k)
{
    SAY(m, "plan %u of %u step%s", k->JarvisPlan.plan, k->JarvisPlan.steps, k->JarvisPlan.steps == 1 ? "" : "s");
}

static void plan_step(struct marking *m, const union known_event *k)
{
    int n = SAY(m, "plan %u step %u", k->JarvisStep.plan, k->JarvisStep.step);
    if (k->JarvisStep.status < 0)
        snprintf(m->out + n, m->room - (size_t)n, " failed: %d", k->JarvisStep.status);
}

static void restart(struct marking *m, const union known_event *k)
{
    char text[32];
    SAY(m, "restarts %s", names_task(m->names, k->ServiceRestart.new_task, text));
}

static void user_event_text(struct marking *m, const union known_event *k)
{
    SAY(m, "event %u: %" PRIu64, k->UserEvent.event, k->UserEvent.value);
}

static void fault(struct marking *m, const union known_event *k)
{
    SAY(m, "fault %u at %#" PRIx64, k->UserFault.vector, k->UserFault.ip);
}

static void task_begins(struct marking *m, const union known_event *k)
{
    (void)k;
    SAY(m, "starts");
}

static void task_ends(struct marking *m, const union known_event *k)
{
    SAY(m, "ends with %d", k->TaskExit.code);
}

typedef void (*text_fn)(struct marking *m, const union known_event *known);
static const text_fn texts[TRACE_EVENT_COUNT] = {
    [TRACE_NetPacketIn] = packet_in,    [TRACE_NetPacketOut] = packet_out,   [TRACE_TcpState] = tcp_state_text,
    [TRACE_TcpRetransmit] = retransmit, [TRACE_JarvisPlan] = plan,           [TRACE_JarvisStep] = plan_step,
    [TRACE_ServiceRestart] = restart,   [TRACE_UserEvent] = user_event_text, [TRACE_UserFault] = fault,
    [TRACE_TaskStart] = task_begins,    [TRACE_TaskExit] = task_ends,
};

bool mark_of(const struct names *names, const struct ctf_layout *layout, const struct ctf_event *event,
             struct mark *mark)
{
    struct marking m = {.names = names, .layout = layout, .out = mark->text, .room = sizeof mark->text};
    union known_event known;
    uint16_t id = event->layout->known;
    int task = ctf_field_index(&event->layout->payload, "task");
    bool is_new = !id && event->layout->id >= USER_EVENT_FIRST; /* a newer kernel's */
    if (task < 0 || (!texts[id] && !is_new))
        return false;
    mark->task = (uint32_t)event->values[task];
    if (is_new)
        SAY(&m, "%s", event->layout->name);
    else if (known_decode(event, &known))
        texts[id](&m, &known);
    return true;
}

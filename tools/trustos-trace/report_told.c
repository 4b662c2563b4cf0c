/* What tasks tell by events of their own (class USER): the network's packets and connections, restarts, and the rest by
 * count. Each table is left out when nothing of its kind was told. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "net_names.h"
#include "report.h"

struct traffic_row { /* protocol, local port */
    uint64_t packets_in, bytes_in, packets_out, bytes_out;
    uint64_t opened, retransmits, bytes_again;
};
struct told_row { /* task, event */
    uint64_t count, failed;
    bool has_status;
    const struct ctf_event_layout *event;
};
struct restart_row { /* in their order */
    uint64_t at_ns;
    uint32_t new_task, restarts;
    int32_t code;
};

void report_start_told(struct report *report)
{
    report->traffic.entry_size = sizeof(struct traffic_row);
    report->told.entry_size = sizeof(struct told_row);
    report->restarts.entry_size = sizeof(struct restart_row);
}

void report_free_told(struct report *report)
{
    table_free(&report->traffic);
    table_free(&report->told);
    table_free(&report->restarts);
}

/* ---- counting ---- */

static void count_in(struct report *report, const struct ctf_event *event, const union known_event *known)
{
    (void)event;
    struct traffic_row *row =
        table_get(&report->traffic, net_protocol(known->NetPacketIn.protocol), known->NetPacketIn.ports >> 16, 0);
    row->packets_in += NET_PACKETS(known->NetPacketIn.protocol);
    row->bytes_in += known->NetPacketIn.bytes;
}

static void count_out(struct report *report, const struct ctf_event *event, const union known_event *known)
{
    (void)event;
    struct traffic_row *row =
        table_get(&report->traffic, net_protocol(known->NetPacketOut.protocol), known->NetPacketOut.ports >> 16, 0);
    row->packets_out += NET_PACKETS(known->NetPacketOut.protocol);
    row->bytes_out += known->NetPacketOut.bytes;
}

static void count_state(struct report *report, const struct ctf_event *event, const union known_event *known)
{
    (void)event;
    if (known->TcpState.state == TRACE_TCP_ESTABLISHED) {
        struct traffic_row *row = table_get(&report->traffic, NET_TCP, known->TcpState.local_port, 0);
        row->opened++;
    }
}

static void count_retransmit(struct report *report, const struct ctf_event *event, const union known_event *known)
{
    (void)event;
    struct traffic_row *row = table_get(&report->traffic, NET_TCP, known->TcpRetransmit.local_port, 0);
    row->retransmits++;
    row->bytes_again += known->TcpRetransmit.bytes;
}

static void count_restart(struct report *report, const struct ctf_event *event, const union known_event *known)
{
    struct restart_row *row = table_get(&report->restarts, report->restarts.count, 0, 0);
    *row = (struct restart_row){.at_ns = event->time_ns,
                                .new_task = known->ServiceRestart.new_task,
                                .restarts = known->ServiceRestart.restarts,
                                .code = known->ServiceRestart.code};
}

/* By task and event; `status` below 0 is a failure, whatever the event is. */
static void count_other(struct report *report, const struct ctf_event *event)
{
    const struct ctf_record *payload = &event->layout->payload;
    int task = ctf_field_index(payload, "task"), status = ctf_field_index(payload, "status");
    struct told_row *row = table_get(&report->told, task < 0 ? 0 : (uint32_t)event->values[task], event->layout->id, 0);
    row->event = event->layout;
    row->count++;
    row->has_status = status >= 0;
    row->failed += status >= 0 && (int64_t)event->values[status] < 0;
}

void report_count_told(struct report *report, const struct ctf_event *event)
{
    static void (*const counters[TRACE_EVENT_COUNT])(struct report *, const struct ctf_event *,
                                                     const union known_event *) = {
        [TRACE_NetPacketIn] = count_in,         [TRACE_NetPacketOut] = count_out,
        [TRACE_TcpState] = count_state,         [TRACE_TcpRetransmit] = count_retransmit,
        [TRACE_ServiceRestart] = count_restart,
    };
    union known_event known;
    uint16_t id = event->layout->known;
    if (counters[id] && known_decode(event, &known))
        counters[id](report, event, &known);
    else if (id == TRACE_UserEvent || id >= USER_EVENT_FIRST || (!id && event->layout->id >= USER_EVENT_FIRST))
        count_other(report, event);
}

/* ---- showing ---- */

static uint64_t traffic_weight(const void *entry)
{
    const struct traffic_row *row = entry;
    return row->bytes_in + row->bytes_out;
}

static void traffic_add(struct traffic_row *sum, const struct traffic_row *row)
{
    sum->packets_in += row->packets_in;
    sum->bytes_in += row->bytes_in;
    sum->packets_out += row->packets_out;
    sum->bytes_out += row->bytes_out;
    sum->opened += row->opened;
    sum->retransmits += row->retransmits;
    sum->bytes_again += row->bytes_again;
}

static void show_traffic_row(const char *what, const struct traffic_row *row)
{
    printf("  %-16s %10" PRIu64 " %12" PRIu64 " %10" PRIu64 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %12" PRIu64
           "\n",
           what, row->packets_in, row->bytes_in, row->packets_out, row->bytes_out, row->opened, row->retransmits,
           row->bytes_again);
}

static void show_traffic(const struct report *report)
{
    uint32_t *order = report_sorted(&report->traffic, traffic_weight);
    struct traffic_row sum = {0};
    report_heading("Network: protocol and port of this machine", &report->traffic);
    printf("  %-16s %10s %12s %10s %12s %12s %12s %12s\n", "port", "packets in", "bytes in", "out", "bytes out",
           "connections", "retransmits", "bytes again");
    for (uint32_t i = 0; order && i < report->traffic.count; i++) {
        const struct table_key *key = &report->traffic.keys[order[i]];
        char protocol[24], what[40];
        snprintf(what, sizeof what, key->b ? "%s %u" : "%s", net_protocol_name(key->a, protocol), key->b);
        traffic_add(&sum, report->traffic.entries[order[i]]);
        if (i < ROWS_MAX)
            show_traffic_row(what, report->traffic.entries[order[i]]);
    }
    report_more(&report->traffic);
    show_traffic_row("all", &sum);
    free(order);
}

static void show_restarts(const struct report *report)
{
    report_heading("Services that were started again", &report->restarts);
    printf("  %-16s %-16s %9s   %s\n", "at", "service", "restarts", "how it ended");
    for (uint32_t i = 0; i < report->restarts.count && i < ROWS_MAX; i++) {
        const struct restart_row *row = report->restarts.entries[i];
        printf("  %-16.9f %-16s %9u   %d\n", (double)row->at_ns / 1e9, TASK(row->new_task), row->restarts, row->code);
    }
    report_more(&report->restarts);
}

static uint64_t told_weight(const void *entry)
{
    return ((const struct told_row *)entry)->count;
}

static void show_others(const struct report *report)
{
    uint32_t *order = report_sorted(&report->told, told_weight);
    report_heading("What tasks told", &report->told);
    printf("  %-16s %-24s %9s %9s %9s\n", "task", "event", "count", "/s", "failed");
    for (uint32_t i = 0; order && i < report->told.count && i < ROWS_MAX; i++) {
        const struct told_row *row = report->told.entries[order[i]];
        printf("  %-16s %-24s %9" PRIu64 " %9.1f", TASK(report->told.keys[order[i]].a), row->event->name, row->count,
               report_rate(report, row->count));
        if (row->has_status)
            printf(" %9" PRIu64, row->failed);
        putchar('\n');
    }
    report_more(&report->told);
    free(order);
}

void report_show_told(const struct report *report)
{
    if (report->traffic.count)
        show_traffic(report);
    if (report->restarts.count)
        show_restarts(report);
    if (report->told.count)
        show_others(report);
}

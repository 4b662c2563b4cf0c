/* trace_dump, trace_stats */
#include "jarvis/operations.h"
#include "jarvis/trace_filter.h"
#include <stdio.h>
#include <string.h>

#define DUMP_DEFAULT 32u
#define DUMP_MAX 256u /* what the kernel tells at once */

static const char *event_name(uint16_t event)
{
    static const char *const names[TRACE_EVENT_COUNT] = {
#define F(type, name)
#define E(number, Name, name, class, fields) [number] = #Name,
        TRACE_EVENTS(E, F)
#undef E
#undef F
    };
    return event < TRACE_EVENT_COUNT && names[event] ? names[event] : "Unknown";
}

static void dump_text(struct answer *out, const struct trace_record *records, result_t count)
{
    for (result_t i = 0; i < count; i++)
        answer_printf(out, "[%10lu][CPU%u] %s payload=0x%lx\n", (unsigned long)records[i].sequence, records[i].cpu,
                      event_name(records[i].event), (unsigned long)records[i].payload[0]);
}

static void dump_json(struct answer *out, const struct trace_record *records, result_t count)
{
    static const struct column columns[] = {
        {.key = "sequence"}, {.key = "time_ns"}, {.key = "cpu"}, {.key = "event"}, {.key = "payload"}};
    struct sheet *sheet = sheet_table(out, "trace_dump", columns, 5);
    for (result_t i = 0; i < count; i++) {
        put_number(sheet, records[i].sequence);
        put_number(sheet, records[i].timestamp_ns);
        put_number(sheet, records[i].cpu);
        put_text(sheet, event_name(records[i].event));
        put_format(sheet, "0x%lx", (unsigned long)records[i].payload[0]);
    }
    sheet_end(sheet);
}

status_t tool_trace_dump(struct call *call)
{
    static struct trace_record records[DUMP_MAX];
    uint32_t count = clause_number(call->request, call->clause, SLOT_count, DUMP_DEFAULT);
    uint32_t asked = count < 1 ? 1 : count < DUMP_MAX ? count : DUMP_MAX;
    if (call_slot(call, SLOT_path)) {
        answer_error(call->out, "not_supported", "%s",
                     T(call->out, "This version cannot write files; `trace dump` shows the events here.",
                       "Cette version n'écrit pas de fichiers ; `trace dump` montre les événements ici."));
        return ERR_NOT_SUPPORTED;
    }
    result_t n = world_info(call->authority->caps[CAP_TRACE], INFO_TRACE, 0, records, asked * sizeof records[0]);
    if (n < 0)
        return call_failed(call, CAP_TRACE, (status_t)n);
    if (call->out->json)
        dump_json(call->out, records, n);
    else
        dump_text(call->out, records, n);
    if (count > DUMP_MAX)
        say(call->out, T(call->out, "(%u events at most here)\n", "(%u événements au plus ici)\n"), DUMP_MAX);
    return OK;
}

/* ---- trace_stats ---- */

/* Events in the time that the newest ones span: 0 when too few are there. */
static uint64_t rate_now(handle_t trace)
{
    static struct trace_record records[DUMP_MAX];
    result_t n = world_info(trace, INFO_TRACE, 0, records, sizeof records);
    uint64_t span = n > 1 ? records[n - 1].timestamp_ns - records[0].timestamp_ns : 0;
    return span ? (uint64_t)(n - 1) * 1000000000u / span : 0;
}

/* Who reads the trace over TCP; -1: netsrv does not say. */
static int readers(const struct call *call)
{
    struct net_connections ask = {0};
    struct net_connection_list page = {.total = 1};
    int count = 0;
    for (; ask.first < page.total; ask.first += page.count) {
        if (world_call(call->authority->caps[CAP_NETSRV], NET_CONNECTIONS, &ask, sizeof ask, &page, sizeof page) !=
                OK ||
            page.count > sizeof page.connections / sizeof page.connections[0])
            return -1;
        for (uint32_t i = 0; i < page.count; i++)
            count += (page.connections[i].local_port == 2325 || page.connections[i].local_port == 2326) &&
                     page.connections[i].state == TRACE_TCP_ESTABLISHED;
        if (page.count == 0)
            break;
    }
    return count;
}

static void say_totals(struct answer *out, const struct trace_state *state, uint64_t uptime_ns, uint64_t now)
{
    char up[UNIT_TEXT], events[UNIT_TEXT], lost[UNIT_TEXT], rate[UNIT_TEXT], rate_then[UNIT_TEXT];
    uint64_t seconds = uptime_ns / 1000000000u ? uptime_ns / 1000000000u : 1;
    say(out,
        T(out, "%s events in %s, %s a second; lately about %s a second. %s of them are overwritten by now.\n",
          "%s événements en %s, %s par seconde ; ces temps-ci environ %s par seconde. %s d'entre eux sont écrasés.\n"),
        count_text(events, state->events, out->language), time_text(up, uptime_ns, out->language),
        count_text(rate, state->events / seconds, out->language), count_text(rate_then, now, out->language),
        count_text(lost, state->lost, out->language));
}

static void put_counters(struct sheet *sheet, const struct system_info *info)
{
    const struct {
        const char *key, *english, *french;
        uint64_t value;
    } rows[] = {{"context_switches", "Context switches", "Changements de contexte", info->context_switches},
                {"syscalls", "System calls", "Appels système", info->syscalls},
                {"ipc_messages", "Messages", "Messages", info->ipc_messages},
                {"interrupts", "Interrupts", "Interruptions", info->interrupts},
                {"page_faults", "Page faults", "Défauts de page", info->page_faults}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sheet_label(sheet, rows[i].key, T(sheet->out, rows[i].english, rows[i].french));
        put_number(sheet, rows[i].value);
    }
}

static void put_recorded(struct sheet *sheet, const struct call *call, const struct trace_state *state)
{
    const struct answer *out = call->out;
    struct trace_filter filter = {.mask = state->mask, .count = state->only_count};
    char classes[CLASSES_TEXT], tasks[TRACE_TASKS_TEXT];
    memcpy(filter.tasks, state->only, sizeof filter.tasks);
    filter.count = filter.count < TRACE_ONLY_MAX ? filter.count : TRACE_ONLY_MAX;
    sheet_label(sheet, "classes", T(out, "Recorded", "Enregistré"));
    put_text(sheet, state->mask || out->json ? trace_classes_text(classes, state->mask) : T(out, "nothing", "rien"));
    sheet_label(sheet, "only_tasks", T(out, "Of the tasks", "Des tâches"));
    put_text(sheet, filter.count || out->json ? trace_tasks_text(tasks, call->authority->caps[CAP_TRACE], &filter)
                                              : T(out, "all", "toutes"));
}

static void put_readers(struct sheet *sheet, const struct call *call)
{
    int count = readers(call);
    if (count < 0)
        return;
    sheet_label(sheet, "readers", T(call->out, "Readers over TCP", "Lecteurs par TCP"));
    put_number(sheet, (uint64_t)count);
}

status_t tool_trace_stats(struct call *call)
{
    struct system_info info;
    struct trace_state state;
    struct answer *out = call->out;
    handle_t trace = call->authority->caps[CAP_TRACE];
    result_t n = world_info(trace, INFO_SYSTEM, 0, &info, sizeof info);
    if (n == 1)
        n = world_info(trace, INFO_TRACE_STATE, 0, &state, sizeof state);
    if (n != 1)
        return call_failed(call, CAP_TRACE, n < 0 ? (status_t)n : ERR_IO);
    uint64_t now = rate_now(trace);
    say_totals(out, &state, info.uptime_ns, now);
    struct sheet *sheet = sheet_facts(out, "trace_stats");
    sheet_label(sheet, "events", T(out, "Events", "Événements"));
    put_number(sheet, state.events);
    sheet_label(sheet, "lost", T(out, "Overwritten", "Écrasés"));
    put_number(sheet, state.lost);
    sheet_label(sheet, "rate", T(out, "A second, lately", "Par seconde, ces temps-ci"));
    put_number(sheet, now);
    sheet_label(sheet, "ring_bytes", T(out, "Rings", "Anneaux"));
    put_size(sheet, state.packets * TRACE_PACKET_SIZE);
    put_recorded(sheet, call, &state);
    put_readers(sheet, call);
    put_counters(sheet, &info);
    sheet_end(sheet);
    return OK;
}

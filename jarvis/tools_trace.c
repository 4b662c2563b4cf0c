/* trace_dump, trace_stats */
#include "jarvis/tool.h"
#include <abi/trace_events.h>
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

status_t tool_trace_stats(struct call *call)
{
    struct system_info info;
    struct answer *out = call->out;
    char up[UNIT_TEXT];
    result_t n = world_info(call->authority->caps[CAP_TRACE], INFO_SYSTEM, 0, &info, sizeof info);
    if (n != 1)
        return call_failed(call, CAP_TRACE, n < 0 ? (status_t)n : ERR_IO);
    uint64_t seconds = info.uptime_ns / 1000000000u ? info.uptime_ns / 1000000000u : 1;
    say(out,
        T(out, "%lu events in %s, %lu a second; %lu were lost.\n",
          "%lu événements en %s, %lu par seconde ; %lu perdus.\n"),
        (unsigned long)info.trace_events, time_text(up, info.uptime_ns, out->language),
        (unsigned long)(info.trace_events / seconds), (unsigned long)info.trace_lost);
    const struct {
        const char *key, *english, *french;
        uint64_t value;
    } rows[] = {{"events", "Events", "Événements", info.trace_events},
                {"lost", "Lost", "Perdus", info.trace_lost},
                {"context_switches", "Context switches", "Changements de contexte", info.context_switches},
                {"syscalls", "System calls", "Appels système", info.syscalls},
                {"ipc_messages", "Messages", "Messages", info.ipc_messages},
                {"interrupts", "Interrupts", "Interruptions", info.interrupts},
                {"page_faults", "Page faults", "Défauts de page", info.page_faults}};
    struct sheet *sheet = sheet_facts(out, "trace_stats");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sheet_label(sheet, rows[i].key, T(out, rows[i].english, rows[i].french));
        put_number(sheet, rows[i].value);
    }
    sheet_end(sheet);
    return OK;
}

#include "names.h"
#include <abi/syscall.h>
#include <proto/devmgr.h>
#include <proto/init.h>
#include <proto/jarvis.h>
#include <proto/net.h>
#include <stdio.h>
#include <string.h>
#include "known.h"

/* ---- tasks ---- */

#define NAME_SIZE 17 /* two words of name and a NUL */

static void learn_name(struct names *names, uint32_t task, uint64_t low, uint64_t high)
{
    char name[NAME_SIZE] = "";
    memcpy(name, &low, 8);
    memcpy(name + 8, &high, 8);
    for (char *c = name; *c; c++)
        *c = *c <= ' ' || *c > '~' || *c == '"' || *c == '\\' || *c == '<' ? '?' : *c;
    names->tasks.entry_size = NAME_SIZE;
    if (name[0])
        memcpy(table_get(&names->tasks, task, 0, 0), name, NAME_SIZE);
}

static void learn_number(struct table *table, uint32_t key, uint32_t number)
{
    table->entry_size = sizeof number;
    memcpy(table_get(table, key, 0, 0), &number, sizeof number);
}

/* An answer comes from who receives; a channel that was not seen is 0. */
static void learn_receiver(struct names *names, uint64_t channel, uint32_t task)
{
    if (channel && channel <= UINT32_MAX)
        learn_number(&names->channels, (uint32_t)channel, task);
}

static uint32_t *call_of(struct names *names, uint32_t caller)
{
    names->calls.entry_size = sizeof(uint32_t);
    return table_get(&names->calls, caller, 0, 0);
}

static void learn_answer(struct names *names, uint32_t caller, uint32_t server)
{
    uint32_t *channel = call_of(names, caller);
    learn_receiver(names, *channel, server);
    *channel = 0;
}

enum { TASK_NAME_NODE = 1 }; /* TaskName's second field, which older kernels do not send */

static void learn_task(struct names *names, const struct ctf_event *event, const union known_event *known)
{
    learn_name(names, known->TaskName.task, known->TaskName.name_lo, known->TaskName.name_hi);
    if (known_has(event, TASK_NAME_NODE))
        learn_number(&names->homes, known->TaskName.task, known->TaskName.node);
}

void names_learn(struct names *names, const struct ctf_event *event)
{
    uint16_t id = event->layout->known;
    union known_event known;
    if ((id != TRACE_TaskName && id != TRACE_CpuNode && id != TRACE_Block && id != TRACE_IpcReceive &&
         id != TRACE_IpcCall && id != TRACE_IpcReply) ||
        !known_decode(event, &known))
        return;
    if (id == TRACE_TaskName)
        learn_task(names, event, &known);
    else if (id == TRACE_CpuNode)
        learn_number(&names->nodes, known.CpuNode.cpu, known.CpuNode.node);
    else if (id == TRACE_IpcCall)
        *call_of(names, known.IpcCall.task) = known.IpcCall.channel;
    else if (id == TRACE_IpcReply)
        learn_answer(names, known.IpcReply.caller, known.IpcReply.task);
    else if (id == TRACE_IpcReceive)
        learn_receiver(names, known.IpcReceive.channel, known.IpcReceive.task);
    else if (known.Block.on == TRACE_WAIT_MESSAGE)
        learn_receiver(names, known.Block.object, known.Block.task);
}

void names_learn_all(struct names *names, struct trace *trace)
{
    struct trace_item item;
    while (trace_next(trace, &item) != TRACE_ITEM_END) {
        if (item.kind == TRACE_ITEM_EVENT)
            names_learn(names, item.event);
    }
    trace_rewind(trace);
}

static uint32_t node_in(const struct table *table, uint32_t key)
{
    const uint32_t *node = table_find(table, key, 0, 0);
    return node ? *node : NAMES_NO_NODE;
}

uint32_t names_node(const struct names *names, uint32_t cpu)
{
    return node_in(&names->nodes, cpu);
}

uint32_t names_home(const struct names *names, uint32_t task)
{
    return node_in(&names->homes, task);
}

uint32_t names_receiver(const struct names *names, uint64_t channel)
{
    const uint32_t *task = channel <= UINT32_MAX ? table_find(&names->channels, (uint32_t)channel, 0, 0) : NULL;
    return task ? *task : 0;
}

const char *names_task(const struct names *names, uint32_t task, char out[32])
{
    const char *name = task ? table_find(&names->tasks, task, 0, 0) : "idle";
    if (name)
        return name;
    snprintf(out, 32, "task %u", task);
    return out;
}

void names_free(struct names *names)
{
    table_free(&names->tasks);
    table_free(&names->channels);
    table_free(&names->nodes);
    table_free(&names->homes);
    table_free(&names->calls);
}

/* ---- values ---- */

const char *names_value(const struct ctf_layout *layout, uint16_t known, const char *field, uint64_t value,
                        char out[24])
{
    snprintf(out, 24, "%llu", (unsigned long long)value);
    for (uint32_t i = 0; i < layout->event_count; i++) {
        const struct ctf_record *payload = &layout->events[i].payload;
        int at = layout->events[i].known == known ? ctf_field_index(payload, field) : -1;
        const char *label = at >= 0 ? ctf_field_label(layout, &payload->fields[at], value) : NULL;
        if (label)
            return label;
    }
    return out;
}

const char *names_syscall(uint32_t number)
{
#define X(value, name, arguments) [value] = #name,
    static const char *const calls[] = {SYSCALL_LIST(X)};
#undef X
    return number < SYS_COUNT ? calls[number] : NULL;
}

const char *names_op(uint32_t op)
{
#define X(name, number, ...) {(uint32_t)PROTO << 8 | (number), #name},
    static const struct {
        uint32_t op;
        const char *name;
    } ops[] = {
#define PROTO PROTO_INIT
        INIT_OPS(X)
#undef PROTO
#define PROTO PROTO_DEVMGR
            DEVMGR_OPS(X)
#undef PROTO
#define PROTO PROTO_NET
                NET_OPS(X)
#undef PROTO
#define PROTO PROTO_JARVIS
                    JARVIS_OPS(X)
#undef PROTO
#define PROTO PROTO_CONSOLE
                        CONSOLE_OPS(X)
#undef PROTO
    };
#undef X
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (ops[i].op == op)
            return ops[i].name;
    }
    return NULL;
}

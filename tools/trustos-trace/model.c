#include "model.h"
#include <string.h>

#define EMIT(model, what, thing)                                  \
    do {                                                          \
        if ((model)->sink->what)                                  \
            (model)->sink->what((model)->sink->context, (thing)); \
    } while (0)

static struct model_task *task_of(struct model *model, uint32_t task)
{
    return table_get(&model->tasks, task, 0, 0);
}

/* ---- who runs ---- */

static void run_end(struct model *model, uint32_t cpu, uint32_t task, uint32_t reason, uint64_t now)
{
    struct model_cpu *c = &model->cpus[cpu];
    struct model_run run = {.task = task, .cpu = cpu, .reason = reason, .from_ns = c->from_ns, .to_ns = now};
    EMIT(model, on_run, &run);
}

enum { SWITCH_REASON = 2 }; /* ContextSwitch's third field, which older kernels do not send */

/* A call or an answer that switches straight to the other side has no Block: the reason tells that the task waits. So it
 * tells of one that lost the CPU and could go on. */
static void stop_by_reason(struct model *model, uint32_t id, uint32_t reason, uint64_t now)
{
    struct model_task *task = task_of(model, id);
    bool calls = reason == TRACE_SWITCH_CALL;
    if (task->is_waiting || !id)
        return;
    if (reason == TRACE_SWITCH_URGENT || reason == TRACE_SWITCH_SLICE) {
        task->is_ready = true;
        task->ready_ns = now;
    }
    if (!calls && reason != TRACE_SWITCH_REPLY)
        return;
    task->is_waiting = true;
    task->wait = (struct model_wait){.task = id,
                                     .on = calls ? TRACE_WAIT_REPLY : TRACE_WAIT_MESSAGE,
                                     .object = !calls             ? task->channel
                                               : task->is_calling ? task->call.channel
                                                                  : 0,
                                     .from_ns = now};
}

/* The task got the CPU: it was ready, or was switched to while it waited (a call or an answer went straight to it). */
static void run_begin(struct model *model, uint32_t id, uint32_t cpu, uint32_t by, uint64_t now)
{
    struct model_task *task = task_of(model, id);
    task->ran_ns = now;
    if (task->is_ready) {
        struct model_ready ready = {.task = id, .cpu = cpu, .from_ns = task->ready_ns, .to_ns = now};
        EMIT(model, on_ready, &ready);
    }
    if (task->is_waiting) {
        task->wait.to_ns = now;
        task->wait.by = by;
        EMIT(model, on_wait, &task->wait);
    }
    if ((task->is_waiting || task->has_waited) && !task->syscall.to_ns)
        task->syscall.to_ns = now;
    task->is_ready = task->is_waiting = task->has_waited = false;
}

static void on_switch(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    struct model_cpu *c = &model->cpus[event->cpu];
    uint32_t prev = known->ContextSwitch.prev_task, next = known->ContextSwitch.next_task;
    uint32_t reason = known_has(event, SWITCH_REASON) ? (uint32_t)known->ContextSwitch.reason : MODEL_UNKNOWN;
    run_end(model, event->cpu, prev, reason, event->time_ns);
    stop_by_reason(model, prev, reason, event->time_ns);
    c->is_known = true;
    c->task = next;
    c->from_ns = event->time_ns;
    if (next)
        run_begin(model, next, event->cpu, prev, event->time_ns);
}

static void on_block(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    struct model_task *task = task_of(model, known->Block.task);
    task->is_waiting = true;
    task->is_ready = false;
    if (known->Block.on == TRACE_WAIT_MESSAGE)
        task->channel = known->Block.object;
    task->wait = (struct model_wait){
        .task = known->Block.task, .on = known->Block.on, .object = known->Block.object, .from_ns = event->time_ns};
}

static void on_wakeup(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    struct model_task *task = task_of(model, known->Wakeup.task);
    struct model_cpu *c = &model->cpus[event->cpu];
    if (c->irq_depth)
        c->irqs[c->irq_depth - 1].woken = known->Wakeup.task;
    if (task->is_waiting) {
        task->wait.to_ns = event->time_ns;
        task->wait.by = known->Wakeup.by_task;
        EMIT(model, on_wait, &task->wait);
    }
    task->has_waited = task->is_waiting;
    task->is_waiting = false;
    task->is_ready = true;
    task->ready_ns = event->time_ns;
}

static void on_exit_task(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    (void)event;
    memset(task_of(model, known->TaskExit.task), 0, sizeof(struct model_task));
}

/* ---- calls ---- */

static void on_call(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    struct model_task *task = task_of(model, known->IpcCall.task);
    model->unanswered += task->is_calling; /* it timed out, or its server died */
    task->is_calling = true;
    task->call = (struct model_call){.caller = known->IpcCall.task,
                                     .channel = known->IpcCall.channel,
                                     .op = known->IpcCall.op,
                                     .caller_cpu = event->cpu,
                                     .from_ns = event->time_ns,
                                     .caller_ran_ns = task->ran_ns};
}

static void on_receive(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    task_of(model, known->IpcReceive.task)->received_ns = event->time_ns;
}

static void on_reply(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    struct model_task *task = task_of(model, known->IpcReply.caller);
    const struct model_task *server = task_of(model, known->IpcReply.task);
    struct model_call *call = &task->call;
    if (!task->is_calling)
        return;
    call->server = known->IpcReply.task;
    call->status = known->IpcReply.status;
    call->server_cpu = event->cpu;
    call->to_ns = event->time_ns;
    call->server_ran_ns = server->ran_ns;
    call->taken_ns = server->received_ns >= call->from_ns ? server->received_ns
                     : server->ran_ns >= call->from_ns    ? server->ran_ns
                                                          : call->from_ns;
    task->is_calling = false;
    EMIT(model, on_call, call);
}

/* ---- system calls ---- */

/* It had no exit of its own. */
static void syscall_end(struct model *model, struct model_task *task)
{
    if (task->is_in_syscall && task->syscall.to_ns)
        EMIT(model, on_syscall, &task->syscall);
    task->is_in_syscall = false;
}

static void on_syscall_entry(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    struct model_task *task = task_of(model, known->SyscallEntry.task);
    syscall_end(model, task);
    task->is_in_syscall = true;
    task->syscall = (struct model_syscall){.task = known->SyscallEntry.task,
                                           .number = known->SyscallEntry.number,
                                           .cpu = event->cpu,
                                           .from_ns = event->time_ns};
}

static void on_syscall_exit(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    struct model_task *task = task_of(model, known->SyscallExit.task);
    if (!task->is_in_syscall)
        return;
    task->is_in_syscall = false;
    task->syscall.has_result = true;
    task->syscall.result = known->SyscallExit.result;
    task->syscall.to_ns = event->time_ns;
    EMIT(model, on_syscall, &task->syscall);
}

/* ---- interrupts ---- */

static void on_irq_entry(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    struct model_cpu *c = &model->cpus[event->cpu];
    if (c->irq_depth == MODEL_IRQ_DEPTH)
        c->irq_depth = 0; /* exits that are not in the trace: begin anew */
    c->irqs[c->irq_depth++] = (struct model_irq){
        .vector = known->IrqEntry.vector, .cpu = event->cpu, .task = known->IrqEntry.task, .from_ns = event->time_ns};
}

/* Entries above the one that ends here had no exit: the handler switched away for good. */
static void on_irq_exit(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    struct model_cpu *c = &model->cpus[event->cpu];
    for (uint32_t i = c->irq_depth; i-- > 0;) {
        if (c->irqs[i].vector != known->IrqExit.vector)
            continue;
        c->irqs[i].to_ns = event->time_ns;
        EMIT(model, on_irq, &c->irqs[i]);
        c->irq_depth = i;
        return;
    }
}

/* ---- feeding ---- */

typedef void (*event_fn)(struct model *model, const struct ctf_event *event, const union known_event *known);
static const event_fn handlers[TRACE_EVENT_COUNT] = {
    [TRACE_ContextSwitch] = on_switch,
    [TRACE_Block] = on_block,
    [TRACE_Wakeup] = on_wakeup,
    [TRACE_TaskExit] = on_exit_task,
    [TRACE_IpcCall] = on_call,
    [TRACE_IpcReceive] = on_receive,
    [TRACE_IpcReply] = on_reply,
    [TRACE_IrqEntry] = on_irq_entry,
    [TRACE_IrqExit] = on_irq_exit,
    [TRACE_SyscallEntry] = on_syscall_entry,
    [TRACE_SyscallExit] = on_syscall_exit,
};

static void feed_loss(struct model *model, const struct trace_item *item)
{
    const struct ctf_loss *loss = item->loss;
    struct model_cpu *c = &model->cpus[loss->cpu];
    if (c->is_known)
        run_end(model, loss->cpu, c->task, MODEL_UNKNOWN, loss->from_ns > c->from_ns ? loss->from_ns : c->from_ns);
    c->is_known = false;
    c->irq_depth = 0;
    c->from_ns = item->time_ns;
    for (uint32_t i = 0; i < model->tasks.count && !loss->before; i++) {
        struct model_task *task = model->tasks.entries[i];
        model->dropped_calls += task->is_calling;
        model->dropped_waits += task->is_waiting;
        task->is_calling = task->is_waiting = task->is_ready = task->is_in_syscall = false;
    }
    if (model->sink->on_loss)
        model->sink->on_loss(model->sink->context, loss, item->time_ns);
}

void model_feed(struct model *model, const struct trace_item *item)
{
    uint32_t cpu = item->kind == TRACE_ITEM_EVENT ? item->event->cpu : item->loss->cpu;
    union known_event known;
    if (!model->cpus[cpu].begun)
        model->cpus[cpu] = (struct model_cpu){.begun = true, .from_ns = item->time_ns};
    if (item->kind == TRACE_ITEM_LOSS) {
        feed_loss(model, item);
        return;
    }
    EMIT(model, on_event, item->event);
    event_fn handler = handlers[item->event->layout->known];
    if (handler && known_decode(item->event, &known))
        handler(model, item->event, &known);
}

void model_start(struct model *model, const struct model_sink *sink)
{
    memset(model, 0, sizeof *model);
    model->sink = sink;
    model->tasks.entry_size = sizeof(struct model_task);
}

void model_finish(struct model *model, const struct trace *trace, uint64_t end_ns)
{
    for (uint32_t i = 0; i < trace->cpu_count; i++) {
        uint32_t cpu = trace->cpus[i];
        const struct model_cpu *c = &model->cpus[cpu];
        uint64_t told_until = trace->lanes[cpu]->scanned.end_ns, end = told_until < end_ns ? told_until : end_ns;
        if (c->is_known && end > c->from_ns)
            run_end(model, cpu, c->task, MODEL_UNKNOWN, end);
    }
    for (uint32_t i = 0; i < model->tasks.count; i++) {
        struct model_task *task = model->tasks.entries[i];
        model->unanswered += task->is_calling;
        syscall_end(model, task);
        task->wait.is_open = true;
        task->wait.to_ns = end_ns > task->wait.from_ns ? end_ns : task->wait.from_ns;
        if (task->is_waiting)
            EMIT(model, on_wait, &task->wait);
    }
    table_free(&model->tasks);
}

void model_run_all(struct trace *trace, double from_s, double to_s, struct model *model, const struct model_sink *sink)
{
    struct trace_item item;
    uint64_t last_ns = 0;
    bool is_cut = false;
    model_start(model, sink);
    while (!is_cut && trace_next(trace, &item) != TRACE_ITEM_END) {
        double s = (double)item.time_ns / 1e9;
        is_cut = s > to_s;
        if (s < from_s || is_cut)
            continue;
        model_feed(model, &item);
        last_ns = item.time_ns;
    }
    model_finish(model, trace, is_cut || trace->is_broken ? last_ns : trace->end_ns);
}

#include "model_parts.h"
#include <stdlib.h>
#include <string.h>
#include "gaps.h"

/* ---- ready, and where ---- */

static void on_migrate(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    struct model_task *task = model_task_of(model, known->Migrate.task);
    const struct model_migrate migrate = {.task = known->Migrate.task,
                                          .from_cpu = known->Migrate.from_cpu,
                                          .to_cpu = known->Migrate.to_cpu,
                                          .reason = known->Migrate.reason,
                                          .from_ns = event->time_ns};
    model_move_end(model, task, MODEL_UNKNOWN, event->time_ns);
    model_move_begin(task, &migrate);
}

static void on_start(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    model_ready_begin(model_task_of(model, known->TaskStart.task), event->time_ns);
}

/* ---- who runs ---- */

static void run_end(struct model *model, uint32_t cpu, uint32_t task, uint32_t reason, uint64_t now)
{
    struct model_cpu *c = &model->cpus[cpu];
    struct model_run run = {.task = task, .cpu = cpu, .reason = reason, .from_ns = c->from_ns, .to_ns = now};
    if (task) {
        model_task_of(model, task)->left_ns = now;
        model_task_of(model, task)->left_cpu = cpu;
    }
    EMIT(model, on_run, &run);
}

enum { SWITCH_REASON = 2 }; /* ContextSwitch's third field, which older kernels do not send */

/* A call or an answer that switches straight to the other side has no Block: the reason tells that the task waits. So it
 * tells of one that lost the CPU and could go on. */
static void stop_by_reason(struct model *model, uint32_t id, uint32_t reason, uint64_t now)
{
    struct model_task *task = model_task_of(model, id);
    bool calls = reason == TRACE_SWITCH_CALL;
    if (task->is_waiting || !id)
        return;
    if (reason == TRACE_SWITCH_URGENT || reason == TRACE_SWITCH_SLICE)
        model_ready_begin(task, now);
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
    struct model_task *task = model_task_of(model, id);
    task->ran_ns = now;
    model_ready_end(model, id, cpu, now);
    model_move_end(model, task, cpu, now);
    task->has_cpu = true;
    task->cpu = cpu;
    if (task->is_waiting) {
        task->wait.to_ns = now;
        task->wait.by = by;
        EMIT(model, on_wait, &task->wait);
    }
    if ((task->is_waiting || task->has_waited) && !task->syscall.to_ns)
        task->syscall.to_ns = now;
    task->is_ready = task->is_waiting = task->has_waited = false;
}

static bool runs_on(const struct model *model, uint32_t task, uint32_t cpu)
{
    return cpu < CTF_CPU_MAX && model->cpus[cpu].is_known && model->cpus[cpu].task == task;
}

static void on_switch(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    uint32_t prev = known->ContextSwitch.prev_task, next = known->ContextSwitch.next_task;
    uint32_t reason = known_has(event, SWITCH_REASON) ? (uint32_t)known->ContextSwitch.reason : MODEL_UNKNOWN;
    uint32_t cpu = event->cpu;
    struct model_cpu *c = &model->cpus[cpu];
    run_end(model, cpu, prev, reason, event->time_ns);
    c->is_known = true;
    c->task = next;
    c->from_ns = event->time_ns;
    stop_by_reason(model, prev, reason, event->time_ns);
    if (next)
        run_begin(model, next, cpu, prev, event->time_ns);
}

static void on_block(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    struct model_task *task = model_task_of(model, known->Block.task);
    task->is_waiting = true;
    task->is_ready = false;
    if (known->Block.on == TRACE_WAIT_MESSAGE)
        task->channel = known->Block.object;
    task->wait = (struct model_wait){
        .task = known->Block.task, .on = known->Block.on, .object = known->Block.object, .from_ns = event->time_ns};
}

static void on_wakeup(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    struct model_task *task = model_task_of(model, known->Wakeup.task);
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
    if (!task->has_cpu || !runs_on(model, known->Wakeup.task, task->cpu))
        model_ready_begin(task, event->time_ns);
}

static void on_exit_task(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    struct model_task *task = model_task_of(model, known->TaskExit.task);
    model_ready_end(model, known->TaskExit.task, MODEL_UNKNOWN, event->time_ns);
    model_move_end(model, task, MODEL_UNKNOWN, event->time_ns);
    free(task->stays);
    memset(task, 0, sizeof *task);
}

/* ---- calls ---- */

static void on_call(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    struct model_task *task = model_task_of(model, known->IpcCall.task);
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
    model_task_of(model, known->IpcReceive.task)->received_ns = event->time_ns;
}

static void on_reply(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    struct model_task *task = model_task_of(model, known->IpcReply.caller);
    const struct model_task *server = model_task_of(model, known->IpcReply.task);
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
    struct model_task *task = model_task_of(model, known->SyscallEntry.task);
    syscall_end(model, task);
    task->is_in_syscall = true;
    task->syscall = (struct model_syscall){.task = known->SyscallEntry.task,
                                           .number = known->SyscallEntry.number,
                                           .cpu = event->cpu,
                                           .from_ns = event->time_ns};
}

static void on_syscall_exit(struct model *model, const struct ctf_event *event, const union known_event *known)
{
    struct model_task *task = model_task_of(model, known->SyscallExit.task);
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
    if (!c->is_known) /* it has run since from_ns, or there would be a switch */
        c->task = known->IrqEntry.task;
    c->is_known = true;
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
    [TRACE_TaskStart] = on_start,
    [TRACE_Migrate] = on_migrate,
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
        model_ready_end(model, model->tasks.keys[i].a, MODEL_UNKNOWN, loss->from_ns);
        model_move_end(model, task, MODEL_UNKNOWN, task->migrate.from_ns);
        task->is_calling = task->is_waiting = task->is_ready = task->is_in_syscall = false;
        task->has_cpu = task->has_cpu && runs_on(model, model->tasks.keys[i].a, task->cpu);
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
        uint64_t told_until = gaps_told_until(trace, cpu), end = told_until < end_ns ? told_until : end_ns;
        if (c->is_known && end > c->from_ns)
            run_end(model, cpu, c->task, MODEL_UNKNOWN, end);
    }
    for (uint32_t i = 0; i < model->tasks.count; i++) {
        struct model_task *task = model->tasks.entries[i];
        model_ready_end(model, model->tasks.keys[i].a, MODEL_UNKNOWN, end_ns);
        model_move_end(model, task, MODEL_UNKNOWN, end_ns);
        free(task->stays);
        model->unanswered += task->is_calling;
        syscall_end(model, task);
        task->wait.is_open = true;
        task->wait.to_ns = end_ns > task->wait.from_ns ? end_ns : task->wait.from_ns;
        if (task->is_waiting)
            EMIT(model, on_wait, &task->wait);
    }
    table_free(&model->tasks);
}

/* What happens before from_ns says only who runs then. */
static void skip(struct model *model, const struct trace_item *item, uint64_t from_ns)
{
    uint32_t cpu = item->kind == TRACE_ITEM_EVENT ? item->event->cpu : item->loss->cpu;
    struct model_cpu *c = &model->cpus[cpu];
    union known_event known;
    c->begun = true;
    c->from_ns = from_ns;
    if (item->kind == TRACE_ITEM_LOSS) {
        c->is_known = false;
    } else if (item->event->layout->known == TRACE_ContextSwitch && known_decode(item->event, &known)) {
        uint32_t next = known.ContextSwitch.next_task;
        c->is_known = true;
        c->task = next;
        model_task_of(model, next)->has_cpu = true;
        model_task_of(model, next)->cpu = cpu;
    }
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
        if (s < from_s)
            skip(model, &item, (uint64_t)(from_s * 1e9));
        if (s < from_s || is_cut)
            continue;
        model_feed(model, &item);
        last_ns = item.time_ns;
    }
    model_finish(model, trace, is_cut || trace->is_broken ? last_ns : trace->end_ns);
}

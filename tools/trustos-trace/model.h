/* What events mean together: which task ran when on which CPU, calls and their answers, waits, interrupts. report, timeline
 * and perfetto are three ways to show it.
 *
 * Rules
 *  - Items are fed in the order of time; a sink's functions are called when a thing has ended, so by its end.
 *  - Where events were lost nothing is guessed: what ran on that CPU is unknown until its next context switch, and calls and
 *    waits that were open are dropped (and counted), for their end may be among the lost.
 *  - What is recorded before a wake-up by one CPU may have the later time when clocks differ: a task that is woken while it
 *    runs goes on running. */
#pragma once
#include "known.h"
#include "names.h"
#include "table.h"
#include "trace.h"

#define MODEL_UNKNOWN UINT32_MAX
struct model_run { /* a task on a CPU */
    uint32_t task, cpu;
    uint32_t reason; /* why it stopped, as ContextSwitch says it; MODEL_UNKNOWN: the trace does not tell */
    uint64_t from_ns, to_ns;
};
struct model_call {
    uint32_t caller, server, channel, op, caller_cpu, server_cpu;
    int32_t status;
    uint64_t from_ns, taken_ns, to_ns;     /* called; the server had it at the latest; answered */
    uint64_t caller_ran_ns, server_ran_ns; /* since when the one ran as it called, the other as it answered */
};
struct model_wait { /* from Block, or a switch by its own call or answer, to Wakeup or a switch straight to it */
    uint32_t task, on, by;
    bool is_open;    /* it still waits where the trace ends */
    uint64_t object; /* the channel; 0: the trace does not tell */
    uint64_t from_ns, to_ns;
};
struct model_stay { /* of a ready task in a CPU's queue: until the next, or the end */
    uint32_t cpu;   /* MODEL_UNKNOWN: the trace does not tell */
    uint64_t from_ns;
};
struct model_ready {    /* from Wakeup, TaskStart, or the loss of its CPU, until it runs */
    uint32_t task, cpu; /* cpu: where it runs then */
    bool ran;           /* false: until it or the trace ended, or events were lost */
    uint64_t from_ns, to_ns;
    const struct model_stay *stays; /* the first begins at from_ns */
    uint32_t stay_count;
};
struct model_migrate {
    uint32_t task, from_cpu, to_cpu;
    uint32_t reason;         /* as Migrate says it */
    uint64_t from_ns, to_ns; /* decided; runs there, or goes elsewhere before, or ends */
    uint64_t left_ns;        /* when it stopped running on from_cpu; 0: not known */
    bool ran;                /* on to_cpu, from to_ns on */
};
struct model_irq {
    uint32_t vector, cpu, task;
    uint32_t woken; /* the last task that it woke; 0: none */
    uint64_t from_ns, to_ns;
};
/* The time that it waited inside is its own. One that waited has no SyscallExit: it ends as the task runs again. */
struct model_syscall {
    uint32_t task, number, cpu;
    bool has_result;
    int32_t result; /* the low half of what it gave back */
    uint64_t from_ns, to_ns;
};

struct model_sink { /* any may be NULL */
    void *context;
    void (*on_run)(void *context, const struct model_run *run);
    void (*on_call)(void *context, const struct model_call *call);
    void (*on_wait)(void *context, const struct model_wait *wait);
    void (*on_ready)(void *context, const struct model_ready *ready);
    void (*on_migrate)(void *context, const struct model_migrate *migrate);
    void (*on_irq)(void *context, const struct model_irq *irq);
    void (*on_syscall)(void *context, const struct model_syscall *syscall);
    void (*on_event)(void *context, const struct ctf_event *event);
    void (*on_loss)(void *context, const struct ctf_loss *loss, uint64_t time_ns);
};

#define MODEL_IRQ_DEPTH 8
struct model_cpu {
    bool begun, is_known; /* an event was seen; `task` is what runs since from_ns */
    uint32_t task, irq_depth;
    uint64_t from_ns;
    struct model_irq irqs[MODEL_IRQ_DEPTH];
};
struct model_task {
    bool is_calling, is_waiting, is_ready, is_in_syscall, is_moving;
    bool has_waited; /* and is ready now */
    bool has_cpu;    /* cpu is where it runs, ran last or was sent */
    uint32_t cpu;
    struct model_migrate migrate; /* is_moving: to_ns is yet to come */
    struct model_stay *stays;     /* is_ready */
    uint32_t stay_count, stay_room;
    struct model_syscall syscall; /* to_ns: it waited and ran again; 0: not */
    struct model_call call;
    struct model_wait wait;
    uint64_t ready_ns, ran_ns, received_ns; /* became ready; ran or received last */
    uint64_t left_ns;                       /* stopped running, on left_cpu */
    uint32_t left_cpu;
    uint64_t channel; /* where it waited for messages last; 0: not known */
};
struct model {
    const struct model_sink *sink;
    struct model_cpu cpus[CTF_CPU_MAX];
    struct table tasks; /* struct model_task */
    uint64_t dropped_calls, dropped_waits, unanswered;
};

void model_start(struct model *model, const struct model_sink *sink);
void model_feed(struct model *model, const struct trace_item *item);
/* Ends what still runs, at end_ns or where its CPU's last packet ends; frees what the model holds. */
void model_finish(struct model *model, const struct trace *trace, uint64_t end_ns);

/* All of a trace within the seconds given, through a model: the loop of each command. Who runs on a CPU at from_s is taken
 * from what comes before. */
void model_run_all(struct trace *trace, double from_s, double to_s, struct model *model, const struct model_sink *sink);

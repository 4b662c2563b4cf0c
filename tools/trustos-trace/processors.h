/* What the processors did, counted from what the model tells; and what the scheduler promises, computed: no CPU is idle for
 * long while a task that is ready waits elsewhere, and few tasks are carried off to another node.
 *
 * Rules
 *  - A CPU is idle while its idle task is the one that runs. A task is ready from Wakeup, TaskStart or the loss of its CPU
 *    until it runs; it waits in the queue of the CPU where it ran last or where Migrate sent it.
 *  - What is not known (gaps.h) is left out: of a task that was ready, all from the first gap on.
 *  - The trace does not say on which CPUs a task may run: who knows says it (processors_pin). */
#pragma once
#include "gaps.h"
#include "model.h"

#define PROCESSORS_REASONS 16 /* of IPIs, of migrations; those that are not known count as the last */
#define PROCESSORS_WORST 8
#define PROCESSORS_LIMIT_NS 2000000ull /* what is longer is counted */

struct processor {
    uint64_t busy_ns, idle_ns, switches;
    uint64_t ipis[PROCESSORS_REASONS]; /* sent */
    uint64_t lock_waits, lock_waited_ns, lock_wait_longest_ns;
    uint64_t holds, hold_longest_ns;
    struct gap *idle; /* the stretches, in the order of time */
    size_t idle_count, idle_room;
};
struct migrations {
    uint64_t count, far; /* far: to another node, as far as CpuNode tells */
};
/* A CPU idle, and a task ready that waits in another's queue. */
struct idle_while_ready {
    uint32_t cpu, task, queue; /* queue: where it waited first in this time; MODEL_UNKNOWN */
    bool ran; /* the time ended as the task ran somewhere, and not as the CPU got work or all knowledge ended */
    uint64_t from_ns, to_ns;
};
struct idle_list { /* the worst first */
    struct idle_while_ready worst[PROCESSORS_WORST];
    uint32_t count;
    uint64_t longer; /* than PROCESSORS_LIMIT_NS */
};
struct processors {
    const struct names *names;
    struct table cpus, pinned; /* struct processor by CPU; uint64_t mask by task */
    struct migrations migrations[PROCESSORS_REASONS];
    struct idle_list elsewhere, own; /* own: the task waits in the idle CPU's own queue, and it has not seen it yet */
    uint64_t unknown_ready;          /* times that a task was ready of which a part or all is left out */
    uint32_t silent;                 /* CPUs of which the trace does not tell who ever ran there */
    bool is_unknown;                 /* the trace is broken, or older than Migrate: neither list is computed */
    struct processors_ready *readies;
    size_t ready_count, ready_room;
    struct model_stay *stays;
    size_t stay_count, stay_room;
};

/* `names` are looked at until the end: nodes, and who is pinned. */
void processors_start(struct processors *p, const struct names *names);
void processors_pin(struct processors *p, uint32_t task, uint64_t cpus); /* one bit a CPU */
/* The model's sink calls these. */
void processors_on_run(struct processors *p, const struct model_run *run);
void processors_on_ready(struct processors *p, const struct model_ready *ready);
void processors_on_event(struct processors *p, const struct ctf_event *event);
/* After all of it: the lists are complete. */
void processors_finish(struct processors *p, const struct trace *trace);
void processors_free(struct processors *p);

uint64_t processors_steals(const struct processors *p, bool far);
double processors_percent(uint64_t part, uint64_t all); /* 0 of nothing */

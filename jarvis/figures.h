/* Counts events: what a task did, or all of them. Pure.
 *
 * Rules: events come in the order of time (trace_cursor.h). A call counts when it is answered; its time goes from the call
 * to the answer. Times are kept in steps of an eighth of a power of two: a percentile is at most 7 % off. */
#pragma once
#include <abi/info.h>
#include <abi/trace_events.h>

#define FIGURES_ROWS 48  /* caller, server and operation; what comes beyond goes into `more_calls` */
#define FIGURES_CALLS 64 /* calls that wait for their answer */
#define FIGURES_TIMES 304

struct figures_row {
    uint32_t caller, server, op, count, failed;
    uint32_t times[FIGURES_TIMES];
};

struct figures_flow {
    uint64_t packets, bytes;
};

struct figures {
    uint32_t task; /* 0: all */
    uint64_t events;
    uint64_t runs, wakeups, woken_by_irq, interrupts, syscalls;
    uint64_t receives, received, sends, sent, signals;
    uint64_t page_faults, user_faults, other_faults;
    struct figures_flow in, out, again; /* packets; segments sent again */
    uint64_t opened, closed, restarts, plans, steps, other_user;
    uint64_t capabilities, memory, log_lines, ended_ns; /* ended_ns: the task ended then; 0: it lives */
    int32_t end_code;
    uint64_t more_calls, unmatched;
    unsigned row_count, call_count;
    struct figures_row rows[FIGURES_ROWS];
    struct {
        uint32_t caller, op;
        uint64_t from_ns;
    } calls[FIGURES_CALLS];
};

void figures_init(struct figures *figures, uint32_t task);
void figures_add(struct figures *figures, const struct trace_record *record);
/* The time that `mille` of a thousand calls did not exceed; 0 when there is none. */
uint64_t figures_percentile(const struct figures_row *row, unsigned mille);
/* Rows by count, the most first. */
void figures_sort(struct figures *figures);
/* "NET_STATUS"; NULL: no protocol has it. */
const char *operation_name(uint32_t op);

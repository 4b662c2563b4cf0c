#include "jarvis/figures.h"
#include <abi/errors.h>
#include <string.h>

void figures_init(struct figures *figures, uint32_t task)
{
    memset(figures, 0, sizeof *figures);
    figures->task = task;
}

/* ---- times ---- */

#define STEP_BITS 3

static unsigned time_step(uint64_t ns)
{
    if (ns < 1u << STEP_BITS)
        return (unsigned)ns;
    unsigned top = 63u - (unsigned)__builtin_clzll(ns), shift = top - STEP_BITS;
    unsigned step = (shift + 1) << STEP_BITS | (unsigned)(ns >> shift & ((1u << STEP_BITS) - 1));
    return step < FIGURES_TIMES ? step : FIGURES_TIMES - 1;
}

/* The middle of a step. */
static uint64_t step_time(unsigned step)
{
    if (step < 2u << STEP_BITS)
        return step;
    unsigned shift = (step >> STEP_BITS) - 1;
    uint64_t low = ((1ull << STEP_BITS) | (step & ((1u << STEP_BITS) - 1))) << shift;
    return low + ((1ull << shift) >> 1);
}

uint64_t figures_percentile(const struct figures_row *row, unsigned mille)
{
    uint64_t want = ((uint64_t)row->count * mille + 999) / 1000, seen = 0;
    for (unsigned step = 0; step < FIGURES_TIMES && want; step++) {
        seen += row->times[step];
        if (seen >= want)
            return step_time(step);
    }
    return 0;
}

/* ---- calls ---- */

static uint32_t low(uint64_t word)
{
    return (uint32_t)word;
}
static uint32_t high(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

static void call_begins(struct figures *f, uint32_t caller, uint32_t op, uint64_t now)
{
    unsigned i = 0;
    while (i < f->call_count && f->calls[i].caller != caller)
        i++; /* one that is there already was never answered: it timed out, or its server died */
    if (i == FIGURES_CALLS)
        return;
    f->call_count += i == f->call_count;
    f->calls[i].caller = caller;
    f->calls[i].op = op;
    f->calls[i].from_ns = now;
}

static struct figures_row *row_of(struct figures *f, uint32_t caller, uint32_t server, uint32_t op)
{
    for (unsigned i = 0; i < f->row_count; i++)
        if (f->rows[i].caller == caller && f->rows[i].server == server && f->rows[i].op == op)
            return &f->rows[i];
    if (f->row_count == FIGURES_ROWS)
        return NULL;
    struct figures_row *row = &f->rows[f->row_count++];
    *row = (struct figures_row){.caller = caller, .server = server, .op = op};
    return row;
}

static void call_ends(struct figures *f, uint32_t server, uint32_t caller, int32_t status, uint64_t now)
{
    unsigned i = 0;
    while (i < f->call_count && f->calls[i].caller != caller)
        i++;
    if (i == f->call_count) {
        f->unmatched++; /* it was called before we looked, or the event was lost */
        return;
    }
    struct figures_row *row = row_of(f, caller, server, f->calls[i].op);
    uint64_t took = now - f->calls[i].from_ns;
    f->calls[i] = f->calls[--f->call_count];
    f->more_calls += !row;
    if (!row)
        return;
    row->count++;
    row->failed += status < 0;
    row->times[time_step(took)]++;
}

void figures_sort(struct figures *f)
{
    for (unsigned i = 1; i < f->row_count; i++) {
        struct figures_row row = f->rows[i];
        unsigned k = i;
        for (; k && f->rows[k - 1].count < row.count; k--)
            f->rows[k] = f->rows[k - 1];
        f->rows[k] = row;
    }
}

/* ---- events ---- */

typedef void (*event_fn)(struct figures *f, const uint64_t *p, uint64_t now);

static bool counts(const struct figures *f, uint32_t task)
{
    return !f->task || f->task == task;
}

static void on_switch(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    f->runs += high(p[0]) && counts(f, high(p[0]));
}
static void on_syscall(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    f->syscalls += counts(f, low(p[0]));
}
static void on_send(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    if (!counts(f, low(p[0])))
        return;
    f->sends++;
    f->sent += high(p[1]);
}
static void on_receive(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    if (!counts(f, low(p[0])))
        return;
    f->receives++;
    f->received += high(p[1]);
}
static void on_call(struct figures *f, const uint64_t *p, uint64_t now)
{
    call_begins(f, low(p[0]), low(p[1]), now);
}
static void on_reply(struct figures *f, const uint64_t *p, uint64_t now)
{
    if (counts(f, low(p[0])) || counts(f, high(p[0])))
        call_ends(f, low(p[0]), high(p[0]), (int32_t)high(p[1]), now);
}
static void on_wakeup(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    f->wakeups += counts(f, low(p[0]));
    f->woken_by_irq += counts(f, low(p[0])) && !high(p[0]);
}
static void on_page_fault(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    f->page_faults += counts(f, low(p[1]));
}
static void on_user_fault(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    f->user_faults += counts(f, low(p[1]));
}
static void on_iommu_fault(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)p, (void)now;
    f->other_faults++;
}
static void on_irq(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    f->interrupts += counts(f, high(p[0]));
}
static void on_signal(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    f->signals += counts(f, high(p[1]));
}
static void on_cap(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    f->capabilities += counts(f, low(p[0]));
}
static void on_memory(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    f->memory += counts(f, low(p[1]));
}
static void on_exit_task(struct figures *f, const uint64_t *p, uint64_t now)
{
    if (f->task != low(p[0]))
        return;
    f->ended_ns = now;
    f->end_code = (int32_t)high(p[0]);
}
static void on_log(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    f->log_lines += counts(f, low(p[0]));
}

/* What tasks tell themselves. */
static void flow(struct figures_flow *flow, uint64_t packets, uint64_t bytes)
{
    flow->packets += packets;
    flow->bytes += bytes;
}
static void on_packet_in(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    if (counts(f, low(p[0])))
        flow(&f->in, NET_PACKETS(low(p[1])), high(p[0]));
}
static void on_packet_out(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    if (counts(f, low(p[0])))
        flow(&f->out, NET_PACKETS(low(p[1])), high(p[0]));
}
static void on_again(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    if (counts(f, low(p[0])))
        flow(&f->again, 1, high(p[0]));
}
static void on_tcp(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    bool connection = counts(f, low(p[0])) && high(p[1]); /* a listening port has no other end */
    f->opened += connection && high(p[0]) == TRACE_TCP_ESTABLISHED;
    f->closed += connection && high(p[0]) == TRACE_TCP_CLOSED;
}
static void on_restart(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    f->restarts += counts(f, low(p[0]));
}
static void on_plan(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    f->plans += counts(f, low(p[0]));
}
static void on_step(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    f->steps += counts(f, low(p[0]));
}
static void on_user(struct figures *f, const uint64_t *p, uint64_t now)
{
    (void)now;
    f->other_user += counts(f, low(p[0]));
}

void figures_add(struct figures *figures, const struct trace_record *record)
{
    static const event_fn handlers[TRACE_EVENT_COUNT] = {[TRACE_ContextSwitch] = on_switch,
                                                         [TRACE_SyscallEntry] = on_syscall,
                                                         [TRACE_IpcSend] = on_send,
                                                         [TRACE_IpcReceive] = on_receive,
                                                         [TRACE_IpcCall] = on_call,
                                                         [TRACE_IpcReply] = on_reply,
                                                         [TRACE_Wakeup] = on_wakeup,
                                                         [TRACE_PageFault] = on_page_fault,
                                                         [TRACE_UserFault] = on_user_fault,
                                                         [TRACE_IommuFault] = on_iommu_fault,
                                                         [TRACE_IrqEntry] = on_irq,
                                                         [TRACE_SignalRaise] = on_signal,
                                                         [TRACE_CapMint] = on_cap,
                                                         [TRACE_CapGrant] = on_cap,
                                                         [TRACE_CapRevoke] = on_cap,
                                                         [TRACE_CapClose] = on_cap,
                                                         [TRACE_MemoryMap] = on_memory,
                                                         [TRACE_MemoryUnmap] = on_memory,
                                                         [TRACE_TaskExit] = on_exit_task,
                                                         [TRACE_LogLine] = on_log,
                                                         [TRACE_NetPacketIn] = on_packet_in,
                                                         [TRACE_NetPacketOut] = on_packet_out,
                                                         [TRACE_TcpRetransmit] = on_again,
                                                         [TRACE_TcpState] = on_tcp,
                                                         [TRACE_ServiceRestart] = on_restart,
                                                         [TRACE_JarvisPlan] = on_plan,
                                                         [TRACE_JarvisStep] = on_step,
                                                         [TRACE_UserEvent] = on_user};
    figures->events++;
    if (record->event < TRACE_EVENT_COUNT && handlers[record->event])
        handlers[record->event](figures, record->payload, record->timestamp_ns);
}

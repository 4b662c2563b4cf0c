/* What the trace costs: the same work with its classes on and off. */
#include "measure.h"
#include <abi/trace_events.h>
#include <lib/ipc.h>

enum { MINTS = 1000 };

static handle_t trace, source, minted[MINTS];

static uint64_t with_classes(uint32_t mask, void (*work)(void))
{
    ASSERT(trace_control(trace, mask) >= 0);
    return median_ns(work);
}

/* Two events of one word each, SyscallEntry and SyscallExit. */
static void null_calls(void)
{
    measure_start();
    for (int i = 0; i < MINTS; i++) {
        syscall3(SYS_null, 0, 0, 0);
    }
    measure_stop();
}

/* One event of two words, CapMint. */
static void mints(void)
{
    measure_start();
    for (int i = 0; i < MINTS; i++) {
        result_t handle = cap_mint(source, RIGHTS_ALL, 0);
        ASSERT(handle > 0);
        minted[i] = (handle_t)handle;
    }
    measure_stop();
    for (int i = 0; i < MINTS; i++) {
        ASSERT(cap_close(minted[i]) == OK);
    }
}

static uint64_t difference(uint32_t mask, void (*work)(void))
{
    uint64_t off = with_classes(0, work), on = with_classes(mask, work);
    ASSERT(on > off);
    return on - off;
}

static void print_events(void)
{
    result_t handle = memory_create(1, 0);
    ASSERT(handle > 0);
    source = (handle_t)handle;
    print("trace_event_on", difference(TRACE_CLASS_SYSCALL, null_calls), 2 * MINTS);
    print("trace_event_on_2w", difference(TRACE_CLASS_CAP, mints), MINTS);
    (void)cap_close(source);
}

static void print_round_trips(void (*round_trips)(void), uint64_t rounds)
{
    uint64_t untraced = with_classes(0, round_trips), traced = with_classes(TRACE_CLASS_ALL, round_trips);
    uint64_t thousandths = traced * 1000 / untraced;
    print("ipc_call_reply_4w_untraced", untraced, rounds);
    print("ipc_call_reply_4w_traced", traced, rounds);
    log_info("BENCH ipc_traced_ratio %llu.%03llu ratio", (unsigned long long)(thousandths / 1000),
             (unsigned long long)(thousandths % 1000));
}

void measure_recording(void (*round_trips)(void), uint64_t rounds)
{
    trace = cap_named("trace");
    result_t before = trace_control(trace, 0);
    ASSERT(before >= 0);
    print_events();
    print_round_trips(round_trips, rounds);
    ASSERT(trace_control(trace, (uint64_t)before) == TRACE_CLASS_ALL);
}

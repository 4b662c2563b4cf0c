/* What the trace costs: the same work with its classes on and off. */
#include "bench.h"
#include "measure.h"
#include <abi/info.h>
#include <abi/trace_events.h>
#include <lib/ipc.h>

enum { MINTS = 1000 };

static handle_t trace, server, source, minted[MINTS];

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

#define TASKS(first, second) ((first) | (second) << 32)

/* With every class on, what one round trip leaves behind: the eight events that it is charged for, whole. `at` is what
 * was recorded last; behind it is the call that reads. */
static bool round_trip_is(const struct trace_record *at)
{
    uint64_t us = (uint32_t)at[0].payload[0], them = at[2].payload[0] >> 32, channel = at[1].payload[0] >> 32;
    const struct trace_record expected[] = {
        {.event = TRACE_SyscallEntry, .payload = {TASKS(us, (uint64_t)SYS_channel_call)}},
        {.event = TRACE_IpcCall, .payload = {TASKS(us, channel), at[1].payload[1]}},
        {.event = TRACE_ContextSwitch, .payload = {TASKS(us, them), TRACE_SWITCH_CALL}},
        {.event = TRACE_SyscallExit, .payload = {TASKS(them, 1ull)}},
        {.event = TRACE_SyscallEntry, .payload = {TASKS(them, (uint64_t)SYS_channel_reply_recv)}},
        {.event = TRACE_IpcReply, .payload = {TASKS(them, us), BENCH_PING}},
        {.event = TRACE_ContextSwitch, .payload = {TASKS(them, us), TRACE_SWITCH_REPLY}},
        {.event = TRACE_SyscallExit, .payload = {TASKS(us, 0ull)}},
        {.event = TRACE_SyscallEntry, .payload = {TASKS(us, (uint64_t)SYS_system_info)}},
    };
    bool same = us && them && us != them && channel && (uint32_t)at[1].payload[1] == BENCH_PING;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        same = same && at[i].event == expected[i].event && at[i].payload[0] == expected[i].payload[0] &&
               (at[i].words < 2 || at[i].payload[1] == expected[i].payload[1]);
    }
    return same;
}

static void check_round_trip(void)
{
    static struct trace_record records[9];
    struct msg m = {.head = {.op = BENCH_PING, .length = BENCH_WORDS * 8}};
    ASSERT(trace_control(trace, TRACE_CLASS_ALL) >= 0);
    for (int tries = 0; tries < 5; tries++) { /* an interrupt may have been recorded between */
        ASSERT(channel_call(server, &m, DEADLINE_NEVER) == OK);
        ASSERT(system_info(trace, INFO_TRACE, 0, records, sizeof records) == 9);
        if (round_trip_is(records)) {
            return;
        }
    }
    ASSERT(!"the round trip is whole in the trace");
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

void measure_recording(handle_t ipcserver, void (*round_trips)(void), uint64_t rounds)
{
    trace = cap_named("trace");
    server = ipcserver;
    result_t before = trace_control(trace, 0);
    ASSERT(before >= 0);
    check_round_trip();
    print_events();
    print_round_trips(round_trips, rounds);
    ASSERT(trace_control(trace, (uint64_t)before) == TRACE_CLASS_ALL);
}

/* The trace: for each CPU a ring of CTF packets (../shared/design/trace.md), written with interrupts off, so that
 * recording is a bounds check and a few stores.
 *
 * Rules
 *  - trace_* may be called anywhere in the kernel once trace_init_cpu() ran; before, events are dropped.
 *  - Writers never wait: the oldest packet is overwritten. Readers copy with interrupts off, so nobody writes meanwhile. */
#pragma once
#include "kernel/x86/cpu.h"
#include "kernel/x86/platform.h"
#include <abi/info.h>
#include <abi/trace_events.h>

struct trace_ring {
    uint64_t *cursor, *limit; /* next free word and end of the open packet */
    uint64_t events;          /* recorded since boot on this CPU */
    uint8_t *packets;         /* packet_count of TRACE_PACKET_SIZE */
    uint32_t packet_count;
    uint64_t open_sequence;      /* number of the open packet; it lies at open_sequence % packet_count */
    uint64_t events_before[256]; /* events recorded before each kept packet began */
};
extern struct trace_ring trace_rings[CPU_MAX];
extern uint32_t trace_mask; /* TRACE_CLASS_ bits that are recorded */

struct packet_header {
    uint32_t magic;
    uint8_t uuid[16];
    uint32_t stream_id;
    uint64_t timestamp_begin, timestamp_end, content_bits, packet_bits, sequence, discarded, cpu_id;
};
_Static_assert(sizeof(struct packet_header) == TRACE_PACKET_HEADER, "packet header");

void trace_init_cpu(struct cpu *cpu, uint32_t packets);
uint64_t *trace_roll(struct trace_ring *ring, uint64_t now_ns); /* closes the open packet, opens the next */

#define TRACE_WORD(lo, hi) ((uint64_t)(uint32_t)(lo) | (uint64_t)(uint32_t)(hi) << 32)
#define TRACE_BURST_WORDS_MAX 16

/* A burst: events of one kernel entry that share one reservation and one reading of the clock. */
static inline uint64_t *trace_burst(struct trace_ring *ring, uint64_t now_ns)
{
    uint64_t *cursor = ring->cursor;
    if (__builtin_expect((uint64_t)cursor + TRACE_BURST_WORDS_MAX * 8 > (uint64_t)ring->limit, 0)) /* both 0 at first */
        cursor = trace_roll(ring, now_ns);
    return cursor;
}
static inline struct trace_ring *trace_ring_this(void)
{
    return cpu_this()->trace;
}
/* One event with one or two payload words, whatever the filter says. */
static inline void trace_record(uint16_t event, uint32_t words, uint64_t a, uint64_t b)
{
    struct trace_ring *ring = cpu_this()->trace;
    uint64_t now = clock_of_tsc(rdtsc());
    uint64_t *cursor = trace_burst(ring, now);
    cursor[0] = now << 16 | event;
    cursor[1] = a;
    if (words > 1)
        cursor[2] = b;
    ring->cursor = cursor + 1 + words;
    ring->events++;
}

void trace_task_name(const struct task *task); /* TaskName, if its class is on */
void trace_announce(void);                     /* TaskName of every task */

/* One event, if its class is on. */
#define TRACE1(class, event, a)                     \
    do {                                            \
        if (trace_mask & TRACE_CLASS_##class)       \
            trace_record(TRACE_##event, 1, (a), 0); \
    } while (0)
#define TRACE2(class, event, a, b)                    \
    do {                                              \
        if (trace_mask & TRACE_CLASS_##class)         \
            trace_record(TRACE_##event, 2, (a), (b)); \
    } while (0)

size_t trace_last(struct trace_record *out, size_t max); /* newest events of all CPUs, oldest first */
const char *trace_event_name(uint16_t event);            /* "ContextSwitch" */
uint32_t trace_event_class(uint16_t event);              /* TRACE_CLASS_ bit; event < TRACE_EVENT_COUNT; 0: none */
uint64_t trace_total(uint64_t *lost);
/* lib/syscall.h, trace_read: `copy` writes `bytes` of the packet behind what it wrote before. */
struct trace_copy {
    status_t (*put)(void *to, const void *bytes, uint64_t count);
    uint8_t *to;
    uint64_t second; /* the call's second answer */
};
result_t trace_copy_packet(uint32_t cpu, uint64_t sequence, struct trace_copy *copy);
/* For the crash record: TRACE_PACKET_SIZE bytes into kernel memory, as the ring has them. */
result_t trace_copy_whole(uint32_t cpu, uint64_t sequence, void *packet);

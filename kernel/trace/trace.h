/* The trace: for each CPU a ring of CTF packets (../shared/design/trace.md), written with interrupts off, so that
 * recording is a bounds check and a few stores.
 *
 * Rules
 *  - trace_* may be called anywhere in the kernel once trace_init_cpu() ran; before, events are dropped.
 *  - A ring has one writer, its CPU, with interrupts off. An NMI, a machine check and a panic may interrupt it between any
 *    two instructions, and never record.
 *  - Writers never wait: the oldest packet is overwritten. Readers (read.c) may be on any CPU, at any time, without a lock,
 *    and in the three above: they see whole events only, and what was overwritten while they read counts as lost.
 *
 *      writer: an event                 writer: the next packet                reader
 *      words behind the cursor          time and size into the full one        open_sequence, cursor, open_sequence again
 *      cursor      (publishes)          open_sequence   (gives up the oldest)  copies
 *                                       header over the oldest                 open_sequence: is it still kept?
 *                                       cursor          (publishes)
 *
 * A release store and an acquire load are plain moves on x86. */
#pragma once
#include "kernel/x86/cpu.h"
#include "kernel/x86/platform.h"
#include <abi/info.h>
#include <abi/trace_events.h>

struct trace_ring {
    uint64_t *cursor;       /* next free word of the open packet: readers see what is before it */
    uint64_t *limit;        /* from here on the open packet has no room for a whole burst; the writer's own */
    uint64_t events;        /* recorded since boot on this CPU; the writer's own, readers count */
    uint8_t *packets;       /* packet_count of TRACE_PACKET_SIZE */
    uint32_t packet_count;  /* two at least */
    uint64_t open_sequence; /* number of the open packet; it lies at open_sequence % packet_count */
};
extern struct trace_ring trace_rings[CPU_MAX];
extern uint8_t trace_uuid[16]; /* this boot's */

/* In the ring, `discarded` is the number of events recorded before the packet, lost or not. */
struct packet_header {
    uint32_t magic;
    uint8_t uuid[16];
    uint32_t stream_id;
    uint64_t timestamp_begin, timestamp_end, content_bits, packet_bits, sequence, discarded, cpu_id;
};
_Static_assert(sizeof(struct packet_header) == TRACE_PACKET_HEADER, "packet header");

void trace_init_cpu(struct cpu *cpu, uint32_t packets);
uint64_t *trace_roll(struct trace_ring *ring, uint64_t now_ns); /* closes the open packet, opens the next */

/* What readers may look at meanwhile is written by these alone. */
static inline void trace_put(uint64_t *at, uint64_t word)
{
    __atomic_store_n(at, word, __ATOMIC_RELAXED);
}
static inline void trace_publish(struct trace_ring *ring, uint64_t *end, uint32_t events)
{
    ring->events += events;
    __atomic_store_n(&ring->cursor, end, __ATOMIC_RELEASE);
}
/* Between stores, or between loads: x86 keeps either in order, so only the compiler has to be told. */
static inline void trace_order(void)
{
    __asm__ volatile("" ::: "memory");
}

#define TRACE_WORD(lo, hi) ((uint64_t)(uint32_t)(lo) | (uint64_t)(uint32_t)(hi) << 32)
#define TRACE_BURST_WORDS_MAX 16

/* A burst: events of one kernel entry that share one reservation and one reading of the clock. */
static inline uint64_t *trace_burst(struct trace_ring *ring, uint64_t now_ns)
{
    uint64_t *cursor = ring->cursor;
    if (__builtin_expect(cursor >= ring->limit, 0)) /* both 0 at first */
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
    trace_put(&cursor[0], now << 16 | event);
    trace_put(&cursor[1], a);
    if (words > 1)
        trace_put(&cursor[2], b);
    trace_publish(ring, cursor + 1 + words, 1);
}

/* The current task's SyscallExit, recorded just now, has this result after all. */
void trace_syscall_failed(int64_t result);
void trace_task_name(const struct task *task); /* TaskName, if its class is on, whoever was chosen */
void trace_cpu_node(const struct cpu *cpu);    /* CpuNode, likewise */
void trace_announce(void);                     /* TaskName of every task, CpuNode of every CPU */

/* ---- what is recorded (filter.c) ---- */

extern uint32_t trace_mask;                                   /* TRACE_CLASS_ bits; changed by trace_mask_set() */
extern uint32_t trace_only_count, trace_only[TRACE_ONLY_MAX]; /* ids of the tasks that were chosen; 0: everybody */
/* What the short path of IPC (ipc_short.asm knows the numbers) records: for each half nothing; the IPC event and the
 * switch; these and the system calls of both tasks; or something else, and the general way sorts it out. */
enum trace_short { TRACE_SHORT_NOTHING = 0, TRACE_SHORT_USUAL = 1, TRACE_SHORT_ALL = 2, TRACE_SHORT_GENERAL = 3 };
extern uint8_t trace_short;

void trace_mask_set(uint32_t mask);
status_t trace_only_add(uint64_t id); /* one that lives; ERR_NOT_FOUND, ERR_TOO_LONG */
void trace_only_clear(void);
/* While any is chosen: is the task with that id? Is it, or the current one? */
bool trace_is_chosen(uint32_t id);
bool trace_chosen(uint32_t other);

/* Is an event of the current task and of `other` (a task's id, looked at only while any is chosen) to be recorded? */
#define TRACE_ON(class, other) \
    (trace_mask & TRACE_CLASS_##class && (__builtin_expect(!trace_only_count, 1) || trace_chosen(other)))

/* One event, if it is to be recorded; _WITH: in which another task has a part. */
#define TRACE1_WITH(other, class, event, a)         \
    do {                                            \
        if (TRACE_ON(class, other))                 \
            trace_record(TRACE_##event, 1, (a), 0); \
    } while (0)
#define TRACE2_WITH(other, class, event, a, b)        \
    do {                                              \
        if (TRACE_ON(class, other))                   \
            trace_record(TRACE_##event, 2, (a), (b)); \
    } while (0)
#define TRACE1(class, event, a) TRACE1_WITH(0, class, event, a)
#define TRACE2(class, event, a, b) TRACE2_WITH(0, class, event, a, b)

/* Frames were given out, and this task pays; 0: the kernel takes them for good. */
static inline void trace_frames(uint32_t payer, uint64_t physical, uint32_t order)
{
    TRACE2_WITH(payer, MEM, FrameAlloc, physical, TRACE_WORD(payer, order));
}

/* ---- reading ---- */

const char *trace_event_name(uint16_t event); /* "ContextSwitch" */
uint32_t trace_event_class(uint16_t event);   /* TRACE_CLASS_ bit; event < TRACE_EVENT_COUNT; 0: none */

/* ---- read.c ---- */
/* Newest events of all CPUs, oldest first; the caller holds the kernel lock, or stopped the other CPUs. */
size_t trace_last(struct trace_record *out, size_t max);
uint64_t trace_total(uint64_t *lost); /* events since boot on all CPUs, and those of them that are overwritten */
/* lib/syscall.h, trace_read: `put` writes `count` bytes of the packet, behind what it wrote before. ERR_NOT_FOUND may come
 * after it wrote something: the packet was overwritten meanwhile. */
struct trace_copy {
    status_t (*put)(void *to, const void *bytes, uint64_t count);
    uint8_t *to;
    uint64_t second; /* the call's second answer */
};
result_t trace_copy_packet(uint32_t cpu, uint64_t sequence, struct trace_copy *copy);
/* For the crash record: TRACE_PACKET_SIZE bytes into kernel memory, as the ring has them. */
result_t trace_copy_whole(uint32_t cpu, uint64_t sequence, void *packet);

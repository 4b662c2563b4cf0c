#include "kernel/trace/trace.h"
#include "kernel/memory/frame.h"
#include "kernel/sched/sched.h"
#include "kernel/x86/log.h"
#include "kernel/x86/platform.h"

struct trace_ring trace_rings[CPU_MAX];

uint8_t trace_uuid[16];

static const char *const event_names[TRACE_EVENT_COUNT] = {
#define F(type, name)
#define E(number, Name, name, class, fields) [number] = #Name,
    TRACE_EVENTS(E, F)
#undef E
#undef F
};

uint32_t trace_event_class(uint16_t event)
{
    static const uint16_t classes[TRACE_EVENT_COUNT] = {
#define F(type, name)
#define E(number, Name, name, class, fields) [number] = TRACE_CLASS_##class,
        TRACE_EVENTS(E, F)
#undef E
#undef F
    };
    return classes[event];
}

const char *trace_event_name(uint16_t event)
{
    return event < TRACE_EVENT_COUNT && event_names[event] ? event_names[event] : "Unknown";
}

static struct packet_header *ring_packet(const struct trace_ring *ring, uint64_t sequence)
{
    return (struct packet_header *)(ring->packets + sequence % ring->packet_count * TRACE_PACKET_SIZE);
}

/* The packet that lies there is already given up. */
static void packet_open(struct trace_ring *ring, uint64_t sequence, uint64_t now_ns)
{
    union {
        struct packet_header header;
        uint64_t words[TRACE_PACKET_HEADER / 8];
    } fresh = {.header = {.magic = TRACE_MAGIC,
                          .timestamp_begin = now_ns,
                          .timestamp_end = now_ns,
                          .content_bits = TRACE_PACKET_HEADER * 8,
                          .packet_bits = TRACE_PACKET_SIZE * 8,
                          .sequence = sequence,
                          .discarded = ring->events,
                          .cpu_id = (uint64_t)(ring - trace_rings)}};
    __builtin_memcpy(fresh.header.uuid, trace_uuid, sizeof trace_uuid);
    uint64_t *packet = (uint64_t *)ring_packet(ring, sequence);
    for (unsigned i = 0; i < TRACE_PACKET_HEADER / 8; i++)
        trace_put(&packet[i], fresh.words[i]);
    ring->limit = packet + TRACE_PACKET_SIZE / 8 - TRACE_BURST_WORDS_MAX + 1;
    trace_publish(ring, packet + TRACE_PACKET_HEADER / 8, 0);
}

void trace_task_name(const struct task *task)
{
    uint64_t name[2];
    _Static_assert(sizeof name == TASK_NAME_MAX, "a name is two words");
    if (!(trace_mask & TRACE_CLASS_TASK))
        return;
    __builtin_memcpy(name, task->name, sizeof name);
    struct trace_ring *ring = trace_ring_this();
    uint64_t now = clock_of_tsc(rdtsc()), *cursor = trace_burst(ring, now);
    trace_put(&cursor[0], now << 16 | TRACE_TaskName);
    trace_put(&cursor[1], TRACE_WORD(task_id(task), task->account->node));
    trace_put(&cursor[2], name[0]);
    trace_put(&cursor[3], name[1]);
    trace_publish(ring, cursor + 4, 1);
}

void trace_cpu_node(const struct cpu *cpu)
{
    if (trace_mask & TRACE_CLASS_TASK)
        trace_record(TRACE_CpuNode, 1, TRACE_WORD(cpu->id, cpu->node), 0);
}

void trace_announce(void)
{
    for (uint32_t i = 0; i < cpu_count; i++)
        trace_cpu_node(&cpus[i]);
    for (uint32_t i = 0, left = task_count; i < TASKS_MAX && left; i++) {
        if (!task_slots[i])
            continue;
        trace_task_name(task_slots[i]);
        left--;
    }
}

/* Every line of the log, a task's or the kernel's own; `position` is where it begins in the log. */
static void log_line(enum klog_level level, uint64_t position)
{
    TRACE2(LOG, LogLine, TRACE_WORD(task_id(task_this()), level), position);
}

/* RFC 9562 §5.4: random, version 4. What two boots recorded is never taken for one trace. */
static void uuid_make(void)
{
    random_fill(trace_uuid, sizeof trace_uuid);
    trace_uuid[6] = (uint8_t)((trace_uuid[6] & 0x0f) | 0x40);
    trace_uuid[8] = (uint8_t)((trace_uuid[8] & 0x3f) | 0x80);
}

void trace_init_cpu(struct cpu *cpu, uint32_t packets)
{
    struct trace_ring *ring = cpu->trace = &trace_rings[cpu->id];
    unsigned order = 0;
    if (!trace_uuid[8])
        uuid_make();
    while ((1u << order) < packets)
        order++;
    uint64_t frames = frame_alloc_zeroed(order, cpu->node);
    if (!frames)
        return;
    ring->packet_count = packets;
    __atomic_store_n(&ring->packets, phys_to_virt(frames), __ATOMIC_RELEASE);
    packet_open(ring, 0, clock_ns());
    klog_observer = log_line;
}

uint64_t *trace_roll(struct trace_ring *ring, uint64_t now_ns)
{
    static uint64_t nowhere[TRACE_BURST_WORDS_MAX]; /* before the ring exists: written over and over */
    if (!ring->packets)
        return nowhere;
    struct packet_header *packet = ring_packet(ring, ring->open_sequence);
    trace_put(&packet->timestamp_end, now_ns);
    trace_put(&packet->content_bits, (uint64_t)((uint8_t *)ring->cursor - (uint8_t *)packet) * 8);
    __atomic_store_n(&ring->open_sequence, ring->open_sequence + 1, __ATOMIC_RELEASE);
    trace_order(); /* the oldest packet is given up before anything is written over it */
    packet_open(ring, ring->open_sequence, now_ns);
    return ring->cursor;
}

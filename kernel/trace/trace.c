#include "kernel/trace/trace.h"
#include "kernel/memory/frame.h"
#include "kernel/sched/sched.h"
#include "kernel/x86/log.h"
#include "kernel/x86/platform.h"

struct trace_ring trace_rings[CPU_MAX];
uint32_t trace_mask = 0x3ff & ~(TRACE_CLASS_SYSCALL | TRACE_CLASS_MEM);

static const uint8_t trace_uuid[16] = {0x6f, 0x73, 0x2d, 0x74, 0x72, 0x61, 0x43, 0x65, 0x80, 0x01, 0, 0, 0, 0, 0, 1};

static const char *const event_names[TRACE_EVENT_COUNT] = {
#define F(type, name)
#define E(number, Name, name, class, fields) [number] = #Name,
    TRACE_EVENTS(E, F)
#undef E
#undef F
};

/* Payload words of each event: its fields' bytes over eight. */
#define F_u32 4
#define F_s32 4
#define F_x32 4
#define F_u64 8
#define F_s64 8
#define F_x64 8
#define F_switch_reason 8
#define F_wait_for 4
#define F_tcp_state 4
static const uint8_t event_words[TRACE_EVENT_COUNT] = {
#define F(type, name) +F_##type
#define E(number, Name, name, class, fields) [number] = (0 fields) / 8,
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

static void packet_open(struct trace_ring *ring, uint64_t sequence, uint64_t now_ns)
{
    struct packet_header *packet = ring_packet(ring, sequence);
    *packet = (struct packet_header){.magic = TRACE_MAGIC,
                                     .timestamp_begin = now_ns,
                                     .timestamp_end = now_ns,
                                     .content_bits = TRACE_PACKET_HEADER * 8,
                                     .packet_bits = TRACE_PACKET_SIZE * 8,
                                     .sequence = sequence,
                                     .cpu_id = (uint64_t)(ring - trace_rings)};
    __builtin_memcpy(packet->uuid, trace_uuid, sizeof trace_uuid);
    ring->events_before[sequence % ring->packet_count] = ring->events;
    ring->open_sequence = sequence;
    ring->cursor = (uint64_t *)(packet + 1);
    ring->limit = (uint64_t *)((uint8_t *)packet + TRACE_PACKET_SIZE);
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
    cursor[0] = now << 16 | TRACE_TaskName;
    cursor[1] = task_id(task);
    cursor[2] = name[0];
    cursor[3] = name[1];
    ring->cursor = cursor + 4;
    ring->events++;
}

void trace_announce(void)
{
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

void trace_init_cpu(struct cpu *cpu, uint32_t packets)
{
    struct trace_ring *ring = cpu->trace = &trace_rings[cpu->id];
    unsigned order = 0;
    while ((1u << order) < packets)
        order++;
    uint64_t frames = frame_alloc_zeroed(order, cpu->node);
    if (!frames)
        return;
    ring->packets = phys_to_virt(frames);
    ring->packet_count = packets;
    packet_open(ring, 0, clock_ns());
    klog_observer = log_line;
}

uint64_t *trace_roll(struct trace_ring *ring, uint64_t now_ns)
{
    static uint64_t nowhere[TRACE_BURST_WORDS_MAX]; /* before the ring exists: written over and over */
    if (!ring->packets)
        return nowhere;
    struct packet_header *packet = ring_packet(ring, ring->open_sequence);
    packet->timestamp_end = now_ns;
    packet->content_bits = (uint64_t)((uint8_t *)ring->cursor - (uint8_t *)packet) * 8;
    packet_open(ring, ring->open_sequence + 1, now_ns);
    return ring->cursor;
}

/* The oldest packet that is still there. */
static uint64_t ring_oldest(const struct trace_ring *ring)
{
    return ring->open_sequence < ring->packet_count ? 0 : ring->open_sequence + 1 - ring->packet_count;
}

uint64_t trace_total(uint64_t *lost)
{
    uint64_t total = 0;
    *lost = 0;
    for (uint32_t i = 0; i < cpu_count; i++) {
        struct trace_ring *ring = &trace_rings[i];
        total += ring->events;
        *lost += ring->packets ? ring->events_before[ring_oldest(ring) % ring->packet_count] : ring->events;
    }
    return total;
}

/* ---- reading ---- */

/* Its header as a reader gets it: the open packet is closed as it stands, and events_discarded is the number of events
 * before it. */
static struct packet_header header_copy(const struct trace_ring *ring, uint64_t sequence)
{
    struct packet_header *packet = ring_packet(ring, sequence), header = *packet;
    header.discarded = ring->events_before[sequence % ring->packet_count];
    if (sequence == ring->open_sequence) {
        header.timestamp_end = clock_ns();
        header.content_bits = (uint64_t)((uint8_t *)ring->cursor - (uint8_t *)packet) * 8;
    }
    return header;
}

result_t trace_copy_packet(uint32_t cpu, uint64_t sequence, struct trace_copy *copy)
{
    if (cpu >= cpu_count || !trace_rings[cpu].packets)
        return ERR_INVALID;
    struct trace_ring *ring = &trace_rings[cpu];
    copy->second = sequence > ring->open_sequence ? ring->open_sequence : ring_oldest(ring);
    if (sequence > ring->open_sequence)
        return ERR_WOULD_BLOCK;
    if (ring->open_sequence - sequence >= ring->packet_count)
        return ERR_NOT_FOUND;
    bool open = sequence == ring->open_sequence;
    struct packet_header header = header_copy(ring, sequence);
    uint64_t bytes = header.content_bits / 8;
    copy->second = open ? ring->events : ring->events_before[(sequence + 1) % ring->packet_count];
    if (copy->put(copy->to, &header, sizeof header) ||
        copy->put(copy->to + sizeof header, (uint8_t *)ring_packet(ring, sequence) + sizeof header,
                  bytes - sizeof header))
        return ERR_FAULT;
    return open ? (result_t)bytes : TRACE_PACKET_SIZE;
}

static status_t put_here(void *to, const void *bytes, uint64_t count)
{
    __builtin_memcpy(to, bytes, count);
    return OK;
}

result_t trace_copy_whole(uint32_t cpu, uint64_t sequence, void *packet)
{
    struct trace_copy copy = {.put = put_here, .to = packet};
    result_t result = trace_copy_packet(cpu, sequence, &copy);
    if (result < 0)
        return result;
    ((struct packet_header *)packet)->discarded = 0; /* nobody reads on from here */
    return TRACE_PACKET_SIZE;
}

/* An event has 48 bits of its time, three days; the packet's begin has all of it and is not later. */
static uint64_t event_time(const struct packet_header *packet, uint64_t word)
{
    const uint64_t mask = (1ul << 48) - 1;
    return packet->timestamp_begin + (((word >> 16) - packet->timestamp_begin) & mask);
}

/* Decodes a packet's events from number `first` on into out[number - first]; returns the number after its last. */
static uint64_t packet_decode(struct trace_ring *ring, uint64_t sequence, uint64_t first, struct trace_record *out)
{
    struct packet_header *packet = ring_packet(ring, sequence);
    const uint64_t *word = (uint64_t *)(packet + 1);
    const uint64_t *end =
        sequence == ring->open_sequence ? ring->cursor : (uint64_t *)((uint8_t *)packet + packet->content_bits / 8);
    uint64_t number = ring->events_before[sequence % ring->packet_count];
    for (; word < end; number++) {
        uint16_t event = (uint16_t)*word;
        uint8_t words = event < TRACE_EVENT_COUNT ? event_words[event] : 0;
        if (number >= first) {
            struct trace_record *record = &out[number - first];
            *record = (struct trace_record){.sequence = number,
                                            .timestamp_ns = event_time(packet, *word),
                                            .event = event,
                                            .cpu = (uint16_t)packet->cpu_id,
                                            .words = words};
            for (uint8_t i = 0; i < words && i < 3; i++)
                record->payload[i] = word[1 + i];
        }
        word += 1 + words;
    }
    return number;
}

/* The newest events of one CPU, oldest first. */
static size_t ring_last(struct trace_ring *ring, struct trace_record *out, size_t max)
{
    if (!ring->packets)
        return 0;
    uint64_t sequence = ring_oldest(ring);
    uint64_t first = ring->events_before[sequence % ring->packet_count];
    if (ring->events - first > max)
        first = ring->events - max;
    while (sequence < ring->open_sequence && ring->events_before[(sequence + 1) % ring->packet_count] <= first)
        sequence++;
    for (; sequence <= ring->open_sequence; sequence++)
        packet_decode(ring, sequence, first, out);
    return ring->events - first;
}

/* With several CPUs the parts are merged by time: an insertion sort, for each part is sorted already. */
static void records_merge(struct trace_record *records, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct trace_record record = records[i];
        size_t k = i;
        for (; k > 0 && records[k - 1].timestamp_ns > record.timestamp_ns; k--)
            records[k] = records[k - 1];
        records[k] = record;
    }
}

size_t trace_last(struct trace_record *out, size_t max)
{
    size_t count = 0, share = max / (cpu_count ? cpu_count : 1);
    uint64_t lost, total = trace_total(&lost);
    for (uint32_t i = 0; i < cpu_count; i++)
        count += ring_last(&trace_rings[i], out + count, share);
    if (cpu_count > 1)
        records_merge(out, count);
    for (size_t i = 0; i < count; i++)
        out[i].sequence = total - count + i;
    return count;
}

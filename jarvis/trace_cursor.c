#include "jarvis/trace_cursor.h"
#include <stdlib.h>
#include <string.h>

struct packet_context { /* ../shared/design/trace.md */
    uint8_t before[24];
    uint64_t begin_ns, end_ns, content_bits, packet_bits, sequence, number, cpu;
};
_Static_assert(sizeof(struct packet_context) == TRACE_PACKET_HEADER, "a packet's header");

#define F_u32 4
#define F_s32 4
#define F_x32 4
#define F_u64 8
#define F_s64 8
#define F_x64 8
#define N(type, bytes, values) F_##type = (bytes),
enum { TRACE_ENUMS(N) };
#undef N
static const uint8_t event_words[TRACE_EVENT_COUNT] = {
#define F(type, name) +F_##type
#define E(number, Name, name, class, fields) [number] = (0 fields) / 8,
    TRACE_EVENTS(E, F)
#undef E
#undef F
};

static const struct packet_context *context_of(const struct trace_lane *lane)
{
    return (const struct packet_context *)lane->packet;
}

/* Packet `sequence` as it stands, or what the kernel answers. Events that were lost before it are counted. */
static result_t load(struct trace_cursor *cursor, struct trace_lane *lane, handle_t trace, uint64_t sequence)
{
    uint64_t second;
    uint32_t cpu = (uint32_t)(lane - cursor->lanes);
    lane->looked_ns = world_now();
    result_t got = world_trace_packet(trace, cpu, sequence, lane->packet, &second);
    if (got == ERR_NOT_FOUND && second > sequence) {
        lane->at = 0;
        return load(cursor, lane, trace, second);
    }
    if (got < TRACE_PACKET_HEADER)
        return got;
    uint64_t number = context_of(lane)->number, content = context_of(lane)->content_bits / 8;
    if (sequence != lane->sequence) {
        cursor->lost += number > lane->next_number ? number - lane->next_number : 0;
        lane->at = TRACE_PACKET_HEADER;
    }
    lane->at = lane->at ? lane->at : TRACE_PACKET_HEADER;
    lane->sequence = sequence;
    lane->next_number = second;
    lane->bytes = content < TRACE_PACKET_SIZE ? (uint32_t)content : TRACE_PACKET_SIZE;
    lane->whole = got == TRACE_PACKET_SIZE;
    return got;
}

/* More of the open packet, or the next one. Dry when there is nothing yet. */
static void refill(struct trace_cursor *cursor, struct trace_lane *lane, handle_t trace)
{
    while (!lane->dry && lane->at >= lane->bytes) {
        bool was_whole = lane->whole;
        result_t got = load(cursor, lane, trace, lane->sequence + was_whole);
        lane->dry = got < 0 || (lane->at >= lane->bytes && !lane->whole);
    }
}

status_t trace_cursor_open(struct trace_cursor *cursor, handle_t trace, uint32_t cpu_count)
{
    *cursor = (struct trace_cursor){.lanes = calloc(cpu_count, sizeof *cursor->lanes), .cpu_count = cpu_count};
    if (!cursor->lanes)
        return ERR_NO_MEMORY;
    for (uint32_t cpu = 0; cpu < cpu_count; cpu++) {
        struct trace_lane *lane = &cursor->lanes[cpu];
        uint64_t open = 0;
        result_t got = world_trace_packet(trace, cpu, UINT64_MAX, lane->packet, &open);
        if (got == ERR_WOULD_BLOCK) {
            lane->sequence = open;
            got = load(cursor, lane, trace, open);
        }
        if (got < 0) {
            trace_cursor_close(cursor);
            return (status_t)got;
        }
        lane->at = lane->bytes; /* that was before */
    }
    return OK;
}

void trace_cursor_close(struct trace_cursor *cursor)
{
    free(cursor->lanes);
    cursor->lanes = NULL;
    cursor->cpu_count = 0;
}

void trace_cursor_look(struct trace_cursor *cursor)
{
    for (uint32_t cpu = 0; cpu < cursor->cpu_count; cpu++)
        cursor->lanes[cpu].dry = false;
}

/* An event has 48 bits of its time; the packet's begin has all of it and is not later. */
static uint64_t time_of(const struct trace_lane *lane)
{
    const uint64_t mask = (1ull << 48) - 1, begin = context_of(lane)->begin_ns;
    return begin + (((lane->packet[lane->at / 8] >> 16) - begin) & mask);
}

static void take(struct trace_lane *lane, uint32_t cpu, uint64_t time_ns, struct trace_record *record)
{
    const uint64_t *word = &lane->packet[lane->at / 8];
    uint16_t event = (uint16_t)*word;
    uint8_t words = event < TRACE_EVENT_COUNT ? event_words[event] : 0;
    *record = (struct trace_record){.timestamp_ns = time_ns, .event = event, .cpu = (uint16_t)cpu, .words = words};
    for (uint8_t i = 0; i < words && lane->at + 8u * (i + 1u) < lane->bytes; i++)
        record->payload[i] = word[1 + i];
    lane->at += 8u + 8u * words;
}

bool trace_cursor_next(struct trace_cursor *cursor, handle_t trace, struct trace_record *record)
{
    uint64_t certain_ns = UINT64_MAX, first_ns = UINT64_MAX;
    struct trace_lane *first = NULL;
    for (uint32_t cpu = 0; cpu < cursor->cpu_count; cpu++) {
        struct trace_lane *lane = &cursor->lanes[cpu];
        refill(cursor, lane, trace);
        bool has = lane->at < lane->bytes;
        uint64_t time_ns = has ? time_of(lane) : lane->looked_ns;
        if (!has)
            certain_ns = time_ns < certain_ns ? time_ns : certain_ns;
        else if (time_ns < first_ns) {
            first_ns = time_ns;
            first = lane;
        }
    }
    if (!first || first_ns > certain_ns)
        return false;
    take(first, (uint32_t)(first - cursor->lanes), first_ns, record);
    return true;
}

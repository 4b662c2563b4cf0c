/* Reads the kernel's events as they come, of all CPUs in the order of time.
 *
 * Rules
 *  - Memory for a packet a CPU from open to close; reading takes RIGHT_TRACE_OBSERVE.
 *  - What is given is in order: an event waits until every CPU has been looked at after it happened. So after
 *    trace_cursor_look, trace_cursor_next gives what is certain by then, and false when that is all.
 *  - What the rings lost before it could be read is counted in `lost`. */
#pragma once
#include "jarvis/world.h"
#include <abi/trace_events.h>

struct trace_lane { /* a CPU */
    uint64_t packet[TRACE_PACKET_SIZE / 8];
    uint64_t sequence, next_number; /* of the packet that is here; of the event behind its last */
    uint32_t bytes, at;             /* content; read so far */
    bool whole, dry;                /* nothing more comes into it; all is read as of looked_ns */
    uint64_t looked_ns;
};

struct trace_cursor {
    struct trace_lane *lanes;
    uint32_t cpu_count;
    uint64_t lost;
};

/* From now on. ERR_NO_MEMORY, or what the kernel answers. */
MUST_CHECK status_t trace_cursor_open(struct trace_cursor *cursor, handle_t trace, uint32_t cpu_count);
void trace_cursor_close(struct trace_cursor *cursor);
void trace_cursor_look(struct trace_cursor *cursor);
/* True: *record is the next event (its `sequence` is not set). */
bool trace_cursor_next(struct trace_cursor *cursor, handle_t trace, struct trace_record *record);

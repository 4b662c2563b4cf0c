/* A reader's place in the trace of one CPU: makes the reader's packets out of the kernel's.
 *
 * A reader gets packets numbered without gaps from 0, save for packets that it lost: then the number goes up by as many more,
 * and events_discarded by exactly the events that it did not get. A part of the packet that the kernel is writing may go out
 * early as a (smaller) packet of its own; the rest follows in the next. The kernel's ring is not touched by any of this.
 *
 * Pure: the kernel's packets come through a function. */
#pragma once
#include <abi/trace_events.h>
#include <abi/types.h>

struct packet_header { /* ../shared/design/trace.md */
    uint32_t magic;
    uint8_t uuid[16];
    uint32_t stream_id;
    uint64_t timestamp_begin, timestamp_end, content_bits, packet_bits, sequence, discarded, cpu_id;
};

/* As lib/syscall.h's trace_read: the first answer; *second the other. The buffer has TRACE_PACKET_SIZE bytes. */
typedef result_t (*place_read)(uint32_t cpu, uint64_t sequence, void *buffer, uint64_t *second);

struct place {
    uint64_t sequence;   /* the kernel's packet that is read next */
    uint64_t sent;       /* so many bytes of it went out; 0: none */
    uint64_t next_event; /* number of the first event that did not */
    uint64_t lost;       /* events, since the reader came */
    uint64_t number;     /* of the reader's next packet */
    uint64_t end_ns;     /* nothing older than that will follow: of its last packet, or the last look at the open one */
    bool begun;
};

enum place_start { PLACE_OLDEST, PLACE_NOW };

/* At the oldest packet that is there, or at the one that is being written. */
void place_start(struct place *place, enum place_start where, uint32_t cpu, place_read read, void *buffer);
/* The next packet into buffer (TRACE_PACKET_SIZE): its bytes, or 0: nothing now. partial: also of the open packet. */
uint32_t place_next(struct place *place, bool partial, uint32_t cpu, place_read read, void *buffer);

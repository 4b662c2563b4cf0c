#include "rconsole/tracer/place.h"
#include <abi/errors.h>
#include <string.h>

_Static_assert(sizeof(struct packet_header) == TRACE_PACKET_HEADER, "packet header");

#define TRIES 8 /* the ring may be written once around between two readings */

void place_start(struct place *place, enum place_start where, uint32_t cpu, place_read read, void *buffer)
{
    *place = (struct place){0};
    if (where == PLACE_NOW && read(cpu, UINT64_MAX, buffer, &place->sequence) != ERR_WOULD_BLOCK)
        place->sequence = 0;
}

/* What lay between was overwritten. The packet of which a part went out does not count as lost when nothing more was in
 * it; that shows when the next one is read. */
static void skip_to(struct place *place, uint64_t oldest)
{
    if (oldest <= place->sequence)
        return;
    if (place->begun)
        place->number += oldest - place->sequence;
    place->sequence = oldest;
    place->sent = 0;
}

static void packet_begin(struct place *place, const struct packet_header *header)
{
    if (place->begun && header->discarded > place->next_event)
        place->lost += header->discarded - place->next_event;
    if (!place->begun)
        place->end_ns = header->timestamp_begin;
    place->begun = true;
    place->next_event = header->discarded;
    place->sent = TRACE_PACKET_HEADER;
}

static void packet_end(struct place *place)
{
    place->sequence++;
    place->sent = 0;
}

/* What is new in the packet, as one of the reader's. */
static uint32_t packet_make(struct place *place, struct packet_header *header, uint64_t content)
{
    uint64_t body = content - place->sent;
    if (place->sent > TRACE_PACKET_HEADER)
        memmove(header + 1, (uint8_t *)header + place->sent, body);
    if (header->timestamp_begin < place->end_ns)
        header->timestamp_begin = place->end_ns;
    header->content_bits = header->packet_bits = (TRACE_PACKET_HEADER + body) * 8;
    header->sequence = place->number++;
    header->discarded = place->lost;
    place->end_ns = header->timestamp_end;
    place->sent = content;
    return (uint32_t)(TRACE_PACKET_HEADER + body);
}

uint32_t place_next(struct place *place, bool partial, uint32_t cpu, place_read read, void *buffer)
{
    struct packet_header *header = buffer;
    for (unsigned tries = 0; tries < TRIES; tries++) {
        uint64_t second = 0;
        result_t got = read(cpu, place->sequence, buffer, &second);
        if (got == ERR_NOT_FOUND) {
            skip_to(place, second);
            continue;
        }
        if (got < TRACE_PACKET_HEADER)
            return 0;
        bool closed = got == TRACE_PACKET_SIZE;
        if (!closed && !partial)
            return 0;
        uint64_t content = header->content_bits / 8;
        if (!place->sent)
            packet_begin(place, header);
        place->next_event = second;
        uint32_t bytes = content > place->sent ? packet_make(place, header, content) : 0;
        if (!closed && header->timestamp_end > place->end_ns)
            place->end_ns = header->timestamp_end;
        if (closed)
            packet_end(place);
        if (bytes || !closed)
            return bytes;
    }
    return 0;
}

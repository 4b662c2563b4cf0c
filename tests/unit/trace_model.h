/* A model of the kernel's rings for who reads them: events of known numbers in a few packets, the oldest overwritten.
 *
 * An event's id is the number of its payload words (1 to 3), its first payload word the number of the event. */
#pragma once
#include "rconsole/tracer/place.h"

#define MODEL_CPUS 2u
#define MODEL_PACKETS 4u

struct model_ring {
    uint8_t packets[MODEL_PACKETS][TRACE_PACKET_SIZE];
    uint64_t open, events;
    uint32_t used; /* bytes of the open packet */
};
extern struct model_ring model_rings[MODEL_CPUS];
extern uint64_t model_clock;
/* Called whenever somebody reads, before and after: who writes meanwhile. NULL: nobody. */
extern void (*model_meanwhile)(uint32_t cpu);

void model_reset(void);
void model_record(uint32_t cpu, uint32_t words);
result_t model_read(uint32_t cpu, uint64_t sequence, void *buffer, uint64_t *second); /* a place_read */
uint32_t model_random(uint32_t below);
extern uint64_t model_seed;

/* What a reader got: model_take ends the program when a packet is not as promised (place.h). */
struct model_reader {
    uint64_t base, taken, lost, number, end_ns;
    bool begun;
};
void model_take(struct model_reader *reader, const void *packet, uint32_t bytes);

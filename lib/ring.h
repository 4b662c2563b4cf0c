/* A single-producer single-consumer ring in shared memory (struct ring_control of proto/net.h), seen from one side.
 *
 * Rules
 *  - Each side keeps a private copy of its own index and never reads it back from shared memory; the peer's index is
 *    read once and clamped, so a lying peer can lose or repeat its own bytes and nothing else.
 *  - Sleep: a side that finds nothing to do sets its asleep flag, executes a full fence and looks a second time before
 *    it waits. The other side, after publishing, executes a full fence and looks at the flag: if set, it clears it and
 *    rings the bell. So a wake-up is never lost, and a busy ring makes no system calls.
 *
 *      consumer                     producer
 *      asleep = 1                   produced = n
 *      fence                        fence
 *      produced == consumed? wait   asleep? asleep = 0, ring the bell
 *
 *  - Byte rings and rings of fixed-size entries alike: indices count units (bytes or entries), free-running 32 bits.
 */
#pragma once
#include <proto/net.h>

struct ring_view {
    struct ring_control *control;
    uint8_t *data; /* size * unit bytes */
    uint32_t size; /* in units, a power of two */
    uint32_t unit; /* bytes of a unit */
    uint32_t own;  /* private copy of our index: produced (producer) or consumed (consumer) */
    uint32_t own_published;
};

void ring_init_control(struct ring_control *control); /* zeroes; the owner of the memory does it once */
void ring_view_init(struct ring_view *ring, struct ring_control *control, void *data, uint32_t size, uint32_t unit);

/* Producer */
uint32_t ring_room(struct ring_view *ring); /* free units, 0..size; also when the peer's index lies */
/* Longest run of contiguous room; *at is where to write. Nothing is visible to the peer before ring_produce. */
uint32_t ring_room_span(struct ring_view *ring, void **at);
void ring_produce(struct ring_view *ring, uint32_t units); /* advance the private index */
bool ring_publish_produced(struct ring_view *ring);        /* publish; true: the consumer sleeps, ring it */
uint32_t ring_write(struct ring_view *ring, const void *units, uint32_t count); /* copies what fits; returns count */
bool ring_producer_sleep(struct ring_view *ring);                               /* true: still full, may wait now */

/* Consumer */
uint32_t ring_filled(struct ring_view *ring); /* units to read, 0..size */
uint32_t ring_filled_span(struct ring_view *ring, void **at);
void ring_consume(struct ring_view *ring, uint32_t units);
bool ring_publish_consumed(struct ring_view *ring); /* publish; true: the producer sleeps, ring it */
uint32_t ring_read(struct ring_view *ring, void *units, uint32_t count);
bool ring_consumer_sleep(struct ring_view *ring); /* true: still empty, may wait now */

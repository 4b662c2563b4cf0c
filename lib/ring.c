#include "lib/ring.h"

#include <string.h>

static uint32_t peer_index(const uint32_t *index)
{
    return __atomic_load_n(index, __ATOMIC_ACQUIRE); /* pairs with the peer's release in publish */
}

static uint32_t at_most(uint32_t value, uint32_t limit)
{
    return value < limit ? value : limit;
}

static uint8_t *place(struct ring_view *ring)
{
    return ring->data + (size_t)(ring->own & (ring->size - 1)) * ring->unit;
}

static uint32_t span(struct ring_view *ring, uint32_t units, void **at)
{
    *at = place(ring);
    return at_most(units, ring->size - (ring->own & (ring->size - 1)));
}

/* Publishes `own`, then looks whether the peer sleeps.
 *
 *   us                        peer, about to sleep        without the fences
 *   index = own                                           our store still lies in the store buffer
 *   full fence                asleep = 1
 *   read asleep               full fence                  we read asleep = 0, the peer reads the old index:
 *                             read index: new? stay up    it sleeps, nobody rings it
 *
 * With both fences at least one side sees what the other wrote. */
static bool publish(struct ring_view *ring, uint32_t *index, uint32_t *peer_asleep)
{
    if (ring->own == ring->own_published)
        return false;
    ring->own_published = ring->own;
    __atomic_store_n(index, ring->own, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* `lock or` or `mfence` */
    if (!__atomic_load_n(peer_asleep, __ATOMIC_RELAXED))
        return false;
    __atomic_store_n(peer_asleep, 0, __ATOMIC_RELAXED);
    return true;
}

static void set_asleep(uint32_t *asleep)
{
    __atomic_store_n(asleep, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the other half of the picture above */
}

static void clear_asleep(uint32_t *asleep)
{
    __atomic_store_n(asleep, 0, __ATOMIC_RELAXED);
}

void ring_init_control(struct ring_control *control)
{
    memset(control, 0, sizeof *control);
}

void ring_view_init(struct ring_view *ring, struct ring_control *control, void *data, uint32_t size, uint32_t unit)
{
    *ring = (struct ring_view){.control = control, .data = data, .size = size, .unit = unit};
}

uint32_t ring_room(struct ring_view *ring)
{
    return ring->size - at_most(ring->own - peer_index(&ring->control->consumed), ring->size);
}

uint32_t ring_room_span(struct ring_view *ring, void **at)
{
    return span(ring, ring_room(ring), at);
}

void ring_produce(struct ring_view *ring, uint32_t units)
{
    ring->own += units;
}

bool ring_publish_produced(struct ring_view *ring)
{
    return publish(ring, &ring->control->produced, &ring->control->consumer_asleep);
}

uint32_t ring_write(struct ring_view *ring, const void *units, uint32_t count)
{
    const uint8_t *from = units;
    count = at_most(count, ring_room(ring));
    for (uint32_t left = count; left;) {
        void *at;
        uint32_t n = span(ring, left, &at);
        memcpy(at, from, (size_t)n * ring->unit);
        from += (size_t)n * ring->unit;
        ring_produce(ring, n);
        left -= n;
    }
    return count;
}

bool ring_producer_sleep(struct ring_view *ring)
{
    set_asleep(&ring->control->producer_asleep);
    if (!ring_room(ring))
        return true;
    clear_asleep(&ring->control->producer_asleep);
    return false;
}

uint32_t ring_filled(struct ring_view *ring)
{
    return at_most(peer_index(&ring->control->produced) - ring->own, ring->size);
}

uint32_t ring_filled_span(struct ring_view *ring, void **at)
{
    return span(ring, ring_filled(ring), at);
}

void ring_consume(struct ring_view *ring, uint32_t units)
{
    ring->own += units;
}

bool ring_publish_consumed(struct ring_view *ring)
{
    return publish(ring, &ring->control->consumed, &ring->control->producer_asleep);
}

uint32_t ring_read(struct ring_view *ring, void *units, uint32_t count)
{
    uint8_t *to = units;
    count = at_most(count, ring_filled(ring));
    for (uint32_t left = count; left;) {
        void *at;
        uint32_t n = span(ring, left, &at);
        memcpy(to, at, (size_t)n * ring->unit);
        to += (size_t)n * ring->unit;
        ring_consume(ring, n);
        left -= n;
    }
    return count;
}

bool ring_consumer_sleep(struct ring_view *ring)
{
    set_asleep(&ring->control->consumer_asleep);
    if (!ring_filled(ring))
        return true;
    clear_asleep(&ring->control->consumer_asleep);
    return false;
}

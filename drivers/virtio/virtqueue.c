/* The split virtqueue: see virtqueue.h. Section numbers are of virtio 1.2. */
#include "drivers/virtio/virtqueue.h"

#include <string.h>

static uint16_t read16(const uint16_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}
static void write16(uint16_t *word, uint16_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}
static uint16_t *used_event(const struct virtqueue *queue) /* §2.7.7 */
{
    return &queue->avail->ring[queue->size];
}
static const uint16_t *avail_event(const struct virtqueue *queue) /* §2.7.10 */
{
    return (const uint16_t *)&queue->used->ring[queue->size];
}

/* ---- layout (§2.7: alignment 16, 2 and 4; offsets here are multiples of 64) ---- */

static size_t round64(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}
static size_t avail_offset(uint16_t size)
{
    return round64(sizeof(struct virtq_desc) * size);
}
static size_t used_offset(uint16_t size)
{
    return avail_offset(size) + round64(6 + 2ul * size);
}
static size_t tables_offset(uint16_t size)
{
    return used_offset(size) + round64(6 + 8ul * size);
}

size_t virtqueue_bytes(uint16_t size, uint32_t options)
{
    size_t tables = options & VIRTQUEUE_INDIRECT ? sizeof(struct virtq_desc) * VIRTQUEUE_TABLE * size : 0;
    return tables_offset(size) + tables;
}

void virtqueue_init(struct virtqueue *queue, uint16_t size, uint32_t options, void *memory, uint64_t device_address)
{
    uint8_t *base = memory;
    memset(queue, 0, sizeof *queue);
    queue->size = size;
    queue->event_index = options & VIRTQUEUE_EVENT_INDEX;
    queue->indirect = options & VIRTQUEUE_INDIRECT;
    queue->desc = memory;
    queue->avail = (void *)(base + avail_offset(size));
    queue->used = (void *)(base + used_offset(size));
    queue->tables = (void *)(base + tables_offset(size));
    queue->desc_address = device_address;
    queue->avail_address = device_address + avail_offset(size);
    queue->used_address = device_address + used_offset(size);
    queue->tables_address = device_address + tables_offset(size);
    for (uint16_t i = 0; i < size; i++)
        queue->chains[i].next = (uint16_t)(i + 1);
    queue->free_count = size;
}

/* ---- adding ---- */

static void describe(struct virtq_desc *desc, const struct virtq_buffer *buffer, bool write, bool last, uint16_t next)
{
    desc->address = buffer->address;
    desc->length = buffer->length;
    desc->flags = (uint16_t)((write ? VIRTQ_DESC_WRITE : 0) | (last ? 0 : VIRTQ_DESC_NEXT));
    desc->next = last ? 0 : next;
}

/* §2.7.5.3: the head points to a table of its own in which the chain lies. */
static void add_indirect(struct virtqueue *queue, uint16_t head, const struct virtq_buffer *buffers, unsigned out,
                         unsigned total)
{
    struct virtq_desc *table = queue->tables + (size_t)head * VIRTQUEUE_TABLE;
    for (unsigned i = 0; i < total; i++)
        describe(&table[i], &buffers[i], i >= out, i + 1 == total, (uint16_t)(i + 1));
    queue->desc[head] = (struct virtq_desc){
        .address = queue->tables_address + sizeof *table * VIRTQUEUE_TABLE * head,
        .length = (uint32_t)(sizeof *table * total),
        .flags = VIRTQ_DESC_INDIRECT,
    };
}

static void add_direct(struct virtqueue *queue, uint16_t head, const struct virtq_buffer *buffers, unsigned out,
                       unsigned total)
{
    uint16_t at = head;
    for (unsigned i = 0; i < total; i++) {
        uint16_t next = queue->chains[at].next;
        describe(&queue->desc[at], &buffers[i], i >= out, i + 1 == total, next);
        at = next;
    }
}

/* Takes `count` descriptors off the free list; they stay linked through chains[].next. */
static uint16_t take_free(struct virtqueue *queue, uint16_t count)
{
    uint16_t head = queue->free_head, last = head;
    for (uint16_t i = 1; i < count; i++)
        last = queue->chains[last].next;
    queue->free_head = queue->chains[last].next;
    queue->free_count = (uint16_t)(queue->free_count - count);
    return head;
}

bool virtqueue_add(struct virtqueue *queue, const struct virtq_buffer *buffers, unsigned out, unsigned in, uint32_t id)
{
    unsigned total = out + in;
    bool indirect = queue->indirect && total > 1 && total <= VIRTQUEUE_TABLE;
    uint16_t need = (uint16_t)(indirect ? 1 : total);
    if (total == 0 || need > queue->free_count || queue->broken)
        return false;
    uint16_t head = take_free(queue, need);
    struct virtq_chain *chain = &queue->chains[head];
    chain->id = id;
    chain->count = need;
    chain->writable = 0;
    for (unsigned i = out; i < total; i++)
        chain->writable += buffers[i].length;
    (indirect ? add_indirect : add_direct)(queue, head, buffers, out, total);
    queue->avail->ring[queue->added++ & (queue->size - 1)] = head; /* §2.7.13.2 */
    queue->outstanding++;
    return true;
}

/* §2.7.13.4. With event index the exact rule asks whether this batch stepped over avail_event: after one lost kick it
 * would say no until the index wraps. "The device waits at or before what is published" says yes in the next batch. */
static bool wants_kick(const struct virtqueue *queue)
{
    if (queue->event_index)
        return (int16_t)(queue->published - read16(avail_event(queue))) > 0;
    return !(read16(&queue->used->flags) & VIRTQ_USED_NO_NOTIFY);
}

bool virtqueue_publish(struct virtqueue *queue)
{
    if (queue->published == queue->added)
        return false;
    queue->published = queue->added;
    write16(&queue->avail->idx, queue->published); /* §2.7.13.3 */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    bool kick = wants_kick(queue);
    queue->suppressed |= !kick;
    return kick;
}

/* ---- taking ---- */

static void give_free(struct virtqueue *queue, uint16_t head)
{
    struct virtq_chain *chain = &queue->chains[head];
    uint16_t last = head;
    for (uint16_t i = 1; i < chain->count; i++)
        last = queue->chains[last].next;
    queue->free_count = (uint16_t)(queue->free_count + chain->count);
    queue->chains[last].next = queue->free_head;
    queue->free_head = head;
    chain->count = 0;
    queue->outstanding--;
}

bool virtqueue_pending(const struct virtqueue *queue)
{
    return read16(&queue->used->idx) != queue->used_seen;
}

bool virtqueue_take(struct virtqueue *queue, uint32_t *id, uint32_t *length)
{
    uint16_t there = (uint16_t)(read16(&queue->used->idx) - queue->used_seen);
    if (there == 0 || queue->broken)
        return false;
    const struct virtq_used_entry *entry = &queue->used->ring[queue->used_seen & (queue->size - 1)];
    uint32_t head = __atomic_load_n(&entry->id, __ATOMIC_RELAXED);
    uint32_t written = __atomic_load_n(&entry->length, __ATOMIC_RELAXED);
    if (there > queue->outstanding || head >= queue->size || queue->chains[head].count == 0) {
        queue->broken = true;
        return false;
    }
    struct virtq_chain *chain = &queue->chains[head];
    *id = chain->id;
    *length = written < chain->writable ? written : chain->writable;
    queue->used_seen++;
    give_free(queue, (uint16_t)head);
    return true;
}

/* ---- interrupts (§2.7.7) and the second look ---- */

bool virtqueue_arm(struct virtqueue *queue)
{
    if (queue->event_index)
        write16(used_event(queue), queue->used_seen);
    else
        write16(&queue->avail->flags, 0);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return virtqueue_pending(queue);
}

void virtqueue_disarm(struct virtqueue *queue)
{
    if (queue->event_index)
        write16(used_event(queue), (uint16_t)(queue->used_seen + 0x8000u));
    else
        write16(&queue->avail->flags, VIRTQ_AVAIL_NO_INTERRUPT);
}

bool virtqueue_second_look(struct virtqueue *queue)
{
    bool stuck = queue->outstanding && queue->used_seen == queue->look_used && !virtqueue_pending(queue);
    bool kick = (stuck && queue->suppressed);
    queue->look_used = queue->used_seen;
    if (kick)
        queue->suppressed = false;
    return kick;
}

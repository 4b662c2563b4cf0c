/* A split virtqueue, driver side (virtio 1.2 §2.7). Pure logic: memory in, answers out; the host tests run it against a
 * model device that loses kicks and lies.
 *
 * Rules
 *  - The memory of the rings is shared with the device: what the driver must remember (ids, chains, lengths, indices)
 *    is kept in private memory, and every word the device writes is read once and checked. A used entry that names no
 *    outstanding chain, or more entries than are outstanding, marks the queue broken for good (virtqueue_broken): only
 *    a device reset helps.
 *  - add, add, …, publish: one publish a batch, which says whether to kick. A kick that the device did not get is made
 *    good by virtqueue_second_look, which the caller's timer calls while entries are outstanding.
 *  - At the notification: driver and device each write their index and then read the other's wish; both need a full
 *    fence in between. TCG 7.2 drops it with one CPU, so this can happen on a correct driver:
 *
 *      driver                                  device (another host thread)
 *      reads "no notification needed"
 *        (before its own write is seen)        asks for notifications again
 *      writes avail->idx                       reads avail->idx: nothing new, sleeps
 *      no kick                                 … for ever, were it not for the second look
 */
#pragma once
#include <abi/types.h>

#define VIRTQUEUE_SIZE_MAX 256u
#define VIRTQUEUE_TABLE 12u /* descriptors of an indirect table */

struct virtq_desc { /* §2.7.5 */
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};
enum virtq_desc_flags { VIRTQ_DESC_NEXT = 1, VIRTQ_DESC_WRITE = 2, VIRTQ_DESC_INDIRECT = 4 };
struct virtq_avail { /* §2.7.6; used_event lies behind the ring */
    uint16_t flags, idx, ring[];
};
struct virtq_used_entry {
    uint32_t id, length;
};
struct virtq_used { /* §2.7.8; avail_event lies behind the ring */
    uint16_t flags, idx;
    struct virtq_used_entry ring[];
};
#define VIRTQ_AVAIL_NO_INTERRUPT 1u
#define VIRTQ_USED_NO_NOTIFY 1u

struct virtq_chain {       /* private, by head descriptor */
    uint32_t id, writable; /* the caller's name; bytes the device may write */
    uint16_t count;        /* descriptors; 0: not outstanding */
    uint16_t next;         /* free list, or next descriptor of the chain */
};

struct virtqueue {
    /* shared with the device */
    struct virtq_desc *desc, *tables;
    struct virtq_avail *avail;
    struct virtq_used *used;
    uint64_t desc_address, avail_address, used_address, tables_address;
    /* private */
    uint16_t size;
    bool event_index, indirect, broken;
    uint16_t free_head, free_count;
    uint16_t added, published, used_seen; /* free-running */
    uint16_t outstanding;                 /* chains the device has */
    uint16_t look_used;                   /* used_seen at the last second look */
    bool suppressed;                      /* a kick was left out since the last second look */
    struct virtq_chain chains[VIRTQUEUE_SIZE_MAX];
};

struct virtq_buffer {
    uint64_t address;
    uint32_t length;
};

enum virtqueue_options { VIRTQUEUE_EVENT_INDEX = 1u << 0, VIRTQUEUE_INDIRECT = 1u << 1 };

/* Bytes of contiguous device-visible memory that a queue of this size needs. size: a power of two <= 256. */
size_t virtqueue_bytes(uint16_t size, uint32_t options);
/* memory: zeroed, page-aligned; device_address: where the device sees it. */
void virtqueue_init(struct virtqueue *queue, uint16_t size, uint32_t options, void *memory, uint64_t device_address);

/* Adds one chain of `out` buffers to read and then `in` buffers to write. False: no room. */
bool virtqueue_add(struct virtqueue *queue, const struct virtq_buffer *buffers, unsigned out, unsigned in, uint32_t id);
bool virtqueue_publish(struct virtqueue *queue); /* true: kick the device */
/* The next used chain. *length: what the device wrote, at most what it could. */
bool virtqueue_take(struct virtqueue *queue, uint32_t *id, uint32_t *length);
bool virtqueue_pending(const struct virtqueue *queue); /* something to take */
bool virtqueue_arm(struct virtqueue *queue);           /* interrupts on; true: something to take already */
void virtqueue_disarm(struct virtqueue *queue);
/* True: kick without asking (entries outstanding and nothing came back, or a kick was left out). */
bool virtqueue_second_look(struct virtqueue *queue);
static inline bool virtqueue_broken(const struct virtqueue *queue)
{
    return queue->broken;
}

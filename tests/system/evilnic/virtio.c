/* The virtio network card (virtio 1.2 §5.1) driven with evil addresses. */
#include "card.h"
#include "drivers/virtio/transport.h"

#include <stdlib.h>
#include <string.h>

enum { QUEUE_RX = 0, QUEUE_TX = 1 };
#define HEADER_BYTES 12u          /* §5.1.6 with num_buffers */
#define HEADER_OFFSET 1024u       /* in page 0 of the frames: an empty one */
#define REGISTER_QUEUE_SELECT 22u /* §4.1.4.3 */
#define REGISTER_QUEUE_ENABLE 28u
#define REGISTER_QUEUE_DEVICE 48u

struct evil_virtio {
    struct virtio_device device;
    struct virtqueue rx, tx;
};

static struct evil_virtio *of(const struct card *card)
{
    return card->driver;
}

static status_t set_up(struct card *card, struct evil_virtio *v)
{
    status_t status = virtio_open(&v->device, &card->resources);
    if (status == OK)
        status = virtio_negotiate(&v->device, VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | VIRTIO_BIT(5)); /* MAC: §5.1.3 */
    if (status == OK)
        status = virtio_queue_setup(&v->device, QUEUE_RX, &v->rx, 16, true);
    if (status == OK)
        status = virtio_queue_setup(&v->device, QUEUE_TX, &v->tx, 16, true);
    for (unsigned i = 0; status == OK && i < 6; i++)
        card->mac[i] = virtio_config8(&v->device, i); /* §5.1.4 */
    return status;
}

static status_t evil_open(struct card *card)
{
    card->driver = calloc(1, sizeof(struct evil_virtio));
    return card->driver ? set_up(card, card->driver) : ERR_NO_MEMORY;
}

/* The notification may come before the card runs: it looks at the ring when it starts. */
static void rx_publish(struct evil_virtio *v)
{
    (void)virtqueue_publish(&v->rx);
    virtio_notify(&v->device, QUEUE_RX);
}

static void evil_receive_at(struct card *card, uint64_t address)
{
    struct virtq_buffer buffer = {address, BUFFER_BYTES};
    ASSERT(virtqueue_add(&of(card)->rx, &buffer, 0, 1, 1));
    rx_publish(of(card));
}

static void drain(struct virtqueue *queue)
{
    uint32_t id, length;
    while (virtqueue_take(queue, &id, &length)) {}
}

/* Header and the rest into our own page, the frame's first word to where the attack wants it. */
static status_t evil_receive_word(struct card *card, uint64_t to)
{
    uint64_t own = card->frames.address[1];
    struct virtq_buffer parts[] = {{own, HEADER_BYTES}, {to, 4}, {own + HEADER_BYTES, BUFFER_BYTES}};
    drain(&of(card)->rx);
    if (!virtqueue_add(&of(card)->rx, parts, 0, 3, 1))
        return ERR_WOULD_BLOCK;
    rx_publish(of(card));
    return OK;
}

static status_t evil_run(struct card *card)
{
    virtio_driver_ok(&of(card)->device);
    return OK;
}

static void evil_send(struct card *card, uint64_t address)
{
    struct virtq_buffer parts[] = {{card->frames.address[0] + HEADER_OFFSET, HEADER_BYTES}, {address, FRAME_BYTES}};
    drain(&of(card)->tx);
    memset(card->frames.at + HEADER_OFFSET, 0, HEADER_BYTES);
    ASSERT(virtqueue_add(&of(card)->tx, parts, 2, 0, 2));
    (void)virtqueue_publish(&of(card)->tx);
    virtio_notify(&of(card)->device, QUEUE_TX);
}

static bool evil_received(const struct card *card)
{
    return virtqueue_pending(&of(card)->rx);
}

static bool evil_sent(const struct card *card)
{
    return virtqueue_pending(&of(card)->tx);
}

static status_t evil_unpin_rx_ring(struct card *card)
{
    return dma_unpin(card->resources.dma, of(card)->device.queues[QUEUE_RX].memory.memory);
}

/* §4.1.5.1.3: the rings are told anew, with a place for the card's part that is not ours. */
static status_t evil_used_ring_at(struct card *card, uint64_t to)
{
    volatile uint8_t *common = (volatile uint8_t *)of(card)->device.common;
    *(volatile uint16_t *)(common + REGISTER_QUEUE_SELECT) = QUEUE_RX;
    *(volatile uint32_t *)(common + REGISTER_QUEUE_DEVICE) = (uint32_t)to;
    *(volatile uint32_t *)(common + REGISTER_QUEUE_DEVICE + 4) = (uint32_t)(to >> 32);
    *(volatile uint16_t *)(common + REGISTER_QUEUE_ENABLE) = 1;
    return OK;
}

/* Without the registers only what is ours is given back: the card is no longer told anything. */
static void forget(struct virtio_device *device)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct pci_memory *queue = &device->queues[i].memory;
        if (!queue->memory)
            continue;
        (void)memory_unmap(HANDLE_NONE, (uint64_t)queue->base, queue->pages);
        cap_close(queue->memory);
    }
}

static void evil_close(struct card *card)
{
    if (!card->driver)
        return;
    if (card_taken(card))
        forget(&of(card)->device);
    else
        virtio_close(&of(card)->device);
    free(card->driver);
    card->driver = NULL;
}

const struct card_ops evil_virtio = {
    .name = "virtio",
    .vendor = 0x1af4,
    .devices = {0x1041, 0x1000},
    .open = evil_open,
    .receive_at = evil_receive_at,
    .run = evil_run,
    .send = evil_send,
    .received = evil_received,
    .sent = evil_sent,
    .unpin_rx_ring = evil_unpin_rx_ring,
    .used_ring_at = evil_used_ring_at,
    .receive_word = evil_receive_word,
    .close = evil_close,
};

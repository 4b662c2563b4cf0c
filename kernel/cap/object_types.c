/* What each object type is made of and how it ends: one row a type. */
#include "kernel/cap/cap.h"
#include "kernel/ipc/channel.h"
#include "kernel/irq/device.h"
#include "kernel/memory/memory_object.h"
#include "kernel/memory/slab.h"
#include "kernel/sched/task.h"

/* Types without state of their own: trace, power, root. */
static struct slab_cache plain_cache = SLAB_CACHE("object", struct object);

const struct object_class object_classes[OBJECT_TYPE_COUNT] = {
    [OBJECT_TASK] = {.cache = &task_object_cache, .unnamed = task_unnamed},
    [OBJECT_MEMORY] = {.cache = &memory_cache, .destroy = memory_destroy},
    [OBJECT_CHANNEL] = {.cache = &channel_cache, .destroy = channel_destroy},
    [OBJECT_SIGNAL] = {.cache = &signal_cache, .destroy = signal_destroy},
    [OBJECT_IRQ] = {.cache = &irq_cache, .destroy = irq_destroy, .unnamed = irq_unnamed},
    [OBJECT_IOPORT] = {.cache = &ioport_cache},
    [OBJECT_DMA] = {.cache = &dma_cache, .unnamed = dma_unpin_all},
    [OBJECT_TRACE] = {.cache = &plain_cache},
    [OBJECT_POWER] = {.cache = &plain_cache},
    [OBJECT_ROOT] = {.cache = &plain_cache},
};

static void channel_cap_released(struct cap *cap, bool revoked)
{
    (void)revoked;
    if (cap->rights & RIGHT_CHANNEL_RECV)
        channel_close((struct channel *)cap->object);
    sender_detach(cap);
}

static void (*const released[OBJECT_TYPE_COUNT])(struct cap *cap, bool revoked) = {
    [OBJECT_CHANNEL] = channel_cap_released,
    [OBJECT_MEMORY] = mappings_of_cap_end,
};

void cap_released_hook(struct cap *cap, bool revoked)
{
    if (released[cap->object->type])
        released[cap->object->type](cap, revoked);
}

/* A dma capability's pins are made through its children, whose device has been stopped: they end here, also when the
 * child itself went with its driver. */
static void dma_revoked(struct cap *cap)
{
    if (cap->rights & RIGHT_DMA_PIN)
        dma_unpin_all(cap->object);
}

static void (*const revoked[OBJECT_TYPE_COUNT])(struct cap *cap) = {
    [OBJECT_DMA] = dma_revoked,
    [OBJECT_MEMORY] = mappings_of_cap_revoked,
};

void cap_revoked_hook(struct cap *cap)
{
    if (revoked[cap->object->type])
        revoked[cap->object->type](cap);
}

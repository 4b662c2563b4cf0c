/* What each object type is made of and how it ends: one row a type. And how each kind of use ends. */
#include "kernel/cap/cap.h"
#include "kernel/ipc/channel.h"
#include "kernel/irq/device.h"
#include "kernel/memory/memory_object.h"
#include "kernel/sched/task.h"

/* trace, power, root: without state of their own */
#define PLAIN                          \
    {                                  \
        .bytes = sizeof(struct object) \
    }

const struct object_class object_classes[OBJECT_TYPE_COUNT] = {
    [OBJECT_TASK] = {.bytes = sizeof(struct task_object), .unnamed = task_unnamed},
    [OBJECT_MEMORY] = {.bytes = sizeof(struct memory), .destroy = memory_destroy},
    [OBJECT_CHANNEL] = {.bytes = sizeof(struct channel), .destroy = channel_destroy},
    [OBJECT_SIGNAL] = {.bytes = sizeof(struct signal)}, /* a bound one is referenced by its channel */
    [OBJECT_IRQ] = {.bytes = sizeof(struct irq), .destroy = irq_destroy, .unnamed = irq_unnamed},
    [OBJECT_IOPORT] = {.bytes = sizeof(struct ioport)},
    [OBJECT_DMA] = {.bytes = sizeof(struct dma), .destroy = dma_destroy, .unnamed = dma_unnamed},
    [OBJECT_TRACE] = PLAIN,
    [OBJECT_POWER] = PLAIN,
    [OBJECT_ROOT] = PLAIN,
};

static void channel_cap_released(struct cap *cap)
{
    if (cap->rights & RIGHT_CHANNEL_RECV)
        channel_close((struct channel *)cap->object);
    sender_detach(cap);
}

void (*const cap_released[OBJECT_TYPE_COUNT])(struct cap *cap) = {
    [OBJECT_CHANNEL] = channel_cap_released,
};

bool (*const use_ends[USE_TYPE_COUNT])(struct use *use, uint32_t *budget) = {
    [USE_MAPPING] = mapping_use_ends,    [USE_IRQ] = irq_use_ends,         [USE_IRQ_SIGNAL] = irq_signal_use_ends,
    [USE_SIGNAL_BIND] = signal_use_ends, [USE_PIN_DMA] = pin_dma_use_ends, [USE_PIN_MEMORY] = pin_memory_use_ends,
};

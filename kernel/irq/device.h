/* What devmgr and drivers touch hardware with: interrupts, I/O ports, DMA.
 *
 * Rules
 *  - Kernel lock held.
 *  - An interrupt raises a bit of the bound signal and, for a line, stays masked until irq_ack.
 *  - It goes to the CPU of the task that receives on that signal's channel (irq_route.c).
 *  - A binding and a pin are uses (kernel/cap/use.h) of the capabilities that they were made through, and end when one
 *    of these is revoked.
 *  - A pin keeps the memory object's frames from reuse. Pins do not end when the driver dies, for its device may still
 *    write: they end with dma_unpin, or when devmgr, which has stopped the device by then, revokes the dma capability
 *    that it handed out from.
 *  - There is one dma object a bus id. When its last capability goes with pins in it, then with an IOMMU the device is
 *    cut off and the pins end at once. Without one the object stays, an orphan with its pins, until dma_create gives it
 *    to somebody again. */
#pragma once
#include "kernel/cap/cap.h"
#include "kernel/irq/iommu.h"
#include "kernel/list.h"
#include "kernel/sched/chore.h"

struct memory;
struct signal;

struct irq {
    struct object object;
    uint32_t kind, number, vector, bit; /* number: as irq_create was told: a line, or who may send the message */
    struct signal *signal;              /* referenced; NULL: not bound */
    struct use by_irq, by_signal;       /* while it is bound */
    uint32_t apic_id, apic_id_seen;     /* the CPU to which it goes; where the last interrupt found its task */
    uint64_t message_at;                /* where the device keeps the message: an MSI-X table entry; 0: not known */
    uint64_t count;
};
struct ioport {
    struct object object;
    uint32_t first, count;
};
struct dma {
    struct object object;
    struct link in_all;
    uint32_t bus_id, pin_count;
    struct link pins;           /* by device address */
    struct iommu_domain domain; /* with an IOMMU */
    bool orphan;                /* without: holds a reference to itself */
    struct chore ending;
};
struct pin {
    struct iova place; /* in dma->pins */
    struct use by_dma, by_memory;
    struct dma *dma;
    struct memory *memory; /* referenced */
    uint64_t first_page;
};

status_t MUST_CHECK device_root_check(uint64_t root); /* RIGHT_ROOT_DEVICE of the current task */
bool irq_destroy(struct object *object);
void irq_unnamed(struct object *object); /* nobody can bind it again: unbind, mask */
bool irq_use_ends(struct use *use, uint32_t *budget);
bool irq_signal_use_ends(struct use *use, uint32_t *budget);
void dma_unnamed(struct object *object);
bool dma_destroy(struct object *object);
bool pin_dma_use_ends(struct use *use, uint32_t *budget);
bool pin_memory_use_ends(struct use *use, uint32_t *budget);
void irq_interrupt(uint32_t vector); /* from trap.c, for VECTOR_DEVICE_FIRST..LAST */

/* What devmgr and drivers touch hardware with: interrupts, I/O ports, DMA.
 *
 * Rules
 *  - Kernel lock held.
 *  - An interrupt raises a bit of the bound signal and, for a line, stays masked until irq_ack.
 *  - A pin keeps the memory object's frames from reuse. Pins do not end when the driver dies, for its device may still
 *    write: they end with dma_unpin, or when devmgr, which has stopped the device by then, revokes or closes the dma
 *    capability that it handed out from. */
#pragma once
#include "kernel/cap/cap.h"
#include "kernel/list.h"

struct memory;
struct signal;

struct irq {
    struct object object;
    uint32_t kind, gsi, vector, bit;
    struct signal *signal; /* referenced; NULL: not bound */
    uint64_t count;
};
struct ioport {
    struct object object;
    uint32_t first, count;
};
struct dma {
    struct object object;
    uint32_t bus_id, reserved;
    struct link pins;
};
struct pin {
    struct link in_dma, in_memory;
    struct dma *dma;
    struct memory *memory;
    struct account *account; /* who pinned, and pays; referenced */
    uint64_t first_page, pages;
};

extern struct slab_cache irq_cache, ioport_cache, dma_cache;
status_t MUST_CHECK device_root_check(uint64_t root); /* RIGHT_ROOT_DEVICE of the current task */
void irq_destroy(struct object *object);
void irq_unnamed(struct object *object); /* nobody can bind it again: unbind, mask */
void dma_unpin_all(struct object *object);
void irq_interrupt(uint32_t vector); /* from trap.c, for VECTOR_DEVICE_FIRST..LAST */

/* Where an interrupt comes from, and to which CPU it goes: that of the task that it serves.
 *
 * A vector is the same on every CPU, so an interrupt that moves keeps its own, and one that is on its way meanwhile is as good at
 * the CPU where it went before. Nothing is written unless the task has moved, and then once an interrupt at the most.
 *
 * A line stays masked until the task's own irq_ack, and is sent to where that is called. A message needs no irq_ack: it moves
 * when two interrupts in a row have found that the task ran last on the same other CPU. One would not do:
 *
 *      CPU 1                                CPU 3, where the task ran last
 *      idle; takes the interrupt            idle
 *      wakes the task for CPU 3,
 *      sends the next interrupt there
 *      has nothing to do: steals the task
 *      runs it                              takes the next interrupt, wakes it for CPU 1, steals it back, and so on
 *
 * What is written: with interrupt remapping the kernel's own table; without it the I/O APIC, or the message in the device, if
 * devmgr has told where that is (irq_create). Else it stays where it was created. */
#pragma once
#include "kernel/irq/device.h"

static inline bool irq_is_line(const struct irq *irq)
{
    return irq->kind == IRQ_LINE_LEVEL || irq->kind == IRQ_LINE_EDGE;
}

/* To this CPU, or one that it can reach. ERR_NOT_SUPPORTED: it can reach none. */
status_t MUST_CHECK irq_route_make(struct irq *irq, struct irq_route *route);
void irq_route_end(const struct irq *irq);
void irq_route_follow(struct irq *irq); /* the task is where it is: irq_bind, irq_ack */
void irq_route_look(struct irq *irq);   /* an interrupt came, and the task has not been woken by it yet */

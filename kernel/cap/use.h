/* What was made through a capability and must end with it: mappings, bindings of interrupts and signals, pins. Each such
 * struct holds a struct use for each capability that it needed, listed with that capability.
 *
 * Rules
 *  - Revoking the capability ends them. Closing it hands them to its parent in the derivation tree, behind the parent's
 *    own; then they end when the parent's descendants are revoked. Without a parent they stay until their own end.
 *  - Whoever ends the struct by itself calls use_remove() first. */
#pragma once
#include "kernel/list.h"

enum use_type {
    USE_MAPPING,     /* struct mapping: the memory */
    USE_IRQ,         /* struct irq: itself, bound */
    USE_IRQ_SIGNAL,  /* struct irq: the signal that it raises */
    USE_SIGNAL_BIND, /* struct signal: itself, bound to a channel */
    USE_PIN_DMA,     /* struct pin: the device */
    USE_PIN_MEMORY,  /* struct pin: the memory */
    USE_TYPE_COUNT
};

struct use {
    struct link link;
    uint64_t cap_id; /* through which it was made; another one's than the list's owner: inherited */
    uint32_t type;
};

static inline void use_remove(struct use *use)
{
    list_remove(&use->link);
}

/* Ends what the use is part of, in steps of *budget; true: it is gone. One row a type, in object_types.c. */
extern bool (*const use_ends[USE_TYPE_COUNT])(struct use *use, uint32_t *budget);

/* Work that somebody caused and that takes long: taking a dead task apart, giving back much memory. The scheduler does it
 * in steps, before any task that is not more urgent than the one that caused it; interrupts are taken in between. */
#pragma once
#include "kernel/list.h"

struct chore {
    struct link link;                                    /* most urgent first */
    bool (*step)(struct chore *chore, uint32_t *budget); /* true: done, and the chore may be gone */
    uint32_t priority;
};

void chore_add(struct chore *chore, bool (*step)(struct chore *chore, uint32_t *budget), uint32_t priority);

/* Models of what raises interrupts on the host's machine: one line of an I/O APIC, one entry of a device's MSI-X table. */
#pragma once
#include <abi/types.h>

struct host_line { /* of all lines the one that was touched last */
    uint32_t apic_id;
    bool masked, under_way, moved_masked; /* under way: a CPU has an interrupt of it */
};
extern struct host_line host_line;
extern unsigned host_irq_windows; /* how often the kernel looked at device memory */

uint32_t *host_irq_reset(uint64_t entry_physical); /* the entry, all zero */

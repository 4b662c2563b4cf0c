/* A VT-d unit as the kernel sees one: registers, a request queue, tables in memory. It caches whatever it may, contexts,
 * translations and interrupt entries, and forgets nothing unless told: a flush that was left out shows.
 *
 * Without vtd_model_add() there is none. What it lets a device do is asked with vtd_model_reach and _interrupt. */
#pragma once
#include "kernel/irq/vtd.h"

#define MODEL_UNITS 2
struct vtd_model {
    uint64_t capability, extended;
    bool silent;         /* does not answer requests and commands any more */
    uint32_t events;     /* fault interrupts that it sent */
    uint64_t flushes[4]; /* of pages, by granularity */
    uint64_t root, interrupts;
    uint32_t status, control, fault_status, next_fault, head;
    uint64_t queue, fault_records[16][2], invalidate_address;
    struct {
        uint32_t bus_id;
        uint64_t low, high;
        bool valid;
    } contexts[16];
    struct {
        uint64_t domain, page, entry;
        bool valid;
    } pages[1024];
    struct {
        uint64_t low, high;
        bool valid;
    } entries[256];
    uint32_t next_context, next_page;
    uint32_t target; /* APIC id to which the last interrupt went that it let through */
};
extern struct vtd_model models[MODEL_UNITS];

#define MODEL_CAPABILITY /* 16 domain bits, 39-bit tables, 39-bit addresses, page-selective up to 2^18, 8 records at 0x220 */ \
    (6ul | 2ul << 8 | 38ul << 16 | 0x22ul << 24 | CAPABILITY_PAGE_SELECTIVE | 7ul << 40 | 18ul << 48 | 3ul << 54)
#define MODEL_EXTENDED (EXTENDED_QUEUE | EXTENDED_REMAPPING | 0xful << 8)

void vtd_model_reset(void); /* no units; gives back what the kernel took for its tables */
struct vtd_model *vtd_model_add(struct acpi_dmar *dmar, uint64_t capability, uint64_t extended);
/* A device's access: the physical address, or 0: refused (and recorded, if it is to be). */
uint64_t vtd_model_reach(struct vtd_model *model, uint32_t bus_id, uint64_t address, bool write);
/* A write to the interrupt window: the vector, or 0: refused. */
uint32_t vtd_model_interrupt(struct vtd_model *model, uint32_t source_id, uint64_t address, uint32_t data);

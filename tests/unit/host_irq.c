#include "tests/unit/host_irq.h"
#include <string.h>
#include "kernel/x86/paging.h"
#include "kernel/x86/platform.h"

#define LINES 24
struct host_line host_line;
unsigned host_irq_windows;
static uint64_t entry_at;
static uint32_t entry[4];

uint32_t *host_irq_reset(uint64_t entry_physical)
{
    host_line = (struct host_line){.masked = true};
    host_irq_windows = 0;
    entry_at = entry_physical;
    return memset(entry, 0, sizeof entry);
}

/* ---- the I/O APIC ---- */

uint32_t ioapic_gsi_count(void)
{
    return LINES;
}
status_t ioapic_id_of(uint32_t gsi, uint32_t *id)
{
    *id = 0;
    return gsi < LINES ? OK : ERR_INVALID;
}
status_t ioapic_route(uint32_t gsi, uint32_t vector, uint32_t apic_id, bool level, bool active_low)
{
    (void)gsi, (void)vector, (void)level, (void)active_low;
    host_line.apic_id = apic_id;
    host_line.masked = true;
    return OK;
}
status_t ioapic_route_remapped(uint32_t gsi, uint32_t vector, bool level, bool active_low)
{
    (void)gsi, (void)vector, (void)level, (void)active_low;
    host_line.masked = true;
    return OK;
}
bool ioapic_move(uint32_t gsi, uint32_t apic_id)
{
    (void)gsi;
    if (host_line.under_way)
        return false;
    host_line.moved_masked = host_line.masked;
    host_line.apic_id = apic_id;
    return true;
}
void ioapic_set_mask(uint32_t gsi, bool masked)
{
    (void)gsi;
    host_line.masked = masked;
}

/* ---- messages ---- */

void msi_compose(uint32_t vector, uint32_t apic_id, struct irq_route *route)
{
    route->message_address = 0xfee00000u | apic_id << 12;
    route->message_data = vector;
    route->vector = vector;
}
bool mmio_addressable(uint64_t physical)
{
    return physical >> 40 == 0;
}
volatile void *mmio_window(uint64_t physical)
{
    host_irq_windows++;
    return physical == entry_at ? entry : NULL;
}

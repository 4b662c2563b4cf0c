#include "kernel/irq/vtd.h"
#include "kernel/x86/paging.h"

bool vtd_map(struct vtd_unit *unit, uint64_t bytes)
{
    unit->registers = mmio_map(unit->physical, bytes);
    return unit->registers != NULL;
}

uint32_t vtd_read32(const struct vtd_unit *unit, uint32_t offset)
{
    return *(volatile uint32_t *)(unit->registers + offset);
}

uint64_t vtd_read64(const struct vtd_unit *unit, uint32_t offset)
{
    return *(volatile uint64_t *)(unit->registers + offset);
}

void vtd_write32(const struct vtd_unit *unit, uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)(unit->registers + offset) = value;
}

void vtd_write64(const struct vtd_unit *unit, uint32_t offset, uint64_t value)
{
    *(volatile uint64_t *)(unit->registers + offset) = value;
}

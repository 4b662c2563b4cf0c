/* I/O APICs (Intel 82093AA data sheet, §3): lines to vectors. */
#include "kernel/x86/acpi.h"
#include "kernel/x86/log.h"
#include "kernel/x86/paging.h"

enum { REGISTER_VERSION = 1, REGISTER_REDIRECTION = 0x10 };
#define ENTRY_ACTIVE_LOW (1u << 13)
#define ENTRY_LEVEL (1u << 15)
#define ENTRY_UNDER_WAY (1u << 14) /* remote IRR: accepted by a CPU, which has not ended it yet */
#define ENTRY_MASKED (1u << 16)
#define LINES_MAX 240

static struct ioapic {
    volatile uint32_t *registers; /* [0] selects, [4] is the window */
    uint32_t id, gsi_base, lines;
} ioapics[ACPI_IOAPICS_MAX];
static uint32_t ioapic_count;

static uint32_t ioapic_read(const struct ioapic *ioapic, uint32_t reg)
{
    ioapic->registers[0] = reg;
    return ioapic->registers[4];
}

static void ioapic_write(const struct ioapic *ioapic, uint32_t reg, uint32_t value)
{
    ioapic->registers[0] = reg;
    ioapic->registers[4] = value;
}

static uint32_t entry_register(const struct ioapic *ioapic, uint32_t gsi)
{
    return REGISTER_REDIRECTION + 2 * (gsi - ioapic->gsi_base);
}

static const struct ioapic *ioapic_of(uint32_t gsi)
{
    for (uint32_t i = 0; i < ioapic_count; i++)
        if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].lines)
            return &ioapics[i];
    return NULL;
}

static void ioapic_add(const struct acpi_ioapic *found)
{
    struct ioapic *ioapic = &ioapics[ioapic_count];
    ioapic->registers = mmio_map(found->physical, 32);
    ioapic->id = found->id;
    ioapic->gsi_base = found->gsi_base;
    ioapic->lines = (ioapic_read(ioapic, REGISTER_VERSION) >> 16 & 0xff) + 1;
    if (ioapic->lines > LINES_MAX) {
        klog(KLOG_WARNING, "ioapic: none at 0x%lx", found->physical);
        return;
    }
    ioapic_count++;
    for (uint32_t line = 0; line < ioapic->lines; line++)
        ioapic_write(ioapic, REGISTER_REDIRECTION + 2 * line, ENTRY_MASKED);
}

void ioapic_init(void)
{
    for (uint32_t i = 0; i < acpi.ioapic_count; i++)
        ioapic_add(&acpi.ioapics[i]);
    platform.gsi_count = ioapic_gsi_count();
}

uint32_t ioapic_gsi_count(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < ioapic_count; i++) {
        uint32_t end = ioapics[i].gsi_base + ioapics[i].lines;
        count = end > count ? end : count;
    }
    return count;
}

status_t ioapic_id_of(uint32_t gsi, uint32_t *id)
{
    const struct ioapic *ioapic = ioapic_of(gsi);
    if (!ioapic)
        return ERR_INVALID;
    *id = ioapic->id;
    return OK;
}

/* Masked while the two halves differ. */
static status_t entry_set(uint32_t gsi, uint32_t vector, uint32_t high, bool level, bool active_low)
{
    const struct ioapic *ioapic = ioapic_of(gsi);
    if (!ioapic)
        return ERR_INVALID;
    uint32_t low = vector | ENTRY_MASKED | (level ? ENTRY_LEVEL : 0) | (active_low ? ENTRY_ACTIVE_LOW : 0);
    ioapic_write(ioapic, entry_register(ioapic, gsi), low);
    ioapic_write(ioapic, entry_register(ioapic, gsi) + 1, high);
    return OK;
}

/* Physical destination, fixed delivery. */
status_t ioapic_route(uint32_t gsi, uint32_t vector, uint32_t apic_id, bool level, bool active_low)
{
    return apic_id > 0xff ? ERR_INVALID : entry_set(gsi, vector, apic_id << 24, level, active_low);
}

/* §3.2.4: the destination is bits 63:56, one write. Not while a CPU has an interrupt of it. */
bool ioapic_move(uint32_t gsi, uint32_t apic_id)
{
    const struct ioapic *ioapic = ioapic_of(gsi);
    if (!ioapic || apic_id > 0xff || ioapic_read(ioapic, entry_register(ioapic, gsi)) & ENTRY_UNDER_WAY)
        return false;
    ioapic_write(ioapic, entry_register(ioapic, gsi) + 1, apic_id << 24);
    return true;
}

/* VT-d specification 3.1 §5.1.5.1: the number in bits 63:49 (and 11, beyond what a vector needs), 48 says remapped. */
status_t ioapic_route_remapped(uint32_t gsi, uint32_t vector, bool level, bool active_low)
{
    return entry_set(gsi, vector, vector << 17 | 1u << 16, level, active_low);
}

void ioapic_set_mask(uint32_t gsi, bool masked)
{
    const struct ioapic *ioapic = ioapic_of(gsi);
    if (!ioapic)
        return;
    uint32_t low = ioapic_read(ioapic, entry_register(ioapic, gsi));
    ioapic_write(ioapic, entry_register(ioapic, gsi), masked ? low | ENTRY_MASKED : low & ~ENTRY_MASKED);
}

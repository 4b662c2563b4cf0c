/* Private to acpi*.c: reading a table that was checked, or a structure inside one. */
#pragma once
#include <string.h>
#include "kernel/x86/acpi.h"

struct table {
    const uint8_t *bytes;
    uint32_t length;
};

/* A field that lies beyond the table reads as 0. */
static inline uint64_t field(struct table table, uint32_t offset, uint32_t bytes)
{
    uint64_t value = 0;
    if (offset < table.length && bytes <= table.length - offset)
        memcpy(&value, table.bytes + offset, bytes);
    return value;
}

void acpi_take_dmar(struct table dmar);
/* SRAT and SLIT are only kept until both, and the MADT, have been read. */
void acpi_take_srat(struct table srat);
void acpi_take_slit(struct table slit);
void acpi_srat_finish(void);
void acpi_dmar_finish(void); /* once MADT and DMAR are both read, in whichever order they came */

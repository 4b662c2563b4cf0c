/* A DMAR table of any content behind a sound header: nothing beyond its end is read, and what is found fits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/x86/acpi_table.h"
#include "kernel/x86/log.h"

struct acpi_facts acpi;

void klog(enum klog_level level, const char *format, ...)
{
    (void)level, (void)format;
}

uint32_t pci_config_read8(uint32_t bus_id, uint32_t offset)
{
    return (bus_id * 31 + offset) & 0xff;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size ? size : 1); /* exactly as long as it is: ASan sees a byte too far */
    memcpy(bytes, data, size);
    acpi_take_dmar((struct table){bytes, (uint32_t)size});
    acpi_dmar_finish();
    if (acpi.dmar.unit_count > ACPI_IOMMUS_MAX || acpi.dmar.ioapic_count > ACPI_IOAPICS_MAX ||
        acpi.dmar.covered_count > ACPI_COVERED_MAX)
        abort();
    for (uint32_t i = 0; i < acpi.dmar.covered_count; i++)
        if (acpi.dmar.covered[i].first > acpi.dmar.covered[i].last || acpi.dmar.covered[i].last > 0xffff)
            abort();
    free(bytes);
    return 0;
}

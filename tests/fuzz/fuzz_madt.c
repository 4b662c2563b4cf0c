/* A MADT of any content behind a sound header: nothing beyond its end is read, no CPU is there twice, and the boot CPU is first. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/x86/acpi.h"
#include "kernel/x86/apic_mode.h"
#include "kernel/x86/boot_info.h"

#define AT_RSDP 0xf0000u
#define AT_RSDT 0x1000u
#define AT_MADT 0x2000u

struct boot_info boot_info = {.rsdp_physical = AT_RSDP};
static uint8_t rsdp[36], rsdt[40], *madt;
static uint64_t madt_bytes;
static uint32_t boot_id;

uint32_t boot_apic_id(void)
{
    return boot_id;
}
uint32_t pci_config_read8(uint32_t bus_id, uint32_t offset)
{
    (void)bus_id, (void)offset;
    return 0xff;
}

static const void *view(uint64_t start, const uint8_t *content, uint64_t size, uint64_t physical, uint64_t bytes)
{
    bool inside = physical >= start && physical - start <= size && bytes <= size - (physical - start);
    return inside ? content + (physical - start) : NULL;
}
const void *early_view(uint64_t physical, uint64_t bytes)
{
    const void *found = view(AT_RSDP, rsdp, sizeof rsdp, physical, bytes);
    if (!found)
        found = view(AT_RSDT, rsdt, sizeof rsdt, physical, bytes);
    return found ? found : view(AT_MADT, madt, madt_bytes, physical, bytes);
}

static void head(uint8_t *table, const char *signature, uint32_t bytes, uint32_t checksum_at)
{
    uint8_t sum = 0;
    memcpy(table, signature, strlen(signature));
    if (checksum_at == 9)
        memcpy(table + 4, &bytes, 4);
    table[checksum_at] = 0;
    for (uint32_t i = 0; i < bytes; i++)
        sum += table[i];
    table[checksum_at] = (uint8_t)-sum;
}

static void check(void)
{
    struct apic_facts facts = {.supported = true};
    bool wide = false, wrong = acpi_cpu_count < 1 || acpi_cpu_count > 64 || !acpi_cpus[0].enabled ||
                               acpi_cpus[0].apic_id != boot_id || acpi.ioapic_count < 1 ||
                               acpi.ioapic_count > ACPI_IOAPICS_MAX;
    for (uint32_t i = 0; i < acpi_cpu_count && !wrong; i++) {
        wide |= acpi_cpus[i].enabled && acpi_cpus[i].apic_id > APIC_ID_NARROW_MAX;
        for (uint32_t j = 0; j < i; j++)
            wrong |= acpi_cpus[i].apic_id == acpi_cpus[j].apic_id;
    }
    if (wrong || apic_mode_choose(&facts, acpi_cpus, acpi_cpu_count).wide != wide)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint32_t at_rsdt = AT_RSDT, at_madt = AT_MADT;
    boot_id = size ? data[0] : 0;
    madt_bytes = 36 + size;
    madt = calloc(1, madt_bytes); /* exactly as long as it is: ASan sees a byte too far */
    memcpy(madt + 36, data, size);
    memcpy(rsdt + 36, &at_madt, 4);
    memcpy(rsdp + 16, &at_rsdt, 4);
    head(madt, "APIC", (uint32_t)madt_bytes, 9);
    head(rsdt, "RSDT", sizeof rsdt, 9);
    head(rsdp, "RSD PTR ", 20, 8);
    acpi_init();
    check();
    free(madt);
    return 0;
}

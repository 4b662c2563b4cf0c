/* SRAT and SLIT of any content behind sound headers: nothing beyond their ends is read, and what is found makes sense. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/memory/numa.h"
#include "kernel/x86/acpi_table.h"
#include "kernel/x86/boot_info.h"
#include "kernel/x86/log.h"

struct boot_info boot_info = {.region_count = 2,
                              .regions = {{0x1000, 0x9f000, REGION_RAM}, {1 << 20, 255 << 20, REGION_RAM}}};
struct acpi_cpu acpi_cpus[64];
uint32_t acpi_cpu_count = 8;

void klog(enum klog_level level, const char *format, ...)
{
    (void)level, (void)format;
}

/* Exactly as long as it is: ASan sees a byte too far. */
static struct table table_of(const uint8_t *data, size_t size)
{
    uint8_t *bytes = calloc(1, 36 + size);
    memcpy(bytes + 36, data, size);
    bytes[8] = size ? data[0] & 3 : 0;
    return (struct table){bytes, (uint32_t)(36 + size)};
}

static void check(void)
{
    bool wrong = numa.node_count < 1 || numa.node_count > NUMA_NODES_MAX || numa.range_count > NUMA_RANGES_MAX;
    for (uint32_t i = 0; i < acpi_cpu_count; i++)
        wrong |= acpi_cpus[i].node >= numa.node_count;
    for (uint32_t i = 0; i < numa.range_count; i++)
        wrong |= numa.ranges[i].node >= numa.node_count || numa.ranges[i].start >= numa.ranges[i].end ||
                 (i && numa.ranges[i - 1].end > numa.ranges[i].start);
    for (uint32_t i = 0; i < numa.node_count; i++)
        wrong |= numa.order[i][0] != i || numa.distance[i][i] != NUMA_DISTANCE_SELF;
    if (wrong)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t srat_size = size ? (size_t)data[0] * (size - 1) / 255 : 0;
    struct table srat = table_of(data + (size != 0), srat_size),
                 slit = table_of(data + (size != 0) + srat_size, size ? size - 1 - srat_size : 0);
    for (uint32_t i = 0; i < acpi_cpu_count; i++)
        acpi_cpus[i] = (struct acpi_cpu){.apic_id = i * i, .enabled = i != 3};
    acpi_take_srat(srat);
    acpi_take_slit(slit);
    acpi_srat_finish();
    check();
    free((void *)srat.bytes);
    free((void *)slit.bytes);
    return 0;
}

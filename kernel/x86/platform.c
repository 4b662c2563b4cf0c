/* The order in which the machine comes up. Each step needs only what stands above it. */
#include <abi/boot_options.h>
#include "kernel/irq/iommu.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/numa.h"
#include "kernel/x86/acpi.h"
#include "kernel/x86/boot_info.h"
#include "kernel/x86/clock.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/crash_record.h"
#include "kernel/x86/log.h"
#include "kernel/x86/paging.h"
#include "kernel/x86/panic.h"
#include "kernel/x86/platform.h"
#include "kernel/x86/smp.h"

static const struct {
    const char *name;
    enum klog_level level;
} log_levels[] = {{"error", KLOG_ERROR}, {"warning", KLOG_WARNING}, {"info", KLOG_INFO}, {"debug", KLOG_DEBUG}};

static void log_level_from(const char *line)
{
    size_t length;
    const char *value = boot_option(line, "log", &length);
    if (!value)
        return;
    for (size_t i = 0; i < sizeof(log_levels) / sizeof(log_levels[0]); i++) {
        if (boot_word_is(value, length, log_levels[i].name)) {
            klog_set_level(log_levels[i].level);
            return;
        }
    }
    klog(KLOG_WARNING, "log=%.*s is none of error, warning, info, debug", length > 40 ? 40 : (int)length, value);
}

static void say_memory(void)
{
    static const char *const types[] = {"?", "RAM", "reserved", "ACPI", "kernel", "module"};
    for (uint32_t i = 0; i < boot_info.region_count; i++) {
        const struct boot_region *r = &boot_info.regions[i];
        klog(KLOG_DEBUG, "memory: %012lx..%012lx %s", r->start, r->start + r->bytes, types[r->type]);
    }
}

static void say_cpu(void)
{
    klog(KLOG_INFO, "cpu: %s%s%s%s%s", cpu_model, cpu_has_nx ? " nx" : "", cpu_has_smep ? " smep" : "",
         cpu_has_smap ? " smap" : "", cpu_has_umip ? " umip" : "");
}

static uint32_t cpus_of(uint32_t node)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < acpi_cpu_count; i++)
        count += acpi_cpus[i].enabled && acpi_cpus[i].node == node;
    return count;
}

static void say_nodes(void)
{
    if (numa.node_count == 1)
        klog(KLOG_DEBUG, "1 node");
    for (uint32_t node = 0; numa.node_count > 1 && node < numa.node_count; node++) {
        char distances[NUMA_NODES_MAX * 4 + 1] = "";
        for (uint32_t to = 0, at = 0; to < numa.node_count; to++)
            at += (uint32_t)ksnprintf(distances + at, sizeof(distances) - at, " %u", numa.distance[node][to]);
        klog(KLOG_INFO, "%u nodes: %u has %u CPUs, %lu MiB, distances%s", numa.node_count, node, cpus_of(node),
             frame_node(node).total >> (20 - PAGE_SHIFT), distances);
    }
}

void platform_init(uint32_t magic, uint64_t info_physical)
{
    serial_init();
    cpu_init(&cpus[0]); /* from here on an exception is a panic and not a reset */
    boot_info_init(magic, info_physical);
    log_level_from(boot_info.boot_line);
    klog(KLOG_INFO, "TRustOs, started by %s", boot_info.loader);
    boot_line_check(boot_info.boot_line);
    crash_record_init(); /* before anybody takes memory */
    panic_init(boot_info.boot_line);
    say_cpu();
    say_memory();
    acpi_init();   /* through the early map, while it is there */
    clock_start(); /* the rest is done while it measures */
    paging_init();
    apic_init();
    smp_prepare();
    memory_init();
    klog(KLOG_INFO, "memory: %lu KiB free, kernel %lu KiB", frame_free_count() * 4, memory_kernel_bytes() / 1024);
    say_nodes();
    ioapic_init();
    random_init();
    clock_init();
    crash_record_say();
    iommu_init(&acpi.dmar, cpu_this()->apic_id, apic_is_x2apic());
    platform.iommu_present = iommu_on();
}

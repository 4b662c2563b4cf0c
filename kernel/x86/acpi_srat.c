/* SRAT and SLIT: which CPUs and which memory are near each other, and how far the nodes are apart (ACPI 6.4 §5.2.16,
 * §5.2.17). Pure: tests/unit/test_acpi_srat.c. An SRAT that contradicts itself or the memory map is not believed at all:
 * the machine then is one node, with a log line. An SLIT that makes no sense leaves the nodes equally far apart, with one. */
#include "kernel/memory/numa.h"
#include "kernel/x86/acpi_table.h"
#include "kernel/x86/boot_info.h"
#include "kernel/x86/log.h"

enum { SRAT_CPU = 0, SRAT_MEMORY = 1, SRAT_X2APIC_CPU = 2 };
#define SRAT_FIRST 48
#define SRAT_ENABLED 1u
#define SLIT_FIRST 44
#define LEFT_OUT_MAX (1ul << 20) /* bytes of RAM that no range need name: pieces beside the firmware's own */
#define NO_NODE UINT32_MAX

static struct table srat, slit; /* in the early map */
static uint32_t domains[NUMA_NODES_MAX];
static const char *trouble; /* what made the SRAT unbelievable */

void acpi_take_srat(struct table table)
{
    srat = table;
}

void acpi_take_slit(struct table table)
{
    slit = table;
}

static void troubled(const char *what)
{
    trouble = trouble ? trouble : what;
}

/* ---- nodes: proximity domains in the order in which they come ---- */

static uint32_t node_of_domain(uint32_t domain)
{
    for (uint32_t node = 0; node < numa.node_count; node++)
        if (domains[node] == domain)
            return node;
    if (numa.node_count == NUMA_NODES_MAX) {
        troubled("names more nodes than there is room for");
        return 0;
    }
    domains[numa.node_count] = domain;
    return numa.node_count++;
}

/* ---- CPUs ---- */

static void cpu_belongs(uint32_t apic_id, uint32_t domain)
{
    for (uint32_t i = 0; i < acpi_cpu_count; i++) {
        if (acpi_cpus[i].apic_id != apic_id || !acpi_cpus[i].enabled)
            continue;
        uint32_t node = node_of_domain(domain);
        if (acpi_cpus[i].node != NO_NODE && acpi_cpus[i].node != node)
            troubled("has a CPU in two nodes");
        acpi_cpus[i].node = node;
    }
}

/* The first revision's domains have eight bits. */
static void srat_cpu(struct table entry)
{
    uint32_t high = srat.bytes[8] > 1 ? (uint32_t)field(entry, 9, 2) | (uint32_t)field(entry, 11, 1) << 16 : 0;
    if (field(entry, 4, 4) & SRAT_ENABLED)
        cpu_belongs((uint32_t)field(entry, 3, 1), (uint32_t)field(entry, 2, 1) | high << 8);
}
static void srat_x2apic_cpu(struct table entry)
{
    if (field(entry, 12, 4) & SRAT_ENABLED)
        cpu_belongs((uint32_t)field(entry, 8, 4), (uint32_t)field(entry, 4, 4));
}

/* ---- memory ---- */

static bool is_ram(const struct boot_region *region)
{
    return region->type == REGION_RAM || region->type == REGION_KERNEL || region->type == REGION_MODULE;
}

/* How much RAM there is in [start, end). */
static uint64_t ram_between(uint64_t start, uint64_t end)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < boot_info.region_count; i++) {
        const struct boot_region *region = &boot_info.regions[i];
        uint64_t from = region->start > start ? region->start : start, to = region->start + region->bytes;
        to = to < end ? to : end;
        if (is_ram(region) && from < to)
            bytes += to - from;
    }
    return bytes;
}

static void range_insert(uint64_t start, uint64_t end, uint32_t node)
{
    uint32_t at = numa.range_count;
    if (at == NUMA_RANGES_MAX) {
        troubled("names more ranges of memory than there is room for");
        return;
    }
    for (; at && numa.ranges[at - 1].start > start; at--)
        numa.ranges[at] = numa.ranges[at - 1];
    numa.ranges[at] = (struct numa_range){start, end, node};
    numa.range_count++;
}

/* Ranges without RAM, as for memory that can be plugged in, make no node. */
static void srat_memory(struct table entry)
{
    uint32_t domain = (uint32_t)field(entry, 2, srat.bytes[8] > 1 ? 4 : 1);
    uint64_t start = field(entry, 8, 8), bytes = field(entry, 16, 8);
    if (!(field(entry, 28, 4) & SRAT_ENABLED) || !bytes)
        return;
    if (bytes > UINT64_MAX - start)
        troubled("has a range beyond the end of memory");
    else if (ram_between(start, start + bytes))
        range_insert(start, start + bytes, node_of_domain(domain));
}

static void check_ranges(void)
{
    uint64_t named = 0, end = 0;
    for (uint32_t i = 0; i < numa.range_count; i++) {
        const struct numa_range *range = &numa.ranges[i];
        if (range->start < end)
            troubled("has ranges of memory that overlap");
        end = range->end;
        named += ram_between(range->start, range->end);
    }
    if (ram_between(0, PHYSICAL_MAX) > named + LEFT_OUT_MAX)
        troubled("leaves memory out");
}

/* ---- the table ---- */

static const struct {
    uint8_t type, bytes;
    void (*take)(struct table entry);
} srat_takers[] = {{SRAT_CPU, 16, srat_cpu}, {SRAT_MEMORY, 40, srat_memory}, {SRAT_X2APIC_CPU, 24, srat_x2apic_cpu}};

static void srat_entry(struct table entry, bool cpus_only)
{
    for (size_t i = 0; i < sizeof(srat_takers) / sizeof(srat_takers[0]); i++) {
        bool wanted = !cpus_only || srat_takers[i].type != SRAT_MEMORY;
        if (wanted && srat_takers[i].type == entry.bytes[0] && entry.length >= srat_takers[i].bytes)
            srat_takers[i].take(entry);
    }
}

static void srat_walk(bool cpus_only)
{
    for (uint32_t offset = SRAT_FIRST; offset < srat.length;) {
        struct table entry = {srat.bytes + offset, (uint32_t)field(srat, offset + 1, 1)};
        if (entry.length < 2 || entry.length > srat.length - offset) {
            troubled("is broken");
            return;
        }
        srat_entry(entry, cpus_only);
        offset += entry.length;
    }
}

/* Node 0 is the boot CPU's: of one CPU alone, all others are unknown yet. */
static void boot_node_first(void)
{
    uint32_t count = acpi_cpu_count;
    acpi_cpu_count = 1;
    srat_walk(true);
    acpi_cpu_count = count;
}

/* ---- distances ---- */

/* The SLIT numbers its lines and columns by proximity domain. */
static bool slit_distance(uint32_t from, uint32_t to)
{
    uint64_t lines = field(slit, 36, 8);
    if (domains[from] >= lines || domains[to] >= lines)
        return false;
    uint8_t distance = slit.bytes[SLIT_FIRST + domains[from] * lines + domains[to]];
    numa.distance[from][to] = distance;
    return from == to ? distance == NUMA_DISTANCE_SELF : distance > NUMA_DISTANCE_SELF;
}

static bool slit_distances(void)
{
    uint64_t lines = field(slit, 36, 8);
    bool sound = lines <= UINT16_MAX && slit.length == SLIT_FIRST + lines * lines;
    for (uint32_t from = 0; sound && from < numa.node_count; from++)
        for (uint32_t to = 0; sound && to < numa.node_count; to++)
            sound = slit_distance(from, to);
    if (!sound)
        klog(KLOG_WARNING, "acpi: the SLIT makes no sense: all nodes count as equally far apart");
    return sound;
}

static void distances_default(void)
{
    for (uint32_t from = 0; from < numa.node_count; from++)
        for (uint32_t to = 0; to < numa.node_count; to++)
            numa.distance[from][to] = from == to ? NUMA_DISTANCE_SELF : NUMA_DISTANCE_UNKNOWN;
}

/* ---- all together ---- */

static void cpus_set(uint32_t node, bool all)
{
    for (uint32_t i = 0; i < acpi_cpu_count; i++)
        if (all || acpi_cpus[i].node == NO_NODE)
            acpi_cpus[i].node = node;
}

/* More than one node, and the SRAT can be believed. */
static bool srat_nodes(void)
{
    trouble = NULL;
    numa = (struct numa){0};
    cpus_set(NO_NODE, true);
    boot_node_first();
    srat_walk(false);
    check_ranges();
    if (trouble)
        klog(KLOG_WARNING, "acpi: the SRAT %s: it is left aside, all is one node", trouble);
    return !trouble && numa.node_count > 1;
}

void acpi_srat_finish(void)
{
    if (srat.length && srat_nodes()) {
        cpus_set(0, false);
        if (!slit.length || !slit_distances())
            distances_default();
        numa_orders(&numa);
    } else {
        numa_one_node(&numa);
        cpus_set(0, true);
    }
    srat = slit = (struct table){0};
}

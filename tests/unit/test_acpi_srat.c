/* kernel/x86/acpi_srat.c: sound tables make nodes; what contradicts itself or the memory map makes one node and one line in
 * the log; no bytes make it read beyond a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kernel/memory/numa.h"
#include "kernel/x86/acpi_table.h"
#include "kernel/x86/boot_info.h"
#include "tests/unit/host_log.h"

#define MIB (1ul << 20)
#define SRAT_MAX 8192

struct boot_info boot_info;
struct acpi_cpu acpi_cpus[64];
uint32_t acpi_cpu_count;

static uint8_t srat[SRAT_MAX], slit[SRAT_MAX];
static uint32_t srat_length, slit_length;

static void put(uint8_t *at, unsigned offset, uint64_t value, unsigned bytes)
{
    memcpy(at + offset, &value, bytes);
}

/* Four CPUs, the boot CPU with id 0, and 256 MiB of RAM but for the last 384 KiB of the first one. */
static int setup(void **state)
{
    (void)state;
    host_log_lines = 0;
    memset(srat, 0, sizeof(srat));
    memset(slit, 0, sizeof(slit));
    srat_length = 48;
    slit_length = 0;
    srat[8] = 3;
    acpi_cpu_count = 4;
    for (uint32_t i = 0; i < 4; i++)
        acpi_cpus[i] = (struct acpi_cpu){.apic_id = i, .enabled = 1};
    boot_info.region_count = 3;
    boot_info.regions[0] = (struct boot_region){0x1000, 0x9f000, REGION_RAM};
    boot_info.regions[1] = (struct boot_region){MIB, MIB, REGION_KERNEL};
    boot_info.regions[2] = (struct boot_region){2 * MIB, 254 * MIB, REGION_RAM};
    return 0;
}

static void add_cpu(uint32_t apic_id, uint32_t domain, uint32_t flags)
{
    uint8_t *entry = srat + srat_length;
    srat_length += 16;
    entry[1] = 16;
    entry[2] = (uint8_t)domain;
    entry[3] = (uint8_t)apic_id;
    put(entry, 4, flags, 4);
    put(entry, 9, domain >> 8, 3);
}

static void add_x2apic(uint32_t apic_id, uint32_t domain, uint32_t flags)
{
    uint8_t *entry = srat + srat_length;
    srat_length += 24;
    entry[0] = 2;
    entry[1] = 24;
    put(entry, 4, domain, 4);
    put(entry, 8, apic_id, 4);
    put(entry, 12, flags, 4);
}

static void add_memory(uint64_t start, uint64_t bytes, uint32_t domain, uint32_t flags)
{
    uint8_t *entry = srat + srat_length;
    srat_length += 40;
    entry[0] = 1;
    entry[1] = 40;
    put(entry, 2, domain, 4);
    put(entry, 8, start, 8);
    put(entry, 16, bytes, 8);
    put(entry, 28, flags, 4);
}

static void make_slit(uint32_t lines, const uint8_t *distances)
{
    put(slit, 36, lines, 8);
    slit_length = 44 + lines * lines;
    memcpy(slit + 44, distances, lines * lines);
}

/* Each table in memory of its own, exactly as long: ASan sees a byte too far. */
static void parse(void)
{
    uint8_t *a = malloc(srat_length ? srat_length : 1), *b = malloc(slit_length ? slit_length : 1);
    memcpy(a, srat, srat_length);
    memcpy(b, slit, slit_length);
    acpi_take_slit((struct table){b, slit_length});
    acpi_take_srat((struct table){a, srat_length});
    acpi_srat_finish();
    free(a);
    free(b);
}

static uint32_t node_at(uint64_t physical)
{
    uint64_t end = UINT64_MAX;
    return numa_node_of(&numa, physical, &end);
}

static void two_nodes(uint32_t first, uint32_t second)
{
    add_cpu(0, first, 1);
    add_cpu(1, first, 1);
    add_memory(0, 0xa0000, first, 1);
    add_memory(MIB, 127 * MIB, first, 1);
    add_cpu(2, second, 1);
    add_cpu(3, second, 1);
    add_memory(128 * MIB, 128 * MIB, second, 1);
}

static void expect_one_node(const char *said)
{
    assert_int_equal(numa.node_count, 1);
    assert_int_equal(numa.range_count, 0);
    assert_int_equal(node_at(200 * MIB), 0);
    assert_int_equal(numa.order[0][0], 0);
    for (uint32_t i = 0; i < acpi_cpu_count; i++)
        assert_int_equal(acpi_cpus[i].node, 0);
    assert_int_equal(host_log_lines, said ? 1 : 0);
    if (said)
        assert_non_null(strstr(host_log_first, said));
}

static void expect_two_nodes(void)
{
    assert_int_equal(numa.node_count, 2);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(acpi_cpus[i].node, i / 2);
    assert_int_equal(node_at(0x1000), 0);
    assert_int_equal(node_at(128 * MIB - 1), 0);
    assert_int_equal(node_at(128 * MIB), 1);
}

static void two_nodes_are_two(void **state)
{
    (void)state;
    two_nodes(0, 1);
    parse();
    expect_two_nodes();
    assert_int_equal(host_log_lines, 0);
    assert_true(numa.distance[0][0] == 10 && numa.distance[0][1] == 20 && numa.distance[1][0] == 20);
    assert_true(numa.order[1][0] == 1 && numa.order[1][1] == 0);
}

static void domains_may_be_any_numbers_and_the_boot_cpus_is_node_0(void **state)
{
    (void)state;
    add_memory(128 * MIB, 128 * MIB, 77, 1);
    add_x2apic(3, 77, 1);
    add_x2apic(2, 77, 1);
    add_memory(MIB, 127 * MIB, 0xfedcba98, 1);
    add_memory(0, 0xa0000, 0xfedcba98, 1);
    add_cpu(1, 0xfedcba98, 1);
    add_cpu(0, 0xfedcba98, 1);
    parse();
    expect_two_nodes();
    assert_int_equal(host_log_lines, 0);
}

static void the_first_revision_has_domains_of_eight_bits(void **state)
{
    (void)state;
    srat[8] = 1;
    two_nodes(0x100 + 3, 0xff00 + 4);
    add_cpu(2, 4, 1);
    parse();
    expect_two_nodes();
}

static void what_is_not_enabled_or_not_there_makes_no_node(void **state)
{
    (void)state;
    two_nodes(0, 1);
    add_cpu(2, 9, 0);
    add_memory(64 * MIB, MIB, 9, 0);
    add_cpu(40, 10, 1);                        /* not in the MADT */
    add_memory(1024 * MIB, 1024 * MIB, 11, 3); /* memory may be plugged in there */
    add_memory(3 * MIB, 0, 12, 1);
    parse();
    expect_two_nodes();
    assert_int_equal(host_log_lines, 0);
}

static void nodes_without_memory_or_without_cpus_are_nodes(void **state)
{
    (void)state;
    add_cpu(0, 5, 1);
    add_cpu(1, 5, 1);
    add_memory(0, 256 * MIB, 6, 1);
    add_cpu(2, 7, 1);
    parse();
    assert_int_equal(numa.node_count, 3);
    assert_int_equal(acpi_cpus[1].node, 0);
    assert_int_equal(acpi_cpus[2].node, 2 - (node_at(0) == 2));
    assert_int_equal(acpi_cpus[3].node, 0); /* named nowhere */
    assert_int_not_equal(node_at(MIB), 0);
}

static void without_an_srat_there_is_one_node(void **state)
{
    (void)state;
    srat_length = 0;
    parse();
    expect_one_node(NULL);
}

static void one_domain_is_one_node(void **state)
{
    (void)state;
    two_nodes(3, 3);
    parse();
    expect_one_node(NULL);
}

static void ranges_that_overlap_make_one_node(void **state)
{
    (void)state;
    two_nodes(0, 1);
    add_memory(100 * MIB, 100 * MIB, 1, 1);
    parse();
    expect_one_node("has ranges of memory that overlap");
}

static void memory_that_is_left_out_makes_one_node(void **state)
{
    (void)state;
    add_memory(0, 100 * MIB, 0, 1);
    add_memory(102 * MIB, 154 * MIB, 1, 1);
    parse();
    expect_one_node("leaves memory out");
}

static void a_range_beyond_the_end_makes_one_node(void **state)
{
    (void)state;
    two_nodes(0, 1);
    add_memory(1ul << 63, 1ul << 63, 1, 1);
    parse();
    expect_one_node("has a range beyond the end of memory");
}

static void a_cpu_in_two_nodes_makes_one_node(void **state)
{
    (void)state;
    two_nodes(0, 1);
    add_x2apic(1, 1, 1);
    parse();
    expect_one_node("has a CPU in two nodes");
}

static void more_nodes_than_fit_make_one_node(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 9; i++)
        add_memory(i * 28 * MIB, 28 * MIB + i / 8 * 28 * MIB, i * 1000, 1);
    parse();
    expect_one_node("names more nodes than there is room for");
}

static void more_ranges_than_fit_make_one_node(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 64; i++)
        add_memory(i * 4 * MIB, 4 * MIB, i % 2, 1);
    parse();
    expect_one_node("names more ranges of memory than there is room for");
}

static void lying_lengths_make_one_node(void **state)
{
    static const uint8_t lengths[] = {0, 1, 255};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        setup(NULL);
        two_nodes(0, 1);
        srat[srat_length - 40 + 1] = lengths[i];
        parse();
        expect_one_node("is broken");
    }
}

static void short_structures_are_passed_over(void **state)
{
    (void)state;
    two_nodes(0, 1);
    memcpy(srat + srat_length, (uint8_t[]){1, 8, 9, 0, 0, 0, 0, 0, 200, 2}, 10); /* and one of an unknown kind */
    srat_length += 10;
    parse();
    expect_two_nodes();
}

static void slit_tells_how_far_nodes_are_apart(void **state)
{
    static const uint8_t distances[] = {10, 99, 17, 99, 10, 99, 31, 99, 10};
    (void)state;
    two_nodes(0, 2);
    make_slit(3, distances);
    parse();
    expect_two_nodes();
    assert_int_equal(numa.distance[0][1], 17);
    assert_int_equal(numa.distance[1][0], 31);
    assert_int_equal(host_log_lines, 0);
}

static void expect_default_distances(void)
{
    parse();
    expect_two_nodes();
    assert_true(numa.distance[0][0] == 10 && numa.distance[0][1] == 20 && numa.distance[1][0] == 20);
    assert_int_equal(host_log_lines, 1);
    assert_non_null(strstr(host_log_first, "the SLIT makes no sense"));
}

static void a_slit_of_nonsense_leaves_nodes_equally_far_apart(void **state)
{
    static const uint8_t wrong[][4] = {{11, 20, 20, 10}, {10, 20, 20, 0}, {10, 9, 20, 10}, {10, 20, 10, 10}};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        setup(NULL);
        two_nodes(0, 1);
        make_slit(2, wrong[i]);
        expect_default_distances();
    }
}

static void a_slit_of_the_wrong_size_leaves_nodes_equally_far_apart(void **state)
{
    static const uint8_t sound[] = {10, 20, 20, 10};
    static const uint64_t lines[] = {0, 1, 3, 1ul << 32, 1ul << 63, UINT64_MAX};
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        setup(NULL);
        two_nodes(0, 1);
        make_slit(2, sound);
        put(slit, 36, lines[i], 8);
        expect_default_distances();
    }
    setup(NULL);
    two_nodes(0, 2); /* it has no line for domain 2 */
    make_slit(2, sound);
    expect_default_distances();
}

static void check_sense(void)
{
    assert_true(numa.node_count >= 1 && numa.node_count <= NUMA_NODES_MAX && numa.range_count <= NUMA_RANGES_MAX);
    for (uint32_t i = 0; i < acpi_cpu_count; i++)
        assert_true(acpi_cpus[i].node < numa.node_count);
    for (uint32_t i = 0; i < numa.range_count; i++) {
        assert_true(numa.ranges[i].node < numa.node_count && numa.ranges[i].start < numa.ranges[i].end);
        assert_true(!i || numa.ranges[i - 1].end <= numa.ranges[i].start);
    }
    for (uint32_t i = 0; i < numa.node_count; i++) {
        uint32_t seen = 0;
        for (uint32_t j = 0; j < numa.node_count; j++) {
            seen |= 1u << numa.order[i][j];
            assert_true(i == j ? numa.distance[i][j] == 10 : numa.distance[i][j] > 10);
        }
        assert_true(seen == (1u << numa.node_count) - 1 && numa.order[i][0] == i);
    }
}

static void random_damage_is_survived(void **state)
{
    unsigned several = 0;
    (void)state;
    srand(8);
    for (int round = 0; round < 20000; round++) {
        setup(NULL);
        two_nodes((uint32_t)rand() % 3, (uint32_t)rand() % 3);
        make_slit(3, (uint8_t[]){10, 20, 30, 20, 10, 40, 30, 40, 10});
        for (int i = rand() % 4; i; i--)
            srat[36 + rand() % (srat_length - 36)] = (uint8_t)rand();
        if (rand() % 4 == 0)
            slit[36 + rand() % (slit_length - 36)] = (uint8_t)rand();
        if (rand() % 8 == 0)
            srat_length = 36 + (uint32_t)rand() % (srat_length - 36);
        parse();
        check_sense();
        several += numa.node_count > 1;
    }
    assert_true(several > 2000 && several < 18000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(two_nodes_are_two, setup),
        cmocka_unit_test_setup(domains_may_be_any_numbers_and_the_boot_cpus_is_node_0, setup),
        cmocka_unit_test_setup(the_first_revision_has_domains_of_eight_bits, setup),
        cmocka_unit_test_setup(what_is_not_enabled_or_not_there_makes_no_node, setup),
        cmocka_unit_test_setup(nodes_without_memory_or_without_cpus_are_nodes, setup),
        cmocka_unit_test_setup(without_an_srat_there_is_one_node, setup),
        cmocka_unit_test_setup(one_domain_is_one_node, setup),
        cmocka_unit_test_setup(ranges_that_overlap_make_one_node, setup),
        cmocka_unit_test_setup(memory_that_is_left_out_makes_one_node, setup),
        cmocka_unit_test_setup(a_range_beyond_the_end_makes_one_node, setup),
        cmocka_unit_test_setup(a_cpu_in_two_nodes_makes_one_node, setup),
        cmocka_unit_test_setup(more_nodes_than_fit_make_one_node, setup),
        cmocka_unit_test_setup(more_ranges_than_fit_make_one_node, setup),
        cmocka_unit_test_setup(lying_lengths_make_one_node, setup),
        cmocka_unit_test_setup(short_structures_are_passed_over, setup),
        cmocka_unit_test_setup(slit_tells_how_far_nodes_are_apart, setup),
        cmocka_unit_test_setup(a_slit_of_nonsense_leaves_nodes_equally_far_apart, setup),
        cmocka_unit_test_setup(a_slit_of_the_wrong_size_leaves_nodes_equally_far_apart, setup),
        cmocka_unit_test_setup(random_damage_is_survived, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

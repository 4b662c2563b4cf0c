/* kernel/x86/acpi.c: sound tables are read, broken ones skipped, and nothing beyond a table's end is looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kernel/x86/acpi.h"
#include "kernel/x86/boot_info.h"
#include "tests/unit/host_log.h"

struct boot_info boot_info;

static uint32_t boot_id; /* the APIC id of the CPU that runs acpi_init() */
uint32_t boot_apic_id(void)
{
    return boot_id;
}

/* Each table gets memory of its own from malloc, exactly as long as it claims: ASan sees a byte too far. */
struct area {
    uint64_t physical, bytes;
    uint8_t *content;
};
static struct area areas[32];
static unsigned area_count;

const void *early_view(uint64_t physical, uint64_t bytes)
{
    for (unsigned i = 0; i < area_count; i++)
        if (physical >= areas[i].physical && physical - areas[i].physical <= areas[i].bytes &&
            bytes <= areas[i].bytes - (physical - areas[i].physical))
            return areas[i].content + (physical - areas[i].physical);
    return NULL;
}

static uint8_t *area_add(uint64_t physical, uint64_t bytes)
{
    areas[area_count] = (struct area){physical, bytes, calloc(1, bytes)};
    return areas[area_count++].content;
}

static int setup(void **state)
{
    (void)state;
    area_count = 0;
    host_log_lines = 0;
    boot_id = 0;
    memset(&boot_info, 0, sizeof(boot_info));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < area_count; i++)
        free(areas[i].content);
    return 0;
}

static void put(uint8_t *table, unsigned offset, uint64_t value, unsigned bytes)
{
    memcpy(table + offset, &value, bytes);
}

static void seal(uint8_t *bytes, unsigned length, unsigned checksum_at)
{
    uint8_t sum = 0;
    bytes[checksum_at] = 0;
    for (unsigned i = 0; i < length; i++)
        sum += bytes[i];
    bytes[checksum_at] = (uint8_t)-sum;
}

static uint8_t *table_add(uint64_t physical, const char *signature, unsigned length)
{
    uint8_t *table = area_add(physical, length);
    memcpy(table, signature, 4);
    put(table, 4, length, 4);
    return table;
}

#define AT_RSDP 0xf0000
#define AT_XSDT 0x1000
#define AT_MADT 0x2000
#define AT_MCFG 0x3000
#define AT_FADT 0x4000
#define AT_DSDT 0x5000
#define AT_DMAR 0x7000
static uint8_t *rsdp, *xsdt, *madt, *mcfg, *fadt, *dsdt, *dmar;

/* A bridge at 00:1c.0 with bus 2 behind it; every other answers all ones. */
uint32_t pci_config_read8(uint32_t bus_id, uint32_t offset)
{
    return bus_id == DMA_BUS_ID(0, 28, 0) && (offset == 0x19 || offset == 0x1a) ? 2 : 0xff;
}

static void make_madt(void)
{
    static const uint8_t entries[] = {
        0, 8,  0, 0,  1,    0, 0,    0,                             /* CPU, APIC id 0 */
        0, 8,  1, 7,  1,    0, 0,    0,                             /* CPU, APIC id 7 */
        0, 8,  2, 9,  0,    0, 0,    0,                             /* neither enabled nor to be */
        1, 12, 3, 0,  0,    0, 0xc0, 0xfe, 0,  0, 0, 0,             /* I/O APIC at 0xfec00000 */
        2, 10, 0, 0,  2,    0, 0,    0,    0,  0,                   /* ISA 0 -> GSI 2 */
        2, 10, 0, 9,  20,   0, 0,    0,    13, 0,                   /* ISA 9 -> GSI 20 */
        2, 10, 0, 77, 20,   0, 0,    0,    13, 0,                   /* no such ISA line */
        9, 16, 0, 0,  0x23, 1, 0,    0,    1,  0, 0, 0, 0, 0, 0, 0, /* x2APIC id 0x123 */
    };
    madt = table_add(AT_MADT, "APIC", 44 + sizeof(entries));
    put(madt, 36, 0xfee00000, 4);
    memcpy(madt + 44, entries, sizeof(entries));
    seal(madt, 44 + sizeof(entries), 9);
}

static void make_fadt(void)
{
    fadt = table_add(AT_FADT, "FACP", 244);
    put(fadt, 40, AT_DSDT, 4);
    put(fadt, 64, 0x604, 4);
    put(fadt, 76, 0x608, 4);
    fadt[91] = 4;
    put(fadt, 112, 1 << 10 | 1 << 8, 4);
    fadt[116] = GAS_PORT;
    put(fadt, 120, 0xcf9, 8);
    fadt[128] = 0x0f;
    seal(fadt, 244, 9);
}

static void make_dsdt(void)
{
    static const uint8_t s5[] = {0x10, 0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x0a, 0x05, 0x01, 0x00, 0x00};
    dsdt = table_add(AT_DSDT, "DSDT", 100);
    memcpy(dsdt + 60, s5, sizeof(s5));
    seal(dsdt, 100, 9);
}

#define DMAR_FIRST 48
#define DMAR_SECOND (DMAR_FIRST + 16 + 8 + 8 + 10)
static void make_dmar(void)
{
    static const uint8_t entries[] = {
        0,    0,    42,   0, 0, 0,    0,  0, 0, 0,    0xd9, 0xfe, 0, 0, 0, 0, /* unit at 0xfed90000 */
        3,    8,    0,    0, 3, 0xff, 0,  0,                                  /* I/O APIC 3 sends as ff:00.0 */
        2,    8,    0,    0, 0, 0,    28, 0,                                  /* the bridge 00:1c.0 and all behind it */
        1,    10,   0,    0, 0, 0,    28, 0, 5, 1, /* 02:05.1, by the way through that bridge */
        1,    0,    24,   0, 0, 0,    0,  0, 0, 0,    0,    0x10, 0, 0, 0, 0, 0xff,
        0xff, 0x0f, 0x10, 0, 0, 0,    0,                                      /* reserved memory */
        0,    0,    16,   0, 1, 0,    0,  0, 0, 0x10, 0xd9, 0xfe, 0, 0, 0, 0, /* unit at 0xfed91000: everything else */
        0,    0,    16,   0, 1, 0,    1,  0, 0, 0x20, 0xd9, 0xfe, 0, 0, 0, 0, /* of another segment */
    };
    dmar = table_add(AT_DMAR, "DMAR", DMAR_FIRST + sizeof(entries));
    dmar[37] = 1;
    memcpy(dmar + DMAR_FIRST, entries, sizeof(entries));
    seal(dmar, DMAR_FIRST + sizeof(entries), 9);
}

static void make_all(void)
{
    rsdp = area_add(AT_RSDP, 36);
    memcpy(rsdp, "RSD PTR ", 8);
    rsdp[15] = 2;
    put(rsdp, 24, AT_XSDT, 8);
    seal(rsdp, 20, 8);
    xsdt = table_add(AT_XSDT, "XSDT", 36 + 5 * 8);
    put(xsdt, 36, AT_MADT, 8);
    put(xsdt, 44, AT_MCFG, 8);
    put(xsdt, 52, AT_FADT, 8);
    put(xsdt, 60, 0xdeadbeef000, 8); /* a table that is not there */
    put(xsdt, 68, AT_DMAR, 8);
    seal(xsdt, 76, 9);
    mcfg = table_add(AT_MCFG, "MCFG", 60);
    put(mcfg, 44, 0xb0000000, 8);
    mcfg[54] = 0;
    mcfg[55] = 255;
    seal(mcfg, 60, 9);
    make_madt();
    make_dmar();
    make_fadt();
    make_dsdt();
    boot_info.rsdp_physical = AT_RSDP;
}

static void check_defaults(void)
{
    assert_int_equal(acpi.local_apic_physical, 0xfee00000);
    assert_int_equal(acpi.ioapic_count, 1);
    assert_int_equal(acpi.ioapics[0].physical, 0xfec00000);
    assert_int_equal(acpi_cpu_count, 1);
    assert_int_equal(platform.isa_gsi[0], 0);
    assert_int_equal(platform.isa_gsi[15], 15);
}

static void sound_tables_are_read(void **state)
{
    (void)state;
    make_all();
    acpi_init();
    assert_int_equal(host_log_lines, 2); /* DMAR's: reserved memory, another segment */
    assert_int_equal(acpi_cpu_count, 3);
    assert_int_equal(acpi_cpus[1].apic_id, 7);
    assert_int_equal(acpi_cpus[2].apic_id, 0x123);
    assert_int_equal(acpi.ioapics[0].physical, 0xfec00000);
    assert_int_equal(platform.isa_gsi[0], 2);
    assert_int_equal(platform.isa_gsi[9], 20);
    assert_int_equal(platform.isa_gsi[5], 5);
    assert_int_equal(platform.ecam_address, 0xb0000000);
    assert_int_equal(platform.ecam_bus_last, 255);
    assert_int_equal(platform.rsdp_address, AT_RSDP);
    assert_int_equal(acpi.pm_timer_port, 0x608);
    assert_true(acpi.pm_timer_32bit && acpi.reset_known && acpi.s5_known);
    assert_int_equal(acpi.reset_register.address, 0xcf9);
    assert_int_equal(acpi.s5_a, 5);
    assert_int_equal(acpi.s5_b, 1);
    assert_int_equal(acpi.pm1a_control, 0x604);
}

static void a_wrong_checksum_skips_that_table_only(void **state)
{
    (void)state;
    make_all();
    madt[50] ^= 0x40;
    acpi_init();
    assert_int_equal(host_log_lines, 3);
    assert_non_null(strstr(host_log_first, "APIC at 0x2000 has a wrong checksum"));
    assert_int_equal(platform.ecam_address, 0xb0000000);
    check_defaults();
}

static void a_wrong_length_skips_the_table(void **state)
{
    const uint32_t lengths[] = {0, 35, 0x7fffffff, 0xffffffff, 4096};
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        setup(NULL);
        make_all();
        put(mcfg, 4, lengths[i], 4);
        acpi_init();
        assert_int_equal(platform.ecam_address, 0);
        assert_int_equal(acpi_cpu_count, 3);
        assert_int_equal(host_log_lines, 3);
        teardown(NULL);
    }
    area_count = 0;
}

static void no_rsdp_means_defaults(void **state)
{
    (void)state;
    acpi_init();
    check_defaults();
    assert_int_equal(platform.rsdp_address, 0);
    assert_int_equal(host_log_lines, 1);
}

static void an_rsdp_is_searched_for(void **state)
{
    (void)state;
    make_all();
    boot_info.rsdp_physical = 0x123; /* the loader was wrong */
    acpi_init();
    assert_int_equal(platform.rsdp_address, AT_RSDP);
    assert_int_equal(acpi_cpu_count, 3);
}

static void a_broken_xsdt_falls_back_to_the_rsdt(void **state)
{
    (void)state;
    make_all();
    xsdt[10]++;
    uint8_t *rsdt = table_add(0x6000, "RSDT", 36 + 4 + 3); /* and a piece of an entry */
    put(rsdt, 36, AT_MADT, 4);
    seal(rsdt, 43, 9);
    put(rsdp, 16, 0x6000, 4);
    seal(rsdp, 20, 8);
    acpi_init();
    assert_int_equal(acpi_cpu_count, 3);
    assert_int_equal(platform.ecam_address, 0);
}

static void the_boot_cpu_comes_first(void **state)
{
    (void)state;
    make_all();
    boot_id = 0x123;
    acpi_init();
    assert_int_equal(acpi_cpu_count, 3);
    assert_int_equal(acpi_cpus[0].apic_id, 0x123);
    assert_int_equal(acpi_cpus[1].apic_id, 0);
    assert_int_equal(acpi_cpus[2].apic_id, 7);
}

static void a_boot_cpu_that_the_madt_forgot_is_there_all_the_same(void **state)
{
    (void)state;
    make_all();
    boot_id = 5;
    acpi_init();
    assert_int_equal(acpi_cpu_count, 4);
    assert_true(acpi_cpus[0].apic_id == 5 && acpi_cpus[0].enabled);
    assert_non_null(strstr(host_log_last, "does not name this CPU, APIC id 5"));
}

static void madt_x2apic(uint8_t *entry, uint32_t id, uint32_t flags)
{
    entry[0] = 9;
    entry[1] = 16;
    put(entry, 4, id, 4);
    put(entry, 8, flags, 4);
}

/* Sparse ids; told of twice; all-CPU ids; 70 CPUs where 64 fit. */
static void cpus_are_taken_once_each_as_far_as_there_is_room(void **state)
{
    static uint8_t entries[80][16];
    (void)state;
    make_all();
    for (uint32_t i = 0; i < 70; i++)
        madt_x2apic(entries[i], i * 1000003, i == 1 ? 2 : 1);
    for (uint32_t i = 70; i < 78; i++)
        madt_x2apic(entries[i], (i - 70) * 1000003, 1); /* again */
    madt_x2apic(entries[78], UINT32_MAX, 1);
    memcpy(entries[79], (uint8_t[]){0, 8, 0, 0xff, 1, 0, 0, 0, 0, 8, 0, 1, 4, 0, 0, 0}, 16);
    uint8_t *large = table_add(0x9000, "APIC", 44 + sizeof(entries));
    memcpy(large + 44, entries, sizeof(entries));
    seal(large, 44 + sizeof(entries), 9);
    put(xsdt, 36, 0x9000, 8);
    seal(xsdt, 76, 9);
    acpi_init();
    assert_int_equal(acpi_cpu_count, 64);
    for (uint32_t i = 0; i < 64; i++)
        assert_true(acpi_cpus[i].apic_id == i * 1000003 && acpi_cpus[i].enabled);
    assert_non_null(strstr(host_log_last, "acpi: 6 CPUs more than there is room for"));
}

static void a_cpu_that_can_be_plugged_in_is_not_one_to_start(void **state)
{
    (void)state;
    make_all();
    madt[44 + 8 + 4] = 2;
    seal(madt, (unsigned)madt[4], 9);
    acpi_init();
    assert_int_equal(acpi_cpu_count, 3);
    assert_true(acpi_cpus[0].enabled && !acpi_cpus[1].enabled && acpi_cpus[2].enabled);
}

static void madt_entries_with_lying_lengths_end_the_walk(void **state)
{
    const uint8_t lengths[] = {0, 1, 255, 7};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        setup(NULL);
        make_all();
        madt[44 + 8 + 1] = lengths[i]; /* the second CPU's */
        seal(madt, (unsigned)madt[4], 9);
        acpi_init();
        assert_true(acpi_cpu_count >= 1);
        assert_int_equal(acpi_cpus[0].apic_id, 0);
        teardown(NULL);
    }
    area_count = 0;
}

static void an_s5_at_the_very_end_is_not_read_past(void **state)
{
    (void)state;
    make_all();
    memset(dsdt + 60, 0, 40);
    dsdt[95] = 0x08;
    memcpy(dsdt + 96, "_S5_", 4);
    seal(dsdt, 100, 9);
    acpi_init();
    assert_false(acpi.s5_known);
}

static bool covered(uint32_t bus_id)
{
    for (uint32_t i = 0; i < acpi.dmar.covered_count; i++)
        if (bus_id >= acpi.dmar.covered[i].first && bus_id <= acpi.dmar.covered[i].last)
            return true;
    return false;
}

static void dmar_tells_units_devices_and_who_the_ioapic_is(void **state)
{
    (void)state;
    make_all();
    acpi_init();
    assert_int_equal(acpi.dmar.unit_count, 2);
    assert_int_equal(acpi.dmar.units[0], 0xfed90000);
    assert_int_equal(acpi.dmar.units[1], 0xfed91000);
    assert_int_equal(acpi.dmar.ioapic_count, 1);
    assert_int_equal(acpi.dmar.ioapics[0].ioapic_id, 3);
    assert_int_equal(acpi.dmar.ioapics[0].source_id, 0xff00);
    assert_true(acpi.dmar.interrupts_remappable && covered(0xffff));
}

static void without_a_unit_for_everything_only_named_devices_are_covered(void **state)
{
    (void)state;
    make_all();
    dmar[DMAR_SECOND + 24 + 4] = 0;
    seal(dmar, (unsigned)dmar[4], 9);
    acpi_init();
    assert_true(covered(DMA_BUS_ID(0, 28, 0)) && covered(DMA_BUS_ID(2, 0, 0)) && covered(DMA_BUS_ID(2, 31, 7)));
    assert_false(covered(DMA_BUS_ID(0, 3, 0)) || covered(DMA_BUS_ID(1, 31, 7)) || covered(DMA_BUS_ID(3, 0, 0)));
}

static void an_ioapic_that_dmar_does_not_name_keeps_interrupts_as_they_are(void **state)
{
    (void)state;
    make_all();
    dmar[DMAR_FIRST + 16 + 4] = 9;
    seal(dmar, (unsigned)dmar[4], 9);
    acpi_init();
    assert_int_equal(acpi.dmar.unit_count, 2);
    assert_false(acpi.dmar.interrupts_remappable);
}

static void the_wish_to_leave_x2apic_off_counts_only_with_remapping(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < 4; flags++) {
        setup(NULL);
        make_all();
        dmar[37] = (uint8_t)flags;
        seal(dmar, (unsigned)dmar[4], 9);
        acpi_init();
        assert_int_equal(acpi.dmar.x2apic_unwanted, flags == 3);
        teardown(NULL);
    }
    area_count = 0;
}

static void dmar_structures_with_lying_lengths_are_said_and_left_out(void **state)
{
    const uint8_t lengths[] = {0, 3, 255};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        setup(NULL);
        make_all();
        dmar[DMAR_SECOND + 2] = lengths[i];
        seal(dmar, (unsigned)dmar[4], 9);
        acpi_init();
        assert_int_equal(acpi.dmar.unit_count, 1);
        assert_non_null(strstr(host_log_last, "DMAR is broken"));
        teardown(NULL);
    }
    area_count = 0;
}

static void device_scopes_with_lying_lengths_lose_only_the_rest(void **state)
{
    const uint8_t lengths[] = {0, 7, 27};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        setup(NULL);
        make_all();
        dmar[DMAR_FIRST + 24 + 1] = lengths[i]; /* the bridge's */
        dmar[DMAR_SECOND + 24 + 4] = 0;
        seal(dmar, (unsigned)dmar[4], 9);
        acpi_init();
        assert_int_equal(acpi.dmar.unit_count, 2);
        assert_int_equal(acpi.dmar.ioapic_count, 1);
        assert_false(covered(DMA_BUS_ID(2, 0, 0)));
        teardown(NULL);
    }
    area_count = 0;
}

/* Random bytes in every table, sealed again so that the checksum does not save us. */
static void random_damage_is_survived(void **state)
{
    (void)state;
    srand(5);
    for (int round = 0; round < 5000; round++) {
        setup(NULL);
        make_all();
        for (unsigned i = 0; i < area_count; i++) {
            unsigned length = (unsigned)areas[i].bytes;
            for (int n = 0; n < 4; n++)
                areas[i].content[rand() % length] = (uint8_t)rand();
            if (length > 36)
                seal(areas[i].content, length, 9);
            else
                seal(areas[i].content, 20, 8);
        }
        acpi_init();
        assert_true(acpi.ioapic_count >= 1 && acpi.ioapic_count <= ACPI_IOAPICS_MAX);
        assert_true(acpi_cpu_count >= 1 && acpi_cpu_count <= 64);
        assert_true(acpi.dmar.unit_count <= ACPI_IOMMUS_MAX && acpi.dmar.ioapic_count <= ACPI_IOAPICS_MAX);
        assert_true(acpi.dmar.covered_count <= ACPI_COVERED_MAX);
        teardown(NULL);
    }
    area_count = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sound_tables_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_checksum_skips_that_table_only, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_length_skips_the_table, setup, teardown),
        cmocka_unit_test_setup_teardown(no_rsdp_means_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(an_rsdp_is_searched_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_broken_xsdt_falls_back_to_the_rsdt, setup, teardown),
        cmocka_unit_test_setup_teardown(the_boot_cpu_comes_first, setup, teardown),
        cmocka_unit_test_setup_teardown(a_boot_cpu_that_the_madt_forgot_is_there_all_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(cpus_are_taken_once_each_as_far_as_there_is_room, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cpu_that_can_be_plugged_in_is_not_one_to_start, setup, teardown),
        cmocka_unit_test_setup_teardown(madt_entries_with_lying_lengths_end_the_walk, setup, teardown),
        cmocka_unit_test_setup_teardown(dmar_tells_units_devices_and_who_the_ioapic_is, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_unit_for_everything_only_named_devices_are_covered, setup, teardown),
        cmocka_unit_test_setup_teardown(an_ioapic_that_dmar_does_not_name_keeps_interrupts_as_they_are, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_wish_to_leave_x2apic_off_counts_only_with_remapping, setup, teardown),
        cmocka_unit_test_setup_teardown(dmar_structures_with_lying_lengths_are_said_and_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(device_scopes_with_lying_lengths_lose_only_the_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(an_s5_at_the_very_end_is_not_read_past, setup, teardown),
        cmocka_unit_test_setup_teardown(random_damage_is_survived, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

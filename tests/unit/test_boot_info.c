/* kernel/x86/boot_info.c and its two parsers: a sound table from whatever a loader says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <abi/boot_options.h>
#include "kernel/x86/boot_info.h"
#include "tests/unit/host_log.h"

/* Physical memory, as the parsers see it. */
static _Alignas(8) uint8_t memory[65536];
#define MEMORY_BASE 0x10000ul
static uint32_t end_of_info;

const void *early_view(uint64_t physical, uint64_t bytes)
{
    if (physical < MEMORY_BASE || physical - MEMORY_BASE > sizeof(memory) ||
        bytes > sizeof(memory) - (physical - MEMORY_BASE))
        return NULL;
    return memory + (physical - MEMORY_BASE);
}

static struct boot_info info;

static int setup(void **state)
{
    (void)state;
    memset(&info, 0, sizeof(info));
    memset(memory, 0, sizeof(memory));
    end_of_info = 8;
    host_log_lines = 0;
    return 0;
}

static void check_sound(void)
{
    assert_true(info.region_count <= BOOT_REGIONS_MAX);
    for (uint32_t i = 0; i < info.region_count; i++) {
        const struct boot_region *r = &info.regions[i];
        assert_true(r->bytes > 0);
        assert_int_equal(r->start % PAGE_SIZE, 0);
        assert_int_equal(r->bytes % PAGE_SIZE, 0);
        assert_true(r->start + r->bytes <= PHYSICAL_MAX);
        assert_true(r->type >= REGION_RAM && r->type <= REGION_MODULE);
        if (i)
            assert_true(r[-1].start + r[-1].bytes <= r->start);
    }
}

static uint32_t type_at(uint64_t address)
{
    for (uint32_t i = 0; i < info.region_count; i++)
        if (address >= info.regions[i].start && address - info.regions[i].start < info.regions[i].bytes)
            return info.regions[i].type;
    return 0;
}

/* ---- Regions ---- */

static void ram_is_rounded_inwards_and_the_rest_outwards(void **state)
{
    (void)state;
    region_add(&info, 0x1001, 0x4000, REGION_RAM);
    assert_int_equal(info.regions[0].start, 0x2000);
    assert_int_equal(info.regions[0].bytes, 0x3000);
    region_add(&info, 0x3800, 1, REGION_RESERVED);
    check_sound();
    assert_int_equal(type_at(0x2000), REGION_RAM);
    assert_int_equal(type_at(0x3000), REGION_RESERVED);
    assert_int_equal(type_at(0x4000), REGION_RAM);
}

static void overlaps_end_as_what_is_not_ram(void **state)
{
    (void)state;
    region_add(&info, 0x100000, 0x100000, REGION_RAM);
    region_add(&info, 0x180000, 0x200000, REGION_RAM); /* overlaps: becomes one */
    assert_int_equal(info.region_count, 1);
    assert_int_equal(info.regions[0].bytes, 0x280000);
    region_add(&info, 0x120000, 0x10000, REGION_ACPI);
    region_add(&info, 0x128000, 0x10000, REGION_RESERVED); /* the first stays where both are */
    region_add(&info, 0x120000, 0x20000, REGION_RAM);      /* fills what is left, only */
    check_sound();
    assert_int_equal(type_at(0x12f000), REGION_ACPI);
    assert_int_equal(type_at(0x130000), REGION_RESERVED);
    assert_int_equal(type_at(0x138000), REGION_RAM);
}

static void sizes_are_clamped(void **state)
{
    (void)state;
    region_add(&info, 0x100000, UINT64_MAX, REGION_RAM);
    region_add(&info, UINT64_MAX - 10, 100, REGION_RAM);
    region_add(&info, 0x200000, 0, REGION_RESERVED);
    check_sound();
    assert_int_equal(info.region_count, 1);
    assert_int_equal(info.regions[0].start + info.regions[0].bytes, PHYSICAL_MAX);
}

/* More entries than the table holds lose RAM, but what is reserved is RAM nowhere. */
static void a_full_table_never_makes_reserved_memory_ram(void **state)
{
    (void)state;
    region_add(&info, 0, 1ul << 30, REGION_RAM);
    for (uint64_t i = 0; i < 300; i++)
        region_add(&info, i * 0x100000, 0x1000, i % 2 ? REGION_RESERVED : REGION_ACPI);
    check_sound();
    for (uint64_t i = 0; i < 300; i++)
        assert_int_not_equal(type_at(i * 0x100000), REGION_RAM);
    assert_int_equal(type_at((1ul << 30) - PAGE_SIZE), REGION_RAM); /* the largest piece survived */
}

static void random_maps_stay_sound(void **state)
{
    (void)state;
    srand(3);
    for (int round = 0; round < 300; round++) {
        uint8_t reserved[256] = {0};
        setup(NULL);
        for (int i = 0; i < 100; i++)
            region_add(&info, (uint64_t)(rand() % 256) * PAGE_SIZE, (uint64_t)(rand() % 40) * PAGE_SIZE, REGION_RAM);
        for (int i = 0; i < rand() % 100; i++) {
            uint64_t at = rand() % 256, pages = rand() % 4;
            region_add(&info, at * PAGE_SIZE, pages * PAGE_SIZE, REGION_RESERVED);
            for (uint64_t p = at; p < at + pages && p < 256; p++)
                reserved[p] = 1;
        }
        check_sound();
        for (uint64_t p = 0; p < 256; p++)
            assert_false(reserved[p] && type_at(p * PAGE_SIZE) == REGION_RAM);
    }
}

static void finish_cuts_page_0_image_and_module(void **state)
{
    (void)state;
    region_add(&info, 0, 0x1000000, REGION_RAM);
    info.module_physical = 0x400000;
    info.module_bytes = 12345;
    assert_true(boot_info_finish(&info, 0x100000, 0x38000));
    check_sound();
    assert_int_equal(type_at(0), REGION_RESERVED);
    assert_int_equal(type_at(0x137fff), REGION_KERNEL);
    assert_int_equal(type_at(0x403000), REGION_MODULE);
    assert_int_equal(type_at(0x404000), REGION_RAM);
}

static void a_module_outside_ram_is_forgotten(void **state)
{
    const uint64_t places[][2] = {{0x100000, 4096}, {0x2000000, 4096}, {0xfff000, 8192}, {0x200000, UINT64_MAX}};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        setup(NULL);
        region_add(&info, 0, 0x1000000, REGION_RAM);
        info.module_physical = places[i][0];
        info.module_bytes = places[i][1];
        assert_false(boot_info_finish(&info, 0x100000, 0x38000));
        assert_int_equal(info.module_bytes, 0);
        check_sound();
    }
}

/* ---- Multiboot2 ---- */

static void tag_add(uint32_t type, const void *content, uint32_t bytes)
{
    uint32_t head[2] = {type, 8 + bytes};
    memcpy(memory + end_of_info, head, 8);
    memcpy(memory + end_of_info + 8, content, bytes);
    end_of_info += (8 + bytes + 7) & ~7u;
    memcpy(memory, &end_of_info, 4);
}

struct mb2_map {
    uint32_t entry_size, version;
    struct {
        uint64_t start, bytes;
        uint32_t type, reserved;
    } entries[3];
};

static void multiboot2_is_read(void **state)
{
    struct mb2_map map = {24, 0, {{0x900000, 0x1000, 2, 0}, {0x100000, 0xf00000, 1, 0}, {0, 0x9f000, 1, 0}}};
    uint32_t module[3] = {0x200000, 0x201234, 0};
    uint8_t rsdp[36] = "RSD PTR ";
    (void)state;
    tag_add(1, "log=debug\tip=x", 15);
    tag_add(99, "unknown", 8);
    tag_add(3, module, 12);
    tag_add(6, &map, sizeof(map));
    tag_add(15, rsdp, 36);
    tag_add(14, rsdp, 20); /* the newer one stays */
    tag_add(0, "", 0);
    assert_true(boot_multiboot2_parse(&info, MEMORY_BASE));
    assert_string_equal(info.boot_line, "log=debug ip=x");
    assert_string_equal(info.loader, "multiboot2");
    assert_int_equal(info.module_bytes, 0x1234);
    assert_memory_equal(info.rsdp_copy, "RSD PTR ", 8);
    check_sound();
    assert_int_equal(type_at(0x900000), REGION_RESERVED);
    assert_int_equal(type_at(0x901000), REGION_RAM);
}

static void multiboot2_nonsense_is_survived(void **state)
{
    (void)state;
    srand(4);
    assert_false(boot_multiboot2_parse(&info, 0xdead0000));
    for (int round = 0; round < 3000; round++) {
        setup(NULL);
        for (unsigned i = 0; i < 512; i++)
            memory[i] = rand() % 4 ? 0 : (uint8_t)rand();
        uint32_t total = (uint32_t)rand() % 600;
        memcpy(memory, &total, 4);
        for (unsigned at = 8; at < 400; at += 8 * (1 + rand() % 5))
            memory[at] = (uint8_t)(rand() % 16), memory[at + 4] = (uint8_t)rand();
        boot_multiboot2_parse(&info, MEMORY_BASE);
        check_sound();
    }
}

/* ---- PVH ---- */

struct pvh {
    uint32_t magic, version, flags, modules;
    uint64_t module_list, line, rsdp, map;
    uint32_t map_entries, reserved;
    uint64_t module[4];
    struct {
        uint64_t start, bytes;
        uint32_t type, reserved;
    } entries[2];
    char text[64];
};

static struct pvh *pvh_make(void)
{
    struct pvh *p = (struct pvh *)memory;
    *p = (struct pvh){.magic = PVH_MAGIC,
                      .version = 1,
                      .modules = 1,
                      .module_list = MEMORY_BASE + offsetof(struct pvh, module),
                      .line = MEMORY_BASE + offsetof(struct pvh, text),
                      .rsdp = 0xf5ad0,
                      .map = MEMORY_BASE + offsetof(struct pvh, entries),
                      .map_entries = 2,
                      .module = {0x800000, 4096},
                      .entries = {{0x100000, 0xf00000, 1, 0}, {0xfe0000, 0x20000, 2, 0}},
                      .text = "netbench token=secret"};
    return p;
}

static void pvh_is_read(void **state)
{
    (void)state;
    pvh_make();
    assert_true(boot_pvh_parse(&info, MEMORY_BASE));
    assert_string_equal(info.boot_line, "netbench token=secret");
    assert_int_equal(info.rsdp_physical, 0xf5ad0);
    assert_int_equal(info.module_physical, 0x800000);
    assert_int_equal(type_at(0xfe0000), REGION_RESERVED);
    check_sound();
}

static void pvh_nonsense_is_survived(void **state)
{
    struct pvh *p;
    (void)state;
    p = pvh_make();
    p->magic++;
    assert_false(boot_pvh_parse(&info, MEMORY_BASE));
    p = pvh_make();
    p->module_list = p->line = p->map = UINT64_MAX - 4;
    p->map_entries = UINT32_MAX;
    assert_true(boot_pvh_parse(&info, MEMORY_BASE));
    assert_int_equal(info.region_count, 0);
    assert_string_equal(info.boot_line, "");
    p = pvh_make();
    p->line = MEMORY_BASE + sizeof(memory) - 3; /* no end within what can be seen */
    memcpy(memory + sizeof(memory) - 3, "abc", 3);
    assert_true(boot_pvh_parse(&info, MEMORY_BASE));
    assert_string_equal(info.boot_line, "abc");
}

/* ---- The boot line ---- */

/* " log= panictest token= ..." */
#define X(name, value, reader, text) " " name VALUE_##value
#define VALUE_0 ""
#define VALUE_1 "="
#define KNOWN BOOT_OPTIONS(X)
static char reports[8][240];
static unsigned report_count;

static void report(const char *text)
{
    strcpy(reports[report_count++], text);
}

static void unknown_words_are_reported_once_each(void **state)
{
    (void)state;
    report_count = 0;
    boot_line_check_with("  log=debug foo netbench  bar=1 net netbenchx panictest ", report);
    assert_int_equal(report_count, 4);
    assert_string_equal(reports[0], "unknown boot option 'foo' ignored; known:" KNOWN);
    assert_ptr_equal(strstr(reports[1], "unknown boot option 'bar=1' ignored; known: log="), reports[1]);
    assert_ptr_equal(strstr(reports[2], "unknown boot option 'net' ignored"), reports[2]);
    assert_ptr_equal(strstr(reports[3], "unknown boot option 'netbenchx' ignored"), reports[3]);
}

static void a_sound_line_is_not_reported(void **state)
{
    (void)state;
    report_count = 0;
    boot_line_check_with("", report);
    boot_line_check_with("   ", report);
    boot_line_check_with("log=info token=a=b ip=10.0.2.15/24,10.0.2.2 nopoll", report);
    assert_int_equal(report_count, 0);
}

static void a_long_word_is_cut(void **state)
{
    char line[500];
    (void)state;
    report_count = 0;
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = 0;
    boot_line_check_with(line, report);
    assert_int_equal(report_count, 1);
    assert_int_equal(strlen(reports[0]), strlen("unknown boot option '' ignored; known:" KNOWN) + 40);
    boot_line_check(line);
    assert_int_equal(host_log_lines, 1);
}

static void a_line_longer_than_the_table_is_cut(void **state)
{
    char line[2000];
    (void)state;
    memset(line, 'y', sizeof(line));
    boot_line_copy(&info, line, sizeof(line));
    assert_int_equal(strlen(info.boot_line), sizeof(info.boot_line) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ram_is_rounded_inwards_and_the_rest_outwards, setup),
        cmocka_unit_test_setup(overlaps_end_as_what_is_not_ram, setup),
        cmocka_unit_test_setup(sizes_are_clamped, setup),
        cmocka_unit_test_setup(a_full_table_never_makes_reserved_memory_ram, setup),
        cmocka_unit_test_setup(random_maps_stay_sound, setup),
        cmocka_unit_test_setup(finish_cuts_page_0_image_and_module, setup),
        cmocka_unit_test_setup(a_module_outside_ram_is_forgotten, setup),
        cmocka_unit_test_setup(multiboot2_is_read, setup),
        cmocka_unit_test_setup(multiboot2_nonsense_is_survived, setup),
        cmocka_unit_test_setup(pvh_is_read, setup),
        cmocka_unit_test_setup(pvh_nonsense_is_survived, setup),
        cmocka_unit_test_setup(unknown_words_are_reported_once_each, setup),
        cmocka_unit_test_setup(a_sound_line_is_not_reported, setup),
        cmocka_unit_test_setup(a_long_word_is_cut, setup),
        cmocka_unit_test_setup(a_line_longer_than_the_table_is_cut, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

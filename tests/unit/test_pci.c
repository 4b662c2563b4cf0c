/* devmgr's view of PCI, against a fake bus that can be honest or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <abi/device.h>
#include <proto/devmgr.h>
#include "devmgr/pci.h"

#define FUNCTIONS 8

static struct function {
    bool present;
    uint32_t bus_id;
    uint8_t config[256];
    uint8_t writable[256]; /* which bits of a write stick */
} functions[FUNCTIONS];
static unsigned used, reads;

static struct function *function_at(uint32_t bus_id)
{
    for (unsigned i = 0; i < used; i++) {
        if (functions[i].present && functions[i].bus_id == bus_id)
            return &functions[i];
    }
    return NULL;
}

static uint32_t fake_read(void *context, uint32_t bus_id, uint32_t offset, uint32_t width)
{
    uint32_t value = 0xffffffff;
    struct function *f = function_at(bus_id);
    (void)context;
    reads++;
    assert_true(offset <= 256 - width && offset % width == 0);
    if (f)
        value = 0;
    if (f)
        memcpy(&value, f->config + offset, width);
    return width == 4 ? value : value & ((1u << 8 * width) - 1);
}

static void fake_write(void *context, uint32_t bus_id, uint32_t offset, uint32_t width, uint32_t value)
{
    struct function *f = function_at(bus_id);
    (void)context;
    assert_true(offset <= 256 - width && offset % width == 0);
    for (unsigned i = 0; f && i < width; i++) {
        uint8_t mask = f->writable[offset + i];
        f->config[offset + i] = (uint8_t)((f->config[offset + i] & ~mask) | ((uint8_t)(value >> 8 * i) & mask));
    }
}

static const struct pci_config_ops ops = {.read = fake_read, .write = fake_write, .bus_last = 255};
static struct pci_bus bus;

static void put(struct function *f, uint32_t offset, uint32_t width, uint64_t value)
{
    memcpy(f->config + offset, &value, width);
}

static struct function *add(uint32_t bus_number, uint32_t slot, uint32_t function, uint32_t class_code)
{
    struct function *f = &functions[used++];
    *f = (struct function){.present = true, .bus_id = DMA_BUS_ID(bus_number, slot, function)};
    put(f, PCI_VENDOR, 4, 0x10411af4);
    put(f, PCI_REVISION, 4, class_code << 8 | 1);
    put(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    memset(f->writable + PCI_COMMAND, 0xff, 2);
    return f;
}

static struct function *add_bridge(uint32_t bus_number, uint32_t slot, uint32_t secondary)
{
    struct function *f = add(bus_number, slot, 0, 0x060400);
    f->config[PCI_HEADER_TYPE] = 1;
    f->config[PCI_SECONDARY_BUS] = (uint8_t)secondary;
    return f;
}

static void add_bar(struct function *f, unsigned bar, uint64_t address, uint64_t size, uint32_t flags)
{
    uint32_t offset = PCI_BAR0 + 4 * bar, width = (flags & 6) == 4 ? 8 : 4;
    uint64_t mask = ~(size - 1) & ~(uint64_t)(flags & 1 ? 3 : 15);
    put(f, offset, width, address | flags);
    memcpy(f->writable + offset, &mask, width);
}

static void add_cap(struct function *f, uint8_t at, uint8_t id, uint8_t next)
{
    if (!f->config[PCI_CAPABILITIES])
        f->config[PCI_CAPABILITIES] = at;
    f->config[PCI_STATUS] |= PCI_STATUS_CAPABILITIES;
    f->config[at] = id;
    f->config[at + 1] = next;
}

static void add_msix(struct function *f, uint8_t at, unsigned vectors, uint32_t table, uint32_t pba)
{
    add_cap(f, at, 0x11, 0);
    put(f, at + 2u, 2, vectors - 1);
    put(f, at + 4u, 4, table);
    put(f, at + 8u, 4, pba);
    memset(f->writable + at + 2, 0xff, 2);
}

static int fresh(void **state)
{
    (void)state;
    memset(functions, 0, sizeof functions);
    memset(&bus, 0, sizeof bus);
    used = reads = 0;
    return 0;
}

/* ---- enumeration ---- */

static void devices_are_found_behind_bridges(void **state)
{
    (void)state;
    add(0, 0, 0, 0x060000);
    add_bridge(0, 1, 1);
    add_bridge(1, 0, 2);
    add(2, 31, 0, 0x020000);
    pci_scan(&bus, &ops);
    assert_int_equal(bus.count, 4);
    assert_int_equal(bus.devices[3].bus_id, DMA_BUS_ID(2, 31, 0));
    assert_int_equal(bus.devices[3].class_code, 0x020000);
    assert_int_equal(bus.devices[3].revision, 1);
}

static void further_functions_are_looked_at_only_where_they_are(void **state)
{
    (void)state;
    add(0, 3, 0, 0x020000)->config[PCI_HEADER_TYPE] = 0x80;
    add(0, 3, 5, 0x010000);
    add(0, 4, 0, 0x020000);
    add(0, 4, 1, 0x020000); /* function 0 says that there is no other */
    pci_scan(&bus, &ops);
    assert_int_equal(bus.count, 3);
}

static void bridges_that_loop_end(void **state)
{
    (void)state;
    add_bridge(0, 1, 1);
    add_bridge(1, 1, 0);
    add_bridge(1, 2, 1);
    add_bridge(0, 2, 1);
    pci_scan(&bus, &ops);
    assert_int_equal(bus.count, 4);
}

static void more_devices_than_places_are_left_out(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FUNCTIONS; i++)
        add_bridge(0, i, i + 1);
    for (unsigned i = 0; i < FUNCTIONS; i++)
        functions[i].config[PCI_HEADER_TYPE] = 0x81;
    bus.count = PCI_DEVICES_MAX - 3;
    pci_scan(&bus, &ops);
    assert_int_equal(bus.count, PCI_DEVICES_MAX);
}

static void an_empty_machine_has_no_devices(void **state)
{
    (void)state;
    pci_scan(&bus, &ops);
    assert_int_equal(bus.count, 0);
    assert_int_equal(reads, 32);
}

static void a_bus_out_of_reach_is_not_asked(void **state)
{
    struct pci_config_ops few = ops;
    (void)state;
    few.bus_last = 0;
    add_bridge(0, 1, 1);
    add(1, 0, 0, 0x020000);
    pci_scan(&bus, &few);
    assert_int_equal(bus.count, 1);
}

static void after_the_scan_no_device_masters_the_bus(void **state)
{
    (void)state;
    struct function *bridge = add_bridge(0, 1, 1), *nic = add(1, 0, 0, 0x020000);
    pci_scan(&bus, &ops);
    assert_int_equal(nic->config[PCI_COMMAND] & PCI_COMMAND_MASTER, 0);
    assert_int_equal(nic->config[PCI_COMMAND] & PCI_COMMAND_MEMORY, PCI_COMMAND_MEMORY);
    assert_int_equal(bridge->config[PCI_COMMAND] & PCI_COMMAND_MASTER, PCI_COMMAND_MASTER);
}

static void the_scan_tells_which_devices_somebody_had_running(void **state)
{
    (void)state;
    add(0, 1, 0, 0x020000);
    put(add(0, 2, 0, 0x020000), PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    add_bridge(0, 3, 1);
    pci_scan(&bus, &ops);
    assert_true(bus.devices[0].was_master);
    assert_false(bus.devices[1].was_master);
    assert_false(bus.devices[2].was_master); /* a bridge masters for those behind it, and goes on */
}

/* ---- capabilities ---- */

static void capabilities_are_read(void **state)
{
    (void)state;
    struct function *f = add(0, 3, 0, 0x020000);
    add_cap(f, 0x40, 0x05, 0x50);
    add_cap(f, 0x50, 0x10, 0x90);
    put(f, 0x54, 4, 1u << 28);
    add_msix(f, 0x90, 3, 1 | 0x800, 1 | 0xc00);
    pci_scan(&bus, &ops);
    assert_int_equal(bus.devices[0].msi_offset, 0x40);
    assert_int_equal(bus.devices[0].pcie_flr_offset, 0x50);
    assert_int_equal(bus.devices[0].msix.vectors, 3);
    assert_int_equal(bus.devices[0].msix.table_bar, 1);
    assert_int_equal(bus.devices[0].msix.table_offset, 0x800);
    assert_int_equal(bus.devices[0].msix.pba_offset, 0xc00);
}

static void a_looping_list_ends(void **state)
{
    (void)state;
    struct function *f = add(0, 3, 0, 0x020000);
    add_cap(f, 0x40, 0x09, 0x50);
    add_cap(f, 0x50, 0x09, 0x40);
    pci_scan(&bus, &ops);
    assert_true(reads < 200);
    assert_int_equal(bus.count, 1);
}

static void capabilities_that_do_not_fit_are_dropped(void **state)
{
    (void)state;
    struct function *f = add(0, 3, 0, 0x020000);
    add_cap(f, 0xfc, 0x11, 0); /* MSI-X needs 12 bytes */
    pci_scan(&bus, &ops);
    assert_int_equal(bus.devices[0].msix.offset, 0);
    fresh(state);
    add_msix(add(0, 3, 0, 0x020000), 0x40, 1, 6, 0); /* there is no BAR 6 */
    pci_scan(&bus, &ops);
    assert_int_equal(bus.devices[0].msix.offset, 0);
}

static void a_space_of_ones_or_noise_does_no_harm(void **state)
{
    (void)state;
    struct function *f = add(0, 3, 0, 0x020000);
    for (unsigned seed = 1; seed < 3000; seed++) {
        uint32_t x = seed * 2654435761u;
        for (unsigned i = 4; i < 256; i++)
            f->config[i] = seed % 7 ? (uint8_t)((x = x * 1664525u + 1013904223u) >> 24) : 0xff;
        for (unsigned i = 0; i < 256; i++)
            f->writable[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
        memset(&bus, 0, sizeof bus);
        pci_scan(&bus, &ops);
        pci_size_bars(&ops, &bus.devices[0]);
        for (unsigned b = 0; b < PCI_BARS; b++) {
            struct pci_bar_part part = pci_bar_part(&bus.devices[0], b);
            uint64_t pages = (bus.devices[0].bars[b].size + PAGE_SIZE - 1) >> PAGE_SHIFT;
            assert_true(part.first_page <= pages && part.pages <= pages - part.first_page);
        }
        pci_quiet(&ops, &bus.devices[0]);
        pci_reset_start(&ops, &bus.devices[0]);
        pci_reset_finish(&ops, &bus.devices[0]);
    }
}

/* ---- BARs ---- */

static struct pci_device *sized(struct function *f)
{
    (void)f;
    pci_scan(&bus, &ops);
    pci_size_bars(&ops, &bus.devices[0]);
    return &bus.devices[0];
}

static void bars_are_sized_and_put_back(void **state)
{
    (void)state;
    struct function *f = add(0, 3, 0, 0x020000), before;
    add_bar(f, 0, 0xc000, 32, 1);
    add_bar(f, 1, 0xfebd1000, 4096, 0);
    add_bar(f, 4, 0x800000000000, 1ull << 33, 4 | 8);
    before = *f;
    struct pci_device *device = sized(f);
    assert_true(device->bars[0].port);
    assert_int_equal(device->bars[0].address, 0xc000);
    assert_int_equal(device->bars[0].size, 32);
    assert_int_equal(device->bars[1].address, 0xfebd1000);
    assert_int_equal(device->bars[1].size, 4096);
    assert_int_equal(device->bars[4].address, 0x800000000000);
    assert_int_equal(device->bars[4].size, 1ull << 33);
    assert_int_equal(device->bars[5].size, 0);
    assert_memory_equal(f->config + PCI_BAR0, before.config + PCI_BAR0, 24);
}

static void a_bar_without_a_place_is_not_there(void **state)
{
    (void)state;
    struct function *f = add(0, 3, 0, 0x020000);
    add_bar(f, 0, 0, 4096, 0);
    add_bar(f, 5, 0xfe000000, 4096, 4); /* wide, and no register for the upper half */
    struct pci_device *device = sized(f);
    assert_int_equal(device->bars[0].size, 0);
    assert_int_equal(device->bars[5].size, 0);
}

static void check_part(uint32_t table, uint32_t pba, uint64_t size, uint64_t first, uint64_t pages, uint64_t hole)
{
    fresh(NULL);
    struct function *f = add(0, 3, 0, 0x020000);
    add_bar(f, 2, 0xfe000000, size, 0);
    add_msix(f, 0x40, 4, table | 2, pba | 2);
    struct pci_bar_part part = pci_bar_part(sized(f), 2);
    assert_int_equal(part.pages, pages);
    assert_int_equal(part.hole_pages, hole);
    if (pages)
        assert_int_equal(part.first_page, first);
}

static void nobody_gets_the_msix_table(void **state)
{
    (void)state;
    check_part(0, 0x800, 0x1000, 0, 0, 1);       /* a BAR of its own: nothing is left */
    check_part(0x2000, 0x3000, 0x4000, 0, 2, 2); /* at the end */
    check_part(0, 0x1000, 0x4000, 2, 2, 2);      /* at the start */
    check_part(0x1000, 0x1800, 0x8000, 2, 6, 1); /* in the midst: the larger part */
    check_part(0x5000, 0x5800, 0x8000, 0, 5, 1); /* likewise */
    check_part(0x0, 0x7000, 0x8000, 0, 0, 8);    /* table and PBA at both ends */
    check_part(0xff8, 0x2000, 0x4000, 3, 1, 3);  /* across a page's end */
}

static void an_msix_table_outside_its_bar_is_forgotten(void **state)
{
    static const uint32_t tables[] = {0x1000, 0xfe0, 0xfffffff8};
    for (unsigned i = 0; i < 3; i++) {
        fresh(state);
        struct function *f = add(0, 3, 0, 0x020000);
        add_bar(f, 0, 0xfe000000, 0x1000, 0);
        add_msix(f, 0x40, 4, tables[i], 0);
        assert_int_equal(sized(f)->msix.offset, 0);
    }
}

static void a_page_with_another_devices_registers_is_seen(void **state)
{
    (void)state;
    add_bar(add(0, 3, 0, 0x020000), 0, 0xfe000000, 256, 0);
    add_bar(add(0, 4, 0, 0x020000), 1, 0xfe000100, 256, 0);
    add_bar(add(0, 5, 0, 0x020000), 0, 0xfe001000, 256, 0);
    add_bar(add(0, 6, 0, 0x020000), 2, 0x4fe002000, 256, 4);
    pci_scan(&bus, &ops);
    assert_true(pci_page_shared(&bus, &bus.devices[0], 0xfe000));
    assert_false(pci_page_shared(&bus, &bus.devices[2], 0xfe001));
    assert_true(pci_page_shared(&bus, &bus.devices[0], 0x4fe002));
    assert_false(pci_page_shared(&bus, &bus.devices[0], 0xfe002));
}

/* ---- control ---- */

static void a_quiet_device_neither_writes_nor_interrupts(void **state)
{
    (void)state;
    struct function *f = add(0, 3, 0, 0x020000);
    add_bar(f, 1, 0xfe000000, 0x1000, 0);
    add_msix(f, 0x40, 4, 1, 0x801);
    struct pci_device *device = sized(f);
    pci_enable(&ops, device);
    pci_msix_set(&ops, device, true);
    assert_int_equal(f->config[PCI_COMMAND] & 7, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    assert_int_equal(f->config[0x43] & 0xc0, 0x80);
    pci_quiet(&ops, device);
    assert_int_equal(f->config[PCI_COMMAND] & PCI_COMMAND_MASTER, 0);
    assert_int_equal(f->config[PCI_COMMAND + 1] & 4, 4);
    assert_int_equal(f->config[0x43] & 0xc0, 0x40);
}

static void after_a_reset_the_bars_are_written_back(void **state)
{
    (void)state;
    struct function *f = add(0, 3, 0, 0x020000);
    add_cap(f, 0x50, 0x10, 0);
    put(f, 0x54, 4, 1u << 28);
    memset(f->writable + 0x58, 0xff, 2);
    add_bar(f, 4, 0x1fe000000, 0x4000, 4);
    struct pci_device *device = sized(f);
    assert_true(pci_reset_start(&ops, device));
    assert_int_equal(f->config[0x59] & 0x80, 0x80);
    memset(f->config + PCI_BAR0, 0, 24); /* what the reset does */
    put(f, PCI_COMMAND, 2, 0);
    put(f, PCI_BAR0 + 16, 4, 4);
    pci_reset_finish(&ops, device);
    assert_int_equal(fake_read(NULL, f->bus_id, PCI_BAR0 + 16, 4), 0xfe000004);
    assert_int_equal(fake_read(NULL, f->bus_id, PCI_BAR0 + 20, 4), 1);
    assert_int_equal(f->config[PCI_COMMAND] & 7, PCI_COMMAND_MEMORY);
    assert_false(device->restore);
}

static void a_message_is_put_where_the_capability_has_it(void **state)
{
    (void)state;
    struct function *f = add(0, 3, 0, 0x020000);
    add_cap(f, 0x60, 0x05, 0);
    memset(f->writable + 0x62, 0xff, 20);
    put(f, 0x62, 2, 0x0080 | 0x0050);
    pci_scan(&bus, &ops);
    pci_msi_set(&ops, &bus.devices[0], 0x1fee00000, 0x4041);
    assert_int_equal(fake_read(NULL, f->bus_id, 0x64, 4), 0xfee00000);
    assert_int_equal(fake_read(NULL, f->bus_id, 0x68, 4), 1);
    assert_int_equal(fake_read(NULL, f->bus_id, 0x6c, 2), 0x4041);
    assert_int_equal(fake_read(NULL, f->bus_id, 0x62, 2), 0x81); /* on, one message */
    put(f, 0x62, 2, 0);
    pci_msi_set(&ops, &bus.devices[0], 0xfee01000, 0x42);
    assert_int_equal(fake_read(NULL, f->bus_id, 0x68, 2), 0x42);
}

static void bridges_are_nobodys(void **state)
{
    (void)state;
    add(0, 3, 0, 0x020000);
    add_bridge(0, 4, 9);
    add(0, 5, 0, 0x010802)->config[PCI_HEADER_TYPE] = 1;
    pci_scan(&bus, &ops);
    assert_int_equal(pci_class_of(&bus.devices[0])->right, DEVMGR_CLASS_NETWORK);
    assert_int_equal(pci_class_of(&bus.devices[1])->right, 0);
    assert_int_equal(pci_class_of(&bus.devices[2])->right, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(devices_are_found_behind_bridges, fresh),
        cmocka_unit_test_setup(further_functions_are_looked_at_only_where_they_are, fresh),
        cmocka_unit_test_setup(bridges_that_loop_end, fresh),
        cmocka_unit_test_setup(more_devices_than_places_are_left_out, fresh),
        cmocka_unit_test_setup(an_empty_machine_has_no_devices, fresh),
        cmocka_unit_test_setup(a_bus_out_of_reach_is_not_asked, fresh),
        cmocka_unit_test_setup(after_the_scan_no_device_masters_the_bus, fresh),
        cmocka_unit_test_setup(the_scan_tells_which_devices_somebody_had_running, fresh),
        cmocka_unit_test_setup(capabilities_are_read, fresh),
        cmocka_unit_test_setup(a_looping_list_ends, fresh),
        cmocka_unit_test_setup(capabilities_that_do_not_fit_are_dropped, fresh),
        cmocka_unit_test_setup(a_space_of_ones_or_noise_does_no_harm, fresh),
        cmocka_unit_test_setup(bars_are_sized_and_put_back, fresh),
        cmocka_unit_test_setup(a_bar_without_a_place_is_not_there, fresh),
        cmocka_unit_test_setup(nobody_gets_the_msix_table, fresh),
        cmocka_unit_test_setup(an_msix_table_outside_its_bar_is_forgotten, fresh),
        cmocka_unit_test_setup(a_page_with_another_devices_registers_is_seen, fresh),
        cmocka_unit_test_setup(a_quiet_device_neither_writes_nor_interrupts, fresh),
        cmocka_unit_test_setup(after_a_reset_the_bars_are_written_back, fresh),
        cmocka_unit_test_setup(a_message_is_put_where_the_capability_has_it, fresh),
        cmocka_unit_test_setup(bridges_are_nobodys, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Which device an IOMMU fault takes from its driver, and what is said about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "devmgr/quarantine.h"

#define CARD DMA_BUS_ID(0, 3, 0)
#define OTHER DMA_BUS_ID(0, 3, 1)
#define BRIDGE DMA_BUS_ID(0, 1, 0)

static struct pci_bus bus;
static struct quarantine quarantine;

static int fresh(void **state)
{
    (void)state;
    memset(&quarantine, 0, sizeof quarantine);
    bus = (struct pci_bus){.count = 3};
    bus.devices[0] = (struct pci_device){.bus_id = BRIDGE, .class_code = 0x060400, .header_type = 1};
    bus.devices[1] = (struct pci_device){.bus_id = CARD, .class_code = 0x020000};
    bus.devices[2] = (struct pci_device){.bus_id = OTHER, .class_code = 0x020000};
    return 0;
}

static struct iommu_fault fault_of(uint64_t sequence, uint32_t bus_id)
{
    return (struct iommu_fault){
        .sequence = sequence, .bus_id = bus_id, .address = 0x100000, .time_ns = 7, .reason = 5, .write = 1};
}

static enum quarantine_verdict feed(uint64_t sequence, uint32_t bus_id, struct pci_device **device)
{
    struct iommu_fault fault = fault_of(sequence, bus_id);
    return quarantine_add(&quarantine, &bus, &fault, device);
}

static bool held(unsigned index)
{
    return quarantine_of(&quarantine, &bus, &bus.devices[index]) != NULL;
}

static void the_first_fault_quarantines_that_function_and_no_other(void **state)
{
    struct pci_device *device;
    (void)state;
    assert_false(held(1));
    assert_int_equal(feed(1, CARD, &device), QUARANTINE_NEW);
    assert_ptr_equal(device, &bus.devices[1]);
    assert_true(held(1));
    assert_false(held(0));
    assert_false(held(2));
    assert_int_equal(feed(2, OTHER, &device), QUARANTINE_NEW);
    assert_ptr_equal(device, &bus.devices[2]);
}

static void a_storm_of_faults_is_one_quarantine_and_the_first_reason_stays(void **state)
{
    struct pci_device *device;
    (void)state;
    assert_int_equal(feed(1, CARD, &device), QUARANTINE_NEW);
    for (uint64_t i = 2; i < 1000; i++) {
        struct iommu_fault later = fault_of(i, CARD);
        later.address = i << 12;
        assert_int_equal(quarantine_add(&quarantine, &bus, &later, &device), QUARANTINE_ALREADY);
    }
    assert_int_equal(quarantine_of(&quarantine, &bus, &bus.devices[1])->address, 0x100000);
    assert_int_equal(quarantine_of(&quarantine, &bus, &bus.devices[1])->sequence, 1);
    assert_int_equal(quarantine.next_sequence, 1000);
}

static void a_fault_is_looked_at_once(void **state)
{
    struct pci_device *device;
    (void)state;
    assert_int_equal(quarantine.next_sequence, 0);
    feed(41, CARD, &device); /* older ones were overwritten before anybody asked */
    assert_int_equal(quarantine.next_sequence, 42);
    feed(40, CARD, &device); /* a kernel that went back would not make us ask for the same ones for ever */
    assert_int_equal(quarantine.next_sequence, 42);
}

static void a_bridge_or_a_stranger_quarantines_nobody(void **state)
{
    struct pci_device *device;
    (void)state;
    assert_int_equal(feed(1, BRIDGE, &device), QUARANTINE_NOBODY);
    assert_null(device);
    assert_int_equal(feed(2, DMA_BUS_ID(9, 0, 0), &device), QUARANTINE_NOBODY);
    assert_int_equal(feed(3, 0xffffffff, &device), QUARANTINE_NOBODY);
    for (unsigned i = 0; i < 3; i++)
        assert_false(held(i));
    assert_int_equal(quarantine.next_sequence, 4);
}

static void a_devmgr_that_starts_anew_learns_the_same_from_the_kept_faults(void **state)
{
    struct pci_device *device;
    struct quarantine before;
    (void)state;
    feed(3, OTHER, &device);
    feed(4, OTHER, &device);
    before = quarantine;
    memset(&quarantine, 0, sizeof quarantine);
    assert_int_equal(feed(3, OTHER, &device), QUARANTINE_NEW);
    assert_int_equal(feed(4, OTHER, &device), QUARANTINE_ALREADY);
    assert_memory_equal(&before, &quarantine, sizeof before);
}

static void says(struct iommu_fault fault, const char *expected)
{
    char text[FAULT_TEXT];
    fault_text(&fault, text);
    assert_non_null(strstr(text, expected));
}

static void the_line_says_what_it_wanted_where_and_why_not(void **state)
{
    (void)state;
    says(fault_of(1, CARD), "wanted to write to 0x100000: nothing is pinned there for it to write (reason 0x5)");
    says((struct iommu_fault){.address = 0xfff000, .reason = 6}, "wanted to read from 0xfff000: nothing is pinned");
    says((struct iommu_fault){.reason = 0x26, .interrupt = 1, .address = 3}, "interrupt (0x3) that is not its own");
    says((struct iommu_fault){.reason = 0x26, .interrupt = 1}, "another device's");
}

static void every_reason_has_words_and_an_unknown_one_is_told_as_such(void **state)
{
    (void)state;
    for (uint32_t reason = 0; reason < 0x100; reason++) {
        char text[FAULT_TEXT];
        struct iommu_fault fault = {.address = UINT64_MAX, .reason = reason, .write = reason & 1, .interrupt = 0};
        bool known = (reason >= 1 && reason <= 0xd) || (reason >= 0x20 && reason <= 0x26);
        fault_text(&fault, text);
        assert_true(strlen(text) < FAULT_TEXT - 1 && text[strlen(text) - 1] == ')'); /* nothing was cut off */
        assert_int_equal(strstr(text, "does not know") == NULL, known);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_fault_quarantines_that_function_and_no_other, fresh),
        cmocka_unit_test_setup(a_storm_of_faults_is_one_quarantine_and_the_first_reason_stays, fresh),
        cmocka_unit_test_setup(a_fault_is_looked_at_once, fresh),
        cmocka_unit_test_setup(a_bridge_or_a_stranger_quarantines_nobody, fresh),
        cmocka_unit_test_setup(a_devmgr_that_starts_anew_learns_the_same_from_the_kept_faults, fresh),
        cmocka_unit_test_setup(the_line_says_what_it_wanted_where_and_why_not, fresh),
        cmocka_unit_test_setup(every_reason_has_words_and_an_unknown_one_is_told_as_such, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* kernel/memory: objects, mappings and what their capabilities allow; devices' pins. */
#include "kernel/x86/paging.h"
#include "tests/unit/host_machine.h"

#define AT 0x20000000ul
#define RW (PROT_READ | PROT_WRITE)
#define READER (RIGHT_MEMORY_READ | RIGHT_TRANSFER)

static struct task *t;
static handle_t memory; /* the root task's, 3 pages */

static int setup(void **state)
{
    machine_setup(state);
    t = machine_task("t", 10, 256, HANDLE_NONE);
    memory = (handle_t)SYS(machine_root, memory_create, 3, 0);
    return 0;
}

static int64_t map(handle_t handle, uint64_t address, uint64_t first, uint64_t pages, uint64_t protection)
{
    return SYS(t, memory_map, HANDLE_NONE, handle, address, first, pages, protection);
}

static uint32_t protection_at(uint64_t address)
{
    uint64_t physical;
    uint32_t protection;
    return paging_lookup(t->root, address, &physical, &protection) ? protection : 0;
}

static void the_rights_bound_the_protection(void **state)
{
    (void)state;
    handle_t reader = machine_grant(t, memory, READER, 0);
    handle_t all = machine_grant(t, memory, RIGHTS_ALL, 0);
    handle_t writer = machine_grant(t, memory, RIGHT_MEMORY_WRITE, 0);
    assert_int_equal(map(reader, AT, 0, 3, RW), ERR_NO_RIGHT);
    assert_int_equal(map(reader, AT, 0, 3, PROT_READ | PROT_EXEC), ERR_NO_RIGHT);
    assert_int_equal(map(writer, AT, 0, 3, PROT_WRITE), ERR_NO_RIGHT); /* it could read what it may not */
    assert_int_equal(map(all, AT, 0, 3, RW | PROT_EXEC), ERR_INVALID);
    assert_int_equal(map(all, AT, 0, 3, 0), ERR_INVALID);
    assert_int_equal(map(all, AT, 0, 3, 8 | PROT_READ), ERR_INVALID);
    assert_int_equal(map(all, AT, 0, 3, RW), AT);
    assert_int_equal(protection_at(AT + 2 * PAGE_SIZE), RW);
    assert_int_equal(SYS(t, memory_protect, HANDLE_NONE, AT, 3, RW | PROT_EXEC), ERR_INVALID);
    assert_int_equal(SYS(t, memory_protect, HANDLE_NONE, AT, 3, PROT_READ | PROT_EXEC), OK);
    assert_int_equal(protection_at(AT), PROT_READ | PROT_EXEC);
}

static void closing_the_handle_allows_no_more_than_it_did(void **state)
{
    (void)state;
    handle_t reader = machine_grant(t, memory, READER, 0);
    assert_int_equal(map(reader, AT, 0, 3, PROT_READ), AT);
    assert_int_equal(SYS(t, cap_close, reader), OK);
    assert_int_equal(SYS(t, memory_protect, HANDLE_NONE, AT, 3, RW), ERR_NO_RIGHT);
    assert_int_equal(protection_at(AT), PROT_READ);
    assert_int_equal(SYS(t, memory_protect, HANDLE_NONE, AT, 3, PROT_READ), OK);
}

static void revoke_takes_the_mappings_of_closed_handles_too(void **state)
{
    (void)state;
    handle_t one = machine_grant(t, memory, RIGHTS_ALL, 0);
    int64_t two = SYS(t, cap_mint, one, RIGHTS_ALL, 0);
    assert_int_equal(map((handle_t)two, AT, 0, 3, RW), AT);
    assert_int_equal(SYS(t, cap_close, (uint64_t)two), OK);
    assert_int_equal(SYS(t, cap_close, one), OK);
    assert_int_equal(SYS(machine_root, memory_map, HANDLE_NONE, memory, AT, 0, 1, RW), AT);
    assert_int_equal(SYS(machine_root, cap_revoke, memory), OK);
    assert_int_equal(protection_at(AT), 0);
    assert_true(list_empty(&t->mappings));
    assert_false(list_empty(&machine_root->mappings)); /* through `memory` itself, which stays */
}

static void the_last_mapping_keeps_the_pages(void **state)
{
    (void)state;
    handle_t all = machine_grant(t, memory, RIGHTS_ALL, 0);
    assert_int_equal(map(all, AT, 1, 2, RW), AT);
    SYS(t, cap_close, all);
    SYS(machine_root, cap_close, memory);
    assert_int_equal(object_counts[OBJECT_MEMORY], 1);
    int64_t frames = machine_frames_out;
    assert_int_equal(SYS(t, memory_unmap, HANDLE_NONE, AT, 1), ERR_INVALID);
    assert_int_equal(SYS(t, memory_unmap, HANDLE_NONE, AT, 2), OK);
    assert_int_equal(object_counts[OBJECT_MEMORY], 0);
    assert_true(machine_frames_out <= frames - 3);
}

static void addresses_are_checked(void **state)
{
    (void)state;
    handle_t all = machine_grant(t, memory, RIGHTS_ALL, 0);
    static const uint64_t bad[] = {
        1, 0x800, USER_TOP, USER_TOP - PAGE_SIZE, 0x800000000000, UINT64_MAX - PAGE_SIZE + 1};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(map(all, bad[i], 0, 2, RW), ERR_INVALID);
    assert_int_equal(map(all, AT, 2, 2, RW), ERR_INVALID);
    assert_int_equal(map(all, AT, 4, UINT64_MAX, RW), ERR_INVALID);
    assert_int_equal(map(all, AT, UINT64_MAX, 1, RW), ERR_INVALID);
    assert_int_equal(map(all, AT, 0, 0, RW), ERR_INVALID);
    assert_int_equal(map(all, AT, 0, 1ul << 52, RW), ERR_INVALID);
    assert_int_equal(map(all, USER_TOP - 2 * PAGE_SIZE, 0, 2, RW), USER_TOP - 2 * PAGE_SIZE);
    assert_int_equal(map(all, AT, 0, 2, RW), AT);
    assert_int_equal(map(all, AT + PAGE_SIZE, 0, 2, RW), ERR_EXISTS);
    assert_int_equal(map(all, AT - PAGE_SIZE, 0, 2, RW), ERR_EXISTS);
    assert_int_equal(SYS(t, memory_create, 0, 0), ERR_INVALID);
    assert_int_equal(SYS(t, memory_create, UINT64_MAX, 0), ERR_INVALID);
    assert_int_equal(SYS(t, memory_create, 1, 1ul << 32), ERR_INVALID);
    assert_int_equal(SYS(t, memory_create, 1, 2), ERR_INVALID); /* MEMORY_DEVICE */
    assert_int_equal(SYS(t, memory_create, 2000, 0), ERR_QUOTA);
    assert_int_equal(SYS(t, memory_create, 2000, MEMORY_CONTIGUOUS), ERR_INVALID);
}

static void the_kernel_chooses_places_with_a_gap(void **state)
{
    (void)state;
    handle_t all = machine_grant(t, memory, RIGHTS_ALL, 0);
    uint64_t last = 0;
    for (unsigned i = 0; i < 50; i++) {
        int64_t at = map(all, 0, 0, 1 + i % 3, PROT_READ);
        assert_true(at > 0 && at % (int64_t)PAGE_SIZE == 0);
        assert_true((uint64_t)at > last);
        last = (uint64_t)at + (1 + i % 3) * PAGE_SIZE;
    }
    assert_int_equal(SYS(t, memory_unmap, HANDLE_NONE, mapping_find(t, last - 1)->address, 2), OK);
}

/* Frames run out at every point once: an error, and nothing lost. */
static void no_memory_at_any_point_loses_nothing(void **state)
{
    (void)state;
    for (int64_t left = 0; left < 40; left++) {
        uint64_t used = t->account->used_bytes;
        int64_t frames = machine_frames_out;
        machine_frames_left = left;
        int64_t made = SYS(t, memory_create, 20, 0);
        machine_frames_left = -1;
        if (made > 0)
            assert_int_equal(SYS(t, cap_close, (uint64_t)made), OK);
        else
            assert_true(made == ERR_QUOTA || made == ERR_NO_MEMORY);
        if (left > 1) { /* the first makes the table's first page */
            assert_int_equal(t->account->used_bytes, used);
            assert_int_equal(machine_frames_out, frames);
        }
    }
}

static void pins_hold_the_frames_and_are_paid_by_who_pins(void **state)
{
    uint64_t addresses[3];
    (void)state;
    int64_t dma = SYS(machine_root, dma_create, machine_root_handle, 0x18);
    handle_t driver_dma = machine_grant(t, (handle_t)dma, RIGHTS_ALL, 0);
    handle_t all = machine_grant(t, memory, RIGHTS_ALL, 0);
    handle_t reader = machine_grant(t, memory, READER, 0);
    uint64_t root_used = machine_root->account->used_bytes, used = t->account->used_bytes;
    assert_int_equal(SYS(t, dma_pin, driver_dma, reader, 0, 3, P(addresses)), ERR_NO_RIGHT);
    assert_int_equal(SYS(t, dma_pin, driver_dma, all, 1, 3, P(addresses)), ERR_INVALID);
    assert_int_equal(SYS(t, dma_pin, driver_dma, all, 0, UINT64_MAX, P(addresses)), ERR_INVALID);
    assert_int_equal(SYS(t, dma_pin, driver_dma, all, 0, 3, 0x10000), ERR_FAULT);
    assert_int_equal(SYS(t, dma_pin, driver_dma, all, 0, 3, P(addresses)), OK);
    assert_int_equal(machine_root->account->used_bytes, root_used);
    assert_true(t->account->used_bytes > used);
    SYS(machine_root, cap_close, memory);
    SYS(machine_root, task_kill, machine_handle(t));
    machine_idle();
    assert_false(machine_alive(t));
    assert_int_equal(object_counts[OBJECT_MEMORY], 1); /* the device may still write */
    assert_int_equal(SYS(machine_root, cap_revoke, (uint64_t)dma), OK);
    assert_int_equal(object_counts[OBJECT_MEMORY], 0);
}

static void interrupts_raise_only_bits_that_the_signal_allows(void **state)
{
    struct irq_route route;
    (void)state;
    int64_t irq = SYS(machine_root, irq_create, machine_root_handle, IRQ_MESSAGE, 0, P(&route));
    int64_t bell = SYS(machine_root, signal_create);
    int64_t masked = SYS(machine_root, cap_mint, (uint64_t)bell, RIGHTS_ALL, 4);
    assert_int_equal(SYS(machine_root, irq_bind, (uint64_t)irq, (uint64_t)masked, 1), ERR_NO_RIGHT);
    assert_int_equal(SYS(machine_root, irq_bind, (uint64_t)irq, (uint64_t)masked, 64), ERR_INVALID);
    assert_int_equal(SYS(machine_root, irq_bind, (uint64_t)irq, (uint64_t)masked, 2), OK);
    assert_int_equal(SYS(machine_root, irq_create, machine_root_handle, IRQ_IOMMU, 0, P(&route)),
                     ERR_NOT_SUPPORTED); /* this machine has none */
    assert_int_equal(SYS(machine_root, irq_create, machine_root_handle, 4, 0, P(&route)), ERR_INVALID);
    assert_int_equal(SYS(machine_root, irq_create, machine_root_handle, IRQ_MESSAGE, 0x10000, P(&route)), ERR_INVALID);
    assert_int_equal(SYS(machine_root, irq_create, machine_root_handle, 0, 1ul << 32, P(&route)), ERR_INVALID);
    assert_int_equal(SYS(t, irq_create, HANDLE_NONE, IRQ_MESSAGE, 0, P(&route)), ERR_BAD_HANDLE);
    assert_int_equal(SYS(machine_root, irq_create, machine_root_handle, IRQ_LINE_EDGE, 4, 0x10000), ERR_FAULT);
    assert_int_equal(object_counts[OBJECT_IRQ], 1);
}

static void device_memory_is_never_ram(void **state)
{
    (void)state;
    assert_int_equal(SYS(machine_root, devmem_create, machine_root_handle, 0x1000, PAGE_SIZE), ERR_NO_RIGHT);
    assert_int_equal(SYS(machine_root, devmem_create, machine_root_handle, 0xfe000001, PAGE_SIZE), ERR_INVALID);
    assert_int_equal(SYS(machine_root, devmem_create, machine_root_handle, 0xfe000000, UINT64_MAX & ~4095ul),
                     ERR_INVALID);
    int64_t device = SYS(machine_root, devmem_create, machine_root_handle, 0xfe000000, 2 * PAGE_SIZE);
    assert_true(device > 0);
    assert_int_equal(SYS(machine_root, memory_map, HANDLE_NONE, (uint64_t)device, AT, 0, 2, PROT_READ | PROT_EXEC),
                     ERR_NO_RIGHT);
    assert_int_equal(SYS(machine_root, memory_map, HANDLE_NONE, (uint64_t)device, AT, 0, 2, RW), AT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, machine_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_rights_bound_the_protection),
        TEST(closing_the_handle_allows_no_more_than_it_did),
        TEST(revoke_takes_the_mappings_of_closed_handles_too),
        TEST(the_last_mapping_keeps_the_pages),
        TEST(addresses_are_checked),
        TEST(the_kernel_chooses_places_with_a_gap),
        TEST(no_memory_at_any_point_loses_nothing),
        TEST(pins_hold_the_frames_and_are_paid_by_who_pins),
        TEST(interrupts_raise_only_bits_that_the_signal_allows),
        TEST(device_memory_is_never_ram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

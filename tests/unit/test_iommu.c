/* kernel/irq with an IOMMU: what a device reaches is what is pinned for it, at every moment. The unit is a model
 * (vtd_model.h) that caches all it may, so a flush that is missing shows; the calls are those that drivers make. */
#include "tests/unit/iommu_fixture.h"

#define RIGHTS_READ_ONLY (RIGHT_MEMORY_READ | RIGHT_MEMORY_PIN | RIGHT_TRANSFER)

/* ---- pins ---- */

static int setup_machine(void **state)
{
    return machine_setup(state);
}

static void a_device_reaches_what_is_pinned_and_nothing_else(void **state)
{
    uint64_t at[3];
    (void)state;
    assert_true(iommu_on());
    check_reach(physical_of(1), 0);
    check_reach(0, 0);
    assert_int_equal(pin(1, 3, at), OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(at[i], at[0] + i * PAGE_SIZE);
        check_reach(at[i], physical_of(1 + i));
    }
    check_reach(at[0] - PAGE_SIZE, 0);
    check_reach(at[2] + PAGE_SIZE, 0);
    check_reach(physical_of(1), 0);
    assert_int_equal(vtd_model_reach(unit, OTHER, at[0], false), 0);
    assert_int_equal(SYS(driver, dma_unpin, driver_dma, driver_memory), OK);
    for (unsigned i = 0; i < 3; i++)
        check_reach(at[i], 0);
}

static void what_was_pinned_without_the_right_to_write_is_not_written(void **state)
{
    uint64_t at;
    (void)state;
    handle_t reader = machine_grant(driver, memory, RIGHTS_READ_ONLY, 0);
    assert_int_equal(SYS(driver, dma_pin, driver_dma, reader, 2, 1, P(&at)), OK);
    assert_int_equal(vtd_model_reach(unit, DEVICE, at, false), physical_of(2));
    assert_int_equal(vtd_model_reach(unit, DEVICE, at, true), 0);
}

/* The last pin's end and the first one's begin: the context entry goes and comes, with the same domain and address. */
static void a_last_pin_and_a_first_one_at_the_same_address(void)
{
    uint64_t at, before;
    for (uint64_t page = 0; page < 4; page++) {
        assert_int_equal(pin(page, 1, &at), OK);
        assert_true(page == 0 || at == before);
        check_reach(at, physical_of(page));
        assert_int_equal(SYS(driver, dma_unpin, driver_dma, driver_memory), OK);
        check_reach(at, 0); /* a unit that caches what is not there has that now */
        before = at;
    }
}

/* A reference of what is pinned; after every step each page is asked for. */
static void random_pins_agree_with_the_reference(uint64_t capability, uint64_t extended, unsigned units)
{
    struct {
        handle_t driver, root;
        uint64_t at[8], first, pages;
    } pins[12] = {0};
    vtd_model_reset();
    iommu_start(capability, extended, units);
    make_driver();
    uint64_t used = driver->account->used_bytes;
    a_last_pin_and_a_first_one_at_the_same_address();
    for (unsigned i = 0; i < 12; i++) { /* a capability of its own for each, for dma_unpin to tell them apart */
        pins[i].root = (handle_t)SYS(machine_root, memory_create, 8, 0);
        pins[i].driver = machine_grant(driver, pins[i].root, RIGHTS_ALL, 0);
    }
    srand(7);
    for (unsigned step = 0; step < 600; step++) {
        unsigned i = (unsigned)rand() % 12;
        if (pins[i].pages) {
            assert_int_equal(SYS(driver, dma_unpin, driver_dma, pins[i].driver), OK);
            for (unsigned page = 0; page < pins[i].pages; page++)
                check_reach(pins[i].at[page], 0);
            pins[i].pages = 0;
        } else {
            pins[i].pages = 1 + (unsigned)rand() % 8;
            pins[i].first = (unsigned)rand() % (9 - pins[i].pages);
            assert_int_equal(
                SYS(driver, dma_pin, driver_dma, pins[i].driver, pins[i].first, pins[i].pages, P(pins[i].at)), OK);
        }
        for (unsigned j = 0; j < 12; j++)
            for (unsigned page = 0; page < pins[j].pages; page++)
                check_reach(pins[j].at[page],
                            memory_page((struct memory *)machine_cap(machine_root, pins[j].root)->object,
                                        pins[j].first + page));
    }
    for (unsigned i = 0; i < 12; i++) {
        SYS(driver, dma_unpin, driver_dma, pins[i].driver);
        SYS(driver, cap_close, pins[i].driver);
    }
    assert_true(driver->account->used_bytes <= used + PAGE_SIZE);
}

static const struct {
    const char *what;
    uint64_t capability, extended;
    unsigned units;
} kinds[] = {
    {"a queue of requests", MODEL_CAPABILITY, MODEL_EXTENDED, 1},
    {"registers only", MODEL_CAPABILITY, 0xful << 8, 1},
    {"a cache that looks into the CPU's", MODEL_CAPABILITY, MODEL_EXTENDED | EXTENDED_COHERENT, 1},
    {"four levels", (MODEL_CAPABILITY & ~(0x1ful << 8)) | 4ul << 8, MODEL_EXTENDED, 1},
    {"whole domains only", MODEL_CAPABILITY & ~CAPABILITY_PAGE_SELECTIVE, MODEL_EXTENDED, 1},
    {"blocks of two pages at most", (MODEL_CAPABILITY & ~(0x3ful << 48)) | 1ul << 48, MODEL_EXTENDED, 1},
    {"caching of what is not there", MODEL_CAPABILITY | CAPABILITY_CACHING, MODEL_EXTENDED, 1},
    {"a write buffer", MODEL_CAPABILITY | CAPABILITY_WRITE_BUFFER, MODEL_EXTENDED, 1},
    {"two units", MODEL_CAPABILITY, MODEL_EXTENDED, 2},
    {"two units, registers, caching", MODEL_CAPABILITY | CAPABILITY_CACHING, 0xful << 8, 2},
};

static void every_kind_of_unit_agrees_with_the_reference(void **state)
{
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        print_message("             %s\n", kinds[i].what);
        random_pins_agree_with_the_reference(kinds[i].capability, kinds[i].extended, kinds[i].units);
        if (i + 1 < sizeof kinds / sizeof kinds[0]) {
            machine_teardown(state);
            machine_setup(state);
        }
    }
}

static void refused_for_quota_or_memory_leaves_all_as_it_was(void **state)
{
    uint64_t at[MEMORY_PAGES], before;
    (void)state;
    assert_int_equal(pin(0, 1, &before), OK); /* slab page and domain are there */
    assert_int_equal(SYS(driver, dma_unpin, driver_dma, driver_memory), OK);
    assert_int_equal(SYS(driver, dma_unpin, driver_dma, driver_memory), OK);
    uint64_t used = driver->account->used_bytes, limit = driver->account->limit_bytes;
    int64_t frames = machine_frames_out;
    for (uint64_t room = 0; room < 4; room++) {
        driver->account->limit_bytes = used + room * PAGE_SIZE;
        assert_int_equal(pin(0, MEMORY_PAGES, at),
                         ERR_QUOTA); /* root, directory, table and a page for the pin itself */
        assert_int_equal(driver->account->used_bytes, used);
        assert_int_equal(machine_frames_out, frames);
        check_reach(PAGE_SIZE, 0);
    }
    driver->account->limit_bytes = limit;
    for (int64_t left = 0; left < 3; left++) {
        machine_frames_left = left;
        int64_t result = pin(0, MEMORY_PAGES, at);
        machine_frames_left = -1;
        assert_int_equal(result, ERR_NO_MEMORY);
        assert_int_equal(driver->account->used_bytes, used);
        assert_int_equal(machine_frames_out, frames);
    }
    assert_int_equal(pin(0, MEMORY_PAGES, at), OK);
    check_reach(at[MEMORY_PAGES - 1], physical_of(MEMORY_PAGES - 1));
}

static void tables_are_paid_by_who_pins_first_until_the_last_pin_ends(void **state)
{
    uint64_t at;
    (void)state;
    struct task *second = machine_task("second", 10, 256, HANDLE_NONE);
    handle_t second_dma = machine_grant(second, dma, RIGHTS_ALL, 0);
    handle_t other = (handle_t)SYS(machine_root, memory_create, 2, 0);
    handle_t second_memory = machine_grant(second, other, RIGHTS_ALL, 0);
    uint64_t used = driver->account->used_bytes, second_used = second->account->used_bytes;
    assert_int_equal(pin(0, 1, &at), OK);
    assert_int_equal(driver->account->used_bytes, used + 4 * PAGE_SIZE); /* three tables, one page of pins */
    assert_int_equal(SYS(second, dma_pin, second_dma, second_memory, 0, 2, P(&(uint64_t[2]){0})), OK);
    assert_int_equal(second->account->used_bytes, second_used + PAGE_SIZE);
    assert_int_equal(SYS(driver, dma_unpin, driver_dma, driver_memory), OK);
    assert_int_equal(driver->account->used_bytes, used + 3 * PAGE_SIZE);
    assert_int_equal(SYS(second, dma_unpin, second_dma, second_memory), OK);
    assert_int_equal(driver->account->used_bytes, used);
    assert_int_equal(second->account->used_bytes, second_used);
}

static void a_call_pins_4096_pages_at_most(void **state)
{
    static uint64_t at[4097];
    (void)state;
    int64_t result;
    struct task *rich = machine_task("rich", 10, 8192, HANDLE_NONE);
    handle_t rich_dma = machine_grant(rich, dma, RIGHTS_ALL, 0);
    do
        result = SYS(rich, memory_create, 4097, 0);
    while (result == ERR_RESTARTED);
    for (unsigned tries = 0; result == BLOCKED && tries < 1000; tries++)
        result = machine_answer(rich);
    assert_true(result > 0);
    assert_int_equal(SYS(rich, dma_pin, rich_dma, (uint64_t)result, 0, 4097, P(at)), ERR_TOO_LONG);
    assert_int_equal(SYS(rich, dma_pin, rich_dma, (uint64_t)result, 1, 4096, P(at)), OK);
    assert_int_equal(SYS(rich, dma_pin, rich_dma, (uint64_t)result, 0, 1, P(&at[4096])), OK);
    assert_true(vtd_model_reach(unit, DEVICE, at[4095], true) != 0);
    assert_int_equal(SYS(rich, dma_unpin, rich_dma, (uint64_t)result), ERR_RESTARTED);
    assert_int_equal(SYS(rich, dma_unpin, rich_dma, (uint64_t)result), OK);
    check_reach(at[0], 0);
    check_reach(at[4096], 0);
}

/* ---- the end ---- */

static int no_setup(void **state)
{
    (void)state;
    return 0;
}

static void revoking_the_dma_capability_ends_what_went_through_it(void **state)
{
    uint64_t at[4];
    (void)state;
    assert_int_equal(pin(0, 4, at), OK);
    check_reach(at[3], physical_of(3));
    assert_int_equal(revoke(dma), OK);
    check_reach(at[3], 0);
    assert_int_equal(SYS(driver, dma_unpin, driver_dma, driver_memory), ERR_BAD_HANDLE);
}

static void revoking_the_memory_ends_its_pins_and_no_others(void **state)
{
    uint64_t at[4], kept;
    (void)state;
    handle_t other = (handle_t)SYS(machine_root, memory_create, 1, 0);
    handle_t driver_other = machine_grant(driver, other, RIGHTS_ALL, 0);
    assert_int_equal(pin(0, 4, at), OK);
    assert_int_equal(SYS(driver, dma_pin, driver_dma, driver_other, 0, 1, P(&kept)), OK);
    assert_int_equal(revoke(memory), OK);
    check_reach(at[0], 0);
    check_reach(at[3], 0);
    assert_true(vtd_model_reach(unit, DEVICE, kept, true) != 0);
}

static void there_is_one_dma_object_a_device(void **state)
{
    (void)state;
    assert_int_equal(SYS(machine_root, dma_create, machine_root_handle, DEVICE), ERR_BUSY);
    int64_t other = SYS(machine_root, dma_create, machine_root_handle, OTHER);
    assert_true(other > 0);
    assert_int_equal(SYS(machine_root, cap_close, (uint64_t)other), OK);
    assert_true(SYS(machine_root, dma_create, machine_root_handle, OTHER) > 0);
    assert_int_equal(SYS(machine_root, dma_create, machine_root_handle, 0x600), ERR_NOT_SUPPORTED); /* behind no unit */
    assert_int_equal(SYS(machine_root, dma_create, machine_root_handle, 0x10000), ERR_INVALID);
}

static void a_device_that_nobody_holds_any_more_is_cut_off_at_once(void **state)
{
    uint64_t at[4];
    (void)state;
    assert_int_equal(pin(0, 4, at), OK);
    check_reach(at[0], physical_of(0));
    SYS(machine_root, cap_close, memory);
    SYS(machine_root, cap_close, dma);
    SYS(machine_root, task_kill, machine_handle(driver));
    machine_idle();
    check_reach(at[0], 0);
    assert_int_equal(object_counts[OBJECT_MEMORY], 0);
    assert_true(SYS(machine_root, dma_create, machine_root_handle, DEVICE) > 0);
}

static void without_an_iommu_orphaned_pins_wait_for_who_stops_the_device(void **state)
{
    uint64_t at[4];
    (void)state;
    machine_setup(state);
    assert_false(iommu_on());
    make_driver();
    assert_int_equal(pin(0, 4, at), OK);
    assert_int_equal(at[2], physical_of(2));
    SYS(machine_root, cap_close, memory);
    SYS(machine_root, cap_close, dma);
    SYS(machine_root, task_kill, machine_handle(driver));
    machine_idle();
    assert_int_equal(object_counts[OBJECT_MEMORY], 1);
    assert_int_equal(object_counts[OBJECT_DMA], 1);
    int64_t again = SYS(machine_root, dma_create, machine_root_handle, DEVICE);
    assert_true(again > 0);
    assert_int_equal(object_counts[OBJECT_DMA], 1);
    assert_int_equal(object_counts[OBJECT_MEMORY], 1); /* not yet: the device may still write */
    assert_int_equal(SYS(machine_root, dma_create, machine_root_handle, DEVICE), ERR_BUSY);
    assert_int_equal(revoke((handle_t)again), OK);
    assert_int_equal(object_counts[OBJECT_MEMORY], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_device_reaches_what_is_pinned_and_nothing_else),
        TEST(what_was_pinned_without_the_right_to_write_is_not_written),
        cmocka_unit_test_setup_teardown(every_kind_of_unit_agrees_with_the_reference, setup_machine, iommu_teardown),
        TEST(refused_for_quota_or_memory_leaves_all_as_it_was),
        TEST(tables_are_paid_by_who_pins_first_until_the_last_pin_ends),
        TEST(a_call_pins_4096_pages_at_most),
        TEST(revoking_the_dma_capability_ends_what_went_through_it),
        TEST(revoking_the_memory_ends_its_pins_and_no_others),
        TEST(there_is_one_dma_object_a_device),
        TEST(a_device_that_nobody_holds_any_more_is_cut_off_at_once),
        cmocka_unit_test_setup_teardown(without_an_iommu_orphaned_pins_wait_for_who_stops_the_device, no_setup,
                                        iommu_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* kernel/irq with an IOMMU: what a device reaches is what is pinned for it, at every moment. The unit is a model
 * (vtd_model.h) that caches all it may, so a flush that is missing shows; the calls are those that drivers make. */
#include <abi/info.h>
#include "kernel/irq/device.h"
#include "tests/unit/host_machine.h"
#include "tests/unit/vtd_model.h"

#define DEVICE DMA_BUS_ID(0, 3, 0)
#define OTHER DMA_BUS_ID(0, 4, 1)
#define FAR DMA_BUS_ID(5, 0, 0)
#define MEMORY_PAGES 40
#define RIGHTS_READ_ONLY (RIGHT_MEMORY_READ | RIGHT_MEMORY_PIN | RIGHT_TRANSFER)

static struct task *driver;
static handle_t memory, dma, driver_memory, driver_dma;
static struct vtd_model *unit;

static void iommu_start(uint64_t capability, uint64_t extended, unsigned units)
{
    struct acpi_dmar dmar = {.covered = {{0, 0x5ff}}, .covered_count = 1, .interrupts_remappable = true};
    dmar.ioapics[dmar.ioapic_count++] = (struct acpi_interrupt_source){.ioapic_id = 0, .source_id = 0xff00};
    for (unsigned i = 0; i < units; i++)
        vtd_model_add(&dmar, capability, extended);
    iommu_init(&dmar, 0, false);
    unit = &models[0];
}

static void make_driver(void)
{
    driver = machine_task("driver", 10, 4096, HANDLE_NONE);
    int64_t result;
    do
        result = SYS(machine_root, memory_create, MEMORY_PAGES, 0);
    while (result == ERR_RESTARTED);
    assert_true(result > 0);
    memory = (handle_t)result;
    dma = (handle_t)SYS(machine_root, dma_create, machine_root_handle, DEVICE);
    driver_memory = machine_grant(driver, memory, RIGHTS_ALL, 0);
    driver_dma = machine_grant(driver, dma, RIGHTS_ALL, 0);
}

static int setup_with(uint64_t capability, uint64_t extended, unsigned units)
{
    machine_setup(NULL);
    iommu_start(capability, extended, units);
    make_driver();
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return setup_with(MODEL_CAPABILITY, MODEL_EXTENDED, 1);
}

static int teardown(void **state)
{
    machine_teardown(state);
    vtd_model_reset();
    iommu_init(&(struct acpi_dmar){.unit_count = 0}, 0, false);
    return 0;
}

static uint64_t physical_of(uint64_t page)
{
    return memory_page((struct memory *)machine_cap(machine_root, memory)->object, page);
}

static int64_t pin(uint64_t first, uint64_t pages, uint64_t *addresses)
{
    return SYS(driver, dma_pin, driver_dma, driver_memory, first, pages, P(addresses));
}

static int64_t revoke(handle_t handle)
{
    int64_t result;
    do
        result = SYS(machine_root, cap_revoke, handle);
    while (result == ERR_RESTARTED);
    return result;
}

/* Makes the next faults be reported, without touching what is mapped. */
static void check_reach(uint64_t address, uint64_t physical)
{
    for (unsigned i = 0; i < MODEL_UNITS && models[i].capability; i++) {
        assert_int_equal(vtd_model_reach(&models[i], DEVICE, address + 8, false), physical ? physical + 8 : 0);
        assert_int_equal(vtd_model_reach(&models[i], DEVICE, address + 8, true), physical ? physical + 8 : 0);
    }
}

/* ---- pins ---- */

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

/* ---- addresses ---- */

static void addresses_keep_clear_of_each_other_of_0_and_of_the_interrupt_window(void **state)
{
    static struct iova places[600];
    struct link list;
    bool taken[600] = {0};
    (void)state;
    list_init(&list);
    srand(3);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned i = (unsigned)rand() % 600;
        if (taken[i]) {
            list_remove(&places[i].link);
            taken[i] = false;
            continue;
        }
        places[i].pages = 1 + (unsigned)rand() % 4096;
        taken[i] = !iova_place(&list, &places[i]);
        uint64_t before = 0;
        for (struct link *l = list.next; l != &list && step % 50 == 0; l = l->next) {
            const struct iova *p = LIST_OWNER(l, struct iova, link);
            uint64_t end = p->address + p->pages * PAGE_SIZE;
            assert_true(p->address >= before + PAGE_SIZE && end + PAGE_SIZE <= IOVA_LIMIT);
            assert_true(end < 0xfee00000 || p->address >= 0xfef00000);
            before = end;
        }
    }
}

static void a_full_space_is_refused_and_a_gap_is_found_again(void **state)
{
    static struct iova places[300];
    struct link list;
    unsigned count = 0;
    (void)state;
    list_init(&list);
    while (places[count].pages = 4096, !iova_place(&list, &places[count]))
        assert_true(++count < 300);
    assert_true(count > 250); /* of 256 */
    uint64_t address = places[77].address;
    list_remove(&places[77].link);
    assert_int_equal(iova_place(&list, &places[77]), OK);
    assert_int_equal(places[77].address, address);
}

/* ---- the end ---- */

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

/* ---- faults ---- */

static void fault_interrupt(void)
{
    for (; unit->events; unit->events--)
        irq_interrupt(VECTOR_IOMMU);
}

static int64_t faults_read(uint64_t from, struct iommu_fault *faults, size_t count)
{
    return SYS(machine_root, system_info, machine_root_handle, INFO_IOMMU_FAULTS, from, P(faults),
               count * sizeof *faults);
}

static void each_kind_of_record_is_told_as_it_is(void **state)
{
    (void)state;
    struct iommu_fault f = vtd_fault_decode(0x12345000, 1ul << 63 | 5ul << 32 | 0x0318);
    assert_int_equal(f.address, 0x12345000);
    assert_int_equal(f.bus_id, 0x318);
    assert_int_equal(f.reason, 5);
    assert_true(f.write && !f.interrupt);
    f = vtd_fault_decode(0xfffffffffffff123, 1ul << 63 | 1ul << 62 | 6ul << 32 | 0xffff);
    assert_int_equal(f.address, 0xfffffffffffff000);
    assert_true(!f.write && !f.interrupt && f.bus_id == 0xffff);
    for (uint64_t reason = 0; reason < 256; reason++) {
        f = vtd_fault_decode(0x77ul << 48, 1ul << 63 | reason << 32 | 1);
        assert_int_equal(f.interrupt, reason >= 0x20 && reason <= 0x2f);
        assert_int_equal(f.reason, reason);
        assert_int_equal(f.address, f.interrupt ? 0x77 : 0x77ul << 48);
    }
}

static void a_device_is_reported_once_until_it_gets_a_dma_object_anew(void **state)
{
    struct iommu_fault faults[4];
    (void)state;
    machine_now_ns = 5000;
    vtd_model_reach(unit, DEVICE, 0x5123, true);
    assert_int_equal(unit->events, 1);
    fault_interrupt();
    assert_int_equal(faults_read(0, faults, 4), 1);
    assert_int_equal(faults[0].sequence, 1);
    assert_int_equal(faults[0].address, 0x5000);
    assert_int_equal(faults[0].bus_id, DEVICE);
    assert_int_equal(faults[0].time_ns, 5000);
    assert_true(faults[0].write && faults[0].reason == 2);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(vtd_model_reach(unit, DEVICE, 0x5000 + i * 64, i & 1), 0);
    assert_int_equal(unit->events, 0); /* it costs nothing */
    vtd_model_reach(unit, FAR, 0x7000, false);
    fault_interrupt();
    assert_int_equal(faults_read(2, faults, 4), 1);
    assert_true(faults[0].bus_id == FAR && !faults[0].write);
    assert_int_equal(faults_read(3, faults, 4), 0);
    assert_int_equal(faults_read(0, faults, 1), 1);
    assert_int_equal(faults[0].sequence, 1);
    SYS(machine_root, cap_close, (uint64_t)dma);
    SYS(driver, cap_close, driver_dma);
    dma = (handle_t)SYS(machine_root, dma_create, machine_root_handle, DEVICE);
    vtd_model_reach(unit, DEVICE, 0x9000, false);
    assert_int_equal(unit->events, 1);
    fault_interrupt();
    assert_int_equal(faults_read(3, faults, 4), 1);
    assert_int_equal(faults[0].address, 0x9000);
}

static void a_device_that_faulted_still_reaches_its_pins(void **state)
{
    uint64_t at;
    (void)state;
    assert_int_equal(pin(0, 1, &at), OK);
    vtd_model_reach(unit, DEVICE, at + PAGE_SIZE, true);
    fault_interrupt();
    vtd_model_reach(unit, DEVICE, at + PAGE_SIZE, true);
    assert_int_equal(unit->events, 0);
    check_reach(at, physical_of(0));
    SYS(driver, dma_unpin, driver_dma, driver_memory);
    check_reach(at, 0);
    assert_int_equal(unit->events, 0);
}

static void an_overflow_is_cleared_and_later_faults_are_told(void **state)
{
    struct iommu_fault faults[64];
    (void)state;
    for (uint32_t i = 0; i < 20; i++)
        vtd_model_reach(unit, DMA_BUS_ID(1, i, 0), 0x1000 * (i + 1), true);
    assert_true(unit->fault_status & 1);
    fault_interrupt();
    assert_int_equal(unit->fault_status & 1, 0);
    assert_int_equal(faults_read(0, faults, 64), 8); /* as many records as it has */
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(faults[i].bus_id, DMA_BUS_ID(1, i, 0));
    vtd_model_reach(unit, DMA_BUS_ID(1, 30, 0), 0x1000, true);
    fault_interrupt();
    assert_int_equal(faults_read(9, faults, 64), 1);
}

static void the_last_64_faults_are_kept(void **state)
{
    struct iommu_fault faults[70];
    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        vtd_model_reach(unit, 0x200 + i, 0x1000, true);
        fault_interrupt();
        if (i == 50)
            faults_read(1000, faults, 1);
    }
    assert_int_equal(faults_read(0, faults, 70), 64);
    assert_int_equal(faults[0].sequence, 37);
    assert_int_equal(faults[63].sequence, 100);
    assert_int_equal(faults[63].bus_id, 0x200 + 99);
}

/* Interrupts of a forger can't be made quiet by an entry: the event is masked until somebody reads. */
static void a_storm_of_forged_interrupts_ends_by_itself(void **state)
{
    struct iommu_fault faults[4];
    unsigned events = 0;
    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        assert_int_equal(vtd_model_interrupt(unit, DEVICE, 0xfee00000, 0x31), 0);
        events += unit->events;
        fault_interrupt();
    }
    assert_true(events <= 64);
    assert_int_equal(faults_read(0, faults, 4), 1);
    assert_true(faults[0].interrupt && faults[0].reason == 0x25 && faults[0].bus_id == DEVICE);
    assert_int_equal(unit->events, 1); /* what came meanwhile */
    fault_interrupt();
    vtd_model_reach(unit, OTHER, 0x1000, true);
    fault_interrupt();
    assert_int_equal(faults_read(2, faults, 4), 1);
    assert_int_equal(faults[0].bus_id, OTHER);
}

static void the_iommu_irq_raises_a_signal_for_what_is_new(void **state)
{
    struct irq_route route;
    (void)state;
    int64_t irq = SYS(machine_root, irq_create, machine_root_handle, IRQ_IOMMU, 0, P(&route));
    assert_true(irq > 0);
    assert_int_equal(SYS(machine_root, irq_create, machine_root_handle, IRQ_IOMMU, 0, P(&route)), ERR_BUSY);
    assert_int_equal(SYS(machine_root, irq_create, machine_root_handle, IRQ_IOMMU, 1, P(&route)), ERR_INVALID);
    int64_t bell = SYS(machine_root, signal_create);
    assert_int_equal(SYS(machine_root, irq_bind, (uint64_t)irq, (uint64_t)bell, 4), OK);
    struct signal *signal = (struct signal *)machine_cap(machine_root, (handle_t)bell)->object;
    irq_interrupt(VECTOR_IOMMU);
    assert_int_equal(signal->word, 0);
    vtd_model_reach(unit, DEVICE, 0x1000, true);
    fault_interrupt();
    assert_int_equal(signal->word, 1 << 4);
    assert_int_equal(SYS(machine_root, cap_close, (uint64_t)irq), OK);
    assert_true(SYS(machine_root, irq_create, machine_root_handle, IRQ_IOMMU, 0, P(&route)) > 0);
}

static void only_the_root_capability_tells_of_faults(void **state)
{
    struct iommu_fault fault;
    (void)state;
    handle_t weak = machine_grant(driver, machine_root_handle, RIGHTS_ALL & ~RIGHT_ROOT_DEVICE, 0);
    assert_int_equal(SYS(driver, system_info, weak, INFO_IOMMU_FAULTS, 0, P(&fault), sizeof fault), ERR_NO_RIGHT);
    assert_int_equal(SYS(driver, system_info, driver_dma, INFO_IOMMU_FAULTS, 0, P(&fault), sizeof fault),
                     ERR_WRONG_TYPE);
}

/* ---- interrupts ---- */

static void a_device_raises_its_own_vectors_and_no_others(void **state)
{
    struct irq_route mine, others;
    (void)state;
    int64_t irq = SYS(machine_root, irq_create, machine_root_handle, IRQ_MESSAGE, DEVICE, P(&mine));
    int64_t other = SYS(machine_root, irq_create, machine_root_handle, IRQ_MESSAGE, OTHER, P(&others));
    assert_true(irq > 0 && other > 0 && mine.vector != others.vector);
    assert_int_equal(vtd_model_interrupt(unit, DEVICE, mine.message_address, mine.message_data), mine.vector);
    assert_int_equal(vtd_model_interrupt(unit, OTHER, others.message_address, others.message_data), others.vector);
    assert_int_equal(vtd_model_interrupt(unit, DEVICE, others.message_address, others.message_data), 0);
    for (uint64_t address = 0xfee00000; address < 0xfef00000; address += 4) {
        uint32_t vector = vtd_model_interrupt(unit, DEVICE, address, mine.vector);
        assert_true(vector == 0 || vector == mine.vector);
    }
    assert_int_equal(SYS(machine_root, cap_close, (uint64_t)irq), OK);
    assert_int_equal(vtd_model_interrupt(unit, DEVICE, mine.message_address, mine.message_data), 0);
    assert_int_equal(vtd_model_interrupt(unit, OTHER, others.message_address, others.message_data), others.vector);
}

static void a_line_comes_from_its_ioapic_only(void **state)
{
    struct irq_route route;
    (void)state;
    assert_true(SYS(machine_root, irq_create, machine_root_handle, IRQ_LINE_LEVEL, 5, P(&route)) > 0);
    uint64_t message = 0xfee00000 | route.vector << 5 | 16;
    assert_int_equal(vtd_model_interrupt(unit, 0xff00, message, route.vector), route.vector);
    assert_int_equal(vtd_model_interrupt(unit, DEVICE, message, route.vector), 0);
    assert_int_equal(vtd.interrupts[2 * route.vector] >> 4 & 1, 1); /* level */
}

static void without_remapping_messages_have_the_old_form(void **state)
{
    struct irq_route route;
    (void)state;
    vtd_model_reset();
    machine_teardown(state);
    setup_with(MODEL_CAPABILITY, MODEL_EXTENDED & ~EXTENDED_REMAPPING, 1);
    assert_true(iommu_on() && !iommu_remaps_interrupts());
    assert_true(SYS(machine_root, irq_create, machine_root_handle, IRQ_MESSAGE, DEVICE, P(&route)) > 0);
    assert_int_equal(route.message_data, route.vector);
}

/* ---- units that are no good ---- */

static void a_unit_that_lacks_what_is_needed_or_does_not_answer_is_not_used(void **state)
{
    (void)state;
    const struct {
        uint64_t capability, extended;
    } bad[] = {{MODEL_CAPABILITY & ~(0x1ful << 8), MODEL_EXTENDED},                 /* no page tables that we know */
               {(MODEL_CAPABILITY & ~(0x3ful << 16)) | 30ul << 16, MODEL_EXTENDED}, /* 31 bits of address */
               {UINT64_MAX, UINT64_MAX}};                                           /* nobody there */
    for (unsigned i = 0; i < 3; i++) {
        vtd_model_reset();
        iommu_start(bad[i].capability, bad[i].extended, 1);
        assert_false(iommu_on());
        assert_false(unit->status & VTD_TRANSLATION);
    }
    struct acpi_dmar dmar = {.covered = {{0, 0xffff}}, .covered_count = 1};
    vtd_model_reset();
    vtd_model_add(&dmar, MODEL_CAPABILITY, MODEL_EXTENDED);
    vtd_model_add(&dmar, MODEL_CAPABILITY, MODEL_EXTENDED)->silent = true;
    iommu_init(&dmar, 0, false);
    assert_false(iommu_on());
    assert_false(models[0].status & VTD_TRANSLATION); /* all or none */
}

static void memory_that_a_silent_unit_may_still_show_is_never_reused(void **state)
{
    uint64_t at[4];
    (void)state;
    assert_int_equal(pin(0, 4, at), OK);
    check_reach(at[0], physical_of(0));
    unit->silent = true;
    assert_int_equal(SYS(driver, dma_unpin, driver_dma, driver_memory), ERR_IO);
    assert_int_equal(SYS(driver, dma_unpin, driver_dma, driver_memory), ERR_IO); /* and does not wait again */
    assert_int_equal(pin(0, 4, at), ERR_IO);
    struct memory *object = (struct memory *)machine_cap(machine_root, memory)->object;
    uint32_t refs = object->object.refs;
    assert_int_equal(revoke(dma), OK);
    assert_int_equal(object->object.refs, refs);
    /* the unit answers again, only so that the test can clean up */
    unit->silent = false;
    vtd.broken = false;
    unit->head = 0;
    vtd.units[0].tail = 0;
    SYS(machine_root, cap_close, dma);
    machine_idle();
    assert_true(object->object.refs < refs);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int setup_machine(void **state)
{
    return machine_setup(state);
}
static int no_setup(void **state)
{
    (void)state;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_device_reaches_what_is_pinned_and_nothing_else),
        TEST(what_was_pinned_without_the_right_to_write_is_not_written),
        cmocka_unit_test_setup_teardown(every_kind_of_unit_agrees_with_the_reference, setup_machine, teardown),
        TEST(refused_for_quota_or_memory_leaves_all_as_it_was),
        TEST(tables_are_paid_by_who_pins_first_until_the_last_pin_ends),
        TEST(a_call_pins_4096_pages_at_most),
        cmocka_unit_test(addresses_keep_clear_of_each_other_of_0_and_of_the_interrupt_window),
        cmocka_unit_test(a_full_space_is_refused_and_a_gap_is_found_again),
        TEST(revoking_the_dma_capability_ends_what_went_through_it),
        TEST(revoking_the_memory_ends_its_pins_and_no_others),
        TEST(there_is_one_dma_object_a_device),
        TEST(a_device_that_nobody_holds_any_more_is_cut_off_at_once),
        cmocka_unit_test_setup_teardown(without_an_iommu_orphaned_pins_wait_for_who_stops_the_device, no_setup,
                                        teardown),
        cmocka_unit_test(each_kind_of_record_is_told_as_it_is),
        TEST(a_device_is_reported_once_until_it_gets_a_dma_object_anew),
        TEST(a_device_that_faulted_still_reaches_its_pins),
        TEST(an_overflow_is_cleared_and_later_faults_are_told),
        TEST(the_last_64_faults_are_kept),
        TEST(a_storm_of_forged_interrupts_ends_by_itself),
        TEST(the_iommu_irq_raises_a_signal_for_what_is_new),
        TEST(only_the_root_capability_tells_of_faults),
        TEST(a_device_raises_its_own_vectors_and_no_others),
        TEST(a_line_comes_from_its_ioapic_only),
        TEST(without_remapping_messages_have_the_old_form),
        TEST(a_unit_that_lacks_what_is_needed_or_does_not_answer_is_not_used),
        TEST(memory_that_a_silent_unit_may_still_show_is_never_reused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

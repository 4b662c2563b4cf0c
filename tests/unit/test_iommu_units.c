/* kernel/irq with an IOMMU: addresses in a device's space, interrupts through the unit, and units that are no good. */
#include "tests/unit/iommu_fixture.h"

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
    iommu_setup_with(MODEL_CAPABILITY, MODEL_EXTENDED & ~EXTENDED_REMAPPING, 1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_keep_clear_of_each_other_of_0_and_of_the_interrupt_window),
        cmocka_unit_test(a_full_space_is_refused_and_a_gap_is_found_again),
        TEST(a_device_raises_its_own_vectors_and_no_others),
        TEST(a_line_comes_from_its_ioapic_only),
        TEST(without_remapping_messages_have_the_old_form),
        TEST(a_unit_that_lacks_what_is_needed_or_does_not_answer_is_not_used),
        TEST(memory_that_a_silent_unit_may_still_show_is_never_reused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The e1000 driver against a model of its three devices: resets, rings that wrap and fill, frames with errors, a link that
 * goes, a transmitter that hangs, a device that lies or goes away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include "tests/unit/e1000_model.h"

#define MS 1000000ull
#define STATUS_LAST 2u        /* end of packet */
#define STATUS_CHECKED 0x60u  /* IP and TCP sums were looked at */
#define STATUS_NO_CHECKSUM 4u /* ignore them */
static const uint16_t ids[] = {0x100e, 0x100f, 0x10d3};
static struct nic nic;
static const struct nic_ops *const ops = &e1000_ops;

static void open_device(uint16_t id)
{
    struct nic_resources resources = model_resources(id);
    model_power_on(id);
    nic = (struct nic){.ops = ops};
    assert_int_equal(ops->open(&nic, &resources), OK);
}

static void close_device(void)
{
    ops->close(&nic);
    assert_int_equal(model.pinned, 0);
    assert_int_equal(model.capabilities, 0);
    assert_null(nic.driver);
}

static bool provide(uint32_t id)
{
    return ops->rx_provide(&nic, model.buffers[id], MODEL_BUFFER_AT + (uint64_t)id * E1000_BUFFER, E1000_BUFFER, id);
}

static void provide_many(uint32_t count)
{
    for (uint32_t id = 0; id < count; id++)
        assert_true(provide(id));
    ops->kick(&nic);
}

/* One packet of `pieces` pieces out of buffer `id`, each of `bytes`. */
static bool transmit(uint32_t id, unsigned pieces, uint32_t bytes, uint16_t start, uint16_t offset)
{
    struct nic_fragment fragments[NIC_FRAGMENTS_MAX + 1];
    for (unsigned i = 0; i < pieces; i++)
        fragments[i] = (struct nic_fragment){MODEL_BUFFER_AT + (uint64_t)(id % 256) * E1000_BUFFER + i * bytes, bytes};
    struct nic_packet packet = {
        .fragments = fragments, .count = pieces, .id = id, .checksum_start = start, .checksum_offset = offset};
    return ops->tx_send(&nic, &packet);
}

static unsigned collect(uint32_t *last)
{
    uint32_t done[64];
    unsigned n, total = 0;
    while ((n = ops->tx_done(&nic, done, 64))) {
        total += n;
        *last = done[n - 1];
    }
    return total;
}

/* ---- opening ---- */

static void a_reset_comes_before_bus_mastering_and_leaves_the_device_ready(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        open_device(ids[i]);
        assert_int_equal(model.resets, 1);
        assert_memory_equal(nic.mac, "\x52\x54\x00\x12\x34\x56", 6);
        assert_true(model.registers[REG_RCTL / 4] & RCTL_ENABLE);
        assert_true(model.registers[REG_TCTL / 4] & TCTL_ENABLE);
        assert_int_equal(model.registers[REG_RDLEN / 4], E1000_RX_RING * 16);
        assert_int_equal(model.registers[REG_ITR / 4], ITR_INTERVAL);
        assert_int_equal(model.registers[REG_EITR0 / 4], model.is_82574 ? ITR_INTERVAL : 0);
        assert_true(model.ims & CAUSE_LINK);
        assert_false(ops->failed(&nic));
        close_device();
        assert_int_equal(model.resets, 2);
        assert_int_equal(model.ims, 0);
    }
}

static void an_address_that_the_device_does_not_have_comes_from_the_eeprom(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct nic_resources resources = model_resources(ids[i]);
        model_power_on(ids[i]);
        model.eeprom_dead = true;
        memcpy(model.eeprom, (uint16_t[]){0x5502, 0x1111, 0x2222}, 6);
        nic = (struct nic){.ops = ops};
        assert_int_equal(ops->open(&nic, &resources), OK);
        assert_memory_equal(nic.mac, "\x02\x55\x11\x11\x22\x22", 6);
        assert_int_equal(model.registers[REG_RAL0 / 4], 0x11115502);
        assert_int_equal(model.registers[REG_RAH0 / 4], 0x2222 | RAH_VALID);
        close_device();
    }
}

static void a_device_without_address_reset_or_memory_is_refused_and_all_given_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct nic_resources resources = model_resources(ids[0]);
        model_power_on(ids[0]);
        model.eeprom_dead = i == 0;
        model.never_resets = i == 1;
        model.gone = i == 2;
        model.refuse_memory = i == 3;
        if (i == 4)
            resources.claimed.about.device = 0x1234;
        nic = (struct nic){.ops = ops};
        assert_int_not_equal(ops->open(&nic, &resources), OK);
        assert_null(nic.driver);
        assert_int_equal(model.pinned, 0);
        assert_int_equal(model.capabilities, 0);
    }
}

/* ---- receiving ---- */

static void frames_come_in_order_through_many_rounds_of_the_ring(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        open_device(ids[i]);
        provide_many(128);
        for (uint32_t n = 0; n < 3000; n++) {
            struct nic_received got[2];
            uint8_t frame[1514];
            uint32_t length = 60 + n % 1455;
            memset(frame, (int)n, sizeof frame);
            assert_false(ops->rx_pending(&nic));
            assert_true(model_receive(frame, length, STATUS_LAST, 0));
            assert_true(ops->rx_pending(&nic));
            assert_int_equal(ops->rx_take(&nic, got, 2), 1);
            assert_int_equal(got[0].id, n % 128);
            assert_int_equal(got[0].length, length);
            assert_memory_equal(model.buffers[got[0].id] + got[0].offset, frame, length);
            assert_true(provide(got[0].id));
            ops->kick(&nic);
        }
        assert_true(model.tail_writes < 3000 / 8); /* the device hears of buffers in batches */
        close_device();
    }
}

static void the_ring_takes_what_it_can_hold_and_a_small_buffer_never(void **state)
{
    (void)state;
    open_device(ids[0]);
    assert_false(ops->rx_provide(&nic, NULL, MODEL_BUFFER_AT, E1000_BUFFER - 1, 0));
    uint32_t id = 0;
    while (provide(id))
        id++;
    assert_int_equal(id, nic.rx_buffers);
    ops->kick(&nic);
    for (uint32_t n = 0; n < id; n++)
        assert_true(model_receive("0123456789abcdef", 16, STATUS_LAST, 0));
    assert_false(model_receive("0123456789abcdef", 16, STATUS_LAST, 0));
    struct nic_received got[E1000_RX_RING];
    assert_int_equal(ops->rx_take(&nic, got, E1000_RX_RING), id);
    close_device();
}

/* Starved to the last buffer it hears of each that comes back. */
static void a_starved_device_hears_of_a_single_buffer(void **state)
{
    struct nic_received got;
    (void)state;
    open_device(ids[2]);
    provide_many(1);
    for (unsigned n = 0; n < 600; n++) {
        assert_true(model_receive("0123456789abcdef", 16, STATUS_LAST, 0));
        assert_int_equal(ops->rx_take(&nic, &got, 1), 1);
        assert_true(provide(0));
        ops->kick(&nic);
    }
    close_device();
}

static void only_sums_that_were_looked_at_and_are_right_are_called_good(void **state)
{
    static const struct {
        uint8_t status, errors;
        bool good;
    } cases[] = {{STATUS_CHECKED, 0, true},
                 {STATUS_CHECKED, 0x20, false},
                 {STATUS_CHECKED, 0x40, false},
                 {STATUS_CHECKED | STATUS_NO_CHECKSUM, 0, false},
                 {0x20, 0, false},
                 {0x40, 0, false},
                 {0, 0, false}};
    struct nic_received got;
    (void)state;
    open_device(ids[2]);
    provide_many(128);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(model_receive("0123456789abcdef", 16, STATUS_LAST | cases[i].status, cases[i].errors));
        assert_int_equal(ops->rx_take(&nic, &got, 1), 1);
        assert_int_equal(got.length, 16); /* a wrong sum is for the stack to see and count */
        assert_int_equal(got.flags, cases[i].good ? NIC_RX_CHECKSUM_GOOD : 0);
    }
    close_device();
}

static void bad_frames_and_pieces_give_their_buffers_back_with_nothing_in_them(void **state)
{
    static const uint8_t errors[] = {0x01, 0x02, 0x04, 0x10, 0x80};
    struct nic_received got[4];
    (void)state;
    open_device(ids[0]);
    provide_many(64);
    for (unsigned i = 0; i < sizeof errors; i++) {
        assert_true(model_receive("0123456789abcdef", 16, STATUS_LAST | STATUS_CHECKED, errors[i]));
        assert_int_equal(ops->rx_take(&nic, got, 4), 1);
        assert_int_equal(got[0].length, 0);
        assert_int_equal(got[0].flags, 0);
    }
    for (unsigned i = 0; i < 3; i++) /* one frame over three buffers, then a good one */
        assert_true(model_receive("0123456789abcdef", 16, i == 2 ? STATUS_LAST : 0, 0));
    assert_true(model_receive("0123456789abcdef", 16, STATUS_LAST, 0));
    assert_int_equal(ops->rx_take(&nic, got, 4), 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(got[i].length, i == 3 ? 16 : 0);
    assert_false(ops->failed(&nic));
    close_device();
}

static void a_length_beyond_the_buffer_fails_the_device_and_a_reset_mends_it(void **state)
{
    struct nic_resources resources = model_resources(ids[1]);
    struct nic_received got;
    (void)state;
    open_device(ids[1]);
    provide_many(64);
    model_result(0, 2049 | 3ull << 32);
    assert_int_equal(ops->rx_take(&nic, &got, 1), 0);
    assert_true(ops->failed(&nic));
    assert_false(ops->rx_pending(&nic)); /* nobody spins on it */
    assert_false(provide(200));
    close_device();
    assert_int_equal(ops->open(&nic, &resources), OK);
    assert_false(ops->failed(&nic));
    provide_many(64);
    assert_true(model_receive("0123456789abcdef", 16, STATUS_LAST, 0));
    assert_int_equal(ops->rx_take(&nic, &got, 1), 1);
    close_device();
}

static void descriptors_that_the_device_was_not_given_are_not_looked_at(void **state)
{
    struct nic_received got[E1000_RX_RING];
    (void)state;
    open_device(ids[2]);
    provide_many(10);
    for (unsigned i = 0; i < E1000_RX_RING; i++)
        model_result(i, ~0ull >> 53 | 3ull << 32); /* all are done, it says */
    assert_int_equal(ops->rx_take(&nic, got, E1000_RX_RING), 10);
    assert_int_equal(ops->rx_take(&nic, got, E1000_RX_RING), 0);
    close_device();
}

/* ---- sending ---- */

static void packets_go_out_whole_through_many_rounds_of_the_ring(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        open_device(ids[i]);
        for (uint32_t n = 0; n < 2000; n++) {
            unsigned pieces = 1 + n % NIC_FRAGMENTS_MAX;
            uint32_t last = ~0u;
            memset(model.buffers[n % 256], (int)n, E1000_BUFFER);
            assert_true(transmit(n, pieces, 100, 0, 0));
            assert_int_equal(ops->tx_outstanding(&nic), 1);
            assert_int_equal(collect(&last), 0); /* not before the kick */
            ops->kick(&nic);
            assert_int_equal(collect(&last), 1);
            assert_int_equal(last, n);
            assert_int_equal(model.sent_count, n + 1);
            assert_int_equal(model.sent[n].length, pieces * 100);
            assert_memory_equal(model.sent[n].bytes, model.buffers[n % 256], pieces * 100);
        }
        close_device();
    }
}

static void a_full_ring_refuses_and_takes_again_when_packets_are_done(void **state)
{
    uint32_t last = 0, n = 0;
    (void)state;
    open_device(ids[0]);
    model.hangs = true;
    while (transmit(n, 3, 50, 34, 16))
        n++;
    assert_int_equal(n, (E1000_TX_RING - 1 - 1) / 3); /* one place free, one context */
    ops->kick(&nic);
    assert_int_equal(collect(&last), 0);
    assert_int_equal(ops->tx_outstanding(&nic), n);
    model.hangs = false;
    model_transmit();
    assert_int_equal(collect(&last), n);
    assert_int_equal(last, n - 1);
    assert_int_equal(ops->tx_outstanding(&nic), 0);
    assert_true(transmit(n, 3, 50, 34, 16));
    close_device();
}

static void check_summed(const struct model_frame *frame, const uint8_t *given, unsigned start)
{
    uint8_t expected[200];
    memcpy(expected, given, sizeof expected);
    if (start) {
        uint16_t sum = model_sum(given + start, sizeof expected - start); /* with what was in its place */
        expected[start + 16] = (uint8_t)(sum >> 8);
        expected[start + 17] = (uint8_t)sum;
    }
    assert_int_equal(frame->length, sizeof expected);
    assert_memory_equal(frame->bytes, expected, sizeof expected);
}

/* IPv4 and IPv6 in turn, and packets without a sum between: each gets its own. */
static void the_device_puts_each_checksum_where_it_belongs(void **state)
{
    static const uint16_t starts[] = {34, 54, 0, 34, 34, 0, 54};
    uint32_t last;
    (void)state;
    for (unsigned k = 0; k < 3; k++) {
        open_device(ids[k]);
        for (unsigned n = 0; n < 700; n++) {
            uint16_t start = starts[n % 7];
            for (unsigned i = 0; i < E1000_BUFFER; i++)
                model.buffers[n % 256][i] = (uint8_t)rand();
            assert_true(transmit(n, 2, 100, start, start ? 16 : 0));
            ops->kick(&nic);
            assert_int_equal(collect(&last), 1);
            check_summed(&model.sent[n], model.buffers[n % 256], start);
        }
        close_device();
    }
}

static void packets_that_cannot_be_are_refused(void **state)
{
    (void)state;
    open_device(ids[0]);
    assert_false(transmit(0, 0, 100, 0, 0));
    assert_false(transmit(0, NIC_FRAGMENTS_MAX + 1, 10, 0, 0));
    assert_false(transmit(0, 1, 0, 0, 0));
    assert_false(transmit(0, 1, NIC_MTU_FRAME + 1, 0, 0));
    assert_false(transmit(0, 2, 1000, 0, 0));
    assert_false(transmit(0, 1, 1000, 250, 16)); /* past what eight bits say */
    assert_int_equal(ops->tx_outstanding(&nic), 0);
    close_device();
}

/* ---- the watchdog ---- */

static void look(uint64_t ns)
{
    model.now += ns;
    ops->second_look(&nic);
}

static void a_transmitter_that_hangs_is_found_and_a_reset_mends_it(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct nic_resources resources = model_resources(ids[i]);
        uint32_t last;
        open_device(ids[i]);
        model.hangs = true;
        assert_true(transmit(1, 1, 100, 0, 0));
        ops->kick(&nic);
        for (unsigned n = 0; n < 190; n++) {
            look(10 * MS);
            assert_false(ops->failed(&nic));
        }
        look(500 * MS);
        assert_true(ops->failed(&nic));
        close_device();
        assert_int_equal(ops->open(&nic, &resources), OK);
        assert_false(ops->failed(&nic));
        assert_int_equal(ops->tx_outstanding(&nic), 0);
        assert_true(transmit(2, 1, 100, 0, 0));
        ops->kick(&nic);
        assert_int_equal(collect(&last), 1);
        assert_int_equal(last, 2);
        close_device();
    }
}

static void slow_work_idleness_and_a_missing_link_are_no_hang(void **state)
{
    uint32_t last;
    (void)state;
    open_device(ids[0]);
    for (unsigned n = 0; n < 10; n++) { /* one packet a second */
        model.hangs = true;
        assert_true(transmit(n, 1, 100, 0, 0));
        ops->kick(&nic);
        look(1000 * MS);
        model.hangs = false;
        model_transmit();
        assert_int_equal(collect(&last), 1);
        look(0);
        assert_false(ops->failed(&nic));
    }
    for (unsigned n = 0; n < 10; n++)
        look(1000 * MS);
    model.hangs = true;
    model_link(false);
    assert_true(transmit(1, 1, 100, 0, 0));
    ops->kick(&nic);
    for (unsigned n = 0; n < 10; n++)
        look(1000 * MS);
    assert_false(ops->failed(&nic));
    model_link(true); /* it gets its time anew */
    look(10 * MS);
    look(1000 * MS);
    assert_false(ops->failed(&nic));
    look(1500 * MS);
    assert_true(ops->failed(&nic));
    close_device();
}

/* ---- interrupts and link ---- */

static void an_interrupt_is_masked_cleared_and_armed_again_without_losing_a_frame(void **state)
{
    struct nic_received got;
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        open_device(ids[i]);
        provide_many(64);
        assert_false(ops->irq_arm(&nic));
        assert_false(model_line());
        assert_true(model_receive("0123456789abcdef", 16, STATUS_LAST, 0));
        assert_true(model_line());
        unsigned acks = model.acks;
        ops->irq_disarm(&nic);
        ops->irq_cause(&nic);
        assert_false(model_line());
        assert_int_equal(model.acks - acks, model.irq_mode == DEVMGR_IRQ_LINE);
        assert_true(ops->irq_arm(&nic)); /* it lies there: do not wait */
        assert_int_equal(ops->rx_take(&nic, &got, 1), 1);
        ops->irq_disarm(&nic);
        assert_true(model_receive("0123456789abcdef", 16, STATUS_LAST, 0)); /* while masked */
        assert_false(model_line());
        assert_true(ops->irq_arm(&nic));
        assert_int_equal(ops->rx_take(&nic, &got, 1), 1);
        assert_false(ops->irq_arm(&nic));
        assert_true(model_receive("0123456789abcdef", 16, STATUS_LAST, 0));
        assert_true(model_line());
        close_device();
    }
}

static void a_change_of_the_link_is_told_whenever_it_comes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        open_device(ids[i]);
        assert_true(ops->link_up(&nic));
        model.signals = 0;
        model_link(false);
        assert_true(model_line());
        ops->irq_disarm(&nic);
        ops->irq_cause(&nic);
        (void)ops->irq_arm(&nic);
        assert_int_equal(model.signals, 2);
        assert_false(ops->link_up(&nic));
        assert_false(model_line());
        model.signals = 0;
        ops->irq_disarm(&nic);
        model_link(true); /* while masked */
        (void)ops->irq_arm(&nic);
        assert_int_equal(model.signals, 2);
        assert_true(ops->link_up(&nic));
        close_device();
    }
}

static void a_device_that_is_gone_has_failed_has_no_link_and_can_be_closed(void **state)
{
    struct nic_received got;
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        open_device(ids[i]);
        provide_many(64);
        model.gone = true;
        assert_true(ops->failed(&nic));
        assert_false(ops->link_up(&nic));
        model.signals = 0;
        ops->irq_disarm(&nic);
        ops->irq_cause(&nic);
        assert_false(ops->irq_arm(&nic));
        assert_int_equal(model.signals, 0);
        assert_int_equal(ops->rx_take(&nic, &got, 1), 0);
        ops->count(&nic);
        assert_int_equal(nic.rx_missed + nic.rx_errors, 0);
        close_device();
    }
}

static void frames_that_the_device_dropped_are_counted_from_the_opening_on(void **state)
{
    (void)state;
    open_device(ids[0]);
    ops->count(&nic);
    assert_int_equal(nic.rx_missed, 0); /* what was there before does not count */
    provide_many(2);
    for (unsigned i = 0; i < 5; i++)
        (void)model_receive("0123456789abcdef", 16, STATUS_LAST, 0);
    model.registers[REG_CRCERRS / 4] = 4;
    model.registers[REG_RJC / 4] = 6;
    ops->count(&nic);
    ops->count(&nic);
    assert_int_equal(nic.rx_missed, 3);
    assert_int_equal(nic.rx_errors, 10);
    close_device();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reset_comes_before_bus_mastering_and_leaves_the_device_ready),
        cmocka_unit_test(an_address_that_the_device_does_not_have_comes_from_the_eeprom),
        cmocka_unit_test(a_device_without_address_reset_or_memory_is_refused_and_all_given_back),
        cmocka_unit_test(frames_come_in_order_through_many_rounds_of_the_ring),
        cmocka_unit_test(the_ring_takes_what_it_can_hold_and_a_small_buffer_never),
        cmocka_unit_test(a_starved_device_hears_of_a_single_buffer),
        cmocka_unit_test(only_sums_that_were_looked_at_and_are_right_are_called_good),
        cmocka_unit_test(bad_frames_and_pieces_give_their_buffers_back_with_nothing_in_them),
        cmocka_unit_test(a_length_beyond_the_buffer_fails_the_device_and_a_reset_mends_it),
        cmocka_unit_test(descriptors_that_the_device_was_not_given_are_not_looked_at),
        cmocka_unit_test(packets_go_out_whole_through_many_rounds_of_the_ring),
        cmocka_unit_test(a_full_ring_refuses_and_takes_again_when_packets_are_done),
        cmocka_unit_test(the_device_puts_each_checksum_where_it_belongs),
        cmocka_unit_test(packets_that_cannot_be_are_refused),
        cmocka_unit_test(a_transmitter_that_hangs_is_found_and_a_reset_mends_it),
        cmocka_unit_test(slow_work_idleness_and_a_missing_link_are_no_hang),
        cmocka_unit_test(an_interrupt_is_masked_cleared_and_armed_again_without_losing_a_frame),
        cmocka_unit_test(a_change_of_the_link_is_told_whenever_it_comes),
        cmocka_unit_test(a_device_that_is_gone_has_failed_has_no_link_and_can_be_closed),
        cmocka_unit_test(frames_that_the_device_dropped_are_counted_from_the_opening_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a client may say: the region's layout, commands, and the boot line's address; all as pure functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lib/net_client.h>
#include "netsrv/address.h"
#include "netsrv/command.h"
#include "netbench/pattern.h"

static void layout_holds_everything(void **state)
{
    (void)state;
    for (uint32_t slots = 1; slots <= NET_SLOTS_MAX; slots = slots * 2 + (slots < 100 ? 1 : 0))
        for (uint32_t rx = NET_SIZE_MIN; rx <= NET_SIZE_MAX; rx *= 2) {
            struct net_layout l;
            if (slots > NET_SLOTS_MAX)
                break;
            assert_int_equal(net_region_layout(slots, rx, 4096, &l), OK);
            assert_true(l.command_offset >= sizeof(struct net_region));
            assert_true(l.event_offset >= l.command_offset + NET_COMMANDS * sizeof(struct net_command));
            assert_true(l.slot_offset >= l.event_offset + NET_EVENTS * sizeof(struct net_event));
            assert_true(l.data_offset >= l.slot_offset + slots * sizeof(struct net_slot));
            assert_int_equal(l.slot_offset % 64, 0);
            assert_int_equal(l.data_offset % 4096, 0);
            assert_true(l.bytes >= l.data_offset + (uint64_t)slots * (rx + 4096));
            assert_int_equal(l.bytes % 4096, 0);
        }
}

static void layout_refuses(void **state)
{
    (void)state;
    static const uint32_t bad[] = {0, 1, 1024, 2047, 2049, 6000, 512 * 1024, 0x80000000, 0xffffffff};
    struct net_layout l;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(net_region_layout(1, bad[i], 2048, &l), ERR_INVALID);
        assert_int_equal(net_region_layout(1, 2048, bad[i], &l), ERR_INVALID);
    }
    assert_int_equal(net_region_layout(0, 2048, 2048, &l), ERR_INVALID);
    assert_int_equal(net_region_layout(NET_SLOTS_MAX + 1, 2048, 2048, &l), ERR_INVALID);
    assert_int_equal(net_region_layout(0xffffffff, 2048, 2048, &l), ERR_INVALID);
}

static status_t check(uint16_t code, uint16_t slot, uint32_t value)
{
    struct net_command c = {.code = code, .slot = slot, .value = value};
    return command_check(&c, 8);
}

static void codes(void **state)
{
    (void)state;
    assert_int_equal(check(NET_COMMAND_NONE, 0, 1), ERR_INVALID);
    for (unsigned code = NET_COMMAND_COUNT; code < 65536; code += 7)
        assert_int_equal(check((uint16_t)code, 0, 1), ERR_INVALID);
    for (uint16_t code = NET_COMMAND_NONE + 1; code < NET_COMMAND_COUNT; code++)
        assert_int_equal(check(code, 0, 1), OK);
}

static void slots_and_ports(void **state)
{
    (void)state;
    static const uint16_t with_slot[] = {NET_COMMAND_CONNECT, NET_COMMAND_SHUT, NET_COMMAND_CLOSE, NET_COMMAND_ABORT,
                                         NET_COMMAND_KICK};
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(check(with_slot[i], 7, 1), OK);
        assert_int_equal(check(with_slot[i], 8, 1), ERR_INVALID);
        assert_int_equal(check(with_slot[i], 0xffff, 1), ERR_INVALID);
    }
    assert_int_equal(check(NET_COMMAND_LISTEN, 0xffff, 65535), OK); /* the slot is unused */
    assert_int_equal(check(NET_COMMAND_LISTEN, 0, 0), ERR_INVALID);
    assert_int_equal(check(NET_COMMAND_LISTEN, 0, 65536), ERR_INVALID);
    assert_int_equal(check(NET_COMMAND_CONNECT, 0, 65536 + 80), ERR_INVALID);
}

static void what_reaches_the_network_needs_a_scope(void **state)
{
    (void)state;
    for (uint16_t code = NET_COMMAND_NONE + 1; code < NET_COMMAND_COUNT; code++)
        assert_int_equal((command_rules[code].needs & COMMAND_SCOPE) != 0,
                         code == NET_COMMAND_LISTEN || code == NET_COMMAND_CONNECT);
}

static status_t parse(const char *text, struct address_static *out)
{
    return address_parse(text, strlen(text), out);
}

static void boot_line_address(void **state)
{
    (void)state;
    struct address_static a;
    assert_int_equal(parse("10.0.2.15/24,10.0.2.2", &a), OK);
    assert_memory_equal(a.address, ((uint8_t[]){10, 0, 2, 15}), 4);
    assert_memory_equal(a.gateway, ((uint8_t[]){10, 0, 2, 2}), 4);
    assert_int_equal(a.prefix, 24);
    assert_int_equal(parse("192.168.1.9/8,192.168.1.1,dns=9.9.9.9", &a), OK);
    assert_memory_equal(a.dns, ((uint8_t[]){9, 9, 9, 9}), 4);
    assert_int_equal(parse("1.2.3.4/32", &a), OK);
    assert_int_equal(parse("1.2.3.4/32,dns=1.1.1.1", &a), OK);
    static const char *const bad[] = {"",
                                      "1.2.3.4",
                                      "1.2.3/24",
                                      "1.2.3.4/33",
                                      "1.2.3.256/24",
                                      "1.2.3.4/24,",
                                      "1.2.3.4/24,x",
                                      "1.2.3.4/24,1.2.3.4,",
                                      "1.2.3.4/24x",
                                      "1..3.4/24",
                                      "1.2.3.4/24,1.2.3.4,dns=",
                                      "1.2.3.4/24,1.2.3.4,1.2.3.4",
                                      "dhcp",
                                      "1.2.3.4444/24"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(parse(bad[i], &a), ERR_INVALID);
    for (unsigned cut = 0; cut < 21; cut++) /* not ended by 0: reads no byte behind it */
        (void)address_parse("10.0.2.15/24,10.0.2.2", cut, &a);
}

static void pattern_is_rfc864(void **state)
{
    (void)state;
    static uint8_t out[3 * PATTERN_PERIOD];
    pattern_init();
    uint32_t offset = 0;
    for (size_t done = 0; done < sizeof out;) { /* in odd pieces */
        uint32_t n = 1 + (uint32_t)rand() % 997;
        n = n < sizeof out - done ? n : (uint32_t)(sizeof out - done);
        offset = pattern_write(out + done, n, offset);
        done += n;
    }
    assert_int_equal(offset, 0);
    for (size_t line = 0; line < sizeof out / PATTERN_LINE; line++) {
        const uint8_t *at = out + line * PATTERN_LINE;
        for (size_t i = 0; i < 72; i++)
            assert_int_equal(at[i], ' ' + (line + i) % 95);
        assert_int_equal(at[72], '\r');
        assert_int_equal(at[73], '\n');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_holds_everything),
        cmocka_unit_test(layout_refuses),
        cmocka_unit_test(codes),
        cmocka_unit_test(slots_and_ports),
        cmocka_unit_test(what_reaches_the_network_needs_a_scope),
        cmocka_unit_test(boot_line_address),
        cmocka_unit_test(pattern_is_rfc864),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

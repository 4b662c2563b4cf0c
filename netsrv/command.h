/* A client's command, checked. Pure: the tests and the fuzzer walk it without a network.
 *
 * Rules
 *  - The command was copied out of the shared ring before; nothing here reads shared memory.
 *  - What depends neither on a connection's state nor on capabilities is decided here: code, slot, port.
 */
#pragma once
#include <proto/net.h>

enum command_needs {
    COMMAND_SLOT = 1u << 0,
    COMMAND_PORT = 1u << 1,
    COMMAND_SCOPE = 1u << 2, /* a scope that the client presented must allow it: presented.c */
};

struct command_rule {
    uint8_t needs; /* enum command_needs */
};
extern const struct command_rule command_rules[NET_COMMAND_COUNT];

/* OK or ERR_INVALID: code, slot or port is none. slot_count: of the client. */
status_t command_check(const struct net_command *command, uint32_t slot_count);

/* A client's command, checked. Pure: the tests and the fuzzer walk it without a network.
 *
 * Rules
 *  - The command was copied out of the shared ring before; nothing here reads shared memory.
 *  - Everything that does not depend on a connection's state is decided here: code, slot, port, right.
 */
#pragma once
#include <proto/net.h>

enum command_needs { COMMAND_SLOT = 1u << 0, COMMAND_PORT = 1u << 1 };

struct command_rule {
    uint8_t needs;   /* enum command_needs */
    uint16_t rights; /* service rights that the client must have attached with */
};
extern const struct command_rule command_rules[NET_COMMAND_COUNT];

/* OK, ERR_INVALID (code, slot or port is none) or ERR_NO_RIGHT. slot_count, rights: of the client. */
status_t command_check(const struct net_command *command, uint32_t slot_count, uint32_t rights);

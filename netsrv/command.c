/* The rules for commands: see command.h. */
#include "netsrv/command.h"

#include <abi/errors.h>

const struct command_rule command_rules[NET_COMMAND_COUNT] = {
    [NET_COMMAND_LISTEN] = {COMMAND_PORT | COMMAND_SCOPE},
    [NET_COMMAND_UNLISTEN] = {COMMAND_PORT},
    [NET_COMMAND_CONNECT] = {COMMAND_SLOT | COMMAND_PORT | COMMAND_SCOPE},
    [NET_COMMAND_SHUT] = {COMMAND_SLOT},
    [NET_COMMAND_CLOSE] = {COMMAND_SLOT},
    [NET_COMMAND_ABORT] = {COMMAND_SLOT},
    [NET_COMMAND_KICK] = {COMMAND_SLOT},
    [NET_COMMAND_DETACH] = {0},
};

status_t command_check(const struct net_command *command, uint32_t slot_count)
{
    if (command->code == NET_COMMAND_NONE || command->code >= NET_COMMAND_COUNT)
        return ERR_INVALID;
    const struct command_rule *rule = &command_rules[command->code];
    if (rule->needs & COMMAND_SLOT && command->slot >= slot_count)
        return ERR_INVALID;
    if (rule->needs & COMMAND_PORT && (command->value == 0 || command->value > 0xffff))
        return ERR_INVALID;
    return OK;
}

/* Scopes that clients presented: which of them allows a command, and what ends with one that was revoked. See "Who may
 * what" in proto/net.h, and connection.h. */
#include "netsrv/connection.h"

#include <string.h>

#include "netsrv/port.h"
#include "netsrv/scope.h"

#define SWEEP_NS 1000000000ull

static uint64_t channel_id; /* of netsrv's own channel: others' capabilities are no scopes here */
static bool sweep_due;
static uint64_t next_sweep;

status_t scopes_init(handle_t own_channel)
{
    struct cap_info info;
    status_t status = cap_info(own_channel, &info);
    channel_id = status == OK ? info.object_id : 0;
    return status;
}

/* ---- presenting ---- */

static struct scope *find_free(struct client *client)
{
    for (unsigned i = 0; i < NET_SCOPES_MAX; i++)
        if (!client->scopes[i].id)
            return &client->scopes[i];
    return NULL;
}

status_t scope_present(struct client *client, handle_t cap)
{
    struct cap_info info;
    struct scope *scope = find_free(client);
    if (!scope)
        return ERR_TABLE_FULL;
    if (cap_info(cap, &info) != OK)
        return ERR_BAD_HANDLE;
    if (info.type != OBJECT_CHANNEL || info.object_id != channel_id || info.badge > UINT32_MAX ||
        !scope_valid((uint32_t)info.badge, info.rights))
        return ERR_NO_RIGHT;
    *scope = (struct scope){.id = info.id, .cap = cap, .badge = (uint32_t)info.badge, .rights = info.rights};
    return OK;
}

/* ---- using ---- */

static bool allows(const struct scope *scope, const struct net_command *command)
{
    if (command->code == NET_COMMAND_LISTEN)
        return scope_allows_listen(scope->badge, scope->rights, (uint16_t)command->value);
    return scope_allows_connect(scope->badge, scope->rights, command->address);
}

/* The id, too: the handle may be another capability's meanwhile. */
static bool lives(const struct scope *scope)
{
    struct cap_info info;
    return cap_info(scope->cap, &info) == OK && info.id == scope->id;
}

bool scope_still_lives(const struct scope *scope)
{
    bool live = lives(scope);
    sweep_due |= !live;
    return live;
}

const struct scope *scope_for(const struct client *client, const struct net_command *command)
{
    for (unsigned i = 0; i < NET_SCOPES_MAX; i++)
        if (client->scopes[i].id && allows(&client->scopes[i], command) && scope_still_lives(&client->scopes[i]))
            return &client->scopes[i];
    return NULL;
}

/* ---- ending ---- */

/* All that came through it ends first, so that its place can be another's. Its handle names nothing any more, or another
 * capability: it is not closed. */
static void end(struct client *client, struct scope *scope)
{
    listeners_revoke(client, scope);
    for (uint32_t i = 0; i < client->slot_count; i++)
        if (client->slots[i].scope == scope)
            slot_revoke(&client->slots[i]);
    *scope = (struct scope){0};
}

static void sweep(struct client *client)
{
    for (unsigned i = 0; i < NET_SCOPES_MAX; i++) {
        struct scope *scope = &client->scopes[i];
        if (!scope->id || lives(scope))
            continue;
        log_warning("client %u (badge %u): a capability that it presented was revoked", client->number, client->badge);
        end(client, scope);
    }
}

void scopes_check_soon(void)
{
    sweep_due = true;
}

void scopes_turn(void)
{
    if (!sweep_due && port_now() < next_sweep)
        return;
    sweep_due = false;
    next_sweep = port_now() + SWEEP_NS;
    for (unsigned i = 0; i < NET_CLIENTS_MAX; i++)
        if (clients[i].used && !clients[i].dropped)
            sweep(&clients[i]);
}

void scopes_drop(struct client *client)
{
    for (unsigned i = 0; i < NET_SCOPES_MAX; i++)
        if (client->scopes[i].id && lives(&client->scopes[i]))
            cap_close(client->scopes[i].cap);
    memset(client->scopes, 0, sizeof client->scopes);
}

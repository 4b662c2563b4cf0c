#include "kernel/cap/account.h"
#include "kernel/memory/slab.h"

static struct account machine_account;

status_t account_create(struct account *parent, uint64_t limit_bytes, struct account **made)
{
    status_t status = OK;
    struct account *account = &machine_account;
    if (parent)
        status = account_charge(parent, limit_bytes);
    if (status)
        return status;
    if (parent)
        account = slab_alloc(parent, SLAB_CLASS(struct account), &status);
    if (status) {
        account_release(parent, limit_bytes);
        return status;
    }
    *account =
        (struct account){.limit_bytes = limit_bytes, .parent = parent, .held = true, .node = parent ? parent->node : 0};
    if (parent)
        parent->lent_bytes += limit_bytes;
    *made = account;
    return OK;
}

/* What it does not use goes back at once, and the rest as it is released: who keeps one thing of a dead task's keeps no
 * more away. A chain of parents may end together: a loop, not a recursion. */
void account_end(struct account *account)
{
    while (account->parent && !account->held) {
        struct account *parent = account->parent;
        uint64_t spare = account->limit_bytes - account->used_bytes;
        account->limit_bytes = account->used_bytes;
        parent->lent_bytes -= spare;
        parent->used_bytes -= spare;
        if (!account->used_bytes)
            parent->used_bytes -= slab_take_back(account);
        account = parent;
    }
}

void account_drop(struct account *account)
{
    account->held = false;
    account_end(account);
}

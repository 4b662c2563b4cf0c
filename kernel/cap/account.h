/* Who pays. Every page that a task causes the kernel to take is charged to its account: frames, page tables, and the
 * pages in which its kernel objects lie (kernel/memory/slab.h), which hold nobody else's. So what the kernel holds for
 * a task is never more than its quota, however it makes and drops objects.
 *
 * Rules
 *  - Kernel lock held.
 *  - A child's whole limit counts as used in its parent. An account outlives its task while anything is charged to it;
 *    then its limit goes back to the parent. Nothing points to an account without a charge in it. */
#pragma once
#include <abi/errors.h>
#include <abi/types.h>

#define SLAB_CLASS_COUNT 6

struct slab_page;
struct account {
    uint64_t limit_bytes, used_bytes; /* used <= limit; a child's whole limit counts as used here */
    uint64_t lent_bytes;              /* of used: the limits of children */
    struct account *parent;           /* where the limit came from; its pages hold this struct. NULL: the machine */
    bool held;                        /* its task is there */
    uint32_t task_id;                 /* whose it is, or was; 0: the machine's */
    uint32_t node; /* where its memory comes from if it can: its task's home; at first its parent's */
    struct slab_page *partial[SLAB_CLASS_COUNT]; /* its pages of objects that have room, by size */
};

/* A held child account with its limit taken from parent (NULL: the machine's own account, of which there is one).
 * ERR_QUOTA: the parent's is used up; ERR_NO_MEMORY. */
status_t MUST_CHECK account_create(struct account *parent, uint64_t limit_bytes, struct account **account);
void account_drop(struct account *account); /* its task is gone */
void account_end(struct account *account);  /* for account_release only */

static inline MUST_CHECK status_t account_charge(struct account *account, uint64_t bytes)
{
    if (bytes > account->limit_bytes - account->used_bytes)
        return ERR_QUOTA;
    account->used_bytes += bytes;
    return OK;
}
static inline void account_release(struct account *account, uint64_t bytes)
{
    account->used_bytes -= bytes;
    if (!account->held)
        account_end(account);
}

#include "tests/system/shoot/director.h"

static status_t for_all(status_t (*what)(handle_t task, struct target *target), struct target *target)
{
    status_t status = OK;
    for (uint32_t i = 0; i < crew.writers && status == OK; i++)
        status = what(crew.members[i].task, target);
    return status;
}

/* ---- memory for all writers ---- */

static status_t map_for(handle_t task, struct target *target)
{
    result_t address = memory_map(task, target->child, WINDOW_ADDRESS, 0, target->pages, PROT_READ | PROT_WRITE);
    return address < 0 ? (status_t)address : OK;
}

status_t target_make(struct target *target, uint32_t pages)
{
    *target = (struct target){.pages = pages};
    result_t memory = memory_create(pages, 0);
    if (memory < 0)
        return (status_t)memory;
    target->memory = (handle_t)memory;
    result_t child = cap_mint(target->memory, RIGHTS_ALL, 0);
    if (child < 0)
        return (status_t)child;
    target->child = (handle_t)child;
    for (uint32_t i = 0; i < crew.writers; i++)
        SHARED_WRITE(SHARED->writers[i].pages, pages);
    return for_all(map_for, target);
}

void target_drop(struct target *target)
{
    cap_close(target->child); /* revoke may have ended it */
    cap_close(target->memory);
}

/* ---- and away with it ---- */

static status_t unmap_for(handle_t task, struct target *target)
{
    return memory_unmap(task, WINDOW_ADDRESS, target->pages);
}

static status_t protect_for(handle_t task, struct target *target)
{
    return memory_protect(task, WINDOW_ADDRESS, target->pages, PROT_READ);
}

static status_t kill_one(handle_t task, struct target *target)
{
    (void)target;
    return task_kill(task);
}

static status_t by_unmap(struct target *target)
{
    status_t status = for_all(unmap_for, target);
    target_drop(target);
    return status;
}

static status_t by_revoke(struct target *target)
{
    status_t status = cap_revoke(target->memory);
    target_drop(target);
    return status;
}

static status_t by_protect(struct target *target)
{
    return for_all(protect_for, target);
}

/* Nothing but their mappings keeps the memory. */
static status_t by_death(struct target *target)
{
    target_drop(target);
    return for_all(kill_one, target);
}

#define FAULT_WRITE_USER 6u /* not present; Intel SDM vol. 3, 4.7 */
#define FAULT_PROTECTION 7u

const struct way ways[] = {{"unmap", by_unmap, FAULT_WRITE_USER, false},
                           {"revoke", by_revoke, FAULT_WRITE_USER, false},
                           {"protect", by_protect, FAULT_PROTECTION, true},
                           {"death", by_death, 0, false}};
_Static_assert(sizeof ways / sizeof ways[0] == WAY_COUNT, "WAY_COUNT");

/* Capabilities: a task's table of handles, and the tree that tells what was derived from what.
 *
 * A handle's table entry points to a struct cap, so a capability moves from task to task without moving in memory, and
 * its place in the tree stays. Closing a capability hands its children to its parent; revoking removes all descendants.
 * Rules
 *  - Kernel lock held. Nothing here recurses; work that grows with the tree stops when its budget is used up and goes
 *    on where it stopped when called again.
 *  - Rights of a live capability never change. */
#pragma once
#include "kernel/cap/object.h"

struct task;
struct sender;

struct cap {
    struct object *object;
    uint32_t rights;
    handle_t handle; /* in owner's table; HANDLE_NONE while it lies in a message */
    union {
        struct sender *sender; /* channel: badge and credit, shared by all copies */
        uint64_t badge;        /* signal: mask of bits (0: all); else what mint said */
    };
    struct cap *parent, *first_child, *next, *previous; /* derivation tree; siblings in a list without order */
    struct cap_table *table;                            /* NULL while it lies in a message */
    struct cap **holder;                                /* where it lies meanwhile: cleared when it ends there */
    struct account *account;                            /* who pays for it */
    uint64_t id;                                        /* unique since boot */
};

struct cap_entry {
    struct cap *cap;     /* NULL: free */
    uint32_t generation; /* 12 bits, goes up at each reuse; never 0 */
    uint32_t next_free;  /* index + 1, while free */
};
#define CAP_ENTRIES_PER_PAGE (PAGE_SIZE / sizeof(struct cap_entry))
#define CAP_TABLE_PAGES 512

struct cap_table {
    struct cap_entry **pages; /* one frame of pointers to frames of entries */
    uint32_t page_count, free_list /* index + 1 */, count, reserved;
    struct account *account;
    struct task *task;
};

status_t MUST_CHECK cap_table_init(struct cap_table *table, struct account *account, struct task *task);
/* Closes up to *budget capabilities; true when the table is empty and its memory given back. */
bool cap_table_clear(struct cap_table *table, uint32_t *budget);

/* The capability that a handle names, or NULL. */
static inline struct cap *cap_find(const struct cap_table *table, handle_t handle)
{
    uint32_t index = HANDLE_INDEX(handle);
    uint32_t page = index / CAP_ENTRIES_PER_PAGE;
    if (page >= table->page_count)
        return NULL;
    const struct cap_entry *entry = &table->pages[page][index % CAP_ENTRIES_PER_PAGE];
    return entry->generation == HANDLE_GENERATION(handle) ? entry->cap : NULL;
}

/* The one check of type and rights, for every system call. OK and *found, or ERR_BAD_HANDLE, ERR_WRONG_TYPE,
 * ERR_NO_RIGHT. type OBJECT_NONE: any. */
static inline status_t cap_check(const struct cap_table *table, handle_t handle, enum object_type type, uint32_t rights,
                                 struct cap **found)
{
    struct cap *cap = cap_find(table, handle);
    if (!cap)
        return ERR_BAD_HANDLE;
    if (type != OBJECT_NONE && cap->object->type != type)
        return ERR_WRONG_TYPE;
    if ((cap->rights & rights) != rights)
        return ERR_NO_RIGHT;
    *found = cap;
    return OK;
}

/* First capability of an object (takes over no reference: adds one). NULL when quota or memory is used up. */
struct cap *cap_create(struct object *object, uint32_t rights, struct account *account);
/* A child with fewer rights, in no table yet. The caller has checked MINT, unless the kernel keeps the child itself.
 * ERR_NO_RIGHT: the badge is set already (a signal's mask would grow). */
status_t MUST_CHECK cap_derive(struct cap *source, uint32_t rights, uint64_t badge, struct account *account,
                               struct cap **child);
/* Puts a capability without a table into one: it is charged to the table's account from now on. */
status_t MUST_CHECK cap_install(struct cap_table *table, struct cap *cap);
/* Room for one more without a chance to fail afterwards. */
status_t MUST_CHECK cap_table_reserve(struct cap_table *table);
/* Takes it out of its table (its handle is dead); the capability lives on. */
void cap_remove(struct cap *cap);
/* Ends it: its children go to its parent, the object loses a reference. True when done; false: budget used up (the
 * handle is dead already, call again). */
bool cap_delete(struct cap *cap, uint32_t *budget);
bool cap_delete_revoked(struct cap *cap, uint32_t *budget); /* the same, and what was mapped through it goes too */
/* Ends every descendant. True when none is left. *removed counts them. */
bool cap_revoke_descendants(struct cap *cap, uint32_t *budget, uint32_t *removed);
uint64_t cap_badge(const struct cap *cap);
extern uint64_t cap_total;

/* What else ends with a capability (mappings, senders, the receive right); one row a type, in object_types.c. A closed
 * one hands its mappings to its parent, as it does its children; a revoked one takes them with it. */
void cap_released_hook(struct cap *cap, bool revoked);
/* After its last descendant: what those left to it when they were closed. */
void cap_revoked_hook(struct cap *cap);

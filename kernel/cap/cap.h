/* Capabilities: a task's table of handles, and the tree that tells what was derived from what.
 *
 * A handle's table entry points to a struct cap, a node of the tree. Closing a capability takes constant time: without a
 * child it is freed, its only child takes its place, and with more it stays as a dead node, which holds the tree together
 * until one child is left. So a dead node always has two children or more, and ending one capability ends at most one
 * dead node. Revoking takes the descendants one by one. tests/model/revoke.pml is a model of it all.
 * Rules
 *  - Kernel lock held. Nothing here recurses; work that grows with the tree stops when its budget is used up, leaves a
 *    whole tree, and goes on when called again.
 *  - Rights of a live capability never change, save that a receive right may have fewer after a grant (task_calls.c).
 *  - A capability lies in a table, or in a message, or with the kernel; or it is dead. */
#pragma once
#include "kernel/cap/object.h"
#include "kernel/cap/use.h"

struct task;
struct sender;

struct cap {
    struct object *object; /* NULL: a dead node */
    uint32_t rights;
    handle_t handle; /* in table; HANDLE_NONE while in none */
    union {
        struct sender *sender; /* channel: badge and credit, shared by all copies */
        uint64_t badge;        /* signal: mask of bits (0: all); else what mint said */
    };
    struct cap *parent, *first_child, *next, *previous; /* derivation tree; siblings in a list without order */
    struct cap_table *table;
    struct cap **holder; /* where it lies instead: cleared when it ends there. With a table too: a call keeps its handle
                            in case it comes back */
    uint64_t id;         /* unique since boot; stays when it moves */
    struct link uses;    /* struct use: its own in front, inherited ones behind */
};
_Static_assert(sizeof(struct cap) == 96, "42 to a page: kernel/memory/slab.h");

struct cap_entry {
    union {
        struct cap *cap;      /* while handle is one of this entry's */
        handle_t next_handle; /* while free; the generation goes up at each reuse, and is never 0 */
    };
    handle_t handle;    /* CAP_ENTRY_EMPTY(index): free, or kept for one that is on its way */
    uint32_t next_free; /* index + 1, while free */
};
#define CAP_ENTRIES_PER_PAGE (PAGE_SIZE / sizeof(struct cap_entry))
#define CAP_TABLE_PAGES 512
_Static_assert(CAP_TABLE_PAGES *CAP_ENTRIES_PER_PAGE == 1 << HANDLE_INDEX_BITS, "every index has its place");
#define CAP_ENTRY_EMPTY(index) ((uint32_t)(index) ^ 1) /* has another index than any handle that is looked for here */

struct cap_table {
    struct cap_entry **pages; /* a frame of pointers to frames of entries; from page_count on to one with nothing in it,
                                 so that a lookup needs no limit */
    uint32_t page_count, count;
    uint32_t free_first; /* index + 1; first in, first out, so that an old handle stays wrong for long */
    uint32_t cleared;    /* cap_table_clear() has come so far */
    struct cap_entry *free_last;
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
    const struct cap_entry *entry = &table->pages[index / CAP_ENTRIES_PER_PAGE][index % CAP_ENTRIES_PER_PAGE];
    if (entry->handle != handle)
        return NULL;
    if (!entry->cap)
        __builtin_unreachable(); /* an entry without one has another's index: UBSan watches on the host */
    return entry->cap;
}

/* What lies at a place of the table, or NULL; index < page_count * CAP_ENTRIES_PER_PAGE. */
static inline struct cap *cap_at(const struct cap_table *table, uint64_t index)
{
    const struct cap_entry *entry = &table->pages[index / CAP_ENTRIES_PER_PAGE][index % CAP_ENTRIES_PER_PAGE];
    return HANDLE_INDEX(entry->handle) == index ? entry->cap : NULL;
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

/* First capability of an object (takes over no reference: adds one). NULL with *status telling why. */
struct cap *cap_create(struct object *object, uint32_t rights, struct account *account, status_t *status);
/* A child with fewer rights, in no table yet. The caller has checked MINT, unless the kernel keeps the child itself.
 * ERR_NO_RIGHT: the badge is set already (a signal's mask would grow). */
status_t MUST_CHECK cap_derive(struct cap *source, uint32_t rights, uint64_t badge, struct account *account,
                               struct cap **child);
/* Room for one more entry. */
status_t MUST_CHECK cap_table_grow(struct cap_table *table);
static inline MUST_CHECK status_t cap_table_reserve(struct cap_table *table)
{
    return table->free_first ? OK : cap_table_grow(table);
}
/* Puts a capability into a table, out of where it lay before. The table's account pays from now on, so that the struct
 * may be another one then: *cap. On an error nothing changed. */
status_t MUST_CHECK cap_install(struct cap_table *table, struct cap **cap);
/* Takes it out of its table (its handle is dead); the capability lives on. */
void cap_remove(struct cap *cap);
/* Takes it out of its table but keeps the handle for it until it is installed elsewhere, ends, or comes back. */
void cap_keep(struct cap *cap);
void cap_come_back(struct cap *cap);
static inline bool cap_is_kept(const struct cap *cap)
{
    return cap->table && cap->holder;
}
/* Ends it. Descendants go on under its parent. */
void cap_close(struct cap *cap);
/* Ends every descendant, and what was made through them. True when none is left. *removed counts them. */
bool cap_revoke(struct cap *cap, uint32_t *budget, uint32_t *removed);
/* What was made through the capability itself ends. True when nothing is left. */
bool cap_end_uses(struct cap *cap, uint32_t *budget);
void cap_use(struct cap *cap, struct use *use, enum use_type type); /* lists something new with it */
uint64_t cap_badge(const struct cap *cap);
uint64_t cap_parent_id(const struct cap *cap); /* of the nearest ancestor that is not dead; 0: there is none */
extern uint64_t cap_total;

/* What else ends with a capability of a type (senders, the receive right); in object_types.c. */
extern void (*const cap_released[OBJECT_TYPE_COUNT])(struct cap *cap);

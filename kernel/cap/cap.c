#include "kernel/cap/cap_private.h"
#include "kernel/ipc/channel.h"
#include "kernel/memory/slab.h"
#include "kernel/syscall.h"
#include "kernel/trace/trace.h"

uint64_t cap_total;
static uint64_t cap_last_id;

/* ---- the tree ---- */

static bool cap_is_dead(const struct cap *cap)
{
    return !cap->object;
}

INLINE void tree_insert(struct cap *parent, struct cap *child)
{
    child->parent = parent;
    child->previous = NULL;
    child->next = parent ? parent->first_child : NULL;
    if (child->next)
        child->next->previous = child;
    if (parent)
        parent->first_child = child;
}

INLINE void tree_unlink(struct cap *cap)
{
    if (cap->previous)
        cap->previous->next = cap->next;
    else if (cap->parent)
        cap->parent->first_child = cap->next;
    if (cap->next)
        cap->next->previous = cap->previous;
}

/* `by`, which is in no tree, takes the place of `cap` among its siblings. Children are not moved. What leaves the tree
 * keeps its own links: it is freed, or inserted anew. */
static void tree_replace(struct cap *cap, struct cap *by)
{
    by->parent = cap->parent;
    by->next = cap->next;
    by->previous = cap->previous;
    if (by->previous)
        by->previous->next = by;
    else if (by->parent)
        by->parent->first_child = by;
    if (by->next)
        by->next->previous = by;
}

static bool has_one_child(const struct cap *cap)
{
    return cap->first_child && !cap->first_child->next;
}

/* What was made through it goes to `heir`; without one, each stays until its own end. */
INLINE void uses_hand_over(struct cap *cap, struct cap *heir)
{
    if (list_empty(&cap->uses))
        return;
    if (heir)
        list_splice_back(&heir->uses, &cap->uses);
    else
        list_remove(&cap->uses); /* they stay linked with each other */
}

INLINE void node_free(struct cap *cap)
{
    tree_unlink(cap);
    slab_free(cap);
}

/* A dead node with one child left: that takes its place. */
static void tree_splice(struct cap *cap)
{
    struct cap *child = cap->first_child;
    uses_hand_over(cap, cap->parent);
    tree_replace(cap, child);
    slab_free(cap);
}

INLINE void tree_compact(struct cap *cap)
{
    if (cap && cap_is_dead(cap) && has_one_child(cap))
        tree_splice(cap);
}

/* ---- making ---- */

/* Each field by itself: clearing the struct first would cost as much again. */
static void cap_fill(struct cap *cap, struct object *object, uint32_t rights)
{
    cap->object = object;
    cap->rights = rights;
    cap->handle = HANDLE_NONE;
    cap->badge = 0;
    cap->parent = cap->first_child = cap->next = cap->previous = NULL;
    cap->table = NULL;
    cap->holder = NULL;
    cap->id = ++cap_last_id;
    list_init(&cap->uses);
}

INLINE struct cap *cap_alloc(struct object *object, uint32_t rights, struct account *account, status_t *status)
{
    struct cap *cap = slab_alloc(account, SLAB_CLASS(struct cap), status);
    if (!cap)
        return NULL;
    cap_fill(cap, object, rights);
    object->refs++;
    object->capabilities++;
    cap_total++;
    return cap;
}

struct cap *cap_create(struct object *object, uint32_t rights, struct account *account, status_t *status)
{
    *status = OK;
    return cap_alloc(object, rights, account, status);
}

uint64_t cap_badge(const struct cap *cap)
{
    if (cap->object->type != OBJECT_CHANNEL)
        return cap->badge;
    return cap->sender ? cap->sender->badge : 0;
}

/* Dead nodes have two children or more, but a chain of them may still be long: after some the answer is that of the last
 * one seen, which is no live capability's. */
uint64_t cap_parent_id(const struct cap *cap)
{
    const struct cap *parent = cap->parent;
    for (unsigned i = 0; parent && cap_is_dead(parent) && i < 64; i++)
        parent = parent->parent;
    return parent ? parent->id : 0;
}

/* The badge of a signal is a mask that can only shrink; every other badge is set once. */
INLINE status_t derive_badge(const struct cap *source, uint64_t badge, uint64_t *result)
{
    uint64_t old = cap_badge(source);
    *result = badge ? badge : old;
    if (source->object->type == OBJECT_SIGNAL)
        return old && (badge & ~old) ? ERR_NO_RIGHT : OK;
    if (source->object->type == OBJECT_CHANNEL && badge > UINT32_MAX)
        return ERR_INVALID;
    return old && badge && badge != old ? ERR_NO_RIGHT : OK;
}

INLINE status_t derive(struct cap *source, uint32_t rights, uint64_t badge, struct account *account, struct cap **child)
{
    bool channel = source->object->type == OBJECT_CHANNEL;
    status_t status = derive_badge(source, badge, &badge);
    if (status)
        return status;
    rights &= source->rights & ~(channel ? RIGHT_CHANNEL_RECV : 0);
    struct cap *cap = cap_alloc(source->object, rights, account, &status);
    if (!cap)
        return status;
    tree_insert(source, cap);
    if (channel)
        status = sender_attach(cap, source->sender, (uint32_t)badge, account);
    else
        cap->badge = badge;
    if (status)
        cap_close(cap);
    else
        *child = cap;
    return status;
}

status_t cap_derive(struct cap *source, uint32_t rights, uint64_t badge, struct account *account, struct cap **child)
{
    return derive(source, rights, badge, account, child);
}

/* ---- moving ---- */

static void moved_from(struct cap *old, struct cap *new)
{
    *new = *old;
    list_init(&new->uses);
    new->first_child = NULL;
    uses_hand_over(old, new);
    tree_replace(old, new);
    if (new->holder)
        *new->holder = new;
    if (new->object->type == OBJECT_CHANNEL && (new->rights &RIGHT_CHANNEL_RECV))
        ((struct channel *)new->object)->receive_right = new;
}

/* Another account pays from now on, so a new node takes its place. The old one, dead, holds the children together if it
 * has several; an only child goes under the new one. */
static struct cap *cap_rehome(struct cap *old, struct account *account, status_t *status)
{
    struct cap *new = slab_alloc(account, SLAB_CLASS(struct cap), status);
    if (!new)
        return NULL;
    moved_from(old, new);
    if (!old->first_child) {
        slab_free(old);
        return new;
    }
    old->object = NULL;
    old->table = NULL;
    old->holder = NULL;
    old->handle = HANDLE_NONE;
    old->id = 0;
    tree_insert(new, old);
    tree_compact(old);
    return new;
}

status_t cap_install(struct cap_table *table, struct cap **cap)
{
    status_t status = cap_table_reserve(table);
    struct cap *here = *cap;
    if (!status && slab_account(here) != table->account)
        here = cap_rehome(here, table->account, &status);
    if (status)
        return status;
    cap_remove(here);
    if (here->holder)
        *here->holder = NULL;
    install_new(table, here);
    *cap = here;
    return OK;
}

/* ---- ending ---- */

void cap_use(struct cap *cap, struct use *use, enum use_type type)
{
    use->cap_id = cap->id;
    use->type = type;
    list_push_front(&cap->uses, &use->link);
}

/* It leaves where it lies. The object's own end is left to the caller (object_unnamed), for when the tree is whole: other
 * capabilities may end with it. */
INLINE struct object *cap_kill(struct cap *cap)
{
    struct object *object = cap->object;
    if (cap_released[object->type])
        cap_released[object->type](cap);
    if (cap->table) {
        table_free_push(cap->table, cap->handle);
        cap->table->count--;
    }
    if (cap->holder)
        *cap->holder = NULL;
    cap_total--;
    return object;
}

/* From now on it only holds the tree together. */
INLINE void cap_bury(struct cap *cap)
{
    cap->object = NULL;
    cap->table = NULL;
    cap->holder = NULL;
    cap->handle = HANDLE_NONE;
}

INLINE void object_unnamed(struct object *object)
{
    if (--object->capabilities == 0 && object_classes[object->type].unnamed)
        object_classes[object->type].unnamed(object);
    object_unref(object);
}

INLINE void end(struct cap *cap)
{
    struct object *object = cap_kill(cap);
    struct cap *parent = cap->parent;
    if (cap->first_child) {
        cap_bury(cap);
        tree_compact(cap);
    } else {
        uses_hand_over(cap, parent);
        node_free(cap);
        tree_compact(parent);
    }
    object_unnamed(object);
}

void cap_close(struct cap *cap)
{
    end(cap);
}

/* Moves the children of a dead node to its parent. False: the budget is used up; then two or more are left, or none. */
INLINE bool children_move_up(struct cap *node, uint32_t *budget)
{
    struct cap *parent = node->parent;
    for (struct cap *child = node->first_child; child; child = node->first_child) {
        if (!*budget)
            return false;
        (*budget)--;
        tree_unlink(child);
        tree_insert(parent, child);
    }
    return true;
}

/* One child of `cap` ends; its own children become children of `cap`, where the loop in cap_revoke finds them next: every
 * descendant is moved at most once, so the work is linear and needs neither a stack nor a walk. */
INLINE bool revoke_step(struct cap *cap, struct cap *child, uint32_t *budget, uint32_t *removed)
{
    struct object *object = NULL;
    if (!cap_is_dead(child)) {
        object = cap_kill(child);
        cap_bury(child);
        (*removed)++;
    }
    uses_hand_over(child, cap);
    bool done = children_move_up(child, budget);
    if (done)
        node_free(child);
    else
        tree_compact(child);
    if (object)
        object_unnamed(object);
    return done;
}

/* Inherited ones lie behind its own. */
static bool uses_end(struct cap *cap, bool inherited_only, uint32_t *budget)
{
    while (!list_empty(&cap->uses)) {
        struct use *use = LIST_OWNER(cap->uses.previous, struct use, link);
        if (inherited_only && use->cap_id == cap->id)
            return true;
        if (!*budget)
            return false;
        (*budget)--;
        if (!use_ends[use->type](use, budget))
            return false;
    }
    return true;
}

bool cap_end_uses(struct cap *cap, uint32_t *budget)
{
    return uses_end(cap, false, budget);
}

bool cap_revoke(struct cap *cap, uint32_t *budget, uint32_t *removed)
{
    for (struct cap *child = cap->first_child; child; child = cap->first_child) {
        if (!*budget)
            return false;
        (*budget)--;
        if (!revoke_step(cap, child, budget, removed))
            return false;
    }
    return uses_end(cap, true, budget);
}

/* ---- the two system calls that everybody makes all the time ---- */

struct syscall_result sys_cap_mint(uint64_t handle, uint64_t rights, uint64_t badge)
{
    struct task *task = task_this();
    struct cap *source, *child = NULL;
    status_t status = cap_check(&task->table, (handle_t)handle, OBJECT_NONE, RIGHT_MINT, &source);
    if (!status)
        status = cap_table_reserve(&task->table);
    if (!status)
        status = derive(source, (uint32_t)rights, badge, task->account, &child);
    if (status)
        return syscall_status(status);
    install_new(&task->table, child);
    TRACE2(CAP, CapMint, TRACE_WORD(task_id(task), child->handle), TRACE_WORD(child->object->id, child->rights));
    return syscall_value(child->handle);
}

struct syscall_result sys_cap_close(uint64_t handle)
{
    struct task *task = task_this();
    struct cap *cap;
    status_t status = cap_check(&task->table, (handle_t)handle, OBJECT_NONE, 0, &cap);
    if (status)
        return syscall_status(status);
    TRACE2(CAP, CapClose, TRACE_WORD(task_id(task), handle), TRACE_WORD(cap->object->id, cap->object->type));
    end(cap);
    return syscall_status(OK);
}

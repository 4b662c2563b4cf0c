#include "kernel/cap/cap.h"
#include "kernel/ipc/channel.h"
#include "kernel/memory/frame.h"
#include "kernel/memory/slab.h"
#include "kernel/x86/cpu.h"

static struct slab_cache cap_cache = SLAB_CACHE("cap", struct cap);
uint64_t cap_total;
static uint64_t cap_last_id;

/* ---- tables ---- */

status_t cap_table_init(struct cap_table *table, struct account *account, struct task *task)
{
    status_t status = account_charge(account, PAGE_SIZE);
    if (status)
        return status;
    uint64_t frame = frame_alloc_zeroed(0, 0);
    if (!frame) {
        account_release(account, PAGE_SIZE);
        return ERR_NO_MEMORY;
    }
    *table = (struct cap_table){.pages = phys_to_virt(frame), .account = account, .task = task};
    return OK;
}

static void table_free_push(struct cap_table *table, uint32_t index)
{
    struct cap_entry *entry = &table->pages[index / CAP_ENTRIES_PER_PAGE][index % CAP_ENTRIES_PER_PAGE];
    entry->cap = NULL;
    entry->generation = entry->generation >= 0xfff ? 1 : entry->generation + 1;
    entry->next_free = table->free_list;
    table->free_list = index + 1;
}

static status_t table_grow(struct cap_table *table)
{
    if (table->page_count == CAP_TABLE_PAGES)
        return ERR_TABLE_FULL;
    status_t status = account_charge(table->account, PAGE_SIZE);
    if (status)
        return status;
    uint64_t frame = frame_alloc_zeroed(0, 0);
    if (!frame) {
        account_release(table->account, PAGE_SIZE);
        return ERR_NO_MEMORY;
    }
    uint32_t first = table->page_count * CAP_ENTRIES_PER_PAGE;
    table->pages[table->page_count++] = phys_to_virt(frame);
    for (uint32_t i = CAP_ENTRIES_PER_PAGE; i-- > 0;)
        table_free_push(table, first + i);
    return OK;
}

static status_t table_place(struct cap_table *table)
{
    return table->free_list ? OK : table_grow(table);
}

status_t cap_table_reserve(struct cap_table *table)
{
    status_t status = table_place(table);
    if (status)
        return status;
    return table->account->limit_bytes - table->account->used_bytes < sizeof(struct cap) ? ERR_QUOTA : OK;
}

static void table_free_memory(struct cap_table *table)
{
    for (uint32_t i = 0; i < table->page_count; i++)
        frame_free(virt_to_phys(table->pages[i]), 0);
    frame_free(virt_to_phys(table->pages), 0);
    account_release(table->account, (table->page_count + 1) * PAGE_SIZE);
    *table = (struct cap_table){0};
}

bool cap_table_clear(struct cap_table *table, uint32_t *budget)
{
    for (; table->page_count; table->reserved++) {
        if (table->reserved == table->page_count * CAP_ENTRIES_PER_PAGE)
            break;
        uint32_t index = table->reserved;
        struct cap *cap = table->pages[index / CAP_ENTRIES_PER_PAGE][index % CAP_ENTRIES_PER_PAGE].cap;
        if (cap && !cap_delete(cap, budget))
            return false;
        if (!*budget)
            return false;
        (*budget)--;
    }
    if (table->pages)
        table_free_memory(table);
    return true;
}

status_t cap_install(struct cap_table *table, struct cap *cap)
{
    status_t status = table_place(table);
    if (!status && cap->account != table->account) {
        status = account_charge(table->account, sizeof(struct cap));
        if (status)
            return status;
        account_release(cap->account, sizeof(struct cap));
        account_ref(table->account);
        account_unref(cap->account);
        cap->account = table->account;
    }
    if (status)
        return status;
    uint32_t index = table->free_list - 1;
    struct cap_entry *entry = &table->pages[index / CAP_ENTRIES_PER_PAGE][index % CAP_ENTRIES_PER_PAGE];
    table->free_list = entry->next_free;
    entry->cap = cap;
    cap->handle = index | entry->generation << HANDLE_INDEX_BITS;
    cap->table = table;
    cap->holder = NULL;
    table->count++;
    return OK;
}

void cap_remove(struct cap *cap)
{
    if (!cap->table)
        return;
    table_free_push(cap->table, HANDLE_INDEX(cap->handle));
    cap->table->count--;
    cap->table = NULL;
    cap->handle = HANDLE_NONE;
}

/* ---- the tree ---- */

static void tree_insert(struct cap *parent, struct cap *child)
{
    child->parent = parent;
    child->previous = NULL;
    child->next = parent ? parent->first_child : NULL;
    if (child->next)
        child->next->previous = child;
    if (parent)
        parent->first_child = child;
}

static void tree_unlink(struct cap *cap)
{
    if (cap->previous)
        cap->previous->next = cap->next;
    else if (cap->parent)
        cap->parent->first_child = cap->next;
    if (cap->next)
        cap->next->previous = cap->previous;
    cap->next = cap->previous = cap->parent = NULL;
}

static struct cap *cap_alloc(struct object *object, uint32_t rights, struct account *account)
{
    if (account_charge(account, sizeof(struct cap)))
        return NULL;
    struct cap *cap = slab_alloc(&cap_cache);
    if (!cap) {
        account_release(account, sizeof(struct cap));
        return NULL;
    }
    cap->id = ++cap_last_id;
    cap->object = object;
    cap->rights = rights;
    cap->account = account;
    account_ref(account);
    object_ref(object);
    object->capabilities++;
    cap_total++;
    return cap;
}

struct cap *cap_create(struct object *object, uint32_t rights, struct account *account)
{
    return cap_alloc(object, rights, account);
}

uint64_t cap_badge(const struct cap *cap)
{
    if (cap->object->type != OBJECT_CHANNEL)
        return cap->badge;
    return cap->sender ? cap->sender->badge : 0;
}

/* The badge of a signal is a mask that can only shrink; every other badge is set once. */
static status_t derive_badge(const struct cap *source, uint64_t badge, uint64_t *result)
{
    uint64_t old = cap_badge(source);
    *result = badge ? badge : old;
    if (source->object->type == OBJECT_SIGNAL)
        return old && (badge & ~old) ? ERR_NO_RIGHT : OK;
    if (source->object->type == OBJECT_CHANNEL && badge > UINT32_MAX)
        return ERR_INVALID;
    return old && badge && badge != old ? ERR_NO_RIGHT : OK;
}

status_t cap_derive(struct cap *source, uint32_t rights, uint64_t badge, struct account *account, struct cap **child)
{
    rights &= source->rights;
    if (source->object->type == OBJECT_CHANNEL)
        rights &= ~RIGHT_CHANNEL_RECV;
    status_t status = derive_badge(source, badge, &badge);
    if (status)
        return status;
    struct cap *cap = cap_alloc(source->object, rights, account);
    if (!cap)
        return account->limit_bytes - account->used_bytes < sizeof(struct cap) ? ERR_QUOTA : ERR_NO_MEMORY;
    cap->badge = source->object->type == OBJECT_CHANNEL ? 0 : badge;
    tree_insert(source, cap);
    if (source->object->type == OBJECT_CHANNEL)
        status = sender_attach(cap, source->sender, (uint32_t)badge, account);
    if (status) {
        uint32_t budget = 1;
        cap_delete(cap, &budget);
        return status;
    }
    *child = cap;
    return OK;
}

static void cap_end(struct cap *cap, bool revoked);

/* A revoke has begun to end it, and was not called again to go on. */
static bool cap_is_half_ended(const struct cap *cap)
{
    return !cap->table && !cap->holder;
}

/* Children go to the grandparent one by one. A root's children become roots. One that was half ended ends here, its own
 * children first. */
static bool cap_orphan_children(struct cap *cap, uint32_t *budget)
{
    for (struct cap *child = cap->first_child; child; child = cap->first_child) {
        if (!*budget)
            return false;
        (*budget)--;
        struct cap *parent = cap->parent;
        if (cap_is_half_ended(child)) {
            if (!child->first_child) {
                cap_end(child, true);
                continue;
            }
            child = child->first_child;
            parent = cap;
        }
        tree_unlink(child);
        tree_insert(parent, child);
    }
    return true;
}

static void cap_end(struct cap *cap, bool revoked)
{
    cap_released_hook(cap, revoked);
    cap_remove(cap);
    tree_unlink(cap);
    if (cap->holder)
        *cap->holder = NULL;
    struct object *object = cap->object;
    account_release(cap->account, sizeof(struct cap));
    account_unref(cap->account);
    slab_free(&cap_cache, cap);
    cap_total--;
    if (--object->capabilities == 0 && object_classes[object->type].unnamed)
        object_classes[object->type].unnamed(object);
    object_unref(object);
}

bool cap_delete(struct cap *cap, uint32_t *budget)
{
    if (!cap_orphan_children(cap, budget))
        return false;
    cap_end(cap, false);
    return true;
}

bool cap_delete_revoked(struct cap *cap, uint32_t *budget)
{
    cap_remove(cap); /* dead from the first step on */
    if (!cap_orphan_children(cap, budget))
        return false;
    cap_end(cap, true);
    return true;
}

/* Deleting a child hands its own children to `cap`, where the loop finds them next: every descendant is moved at most
 * once, so the work is linear and needs neither a stack nor a walk. */
bool cap_revoke_descendants(struct cap *cap, uint32_t *budget, uint32_t *removed)
{
    for (struct cap *child = cap->first_child; child; child = cap->first_child) {
        if (!*budget)
            return false;
        (*budget)--;
        if (!cap_delete_revoked(child, budget))
            return false;
        (*removed)++;
    }
    cap_revoked_hook(cap);
    return true;
}

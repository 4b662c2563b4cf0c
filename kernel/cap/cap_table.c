/* Tables of handles: their pages, and what moves capabilities in and out. */
#include "kernel/cap/cap_private.h"
#include "kernel/memory/frame.h"
#include "kernel/trace/trace.h"
#include "kernel/x86/cpu.h"

static status_t table_page_take(struct account *account, void **page)
{
    status_t status = account_charge(account, PAGE_SIZE);
    if (status)
        return status;
    uint64_t frame = frame_alloc_zeroed(0, account->node);
    if (!frame) {
        account_release(account, PAGE_SIZE);
        return ERR_NO_MEMORY;
    }
    trace_frames(account->task_id, frame, 0);
    *page = phys_to_virt(frame);
    return OK;
}

/* Stands for the pages that a table does not have yet. */
static struct cap_entry *nothing(void)
{
    static struct cap_entry page[CAP_ENTRIES_PER_PAGE];
    static bool filled;
    for (uint32_t i = 0; i < CAP_ENTRIES_PER_PAGE && !filled; i++)
        page[i].handle = CAP_ENTRY_EMPTY(i);
    filled = true;
    return page;
}

status_t cap_table_init(struct cap_table *table, struct account *account, struct task *task)
{
    *table = (struct cap_table){.account = account, .task = task};
    status_t status = table_page_take(account, (void **)&table->pages);
    struct cap_entry *empty = nothing();
    for (uint32_t i = 0; i < CAP_TABLE_PAGES && !status; i++)
        table->pages[i] = empty;
    return status;
}

status_t cap_table_grow(struct cap_table *table)
{
    if (table->page_count == CAP_TABLE_PAGES)
        return ERR_TABLE_FULL;
    void *page;
    status_t status = table_page_take(table->account, &page);
    if (status)
        return status;
    table->pages[table->page_count] = page;
    uint32_t first = table->page_count++ * CAP_ENTRIES_PER_PAGE;
    for (uint32_t i = first; i < first + CAP_ENTRIES_PER_PAGE; i++)
        table_free_push(table, i);
    return OK;
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
    for (; table->cleared < table->page_count * CAP_ENTRIES_PER_PAGE; table->cleared++) {
        struct cap *cap = cap_at(table, table->cleared);
        if (!*budget)
            return false;
        (*budget)--;
        if (cap)
            cap_close(cap);
    }
    if (table->pages)
        table_free_memory(table);
    return true;
}

void cap_remove(struct cap *cap)
{
    table_leave(cap);
}

void cap_keep(struct cap *cap)
{
    uint32_t index = HANDLE_INDEX(cap->handle);
    table_entry(cap->table, index)->handle = CAP_ENTRY_EMPTY(index);
}

void cap_come_back(struct cap *cap)
{
    struct cap_entry *entry = table_entry(cap->table, HANDLE_INDEX(cap->handle));
    entry->handle = cap->handle;
    entry->cap = cap;
    *cap->holder = NULL;
    cap->holder = NULL;
}

/* Shared by cap.c and cap_table.c: a capability enters and leaves its table. Inline, for mint, close and revoke are counted
 * in instructions. */
#pragma once
#include "kernel/cap/cap.h"

#define INLINE static inline __attribute__((always_inline))

INLINE struct cap_entry *table_entry(const struct cap_table *table, uint32_t index)
{
    return &table->pages[index / CAP_ENTRIES_PER_PAGE][index % CAP_ENTRIES_PER_PAGE];
}

/* The place that `handle` named is free. */
INLINE void table_free_push(struct cap_table *table, handle_t handle)
{
    uint32_t index = HANDLE_INDEX(handle);
    struct cap_entry *entry = table_entry(table, index);
    handle += 1u << HANDLE_INDEX_BITS;
    if (handle == index) /* the generation came round */
        handle += 1u << HANDLE_INDEX_BITS;
    entry->next_handle = handle;
    entry->handle = CAP_ENTRY_EMPTY(index);
    entry->next_free = 0;
    if (table->free_first)
        table->free_last->next_free = index + 1;
    else
        table->free_first = index + 1;
    table->free_last = entry;
}

/* One that lies in no table, and that the table's account pays for; there is room. */
INLINE void install_new(struct cap_table *table, struct cap *cap)
{
    uint32_t index = table->free_first - 1;
    struct cap_entry *entry = table_entry(table, index);
    table->free_first = entry->next_free;
    cap->handle = entry->handle = entry->next_handle;
    entry->cap = cap;
    cap->table = table;
    cap->holder = NULL;
    table->count++;
}

/* It leaves its table, if it is in one. */
INLINE void table_leave(struct cap *cap)
{
    struct cap_table *table = cap->table;
    if (!table)
        return;
    table_free_push(table, cap->handle);
    table->count--;
    cap->table = NULL;
    cap->handle = HANDLE_NONE;
}

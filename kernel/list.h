/* Intrusive doubly linked lists: a link that points to itself is in no list. */
#pragma once
#include <abi/types.h>

struct link {
    struct link *next, *previous;
};

#define LIST_OWNER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

static inline void list_init(struct link *head)
{
    head->next = head->previous = head;
}
static inline bool list_empty(const struct link *head)
{
    return head->next == head;
}
static inline void list_add_before(struct link *place, struct link *entry)
{
    entry->next = place;
    entry->previous = place->previous;
    place->previous->next = entry;
    place->previous = entry;
}
static inline void list_push_back(struct link *head, struct link *entry)
{
    list_add_before(head, entry);
}
static inline void list_push_front(struct link *head, struct link *entry)
{
    list_add_before(head->next, entry);
}
static inline void list_remove(struct link *entry)
{
    entry->previous->next = entry->next;
    entry->next->previous = entry->previous;
    list_init(entry);
}
/* All entries of `from`, which is not empty, go to the end of `head`. */
static inline void list_splice_back(struct link *head, struct link *from)
{
    struct link *first = from->next, *last = from->previous;
    head->previous->next = first;
    first->previous = head->previous;
    last->next = head;
    head->previous = last;
    list_init(from);
}
static inline struct link *list_pop_front(struct link *head)
{
    struct link *entry = head->next;
    list_remove(entry);
    return entry;
}

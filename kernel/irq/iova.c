#include "kernel/irq/iova.h"

#define WINDOW_START 0xfee00000ul
#define WINDOW_END 0xfef00000ul

/* Past the interrupt window, if `bytes` from `address` on (and the free page behind) would touch it. */
static uint64_t around_window(uint64_t address, uint64_t bytes)
{
    return address < WINDOW_END && address + bytes + PAGE_SIZE > WINDOW_START ? WINDOW_END : address;
}

status_t iova_place(struct link *list, struct iova *place)
{
    uint64_t bytes = place->pages * PAGE_SIZE, address = around_window(PAGE_SIZE, bytes);
    struct link *l = list->next;
    for (; l != list; l = l->next) {
        const struct iova *other = LIST_OWNER(l, struct iova, link);
        if (address + bytes + PAGE_SIZE <= other->address)
            break;
        address = around_window(other->address + (other->pages + 1) * PAGE_SIZE, bytes);
    }
    if (address + bytes + PAGE_SIZE > IOVA_LIMIT)
        return ERR_NO_MEMORY;
    place->address = address;
    list_add_before(l, &place->link);
    return OK;
}

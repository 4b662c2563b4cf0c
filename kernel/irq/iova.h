/* I/O virtual addresses: where in a device's own address space the pages of a pin lie. Pure.
 *
 * First fit from below keeps the tables few. Below 4 GiB, so that every device can form them; never page 0, never the
 * interrupt window (VT-d specification 3.1 §3.14), and a page that is not mapped behind each range. */
#pragma once
#include "kernel/list.h"
#include <abi/errors.h>

#define IOVA_PAGES_A_PIN 4096ul
#define IOVA_PINS 4096u /* of one device: the search is linear */
#define IOVA_LIMIT (1ul << 32)

struct iova {
    struct link link; /* in a list of the device's, by address */
    uint64_t address, pages;
};

/* Sets place->address for place->pages and puts it into the list. ERR_NO_MEMORY: no gap is large enough. */
status_t MUST_CHECK iova_place(struct link *list, struct iova *place);

/* shoot: do translations that were taken back stay in some processor? Boot option shoot=ROUNDS[:SEED].
 *
 *  director (CPU 0)     makes memory, maps it for all writers, and takes it away while they write: by unmap, revoke, protect or
 *                       their death. The freed frames it takes at once, fills them with a pattern, and looks at that.
 *  writers (CPU 1 ..)   write into a window at one address, by instructions of their own or through the kernel's copies
 *  churner (last CPU)   takes and gives back frames all the while, and changes other mappings of the writers: so shootdowns
 *                       come from two processors, and meet
 *
 * A stale translation shows in one of these ways, each "SHOOT FAILED": a word of the pattern is a writer's; a writer goes on
 * writing after the mapping's end; what it writes does not arrive in the memory that was mapped there since; new memory is not
 * zero; a page that became read-only changes. A writer may fault only in the window, and only after its end began. */
#pragma once
#include "tests/system/sysfuzz/fuzz.h" /* chance */
#include <lib/runtime.h>

#define WRITERS_MAX 6
#define SHARED_ADDRESS 0x600000000000ul
#define WINDOW_ADDRESS 0x610000000000ul
#define SIDE_ADDRESS 0x620000000000ul /* the churner's, a page for each writer, which nobody touches */
#define WINDOW_PAGES_MAX 300u         /* more than the kernel enters, leaves or flushes in a step */

/* ---- what director, writers and churner share ---- */

enum order { ORDER_WAIT, ORDER_WRITE, ORDER_COPY, ORDER_COUNT };

/* The order's number is the director's; a writer that shows it in `taken` has ended what it did by the one before. */
struct shoot_writer {
    uint32_t order, taken; /* number << 8 | enum order */
    uint64_t pages;        /* of the window */
    uint64_t writes;       /* counted after each */
    uint64_t refused;      /* copies that the kernel answered with ERR_FAULT */
    int64_t odd;           /* what it answered else */
    uint32_t side;         /* the churner's handle of this task */
};
struct shoot_churner {
    uint64_t rounds, side_changes;
    const char *failed;
    uint64_t word;
};
struct shoot_shared {
    struct shoot_writer writers[WRITERS_MAX];
    struct shoot_churner churner;
};
_Static_assert(sizeof(struct shoot_shared) <= PAGE_SIZE, "one page");
#define SHARED ((struct shoot_shared *)SHARED_ADDRESS)

#define SHARED_READ(place) __atomic_load_n(&(place), __ATOMIC_ACQUIRE)
#define SHARED_WRITE(place, value) __atomic_store_n(&(place), value, __ATOMIC_RELEASE)

static inline void relax(void)
{
    __asm__ volatile("pause" : : : "memory");
}

/* A writer's word says whose it is; it lies at its own place in each page. */
#define MARK(writer, count) (0xdead000000000000ul | (uint64_t)((writer) + 1) << 40 | ((count)&0xfffffffffful))
static inline volatile uint64_t *writer_place(void *base, uint64_t page, uint32_t writer)
{
    return (volatile uint64_t *)((uint8_t *)base + page * PAGE_SIZE) + 8 * writer;
}

int64_t writer_run(uint64_t index);
int64_t churner_run(uint64_t writers);

/* pattern.c: what memory is filled with so that a foreign word in it is seen */
void pattern_fill(void *base, uint64_t pages, uint64_t tag);
/* The first word that is not as it was filled; NULL: all are. */
const uint64_t *pattern_broken(const void *base, uint64_t pages, uint64_t tag);
const uint64_t *zero_broken(const void *base, uint64_t pages);

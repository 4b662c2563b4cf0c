/* load: hours of a machine that has a little to do all the time, of every kind, each checking itself.
 * Boot option load=SECONDS[:SEED], seconds of the guest's clock.
 *
 *  sleepers   wait for a deadline: never woken early, and not much too late
 *  askers     call an echoer, which several of them share: the answer is theirs, and whole
 *  mappers    make memory, fill it, make it read-only and writable again, give it back: new memory is zero, old as it was
 *  crunchers  all wake at the same moment and compute: they spread over the processors, and come to the right sum
 *  mayflies   are born all the while, work with capabilities, and end by themselves, by a fault or by being killed
 *
 * The tasks mostly sleep: under -icount with sleep=off the time in which all do costs nothing, so eight hours are some minutes. */
#pragma once
#include "tests/system/sysfuzz/fuzz.h" /* chance */
#include <lib/runtime.h>

#define WORKERS 16u
#define SHARED_ADDRESS 0x600000000000ul
#define MS_NS 1000000ul

struct load_worker {
    uint64_t rounds, latest_ns; /* latest_ns: the longest that it came after a deadline */
    const char *failed;         /* what did not hold */
    uint64_t value;
};
struct load_shared {
    struct load_worker workers[WORKERS];
};
_Static_assert(sizeof(struct load_shared) <= PAGE_SIZE, "one page");
#define SHARED ((struct load_shared *)SHARED_ADDRESS)

/* What a worker is told: its place, and where its chances begin. */
#define ARGUMENT(place, seed) ((uint64_t)(place) | (seed) << 8)
#define ARGUMENT_PLACE(argument) ((argument)&0xff)
#define ARGUMENT_SEED(argument) ((argument) >> 8)

struct kind {
    const char *name;
    uint32_t count, priority;
    int64_t (*run)(uint64_t argument);
};
extern const struct kind kinds[];
extern const size_t kind_count;
#define ECHOERS 2u /* the first places; askers and echoers find their channel as "echo" */

/* mayfly.c: how a mayfly is to end, and by which code */
enum mayfly_end { MAYFLY_EXITS, MAYFLY_FAULTS, MAYFLY_SPINS, MAYFLY_ENDS };
int64_t mayfly_run(uint64_t argument);
static inline enum mayfly_end mayfly_end(uint64_t argument)
{
    return argument % 8 < 2 ? (enum mayfly_end)(1 + argument % 8) : MAYFLY_EXITS;
}
int64_t mayfly_code(uint64_t argument);

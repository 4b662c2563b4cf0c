/* What the runner and its workers share: one piece of memory at the same address in all of them.
 *
 * The runner (main.c, slots.c) starts workers in a few slots, ends those that block or fault, and starts each slot anew
 * with the next seed until the calls are made. A worker (worker.c, scripts.c) makes the calls that the generator draws
 * and says what it found in its slot. Workers hold senders of each other's channels, each other's tasks, and one piece
 * of memory together. */
#pragma once
#include "tests/system/sysfuzz/fuzz.h"
#include <abi/info.h>
#include <lib/runtime.h>

#define FUZZ_SLOTS 4
#define FUZZ_SHARED_ADDRESS 0x600000000000ul
#define FUZZ_SHARED_PAGES 2
#define FUZZ_NEWS 32
#define FUZZ_STATUSES 24
#define FUZZ_COMMON_PAGES 16 /* of the memory that all workers may map */
#define WORKER_BROKEN 77     /* exit code: a promise was broken; the slot says which */

struct fuzz_slot {
    /* the runner's */
    uint64_t seed, calls_most;
    uint32_t priority, news_count;
    handle_t news[FUZZ_NEWS]; /* handles that were put into the worker's table: a ring */
    /* the worker's */
    uint64_t calls, statuses[FUZZ_STATUSES]; /* by -status; 0: all that succeeded */
    const char *broken;
    struct fuzz_call broken_call;
    int64_t broken_value;
    uint64_t broken_second;
};
struct fuzz_shared {
    struct fuzz_slot slots[FUZZ_SLOTS];
};
_Static_assert(sizeof(struct fuzz_shared) <= FUZZ_SHARED_PAGES * PAGE_SIZE, "FUZZ_SHARED_PAGES");
#define FUZZ_SHARED ((struct fuzz_shared *)FUZZ_SHARED_ADDRESS)

/* ---- worker.c ---- */
struct worker {
    struct fuzz fuzz;
    struct fuzz_slot *slot;
    uint32_t news_read;
};
int64_t worker_main(uint64_t slot);
/* One call of the worker's own, counted and looked at as the drawn ones are. */
int64_t worker_call(struct worker *w, uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                    uint64_t g);
/* Writes down what was broken; the worker ends. */
void worker_broken(struct worker *w, const char *promise, int64_t value);

/* ---- scripts.c: short sequences that chance alone would hardly find, some with a promise to be checked ---- */
void script_run(struct worker *w);
/* scripts_large.c: long work that stops at preemption points, and is often left half done */
void script_crowd(struct worker *w);
void script_large_memory(struct worker *w);
void script_sparse_maps(struct worker *w);
void script_look_around(struct worker *w);
void script_bad_buffer(struct worker *w);
#define CALL(number, ...) CALL_6(number, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL_6(number, a, b, c, d, e, g, ...)                                                               \
    worker_call(w, SYS_##number, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), (uint64_t)(e), \
                (uint64_t)(g))

/* ---- trap.asm ---- */
void fuzz_trap(const struct fuzz_call *call, uint64_t out[4]);
void fuzz_fpu_set(uint64_t value);
uint64_t fuzz_fpu_get(void);
extern const uint8_t grandchild_code[], grandchild_end[];

/* ---- slots.c ---- */
struct runner {
    uint64_t seed, calls, calls_done, started; /* calls: to be made; started: how many workers were */
    uint64_t ended, faulted, blocked;          /* how workers ended */
    uint64_t statuses[FUZZ_STATUSES];
    uint64_t refused_since_ns; /* 0: the last worker could be started */
    uint64_t start_ns;         /* none is started before */
    uint32_t failures, worker_quota;
    handle_t supervisor, root, trace, init, netsrv, shared, common;
    struct runner_slot {
        handle_t task, report, sender; /* report: our channel with the slot's badge; sender: parent of the peers' */
        uint32_t task_id;              /* 0: no task yet or no more */
        uint64_t seen_calls, seen_ns;  /* the watchdog's: how far it was when it last went on */
    } slots[FUZZ_SLOTS];
};
status_t slots_init(struct runner *r);
void slot_start(struct runner *r, uint32_t slot);
void slot_message(struct runner *r, const struct msg *m);
void slots_watch(struct runner *r);
void slots_close(struct runner *r);
uint64_t slots_calls(const struct runner *r); /* of all, also those that run */
bool slots_running(const struct runner *r);

/* ---- leak.c ---- */
struct leak_count {
    uint64_t pages, capabilities; /* pages: free, and used by those tasks that are not ours */
    uint64_t objects[OBJECT_TYPE_COUNT];
    uint32_t tasks;
};
bool leak_count(handle_t trace, struct leak_count *count);
/* Once it stays the same for half a second. */
bool leak_count_settled(handle_t trace, struct leak_count *count);
/* Compares until all is equal, for 20 s at most; logs what is not. True: nothing leaked. */
bool leak_check(handle_t trace, const struct leak_count *before);

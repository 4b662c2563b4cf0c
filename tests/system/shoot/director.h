/* The director's own: the crew, and a round. */
#pragma once
#include "tests/system/shoot/shoot.h"

#define CHURNER WRITERS_MAX /* its place among the crew */

/* ---- crew.c: births, deaths, and what is told of them ---- */

struct member {
    handle_t task, report; /* report: the sender that carries its badge */
    uint32_t id;           /* 0: there is none */
    bool faulted;
    struct msg_fault fault;
};
struct crew {
    handle_t root, channel, shared;
    uint32_t writers, cpus;
    struct member members[WRITERS_MAX + 1];
    uint64_t faults, deaths;
};
extern struct crew crew;

/* How many writers a machine with so many processors has; ERR_… when the crew cannot be. */
status_t crew_init(uint32_t cpus) MUST_CHECK;
/* Makes who is not there. */
status_t crew_fill(void) MUST_CHECK;
void crew_end(void); /* of all */
/* Takes what the crew's supervisor is told, waiting for it until then at most. */
void crew_listen(uint64_t deadline_ns);
/* Waits until it is true for each writer, or for too long: then false. */
bool crew_wait(bool (*is_so)(uint32_t writer)) MUST_CHECK;
bool writer_is_gone(uint32_t writer);
bool writer_has_stopped(uint32_t writer); /* gone or faulted */
void crew_bury(void);                     /* the faulted ones end */
/* The same order for all; taken when crew_wait(writer_has_taken) is over. */
void crew_order(enum order order);
bool writer_has_taken(uint32_t writer);

/* ---- ways.c: how memory is taken away ---- */

struct target {
    uint32_t pages;
    handle_t memory, child; /* the writers' mappings are the child's */
    uint64_t *view;         /* the director's own, of what becomes read-only */
};
struct way {
    const char *name;
    status_t (*take)(struct target *target); /* when it returns, nobody can write there */
    uint32_t fault_code;                     /* of the page fault that a write is from now on; 0: writers die of it */
    bool keeps;                              /* the memory stays mapped */
};
extern const struct way ways[];
#define WAY_COUNT 4

/* Makes memory and maps it for all writers. */
status_t target_make(struct target *target, uint32_t pages) MUST_CHECK;
void target_drop(struct target *target); /* its capabilities */

/* ---- round.c ---- */

struct tally {
    uint64_t rounds, failures, by_way[WAY_COUNT], by_order[ORDER_COUNT];
};
extern struct tally tally;
/* False: something failed that is not the kernel's translations (it is logged), or enough has been found. */
bool round_run(uint64_t seed, uint64_t number);

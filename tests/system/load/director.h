/* The director's own: who lives, and what is told of them. */
#pragma once
#include "tests/system/load/load.h"

#define MAYFLIES 4u /* at once */

struct mayfly {
    handle_t task, report;
    uint32_t id; /* 0: none */
    uint64_t argument, born_ns;
};
struct director {
    handle_t root, channel, shared;
    uint64_t seed, failures, born, ended, spread[MAYFLY_ENDS];
    handle_t tasks[WORKERS], reports[WORKERS], echo[ECHOERS];
    uint64_t seen[WORKERS]; /* rounds at the last look */
    struct mayfly mayflies[MAYFLIES];
};
extern struct director director;

status_t crew_init(void) MUST_CHECK;
status_t crew_start(void) MUST_CHECK;
void crew_look(void); /* has each come further, and found nothing wrong? */
void crew_end(void);
void mayfly_start(struct fuzz_rng *rng); /* where there is room */
/* Those that spin are killed after a moment. Returns when to look again, `until_ns` at the latest. */
uint64_t mayflies_watch(uint64_t until_ns);
void crew_listen(uint64_t deadline_ns);

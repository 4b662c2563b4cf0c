/* The life of one service, as a pure state machine: time comes in as a parameter, what to do comes out.
 *
 *   STOPPED ──start──▶ STARTING ──ready──▶ UP
 *      ▲                  │ died             │ died
 *      │ stop             ▼                  ▼
 *   (any state)       BACKING_OFF ──due──▶ (start again)      after SUPERVISE_TRIES in a row: GIVEN_UP
 *
 * The wait doubles from 10 ms up to 5 s with each death in a row; 10 s of being UP forgive what was before. */
#pragma once
#include <abi/types.h>
#include <proto/init.h>

#define SUPERVISE_FIRST_WAIT_NS 10000000ull
#define SUPERVISE_LONGEST_WAIT_NS 5000000000ull
#define SUPERVISE_HEALTHY_NS 10000000000ull
#define SUPERVISE_TRIES 10u

enum restart_policy {
    RESTART_ALWAYS = 0, /* however it ended */
    RESTART_NEVER,
};

struct supervision {
    enum service_state state;
    uint32_t starts;   /* since boot: the service's generation */
    uint32_t tries;    /* deaths in a row */
    uint64_t ready_ns; /* since when it is UP */
    uint64_t due_ns;   /* BACKING_OFF: when to start it */
};

void supervise_started(struct supervision *s);
void supervise_ready(struct supervision *s, uint64_t now_ns);
void supervise_died(struct supervision *s, enum restart_policy policy, uint64_t now_ns);
void supervise_give_up(struct supervision *s); /* no try can help: its program is not there */
void supervise_stop(struct supervision *s);
void supervise_start_now(struct supervision *s, uint64_t now_ns); /* an order: due at once, deaths forgiven */
/* Ended for no fault of its own (what it depends on was started anew): due at once, deaths neither added nor forgiven. */
void supervise_follow(struct supervision *s, uint64_t now_ns);

bool supervise_alive(const struct supervision *s);   /* has a task */
uint64_t supervise_due(const struct supervision *s); /* DEADLINE_NEVER: nothing to start */

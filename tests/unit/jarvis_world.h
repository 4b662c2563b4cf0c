/* A machine for Jarvis's tests: stands in place of jarvis/world.c. Every answer is known, every service can be told to
 * fail, and every call that would change something is counted. */
#pragma once
#include "jarvis/executor.h"

struct fake_world {
    status_t trace_status, init_status, devmgr_status, netsrv_status; /* OK, or what calls answer */
    unsigned restarts, stops, starts, revokes;                        /* orders that reached init */
    unsigned asks;          /* … and how often it was asked what a revoke would do */
    status_t revoke_status; /* what init answers to the order itself */
    uint64_t revoked;       /* this capability and its descendants are gone */
    char last_name[16];
    handle_t last_cap; /* that the last call went through */
    bool crash;        /* a crash record is there */
    uint64_t now;
    const char *log;
};
extern struct fake_world fake;

enum { FAKE_TRACE = 11, FAKE_INIT, FAKE_DEVMGR, FAKE_NETSRV };
void fake_reset(void);
extern const struct authority fake_observer, fake_operator;
/* One line as a session types it; the answer's text ends in 0. */
const char *fake_ask(const char *line, const struct authority *authority, uint32_t role);
extern uint32_t fake_action;
extern struct dialogue fake_dialogue;

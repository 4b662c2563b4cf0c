/* A machine for Jarvis's tests: stands in place of jarvis/world.c. Every answer is known, every service can be told to
 * fail, and every call that would change something is counted. */
#pragma once
#include "jarvis/executor.h"
#include "jarvis/watch.h"

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
    uint32_t mask, only_count, only[8]; /* of the trace */
    unsigned controls, told;            /* changes of its filter; events of Jarvis's own */
    uint64_t words[2][512];             /* a packet of the trace a CPU, with its header */
    uint32_t cpus, bytes[2];            /* how much is in it */
    uint64_t before[2];                 /* events that the CPU recorded before it */
    const struct task_info *task_infos; /* fake_tasks, fake_nodes, fake_cpus or a test's own */
    const struct node_info *node_infos;
    const struct cpu_info *cpu_infos;
    uint32_t node_count, cpu_info_count;
    uint64_t sequence, next_number; /* of the packet; of the event behind its last */
};
extern struct fake_world fake;
extern const struct task_info fake_tasks[3];
extern const struct node_info fake_nodes[2];
extern const struct cpu_info fake_cpus[2];

enum { FAKE_TRACE = 11, FAKE_INIT, FAKE_DEVMGR, FAKE_NETSRV };
void fake_reset(void);
extern const struct authority fake_observer, fake_operator;
/* One line as a session types it; the answer's text ends in 0. */
const char *fake_ask(const char *line, const struct authority *authority, uint32_t role);
extern uint32_t fake_action;
extern struct dialogue fake_dialogue;
/* Writes an event of now, with one or two words, into a CPU's packet. */
void fake_event(uint32_t cpu, uint16_t event, unsigned words, uint64_t a, uint64_t b);
extern bool fake_kept; /* "rconsole" would put the filter back */
/* A turn of Jarvis's loop: what it says to the session that watches; *news is WATCH_OVER with the last of it. */
const char *fake_watch_turn(const struct authority *authority, enum watch_news *news);

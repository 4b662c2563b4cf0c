/* What Jarvis can do: one table (tools.c) for people and, later, for AI agents. A new tool is one row, one function and
 * one test; its intent stands in intents.h and its words in the lexicons and the grammar.
 *
 * Rules for a tool's function: it acts with call->authority and nothing else, waits only inside world_call, writes its
 * whole answer to call->out, and returns OK or why not (after having said it; see call_failed). What destroys runs only
 * after a yes: the executor calls `ask` first and keeps the request until the next line. */
#pragma once
#include "jarvis/answer.h"
#include "jarvis/parser.h"
#include "jarvis/render.h"
#include "jarvis/world.h"
#include <proto/jarvis.h>

/* A session's authority: the capabilities that came with it, in the order of JARVIS_AUTHORITY. */
enum authority_cap { CAP_TRACE = 0, CAP_INIT, CAP_DEVMGR, CAP_NETSRV, CAP_KINDS, CAP_NOTHING = CAP_KINDS };
struct authority {
    handle_t caps[CAP_KINDS];
    uint32_t rights[CAP_KINDS]; /* as the kernel tells them; 0 where there is no capability */
};

struct session_facts {
    uint32_t number, role; /* enum session_role */
    uint8_t peer[16];
    bool agent;
};

struct call {
    const struct authority *authority;
    const struct session_facts *who;
    const struct request *request;
    const struct clause *clause;
    struct answer *out;
    uint32_t action; /* enum console_action, for rconsole when the answer is done */
    bool restart_self;
    bool confirmed; /* the person said yes to what `ask` of a destroying tool told */
};

/* A tool's answer beside OK and ERR_: it has begun something that takes its time; the request's next step waits until it is
 * over (watch.h). */
#define TOOL_GOES_ON 1

enum tool_effect { READS = 0, CHANGES, DESTROYS };
#define NO_SLOT 255u

struct tool {
    const char *title[LANGUAGES], *example[LANGUAGES]; /* by language; example: words that call it */
    uint8_t cap;                                       /* enum authority_cap */
    uint8_t effect;
    uint8_t needs_slot; /* an argument that must be there, or NO_SLOT */
    uint32_t right;
    status_t (*run)(struct call *call); /* NULL: not in this version */
    status_t (*ask)(struct call *call); /* of what DESTROYS: says what would go; OK: waits for a yes, then runs */
};
extern const struct tool tools[INTENT_COUNT];

const char *cap_kind_name(unsigned cap, enum language language); /* "init (the services)" */
const char *right_name(unsigned cap, uint32_t right);            /* "ADMIN" */

/* Says in a plain sentence why a call to what stands behind `cap` failed. Returns status. */
status_t call_failed(struct call *call, unsigned cap, status_t status);
const char *call_slot(const struct call *call, unsigned slot);

/* tools_*.c */
status_t tool_status(struct call *call);
status_t tool_memory(struct call *call);
status_t tool_time(struct call *call);
status_t tool_pools(struct call *call);
status_t tool_numa(struct call *call);
status_t tool_tasks(struct call *call);
status_t tool_task_info(struct call *call);
status_t tool_top(struct call *call);
status_t tool_devices(struct call *call);
status_t tool_net_status(struct call *call);
status_t tool_connections(struct call *call);
status_t tool_services_list(struct call *call);
status_t tool_service_restart(struct call *call);
status_t service_restart_self(const struct authority *authority);
status_t tool_service_stop(struct call *call);
status_t tool_service_start(struct call *call);
status_t tool_caps_show(struct call *call);
status_t tool_caps_tree(struct call *call);
status_t tool_cap_revoke(struct call *call);
status_t tool_cap_revoke_ask(struct call *call);
status_t tool_trace_dump(struct call *call);
status_t tool_trace_stats(struct call *call);
status_t tool_trace_start(struct call *call);
status_t tool_trace_stop(struct call *call);
status_t tool_trace_filter(struct call *call);
status_t tool_trace_summarise(struct call *call);
status_t tool_crash(struct call *call);
status_t tool_crash_clear(struct call *call);
status_t tool_log(struct call *call);
status_t tool_help(struct call *call);
status_t tool_whoami(struct call *call);
status_t tool_login(struct call *call);
status_t tool_logout(struct call *call);

/* The tasks now, by id; static memory, valid until the next call. Returns the count or an ERR_ value. */
#define TASKS_SEEN_MAX 128
result_t tasks_read(handle_t trace, const struct task_info **tasks);
/* By name or number in digits; NULL: none. */
const struct task_info *task_find(const struct task_info *tasks, size_t count, const char *which);
/* Says that there is no such task. Returns ERR_NOT_FOUND. */
status_t task_not_found(struct call *call, const char *which);
/* Notes how much CPU each task has used so far, so that `top` can tell what happened since. */
void usage_note(handle_t trace);

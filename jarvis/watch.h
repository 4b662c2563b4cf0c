/* Watching: for some seconds the kernel's events are read as they come and counted; then people are told what a task did, or
 * all of them. One at a time, for the filter is the machine's.
 *
 *   watch_ask (a tool) ─▶ ASKED ─watch_turn: rconsole keeps the filter as it was─▶ RUNNING ─time is up, or watch_stop─▶ OVER
 *   watch_tell ─▶ nothing again; watch_drop from anywhere
 *
 * Rules
 *  - It acts with the asking session's trace capability, which is given anew at each turn.
 *  - Before the filter is changed rconsole is told how it was (CONSOLE_TRACE): when the session ends or jarvis dies in
 *    between, rconsole puts it back, for the session's capability is dead by then. */
#pragma once
#include "jarvis/tool.h"
#include "jarvis/trace_filter.h"

#define WATCH_SECONDS_MAX 60u
#define WATCH_SECONDS_USUAL 5u

enum watch_news { WATCH_NOTHING = 0, WATCH_PROGRESS, WATCH_OVER };

/* From a tool: TOOL_GOES_ON, or what is wrong, after having said it. Events of `classes` besides those that are needed. */
status_t watch_ask(struct call *call, uint32_t classes);
uint32_t watch_session(void); /* whose it is; 0: there is none */
uint32_t watch_seconds_left(void);
uint64_t watch_due(void); /* when watch_turn wants to be called; DEADLINE_NEVER: there is none */
/* keep: tells rconsole how the filter was (NULL: it may forget it); false: not now, try again. */
enum watch_news watch_turn(handle_t trace, bool (*keep)(void *context, const struct trace_filter *before),
                           void *context);
void watch_stop(void);                       /* ends early, with what there is */
void watch_say_progress(struct answer *out); /* a line, and what comes next */
status_t watch_tell(struct call *call);      /* after OVER: the summary */
/* The session is over: the filter is put back as far as `trace` still allows, and nothing is told. */
void watch_drop(handle_t trace);

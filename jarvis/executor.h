/* Runs a line of text for a session: understands it, plans, does the steps one after another, and writes the answer.
 *
 * Rules: acts with the authority given and nothing else; each call to a service has its own deadline; one line at a
 * time. What stays from one line to the next (a question that was asked back) is in struct dialogue, the session's. */
#pragma once
#include "jarvis/planner.h"

/* A request that would destroy something, until the next line says yes to it. */
#define KEPT_SLOTS 4
#define KEPT_TEXT 256
struct kept_request {
    enum intent intent; /* INTENT_unknown: none */
    uint8_t count, ids[KEPT_SLOTS];
    char text[KEPT_TEXT]; /* the slots' values, one after another, each ended by 0 */
};

struct dialogue {
    enum language language; /* of the last line that told one */
    uint8_t choice_count;
    enum intent choices[4]; /* offered with numbers; the next line may be a number */
    enum intent asked;      /* a needed argument was asked for; INTENT_unknown: none */
    struct kept_request kept;
    bool restart_self; /* ordered by this line; see execute_after */
    bool json;         /* that step answers in JSON: nothing may be said meanwhile */
    bool goes_on;      /* a step of this line takes its time: execute_rest when it is over */
};

/* Returns the console action that goes with the answer. */
uint32_t execute_line(const char *text, size_t length, struct dialogue *dialogue, const struct authority *authority,
                      const struct session_facts *who, struct answer *out);
/* The step that took its time (watch.h) is over: tells what came of it and does the rest of the line. Only for the session
 * whose line it was, after it set goes_on. */
uint32_t execute_rest(struct dialogue *dialogue, const struct authority *authority, const struct session_facts *who,
                      struct answer *out);
/* What can only be done when the answer has been sent: ordering our own restart. */
void execute_after(struct dialogue *dialogue, const struct authority *authority);

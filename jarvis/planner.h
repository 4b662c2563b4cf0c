/* From a request and the session's authority to a plan: what would be done, step by step, and what would not, and why.
 *
 * Rules: pure; the same request and authority give the same plan. Nothing is done here. A step that lacks a capability is
 * refused before anything runs; the kernel and the services would refuse it too. */
#pragma once
#include "jarvis/tool.h"

enum verdict {
    STEP_DO = 0,
    STEP_UNKNOWN,  /* no tool does this */
    STEP_CLARIFY,  /* which tool is open */
    STEP_ARGUMENT, /* a needed argument is missing: step->tool->needs_slot */
    STEP_REFUSED,  /* the session's capability lacks step->tool->right */
    STEP_LATER,    /* known, not in this version */
};

struct step {
    enum verdict verdict;
    const struct clause *clause;
    const struct tool *tool;
};

struct plan {
    struct step steps[CLAUSES_MAX];
    unsigned count;
    uint32_t number; /* for the trace */
};

void plan_make(struct plan *plan, const struct request *request, const struct authority *authority);
/* The plan in words (or JSON), for `plan …`. */
void plan_show(const struct plan *plan, const struct request *request, struct answer *out);
/* `parse …`: what was understood, one line of JSON. */
void request_show(const struct request *request, struct answer *out);

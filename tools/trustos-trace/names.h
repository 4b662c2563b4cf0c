/* What numbers in a trace are called: tasks (from its task_name events), channels (by who receives there), values of
 * enumerations, system calls. */
#pragma once
#include "table.h"
#include "trace.h"

struct names {
    struct table tasks;    /* by task: its name, a string */
    struct table channels; /* by channel: who received there last, a uint32_t */
    struct table nodes;    /* by CPU: its node, a uint32_t */
    struct table homes;    /* by task: its home node, a uint32_t */
    struct table calls;    /* by caller: the channel it called last, a uint32_t */
};

void names_learn(struct names *names, const struct ctf_event *event);
void names_learn_all(struct names *names, struct trace *trace); /* from all of it; rewinds */
/* "netsrv", or "task 12" without a name; in out[] or constant. */
const char *names_task(const struct names *names, uint32_t task, char out[32]);
uint32_t names_receiver(const struct names *names, uint64_t channel); /* its task; 0: not known */
#define NAMES_NO_NODE UINT32_MAX
uint32_t names_node(const struct names *names, uint32_t cpu); /* NAMES_NO_NODE: the trace does not tell */
uint32_t names_home(const struct names *names, uint32_t task);
/* What the trace calls a value of the field of a known event (TRACE_Block, "on"); its digits in out[] when it has no name. */
const char *names_value(const struct ctf_layout *layout, uint16_t known, const char *field, uint64_t value,
                        char out[24]);
const char *names_syscall(uint32_t number); /* NULL when not known */
const char *names_op(uint32_t op);          /* of the protocols in include/proto: "NET_ATTACH"; NULL when not known */
void names_free(struct names *names);

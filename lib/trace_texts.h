/* The events as a table: number, names, class, fields, and what abi/trace_texts.h says of them. Data only. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct trace_field_text {
    const char *type, *name; /* as in abi/trace_events.h */
};
struct trace_event_text {
    uint16_t number;
    const char *name, *ctf_name; /* "ContextSwitch", "ctx_switch" */
    const char *event_class;     /* "sched" */
    const char *what, *when;     /* what happened; who records it and when */
    const struct trace_field_text *fields;
    const char *const *meanings; /* of each field */
    size_t field_count;
};
extern const struct trace_event_text trace_event_texts[];
extern const size_t trace_event_text_count;

const struct trace_event_text *trace_event_text(uint16_t number); /* NULL: no such event */

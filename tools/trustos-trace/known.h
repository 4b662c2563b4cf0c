/* The events of abi/trace_events.h as structs: what report, timeline and perfetto understand. A trace's own layout may
 * have them under other numbers, with fields in another order, more of them or fewer: fields go by their names. */
#pragma once
#include <abi/trace_events.h>
#include "ctf.h"

typedef uint32_t u32, x32;
typedef int32_t s32;
typedef uint64_t u64, x64;
typedef int64_t s64;
typedef uint64_t switch_reason;
typedef uint32_t wait_for, tcp_state, ipi_reason, migrate_reason;

#define USER_EVENT_FIRST 64 /* numbers of events of class USER, but for UserEvent; of newer kernels too */

union known_event {
#define F(type, name) type name;
#define E(number, Name, name, class, fields) \
    struct {                                 \
        fields                               \
    } Name;
    TRACE_EVENTS(E, F)
#undef E
#undef F
};

void known_resolve(struct ctf_event_layout *event); /* fills in its known and known_fields */
/* Has the trace this field, by its place in abi/trace_events.h? */
static inline bool known_has(const struct ctf_event *event, unsigned field)
{
    return event->layout->known_fields[field] >= 0;
}
/* False for an event that is not known. A field that the trace does not have is 0. */
bool known_decode(const struct ctf_event *event, union known_event *out);

/* Events that say what a task is about: those it sends itself (class USER), and its begin, faults and end. The timeline and
 * perfetto show them as marks with a text where the task is. */
#pragma once
#include "names.h"

struct mark {
    uint32_t task;
    char text[64];
};
/* False: the event is no such. `names` and `layout` say what its numbers are called. */
bool mark_of(const struct names *names, const struct ctf_layout *layout, const struct ctf_event *event,
             struct mark *mark);

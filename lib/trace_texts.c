#include "lib/trace_texts.h"
#include <abi/trace_events.h>
#include <abi/trace_texts.h>

/* Both lists become the same structs, so that neither can have an event or a field that the other has not. */

/* struct ContextSwitch_texts { const char *prev_task, *next_task, *reason; }; */
#define F(type, name) const char *name;
#define E(number, Name, name, class, fields) \
    struct Name##_texts {                    \
        fields                               \
    };
TRACE_EVENTS(E, F)
#undef E
#undef F

#define D(name, meaning) .name = meaning,
#define T(Name, what, when, fields) static const struct Name##_texts Name##_meanings = {fields};
TRACE_TEXTS(T, D)
#undef T
#undef D

#define D(name, meaning) +1
#define T(Name, what, when, fields) \
    _Static_assert((0 fields) == sizeof(struct Name##_texts) / sizeof(char *), #Name ": a text for each field, once");
TRACE_TEXTS(T, D)
#undef T
#undef D

#define F(type, name) {#type, #name},
#define E(number, Name, name, class, fields) static const struct trace_field_text Name##_fields[] = {fields};
TRACE_EVENTS(E, F)
#undef E
#undef F

#define T(Name, what, when, fields) static const char Name##_what[] = what, Name##_when[] = when;
TRACE_TEXTS(T, D)
#undef T

#define C(bit, NAME, text) static const char class_##NAME[] = text;
TRACE_CLASSES(C)
#undef C

const struct trace_event_text trace_event_texts[] = {
#define E(number, Name, name, class, fields) \
    {number,                                 \
     #Name,                                  \
     #name,                                  \
     class_##class,                          \
     Name##_what,                            \
     Name##_when,                            \
     Name##_fields,                          \
     (const char *const *)&Name##_meanings,  \
     sizeof Name##_fields / sizeof Name##_fields[0]},
    TRACE_EVENTS(E, F)
#undef E
};
const size_t trace_event_text_count = sizeof trace_event_texts / sizeof trace_event_texts[0];

const struct trace_event_text *trace_event_text(uint16_t number)
{
    for (size_t i = 0; i < trace_event_text_count; i++)
        if (trace_event_texts[i].number == number)
            return &trace_event_texts[i];
    return NULL;
}

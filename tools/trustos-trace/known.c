#include "known.h"
#include <string.h>

struct known_field {
    const char *name;
    uint8_t size;
};
struct known_layout {
    const char *name;
    struct known_field fields[CTF_KNOWN_FIELDS]; /* the rest without names */
};

static const struct known_layout layouts[TRACE_EVENT_COUNT] = {
#define F(type, name) {#name, sizeof(type)},
#define E(number, Name, name, class, fields) [number] = {#name, {fields}},
    TRACE_EVENTS(E, F)
#undef E
#undef F
};

void known_resolve(struct ctf_event_layout *event)
{
    event->known = 0;
    for (uint16_t i = 0; i < TRACE_EVENT_COUNT; i++) {
        if (layouts[i].name && !strcmp(layouts[i].name, event->name))
            event->known = i;
    }
    const struct known_field *fields = layouts[event->known].fields;
    for (unsigned i = 0; i < CTF_KNOWN_FIELDS && fields[i].name; i++)
        event->known_fields[i] = (int8_t)ctf_field_index(&event->payload, fields[i].name);
}

bool known_decode(const struct ctf_event *event, union known_event *out)
{
    const struct known_field *fields = layouts[event->layout->known].fields;
    size_t offset = 0;
    if (!event->layout->known)
        return false;
    for (unsigned i = 0; i < CTF_KNOWN_FIELDS && fields[i].name; i++) {
        int from = event->layout->known_fields[i];
        uint64_t value = from < 0 ? 0 : event->values[from];
        offset = (offset + fields[i].size - 1) & ~(size_t)(fields[i].size - 1);
        memcpy((uint8_t *)out + offset, &value, fields[i].size);
        offset += fields[i].size;
    }
    return true;
}

#include "rconsole/tracer/tracer.h"
#include <lib/trace_metadata.h>
#include <stdlib.h>
#include <string.h>

#define PACKETS_MAX (TRACE_METADATA_TEXT_MAX / (TRACE_METADATA_PACKET - TRACE_METADATA_HEADER) + 1)

static uint8_t packets[PACKETS_MAX * TRACE_METADATA_PACKET];

status_t metadata_init(struct metadata *metadata)
{
    struct trace_metadata_facts facts = {.hostname = "trustos"}; /* the time of day is not known */
    struct system_info info;
    struct trace_state state;
    result_t got = system_info(cap_named("trace"), INFO_TRACE_STATE, 0, &state, sizeof state);
    if (got == 1)
        got = system_info(cap_named("trace"), INFO_SYSTEM, 0, &info, sizeof info);
    if (got != 1)
        return got < 0 ? (status_t)got : ERR_NOT_FOUND;
    memcpy(facts.uuid, state.uuid, sizeof facts.uuid);
    facts.release = info.version;
    char *text = malloc(TRACE_METADATA_TEXT_MAX); /* given back: viewers' answers take its place */
    if (!text)
        return ERR_NO_MEMORY;
    size_t length = trace_metadata_text(text, TRACE_METADATA_TEXT_MAX, &facts);
    size_t bytes = trace_metadata_packetize(packets, sizeof packets, text, length, facts.uuid);
    free(text);
    if (length >= TRACE_METADATA_TEXT_MAX || bytes > sizeof packets)
        return ERR_TOO_LONG;
    *metadata = (struct metadata){.packets = packets, .bytes = (uint32_t)bytes, .cpu_count = info.cpu_count};
    return OK;
}

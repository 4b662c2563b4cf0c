#include "rconsole/tracer/tracer.h"
#include <lib/trace_metadata.h>
#include <string.h>

#define PACKETS_MAX (TRACE_METADATA_TEXT_MAX / (TRACE_METADATA_PACKET - TRACE_METADATA_HEADER) + 1)

static char text[TRACE_METADATA_TEXT_MAX];
static uint8_t packets[PACKETS_MAX * TRACE_METADATA_PACKET];

status_t metadata_init(struct metadata *metadata)
{
    static uint8_t packet[TRACE_PACKET_SIZE];
    const struct packet_header *header = (const struct packet_header *)packet;
    struct trace_metadata_facts facts = {.hostname = "trustos"};
    struct system_info info;
    uint64_t sequence;
    (void)kernel_read(0, UINT64_MAX, packet, &sequence); /* the packet that is being written */
    if (kernel_read(0, sequence, packet, &sequence) < TRACE_PACKET_HEADER)
        return ERR_NOT_FOUND;
    memcpy(facts.uuid, header->uuid, sizeof facts.uuid);
    if (system_info(cap_named("trace"), INFO_SYSTEM, 0, &info, sizeof info) == 1)
        facts.release = info.version;
    size_t length = trace_metadata_text(text, sizeof text, &facts);
    size_t bytes = trace_metadata_packetize(packets, sizeof packets, text, length, facts.uuid);
    if (length >= sizeof text || bytes > sizeof packets)
        return ERR_TOO_LONG;
    *metadata = (struct metadata){.packets = packets, .bytes = (uint32_t)bytes, .cpu_count = info.cpu_count};
    return OK;
}

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <abi/trace_events.h>
#include "ctf.h"

#define TIME_BITS 48

enum ctf_result ctf_broken(struct ctf_error *error, uint64_t offset, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    *error = (struct ctf_error){.offset = offset};
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return CTF_BROKEN;
}

/* Little-endian, as every machine that runs this is. */
static uint64_t read64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint32_t read32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

uint64_t ctf_field_read(const struct ctf_field *field, const uint8_t *record)
{
    uint64_t value = 0;
    if (field->size == 8)
        return read64(record + field->offset);
    memcpy(&value, record + field->offset, field->size);
    unsigned shift = 64 - 8 * field->size;
    return field->is_signed && shift ? (uint64_t)((int64_t)(value << shift) >> shift) : value;
}

/* ---- packets ---- */

static enum ctf_result packet_sizes(const struct ctf_layout *layout, struct ctf_packet *packet, struct ctf_error *error)
{
    const struct ctf_context *context = &layout->context;
    uint64_t content = read64(packet->bytes + context->content), size = read64(packet->bytes + context->size);
    if (size % 64 || size / 8 > CTF_PACKET_MAX || size / 8 < context->bytes)
        return ctf_broken(error, packet->offset + context->size, "a packet of %llu bits", (unsigned long long)size);
    if (content % 64 || content > size || content / 8 < context->bytes)
        return ctf_broken(error, packet->offset + context->content, "a packet of %llu bits with a content of %llu bits",
                          (unsigned long long)size, (unsigned long long)content);
    packet->size = (uint32_t)(size / 8);
    packet->content = (uint32_t)(content / 8);
    return CTF_OK;
}

static enum ctf_result packet_context(const struct ctf_layout *layout, struct ctf_packet *packet,
                                      struct ctf_error *error)
{
    const struct ctf_context *context = &layout->context;
    uint64_t cpu = read64(packet->bytes + context->cpu);
    packet->begin_ns = read64(packet->bytes + context->begin);
    packet->end_ns = read64(packet->bytes + context->end);
    packet->sequence = read64(packet->bytes + context->sequence);
    packet->discarded = read64(packet->bytes + context->discarded);
    if (cpu >= CTF_CPU_MAX)
        return ctf_broken(error, packet->offset + context->cpu, "CPU %llu", (unsigned long long)cpu);
    if (packet->end_ns < packet->begin_ns)
        return ctf_broken(error, packet->offset + context->end, "a packet that ends before it begins");
    packet->cpu = (uint32_t)cpu;
    return CTF_OK;
}

enum ctf_result ctf_packet_read(const struct ctf_layout *layout, const uint8_t *bytes, size_t available,
                                uint64_t offset, struct ctf_packet *packet, struct ctf_error *error)
{
    *packet = (struct ctf_packet){.bytes = bytes, .offset = offset};
    if (available >= 4 && read32(bytes) != TRACE_MAGIC)
        return ctf_broken(error, offset, "a packet begins with %08x and not with %08x", read32(bytes), TRACE_MAGIC);
    if (available < layout->context.bytes)
        return available ? CTF_SHORT : CTF_END;
    if (memcmp(bytes + 4, layout->uuid, sizeof layout->uuid))
        return ctf_broken(error, offset + 4, "the packet's uuid is not the metadata's: it is of another trace");
    if (read32(bytes + 20))
        return ctf_broken(error, offset + 20, "stream %u, which the metadata does not have", read32(bytes + 20));
    enum ctf_result result = packet_sizes(layout, packet, error);
    if (result == CTF_OK)
        result = packet_context(layout, packet, error);
    return result == CTF_OK && available < packet->size ? CTF_SHORT : result;
}

/* ---- events ---- */

void ctf_cursor_start(struct ctf_cursor *cursor, const struct ctf_layout *layout, const struct ctf_packet *packet)
{
    *cursor = (struct ctf_cursor){
        .layout = layout, .packet = *packet, .at = layout->context.bytes, .time_ns = packet->begin_ns};
}

/* An event has 48 bits of its time, three days; the event before (or the packet's begin) is not later and has them all. */
static uint64_t event_time(uint64_t before, uint64_t word)
{
    return before + (((word >> 16) - before) & ((1ull << TIME_BITS) - 1));
}

enum ctf_result ctf_cursor_next(struct ctf_cursor *cursor, struct ctf_event *event, struct ctf_error *error)
{
    const struct ctf_packet *packet = &cursor->packet;
    uint64_t offset = packet->offset + cursor->at;
    if (cursor->at >= packet->content)
        return CTF_END;
    uint64_t word = read64(packet->bytes + cursor->at); /* content is whole words */
    uint16_t index = cursor->layout->by_id[(uint16_t)word];
    if (!index)
        return ctf_broken(error, offset, "event %u, which the metadata does not have", (unsigned)(uint16_t)word);
    const struct ctf_event_layout *layout = &cursor->layout->events[index - 1];
    if (layout->payload.size > packet->content - cursor->at - 8)
        return ctf_broken(error, offset, "a %s that goes on past its packet's content", layout->name);
    uint64_t time = event_time(cursor->time_ns, word);
    if (time > packet->end_ns || time < cursor->time_ns)
        return ctf_broken(error, offset, "a %s whose time is before its neighbour's or after its packet's end",
                          layout->name);
    event->layout = layout;
    event->cpu = packet->cpu;
    event->time_ns = cursor->time_ns = time;
    for (uint32_t i = 0; i < layout->payload.count; i++)
        event->values[i] = ctf_field_read(&layout->payload.fields[i], packet->bytes + cursor->at + 8);
    cursor->at += 8 + layout->payload.size;
    return CTF_OK;
}

/* ---- the order of packets ---- */

enum ctf_result ctf_order_check(struct ctf_order *order, const struct ctf_packet *packet, struct ctf_loss *loss,
                                struct ctf_error *error)
{
    *loss = (struct ctf_loss){.cpu = packet->cpu, .from_ns = order->end_ns, .to_ns = packet->begin_ns};
    if (!order->begun) {
        loss->before = true;
        loss->events = packet->discarded;
    } else if (packet->sequence <= order->sequence) {
        ctf_broken(error, packet->offset, "CPU %u's packet %llu after its packet %llu: that is another boot's",
                   packet->cpu, (unsigned long long)packet->sequence, (unsigned long long)order->sequence);
        return CTF_END;
    } else if (packet->discarded < order->discarded) {
        return ctf_broken(error, packet->offset, "CPU %u's count of discarded events goes back", packet->cpu);
    } else if (packet->begin_ns < order->end_ns) {
        return ctf_broken(error, packet->offset, "CPU %u's packet %llu begins before the packet before it ended",
                          packet->cpu, (unsigned long long)packet->sequence);
    } else {
        loss->packets = packet->sequence - order->sequence - 1;
        loss->events = packet->discarded - order->discarded;
    }
    *order = (struct ctf_order){
        .begun = true, .sequence = packet->sequence, .discarded = packet->discarded, .end_ns = packet->end_ns};
    return CTF_OK;
}

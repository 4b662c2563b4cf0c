#include "tests/unit/trace_model.h"
#include <abi/errors.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct model_ring model_rings[MODEL_CPUS];
uint64_t model_clock, model_seed = 1;
void (*model_meanwhile)(uint32_t cpu);

static struct packet_header *packet_of(struct model_ring *ring, uint64_t sequence)
{
    return (struct packet_header *)ring->packets[sequence % MODEL_PACKETS];
}

static void packet_open(uint32_t cpu)
{
    struct model_ring *ring = &model_rings[cpu];
    *packet_of(ring, ring->open) = (struct packet_header){.magic = TRACE_MAGIC,
                                                          .timestamp_begin = model_clock,
                                                          .timestamp_end = model_clock,
                                                          .packet_bits = TRACE_PACKET_SIZE * 8,
                                                          .sequence = ring->open,
                                                          .discarded = ring->events,
                                                          .cpu_id = cpu};
    ring->used = TRACE_PACKET_HEADER;
}

void model_reset(void)
{
    memset(model_rings, 0, sizeof model_rings);
    model_clock = 1ull << 50; /* past 48 bits */
    model_meanwhile = NULL;
    for (uint32_t cpu = 0; cpu < MODEL_CPUS; cpu++)
        packet_open(cpu);
}

static void packet_close(struct model_ring *ring)
{
    struct packet_header *packet = packet_of(ring, ring->open);
    packet->timestamp_end = model_clock;
    packet->content_bits = ring->used * 8;
    ring->open++;
}

void model_record(uint32_t cpu, uint32_t words)
{
    struct model_ring *ring = &model_rings[cpu];
    model_clock += model_random(100);
    if (ring->used + (1 + words) * 8 > TRACE_PACKET_SIZE) {
        packet_close(ring);
        packet_open(cpu);
    }
    uint64_t event[4] = {model_clock << 16 | words, ring->events++};
    memcpy((uint8_t *)packet_of(ring, ring->open) + ring->used, event, (1 + words) * 8);
    ring->used += (1 + words) * 8;
}

static result_t read_now(struct model_ring *ring, uint64_t sequence, void *buffer, uint64_t *second)
{
    uint64_t oldest = ring->open < MODEL_PACKETS ? 0 : ring->open + 1 - MODEL_PACKETS;
    *second = ring->open;
    if (sequence > ring->open)
        return ERR_WOULD_BLOCK;
    *second = oldest;
    if (sequence < oldest)
        return ERR_NOT_FOUND;
    struct packet_header header = *packet_of(ring, sequence);
    bool is_open = sequence == ring->open;
    if (is_open) {
        header.timestamp_end = model_clock;
        header.content_bits = ring->used * 8;
    }
    *second = is_open ? ring->events : packet_of(ring, sequence + 1)->discarded;
    memcpy(buffer, packet_of(ring, sequence), header.content_bits / 8);
    memcpy(buffer, &header, sizeof header);
    return is_open ? (result_t)(header.content_bits / 8) : TRACE_PACKET_SIZE;
}

result_t model_read(uint32_t cpu, uint64_t sequence, void *buffer, uint64_t *second)
{
    if (cpu >= MODEL_CPUS)
        return ERR_INVALID;
    if (model_meanwhile)
        model_meanwhile(cpu);
    result_t result = read_now(&model_rings[cpu], sequence, buffer, second);
    if (model_meanwhile)
        model_meanwhile(cpu);
    return result;
}

uint32_t model_random(uint32_t below)
{
    model_seed = model_seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(model_seed >> 33) % below;
}

/* ---- what a reader is promised ---- */

#define PROMISE(e) ((e) ? (void)0 : broken(#e, __LINE__))
_Noreturn static void broken(const char *what, int line)
{
    fprintf(stderr, "trace_model.c:%d: does not hold: %s\n", line, what);
    abort();
}

static void take_header(struct model_reader *reader, const struct packet_header *header, uint32_t bytes)
{
    uint64_t lost = header->discarded - reader->lost, skipped = header->sequence - reader->number;
    PROMISE(header->magic == TRACE_MAGIC);
    PROMISE(header->content_bits == bytes * 8ull && header->packet_bits == bytes * 8ull);
    PROMISE(bytes > TRACE_PACKET_HEADER && bytes <= TRACE_PACKET_SIZE);
    PROMISE(header->discarded >= reader->lost && header->sequence >= reader->number);
    PROMISE(lost == 0 || skipped > 0);
    PROMISE(reader->begun || (lost == 0 && skipped == 0));
    PROMISE(header->timestamp_begin >= reader->end_ns && header->timestamp_end >= header->timestamp_begin);
    reader->lost = header->discarded;
    reader->number = header->sequence + 1;
    reader->end_ns = header->timestamp_end;
}

void model_take(struct model_reader *reader, const void *packet, uint32_t bytes)
{
    const struct packet_header *header = packet;
    const uint64_t *word = (const uint64_t *)(header + 1), *end = (const uint64_t *)((const uint8_t *)packet + bytes);
    take_header(reader, header, bytes);
    if (!reader->begun)
        reader->base = word[1] - reader->lost;
    reader->begun = true;
    for (; word < end; word += 1 + (*word & 0xffff), reader->taken++) {
        uint64_t time = header->timestamp_begin + (((*word >> 16) - header->timestamp_begin) & ((1ull << 48) - 1));
        PROMISE(time <= header->timestamp_end);
        PROMISE(word[1] == reader->base + reader->lost + reader->taken);
    }
    PROMISE(word == end);
}

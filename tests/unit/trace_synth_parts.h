/* What the files of trace_synth share. */
#pragma once
#include "tests/unit/trace_synth.h"

struct synth_header {
    uint32_t magic;
    uint8_t uuid[16];
    uint32_t stream_id;
    uint64_t begin, end, content, size, sequence, discarded, cpu;
};
_Static_assert(sizeof(struct synth_header) == TRACE_PACKET_HEADER, "packet");

struct synth_cpu {
    union {
        struct synth_header header;
        uint8_t bytes[TRACE_PACKET_SIZE];
    } packet;
    uint32_t used, id, current;
    uint64_t now, in_packet, discarded, held_events, held_packets, by_id[256];
};
struct synth {
    const struct synth_options *options;
    struct synth_result *result;
    synth_write_fn write;
    void *context;
    uint64_t random;
    struct synth_cpu cpus[SYNTH_CPUS];
};

uint64_t synth_chance(struct synth *s, uint64_t below);
void synth_event(struct synth *s, struct synth_cpu *cpu, uint16_t id, uint32_t words, uint64_t a, uint64_t b,
                 uint64_t c);
void synth_name(struct synth *s, struct synth_cpu *cpu, uint16_t id, uint64_t task_and_node, const char *name);

/* A machine whose CPUs share their tasks: they migrate, are stolen and killed, CPUs interrupt each other and wait for the
 * lock. Its scheduler is none to copy: it decides by dice. */
void synth_smp(struct synth *s);

#define PAIR(lo, hi) ((uint64_t)(uint32_t)(lo) | (uint64_t)(uint32_t)(hi) << 32)
#define EVENT1(name, a) synth_event(s, cpu, TRACE_##name, 1, a, 0, 0)
#define EVENT2(name, a, b) synth_event(s, cpu, TRACE_##name, 2, a, b, 0)

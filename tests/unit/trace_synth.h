/* A machine that never was: makes the trace of a few tasks that call each other, on any number of CPUs, always the same
 * one for the same options. For the tests of the trace tool; build/trace-synth is it as a program. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <abi/trace_events.h>

struct synth_step { /* of a script: an event of abi/trace_events.h, or one of these */
    uint32_t cpu;
    uint16_t id;
    uint64_t at_ns;
    uint64_t words[3];
};
#define SYNTH_SEND 60000 /* the packet ends and is sent */
#define SYNTH_LOSE 60001 /* the packet ends and is lost */

struct synth_options {
    uint64_t seed, events; /* at least so many; each CPU ends with a whole step */
    uint32_t cpus;
    uint32_t nodes;                  /* 0: each CPU has tasks of its own; else they share them (trace_synth_smp.c) */
    const struct synth_step *script; /* in place of dice */
    size_t steps;
    uint32_t drop_every;     /* the n-th packet of each CPU is not sent; 0: all are */
    uint64_t start_ns;       /* the clock at the beginning */
    uint64_t flush_ns;       /* a packet is closed when so old, smaller than others; 0: when full */
    uint64_t first_sequence; /* of each CPU's packets */
    bool task_names;         /* with an event that abi/trace_events.h does not have: task_name, number 200 */
    bool syscalls;           /* their class is on */
    bool no_metadata;
    uint8_t uuid_byte; /* the last one */
};
#define SYNTH_TASK_NAME 200
#define SYNTH_CPUS 64

struct synth_result {
    uint64_t events, packets;           /* sent */
    uint64_t lost_events, lost_packets; /* between those sent: a reader that counts must come to the same */
    uint64_t by_id[256];                /* events sent */
    uint64_t calls;                     /* of jarvis to netsrv that were answered, whether sent or not */
    uint64_t end_ns;
};
typedef void (*synth_write_fn)(void *context, const void *bytes, size_t size);

void synth_stream(const struct synth_options *options, synth_write_fn write, void *context,
                  struct synth_result *result);
size_t synth_metadata(const struct synth_options *options, char *text, size_t size);

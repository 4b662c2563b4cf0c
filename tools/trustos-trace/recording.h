/* What `record` writes: directories DIR, DIR.2, … of metadata and one file a CPU, whole packets only.
 *
 * Rules
 *  - A directory is made when its first packet is there, and nothing that is there already is ever written over.
 *  - Each boot has a directory of its own: recording_next_boot says that one ends. */
#pragma once
#include <stdio.h>
#include "ctf.h"

struct recording_counts {
    uint64_t events, packets, bytes, lost_events, lost_packets, lost_before;
};
struct recording_cpu {
    int file; /* -1: no packet of it yet */
    uint64_t bytes;
    struct ctf_order order;
};
struct recording {
    const char *base;
    char *directory; /* the open one; NULL: none */
    uint32_t number, opened;
    struct recording_cpu cpus[CTF_CPU_MAX];
    struct recording_counts counts, total; /* of the open directory, of all before it */
    char why[256];                         /* of a failure to write */
};

void recording_start(struct recording *recording, const char *base);
/* CTF_BROKEN: the packet is (then *error says it), or it could not be written (then recording->why is set). */
enum ctf_result recording_packet(struct recording *recording, const struct ctf_stream *stream,
                                 const struct ctf_packet *packet, struct ctf_error *error);
void recording_next_boot(struct recording *recording);
struct recording_counts recording_sum(const struct recording *recording);

/* Bytes of a stream as they come, cut into packets for a recording. */
struct receiver {
    struct recording *recording;
    struct ctf_stream stream;
    uint8_t *bytes;
    size_t used, room;
};
uint8_t *receiver_room(struct receiver *receiver, size_t *room); /* where to read to; NULL: out of memory */
/* `size` bytes were put there. CTF_SHORT: all is well, go on. CTF_BROKEN as above. */
enum ctf_result receiver_took(struct receiver *receiver, size_t size, struct ctf_error *error);
void receiver_reset(struct receiver *receiver); /* the connection ended: its half packet is dropped */

/* The viewer's side of LTTng-live: nine requests of fixed size, big-endian, each with one answer. Enough for
 * `babeltrace2 -i lttng-live net://HOST:2326/host/trustos/kernel`. What each holds: babeltrace2's lttng-viewer-abi.h.
 *
 * Pure: the kernel's packets and the time come in. One request is taken at a time, and the next when its answer is gone, so a
 * viewer costs one answer of memory. A request that is none ends the connection (LIVE_END). */
#pragma once
#include <stddef.h>
#include "rconsole/tracer/place.h"

#define LIVE_HEADER 16u /* u64 size of what follows, u32 request, u32 version */
#define LIVE_PAYLOAD_MAX 20u
#define LIVE_FLUSH_NS 150000000ull

struct live_facts {
    const uint8_t *metadata;
    uint32_t metadata_bytes, cpu_count;
    place_read read;
};

struct live_stream { /* of one CPU */
    struct place place;
    uint64_t flushed_ns;
    uint64_t offset; /* of the packet that is held, in all that the stream had */
    uint32_t bytes;  /* of it; 0: none */
    _Alignas(8) uint8_t packet[TRACE_PACKET_SIZE];
};

struct live {                    /* zeroed at first */
    struct live_stream *streams; /* one a CPU, after attaching */
    bool metadata_sent;
    uint8_t request[LIVE_HEADER + LIVE_PAYLOAD_MAX];
    uint32_t have;   /* bytes of the request that are there */
    uint8_t *answer; /* the caller's to free */
    uint32_t length;
    const uint8_t *tail; /* goes out behind it: of the metadata there is one copy, however many viewers ask at once */
    uint32_t tail_length;
};

enum live_result { LIVE_MORE, LIVE_ANSWER, LIVE_ATTACHED /* an answer, and the view begins */, LIVE_END };

/* One byte of the viewer's. */
enum live_result live_byte(struct live *live, const struct live_facts *facts, uint8_t byte, uint64_t now_ns);
void live_free(struct live *live);

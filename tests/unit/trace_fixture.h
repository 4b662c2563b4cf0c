/* What the tests of the trace tool share: a synthetic stream, and reading it. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "tests/unit/trace_synth.h"
#include "tools/trustos-trace/trace.h"

struct fixture_bytes {
    uint8_t *at;
    size_t size, room;
};
extern struct fixture_bytes stream; /* the test's; free(stream.at) at the end */
extern struct synth_result made;    /* what is in it */

void keep(void *context, const void *bytes, size_t size); /* appends to the struct fixture_bytes that context is */
void make(struct synth_options options);                  /* a new stream; seed 7 and one CPU when there are none */
size_t metadata_size(void);                               /* bytes of metadata before the first packet of events */
struct trace *open_stream(size_t size);                   /* its first `size` bytes */
struct synth_result read_all(struct trace *trace);        /* reads all; gives what was counted by the way */

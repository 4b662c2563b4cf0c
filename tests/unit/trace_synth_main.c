/* build/trace-synth [key=value ...] >stream: see tests/unit/trace_synth.h. What was made goes to stderr as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/trace_synth.h"

static void write_out(void *context, const void *bytes, size_t size)
{
    if (fwrite(bytes, 1, size, context) != size)
        exit(1);
}

static bool set(struct synth_options *options, const char *word)
{
    const char *value = strchr(word, '=');
    uint64_t number = value ? strtoull(value + 1, NULL, 0) : 1;
    size_t n = value ? (size_t)(value - word) : strlen(word);
#define KEY(key) (strlen(key) == n && !strncmp(word, key, n))
    if (KEY("seed"))
        options->seed = number;
    else if (KEY("events"))
        options->events = number;
    else if (KEY("cpus") && number >= 1 && number <= SYNTH_CPUS)
        options->cpus = (uint32_t)number;
    else if (KEY("nodes") && number >= 1 && number <= SYNTH_CPUS)
        options->nodes = (uint32_t)number;
    else if (KEY("drop_every"))
        options->drop_every = (uint32_t)number;
    else if (KEY("start_ns"))
        options->start_ns = number;
    else if (KEY("flush_ns"))
        options->flush_ns = number;
    else if (KEY("first_sequence"))
        options->first_sequence = number;
    else if (KEY("task_names"))
        options->task_names = number;
    else if (KEY("uuid_byte"))
        options->uuid_byte = (uint8_t)number;
    else if (KEY("syscalls"))
        options->syscalls = number;
    else if (KEY("no_metadata"))
        options->no_metadata = number;
    else
        return false;
    return true;
}

int main(int count, char **words)
{
    struct synth_options options = {.seed = 1, .events = 1000, .cpus = 2};
    struct synth_result r;
    for (int i = 1; i < count; i++) {
        if (!set(&options, words[i])) {
            fprintf(stderr, "trace-synth: \"%s\" is not understood\n", words[i]);
            return 2;
        }
    }
    synth_stream(&options, write_out, stdout, &r);
    fprintf(stderr,
            "{\"events\": %" PRIu64 ", \"packets\": %" PRIu64 ", \"lost_events\": %" PRIu64
            ", \"lost_packets\": %" PRIu64 ", \"calls\": %" PRIu64 ", \"end_ns\": %" PRIu64 "}\n",
            r.events, r.packets, r.lost_events, r.lost_packets, r.calls, r.end_ns);
    return fflush(stdout) != 0;
}

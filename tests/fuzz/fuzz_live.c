/* A viewer that says anything, at any time, while events come: every answer is whole and within its memory, and what it gives
 * of the trace is as promised. The input's bytes go to the parser, but for an escape: 0xfe and a byte lets time pass and events
 * come. */
#include <stdlib.h>
#include "rconsole/tracer/live.h"
#include "tests/unit/trace_model.h"

#define ESCAPE 0xfe
#define ANSWER_MAX (8 + (MODEL_CPUS + 1) * (20 + 4096 + 255))

static const uint8_t metadata[300] = "/* CTF 1.8 */";
static const struct live_facts facts = {metadata, sizeof metadata, MODEL_CPUS, model_read};
static uint8_t sum;

static void events_come(uint8_t how, uint64_t *now_ns)
{
    for (unsigned n = (how & 31u) * (how & 31u); n; n--)
        model_record(how >> 5 & 1, 1 + n % 3);
    *now_ns += (uint64_t)(how >> 6) * LIVE_FLUSH_NS / 2;
}

static void check(const struct live *live)
{
    if (!live->answer || live->length == 0 || live->length > ANSWER_MAX)
        abort();
    for (uint32_t i = 0; i < live->length; i++)
        sum += live->answer[i]; /* all of it is there */
    if (live->tail_length && (live->tail != metadata || live->tail_length != sizeof metadata))
        abort();
    for (uint32_t cpu = 0; live->streams && cpu < MODEL_CPUS; cpu++) {
        const struct live_stream *stream = &live->streams[cpu];
        struct model_reader reader = {0};
        if (!stream->bytes)
            continue;
        const struct packet_header *header = (const struct packet_header *)stream->packet;
        reader = (struct model_reader){.lost = header->discarded, .number = header->sequence};
        model_take(&reader, stream->packet, stream->bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct live live;
    uint64_t now_ns = 1000000000;
    enum live_result result = LIVE_MORE;
    model_reset();
    for (size_t i = 0; i < size && result != LIVE_END; i++) {
        if (data[i] == ESCAPE && i + 1 < size) {
            events_come(data[++i], &now_ns);
            continue;
        }
        result = live_byte(&live, &facts, data[i], now_ns);
        if (result == LIVE_ANSWER || result == LIVE_ATTACHED)
            check(&live);
        free(live.answer);
        live.answer = NULL;
        live.length = live.tail_length = 0;
    }
    live_free(&live);
    return 0;
}

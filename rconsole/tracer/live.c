#include "rconsole/tracer/live.h"
#include <abi/errors.h>
#include <stdlib.h>
#include <string.h>

#define SESSION 1u
#define TRACE 1u
#define METADATA_STREAM 1u
#define FIRST_STREAM 2u
#define HOST_NAME "trustos"
#define SESSION_NAME "kernel"
enum { HOST_MAX = 64, NAME_MAX = 255, PATH_MAX_BYTES = 4096 };
enum { STREAM_BYTES = 20 + PATH_MAX_BYTES + NAME_MAX, SESSION_BYTES = 20 + HOST_MAX + NAME_MAX };

/* Answers' codes. */
enum { OK_1 = 1, ATTACH_UNKNOWN = 3, SEEK_LAST = 2 };
enum { INDEX_RETRY = 2, INDEX_ERROR = 4, INDEX_INACTIVE = 5 };
enum { PACKET_ERROR = 3, METADATA_NONE_NEW = 2, METADATA_ERROR = 3, STREAMS_NONE_NEW = 2 };

/* ---- numbers ---- */

static uint64_t get(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

/* An answer has room for all that is put, or is none. */
static bool answer_begin(struct live *live, size_t size)
{
    live->length = 0;
    live->answer = calloc(1, size);
    return live->answer != NULL;
}

static void put(struct live *live, uint64_t value, unsigned bytes)
{
    for (unsigned i = bytes; i-- > 0;)
        live->answer[live->length++] = (uint8_t)(value >> 8 * i);
}

static void put_bytes(struct live *live, const void *bytes, uint32_t count, uint32_t field)
{
    memcpy(live->answer + live->length, bytes, count);
    live->length += field; /* the rest is zeros */
}

static bool one_word(struct live *live, uint32_t word)
{
    if (!answer_begin(live, 4))
        return false;
    put(live, word, 4);
    return true;
}

/* ---- the requests: false ends the connection ---- */

static bool on_connect(struct live *live, const struct live_facts *facts, const uint8_t *payload, uint64_t now_ns)
{
    (void)facts;
    (void)now_ns;
    if (!answer_begin(live, 20))
        return false;
    put(live, 1, 8); /* the viewer's session */
    put(live, 2, 4); /* protocol 2.4 */
    put(live, 4, 4);
    put(live, get(payload + 16, 4), 4);
    return true;
}

static bool on_list(struct live *live, const struct live_facts *facts, const uint8_t *payload, uint64_t now_ns)
{
    (void)payload;
    (void)now_ns;
    if (!answer_begin(live, 4 + SESSION_BYTES))
        return false;
    put(live, 1, 4);
    put(live, SESSION, 8);
    put(live, LIVE_FLUSH_NS / 1000, 4);
    put(live, live->streams != NULL, 4);
    put(live, facts->cpu_count + 1, 4);
    put_bytes(live, HOST_NAME, sizeof HOST_NAME, HOST_MAX);
    put_bytes(live, SESSION_NAME, sizeof SESSION_NAME, NAME_MAX);
    return true;
}

static void put_stream(struct live *live, uint64_t id, bool metadata)
{
    put(live, id, 8);
    put(live, TRACE, 8);
    put(live, metadata, 4);
    put_bytes(live, SESSION_NAME, sizeof SESSION_NAME, PATH_MAX_BYTES);
    put_bytes(live, metadata ? "metadata" : "cpu", metadata ? 9 : 4, NAME_MAX);
}

static bool streams_start(struct live *live, const struct live_facts *facts, enum place_start where)
{
    live->streams = calloc(facts->cpu_count, sizeof *live->streams);
    for (uint32_t cpu = 0; live->streams && cpu < facts->cpu_count; cpu++)
        place_start(&live->streams[cpu].place, where, cpu, facts->read, live->streams[cpu].packet);
    return live->streams != NULL;
}

static bool on_attach(struct live *live, const struct live_facts *facts, const uint8_t *payload, uint64_t now_ns)
{
    bool known = get(payload, 8) == SESSION && !live->streams;
    (void)now_ns;
    if (known && !streams_start(live, facts, get(payload + 16, 4) == SEEK_LAST ? PLACE_NOW : PLACE_OLDEST))
        return false;
    if (!answer_begin(live, 8 + (size_t)(facts->cpu_count + 1) * STREAM_BYTES))
        return false;
    put(live, known ? OK_1 : ATTACH_UNKNOWN, 4);
    put(live, known ? facts->cpu_count + 1 : 0, 4);
    if (known)
        put_stream(live, METADATA_STREAM, true);
    for (uint32_t cpu = 0; known && cpu < facts->cpu_count; cpu++)
        put_stream(live, FIRST_STREAM + cpu, false);
    return true;
}

static struct live_stream *stream_of(struct live *live, const struct live_facts *facts, const uint8_t *payload,
                                     uint32_t *cpu)
{
    uint64_t id = get(payload, 8);
    if (!live->streams || id < FIRST_STREAM || id - FIRST_STREAM >= facts->cpu_count)
        return NULL;
    *cpu = (uint32_t)(id - FIRST_STREAM);
    return &live->streams[*cpu];
}

static void put_index(struct live *live, const struct live_stream *stream)
{
    const struct packet_header *header = (const struct packet_header *)stream->packet;
    put(live, stream->offset, 8);
    put(live, header->packet_bits, 8);
    put(live, header->content_bits, 8);
    put(live, header->timestamp_begin, 8);
    put(live, header->timestamp_end, 8);
    put(live, header->discarded, 8);
    put(live, 0, 8); /* the stream's class in the metadata */
    put(live, OK_1, 4);
    put(live, 0, 4);
}

/* Nothing new: the place tells up to when nothing older will follow; or (not asked of the kernel) come again. */
static void put_no_index(struct live *live, const struct live_stream *stream, bool asked)
{
    live->length = 32;
    put(live, asked ? stream->place.end_ns : 0, 8);
    live->length = 56;
    put(live, asked ? INDEX_INACTIVE : INDEX_RETRY, 4);
    put(live, 0, 4);
}

static bool on_index(struct live *live, const struct live_facts *facts, const uint8_t *payload, uint64_t now_ns)
{
    uint32_t cpu = 0;
    struct live_stream *stream = stream_of(live, facts, payload, &cpu);
    if (!answer_begin(live, 64))
        return false;
    if (!stream) {
        live->length = 56;
        put(live, INDEX_ERROR, 4);
        put(live, 0, 4);
        return true;
    }
    bool flush = now_ns - stream->flushed_ns >= LIVE_FLUSH_NS;
    stream->offset += stream->bytes;
    stream->bytes = place_next(&stream->place, flush, cpu, facts->read, stream->packet);
    if (flush)
        stream->flushed_ns = now_ns;
    if (stream->bytes)
        put_index(live, stream);
    else
        put_no_index(live, stream, flush && stream->place.begun);
    return true;
}

static bool on_packet(struct live *live, const struct live_facts *facts, const uint8_t *payload, uint64_t now_ns)
{
    uint32_t cpu = 0, length = (uint32_t)get(payload + 16, 4);
    const struct live_stream *stream = stream_of(live, facts, payload, &cpu);
    uint64_t offset = get(payload + 8, 8);
    (void)now_ns;
    bool there = stream && offset >= stream->offset && offset - stream->offset <= stream->bytes &&
                 length <= stream->bytes - (offset - stream->offset);
    if (!answer_begin(live, 12 + (there ? length : 0)))
        return false;
    put(live, there ? OK_1 : PACKET_ERROR, 4);
    put(live, there ? length : 0, 4);
    put(live, 0, 4);
    if (there)
        put_bytes(live, stream->packet + (offset - stream->offset), length, length);
    return true;
}

static bool on_metadata(struct live *live, const struct live_facts *facts, const uint8_t *payload, uint64_t now_ns)
{
    bool known = get(payload, 8) == METADATA_STREAM, fresh = known && !live->metadata_sent;
    (void)now_ns;
    if (!answer_begin(live, 12))
        return false;
    put(live, fresh ? facts->metadata_bytes : 0, 8);
    put(live, fresh ? OK_1 : known ? METADATA_NONE_NEW : METADATA_ERROR, 4);
    live->tail = facts->metadata;
    live->tail_length = fresh ? facts->metadata_bytes : 0;
    live->metadata_sent |= fresh;
    return true;
}

static bool on_new_streams(struct live *live, const struct live_facts *facts, const uint8_t *payload, uint64_t now_ns)
{
    (void)facts;
    (void)payload;
    (void)now_ns;
    if (!answer_begin(live, 8))
        return false;
    put(live, STREAMS_NONE_NEW, 4);
    put(live, 0, 4);
    return true;
}

static bool on_create(struct live *live, const struct live_facts *facts, const uint8_t *payload, uint64_t now_ns)
{
    (void)facts;
    (void)payload;
    (void)now_ns;
    return one_word(live, OK_1);
}

static bool on_detach(struct live *live, const struct live_facts *facts, const uint8_t *payload, uint64_t now_ns)
{
    (void)facts;
    (void)now_ns;
    bool known = get(payload, 8) == SESSION && live->streams;
    free(live->streams);
    live->streams = NULL;
    live->metadata_sent = false;
    return one_word(live, known ? OK_1 : 2);
}

enum { ATTACH = 3, REQUESTS = 10 };
static const struct {
    bool (*handle)(struct live *live, const struct live_facts *facts, const uint8_t *payload, uint64_t now_ns);
    uint32_t payload;
} requests[REQUESTS] = {[1] = {on_connect, 20},    [2] = {on_list, 0},    [ATTACH] = {on_attach, 20},
                        [4] = {on_index, 8},       [5] = {on_packet, 20}, [6] = {on_metadata, 8},
                        [7] = {on_new_streams, 8}, [8] = {on_create, 0},  [9] = {on_detach, 8}};

/* ---- bytes ---- */

enum live_result live_byte(struct live *live, const struct live_facts *facts, uint8_t byte, uint64_t now_ns)
{
    live->request[live->have++] = byte;
    if (live->have < LIVE_HEADER)
        return LIVE_MORE;
    uint64_t size = get(live->request, 8), number = get(live->request + 8, 4);
    if (number >= REQUESTS || !requests[number].handle || size != requests[number].payload)
        return LIVE_END;
    if (live->have < LIVE_HEADER + size)
        return LIVE_MORE;
    bool attached = live->streams != NULL;
    live->have = 0;
    if (!requests[number].handle(live, facts, live->request + LIVE_HEADER, now_ns))
        return LIVE_END;
    return live->streams && !attached ? LIVE_ATTACHED : LIVE_ANSWER;
}

void live_free(struct live *live)
{
    free(live->streams);
    free(live->answer);
    *live = (struct live){0};
}

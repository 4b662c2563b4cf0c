#include <abi/trace_events.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ctf.h"
#include "lib/trace_metadata.h"

static uint32_t read32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* One packet of metadata: its text and its whole size (CTF 1.8.3 §7.1). */
static enum ctf_result metadata_packet(const uint8_t *bytes, size_t available, uint64_t offset, size_t *size,
                                       size_t *content, struct ctf_error *error)
{
    if (available < TRACE_METADATA_HEADER)
        return CTF_SHORT;
    uint32_t content_bits = read32(bytes + 24), packet_bits = read32(bytes + 28);
    if (content_bits % 8 || packet_bits % 8 || content_bits > packet_bits || content_bits / 8 < TRACE_METADATA_HEADER ||
        packet_bits / 8 > CTF_METADATA_MAX)
        return ctf_broken(error, offset + 24, "metadata of %u bits in a packet of %u", content_bits, packet_bits);
    if (bytes[32] || bytes[33] || bytes[34])
        return ctf_broken(error, offset + 32, "metadata that is compressed, encrypted or has a checksum");
    if (bytes[35] != 1 || bytes[36] != 8)
        return ctf_broken(error, offset + 35, "metadata of CTF %u.%u and not of 1.8", bytes[35], bytes[36]);
    *size = packet_bits / 8;
    *content = content_bits / 8 - TRACE_METADATA_HEADER;
    return available < *size ? CTF_SHORT : CTF_OK;
}

static enum ctf_result text_append(struct ctf_stream *stream, const uint8_t *text, size_t length,
                                   struct ctf_error *error)
{
    if (length > CTF_METADATA_MAX - stream->text_length)
        return ctf_broken(error, stream->offset, "metadata of more than %u bytes", CTF_METADATA_MAX);
    char *more = realloc(stream->text, stream->text_length + length + 1);
    if (!more)
        return ctf_broken(error, stream->offset, "out of memory");
    memcpy(more + stream->text_length, text, length);
    stream->text = more;
    stream->text_length += length;
    more[stream->text_length] = 0;
    return CTF_OK;
}

static enum ctf_result take_metadata(struct ctf_stream *stream, const uint8_t *bytes, size_t available, size_t *taken,
                                     struct ctf_error *error)
{
    size_t size = 0, content = 0;
    enum ctf_result result = metadata_packet(bytes, available, stream->offset, &size, &content, error);
    if (result != CTF_OK)
        return result;
    if (stream->layout)
        return ctf_broken(error, stream->offset, "metadata after the first packet of events");
    result = text_append(stream, bytes + TRACE_METADATA_HEADER, content, error);
    *taken = size;
    return result;
}

/* What a stream that is none looks like: the server's words, when that is what they are. */
static enum ctf_result no_stream(const uint8_t *bytes, size_t available, uint64_t offset, struct ctf_error *error)
{
    char words[81];
    size_t n = 0;
    while (n < available && n < sizeof words - 1 && bytes[n] >= ' ' && bytes[n] <= '~') {
        words[n] = (char)bytes[n];
        n++;
    }
    words[n] = 0;
    if (offset == 0 && n >= 4)
        return ctf_broken(error, offset, "no trace but text: \"%s\"", words);
    return ctf_broken(error, offset, "%08x begins neither metadata (%08x) nor a packet (%08x)", read32(bytes),
                      TRACE_METADATA_MAGIC, TRACE_MAGIC);
}

enum ctf_result ctf_stream_next(struct ctf_stream *stream, const uint8_t *bytes, size_t available,
                                enum ctf_frame *frame, size_t *taken, struct ctf_packet *packet,
                                struct ctf_error *error)
{
    *taken = 0;
    if (available < 4)
        return available ? CTF_SHORT : CTF_END;
    *frame = read32(bytes) == TRACE_METADATA_MAGIC ? CTF_FRAME_METADATA : CTF_FRAME_PACKET;
    if (*frame == CTF_FRAME_PACKET && read32(bytes) != TRACE_MAGIC)
        return no_stream(bytes, available, stream->offset, error);
    if (*frame == CTF_FRAME_PACKET && !stream->layout) {
        if (!stream->text)
            return ctf_broken(error, stream->offset, "a packet of events before any metadata");
        stream->layout = ctf_layout_parse(stream->text, stream->text_length, error);
        if (!stream->layout)
            return CTF_BROKEN;
    }
    enum ctf_result result = *frame == CTF_FRAME_METADATA
                                 ? take_metadata(stream, bytes, available, taken, error)
                                 : ctf_packet_read(stream->layout, bytes, available, stream->offset, packet, error);
    if (result == CTF_OK && *frame == CTF_FRAME_PACKET)
        *taken = packet->size;
    stream->offset += result == CTF_OK ? *taken : 0;
    return result;
}

void ctf_stream_free(struct ctf_stream *stream)
{
    ctf_layout_free(stream->layout);
    free(stream->text);
    *stream = (struct ctf_stream){0};
}

char *ctf_metadata_text(const uint8_t *bytes, size_t size, size_t *length, struct ctf_error *error)
{
    struct ctf_stream stream = {0};
    enum ctf_result result = CTF_OK;
    if (size < 4 || read32(bytes) != TRACE_METADATA_MAGIC) {
        result = text_append(&stream, bytes, size, error);
        stream.offset = size;
    }
    while (result == CTF_OK && stream.offset < size) {
        size_t taken = 0;
        if (size - stream.offset < 4 || read32(bytes + stream.offset) != TRACE_METADATA_MAGIC)
            result = ctf_broken(error, stream.offset, "here a packet of metadata should begin");
        else
            result = take_metadata(&stream, bytes + stream.offset, size - stream.offset, &taken, error);
        stream.offset += taken;
    }
    if (result == CTF_SHORT)
        ctf_broken(error, stream.offset, "the metadata ends in the middle of a packet");
    *length = stream.text_length;
    if (result == CTF_OK)
        return stream.text;
    ctf_stream_free(&stream);
    return NULL;
}

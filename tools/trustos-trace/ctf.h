/* Reads Common Trace Format 1.8, the part of it that the kernel speaks: the layout of events comes from the metadata that
 * the trace brings along, so an older tool reads a newer kernel's trace.
 *
 * Rules
 *  - The bytes may be anybody's: whatever they are, the answer is a result or CTF_BROKEN with a reason and its offset.
 *  - Nothing is kept of the caller's bytes save what a struct's comment says. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CTF_NAME_MAX 40
#define CTF_FIELDS_MAX 16
#define CTF_KNOWN_FIELDS 8
#define CTF_CPU_MAX 1024
#define CTF_PACKET_MAX (1u << 24)   /* bytes; ours have 4096 */
#define CTF_METADATA_MAX (1u << 22) /* bytes of text */

enum ctf_result {
    CTF_OK,
    CTF_END,    /* nothing more here */
    CTF_SHORT,  /* the bytes end before the packet does */
    CTF_BROKEN, /* see the error */
};

struct ctf_error {
    uint64_t offset; /* in the file or stream; in the text when `in_metadata` */
    bool in_metadata;
    uint32_t line; /* of the metadata */
    char text[160];
};
enum ctf_result ctf_broken(struct ctf_error *error, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- layout: what the metadata says ---- */

/* What values of enumerations are called. Those of one enumeration lie together, in the layout's table. */
#define CTF_LABELS_MAX 4096 /* of all enumerations */
struct ctf_label {
    uint64_t value; /* sign-extended, as a field's */
    char text[CTF_NAME_MAX];
};
struct ctf_labels {
    struct ctf_label *at;
    uint32_t count;
};

struct ctf_field {
    char name[CTF_NAME_MAX];
    uint32_t offset, size; /* bytes from the record's start; size 1, 2, 4, 6 or 8 */
    uint32_t count;        /* 1, or an array's */
    bool is_signed, is_hex;
    uint32_t label_first, label_count; /* its enumeration's, in the layout's labels; 0 of them: a plain number */
};
struct ctf_record {
    struct ctf_field fields[CTF_FIELDS_MAX];
    uint32_t count, size, align; /* bytes */
};
struct ctf_event_layout {
    char name[CTF_NAME_MAX];
    uint16_t id;
    struct ctf_record payload;
    /* What known.c finds of it in abi/trace_events.h: */
    uint16_t known; /* TRACE_ number of the event of this name, whatever its number here; 0: none */
    int8_t known_fields[CTF_KNOWN_FIELDS]; /* for each field there, the one in the payload of that name, or -1 */
};

struct ctf_context { /* byte offsets of what we need in a packet's context, from the packet's start */
    uint32_t begin, end, content, size, sequence, discarded, cpu;
    uint32_t bytes; /* header and context: where the events begin */
};

struct ctf_layout {
    uint8_t uuid[16];
    bool has_trace, has_stream;
    struct ctf_context context;
    uint64_t wall_offset_s, wall_offset_ns;
    char hostname[80], release[80];
    struct ctf_labels labels;
    struct ctf_event_layout *events;
    uint32_t event_count;
    uint16_t by_id[65536]; /* event id to index in events + 1; 0: none */
};

/* A layout from metadata text, to be freed with ctf_layout_free; NULL with *error set. */
struct ctf_layout *ctf_layout_parse(const char *text, size_t length, struct ctf_error *error);
void ctf_layout_free(struct ctf_layout *layout);
/* Index of the field called `name`, or -1. */
int ctf_field_index(const struct ctf_record *record, const char *name);
/* The name of this value in the field's enumeration; NULL: it has none. */
const char *ctf_field_label(const struct ctf_layout *layout, const struct ctf_field *field, uint64_t value);
uint64_t ctf_field_read(const struct ctf_field *field, const uint8_t *record); /* sign-extended */

/* ---- packets and their events ---- */

struct ctf_packet {
    const uint8_t *bytes;   /* the caller's */
    uint64_t offset;        /* of bytes[0] in the file or stream, for errors */
    uint32_t size, content; /* bytes */
    uint64_t begin_ns, end_ns, sequence, discarded;
    uint32_t cpu;
};
/* The packet that begins at `bytes`; `offset` is where that lies in its file. CTF_SHORT: it goes on past `available`. */
enum ctf_result ctf_packet_read(const struct ctf_layout *layout, const uint8_t *bytes, size_t available,
                                uint64_t offset, struct ctf_packet *packet, struct ctf_error *error);

struct ctf_event {
    const struct ctf_event_layout *layout;
    uint64_t time_ns; /* since boot */
    uint32_t cpu;
    uint64_t values[CTF_FIELDS_MAX];
};
struct ctf_cursor {
    const struct ctf_layout *layout;
    struct ctf_packet packet;
    uint32_t at;
    uint64_t time_ns;
};
void ctf_cursor_start(struct ctf_cursor *cursor, const struct ctf_layout *layout, const struct ctf_packet *packet);
/* CTF_OK, CTF_END after the last event, or CTF_BROKEN. */
enum ctf_result ctf_cursor_next(struct ctf_cursor *cursor, struct ctf_event *event, struct ctf_error *error);

/* How a CPU's packets follow each other, and what is lost between them. */
struct ctf_order {
    bool begun;
    uint64_t sequence, discarded, end_ns; /* of the packet before */
};
struct ctf_loss {
    uint32_t cpu;
    uint64_t packets, events; /* both 0: nothing is lost. Packets by their numbers, events by the kernel's count */
    uint64_t from_ns, to_ns;
    bool before; /* the events were lost before the first packet that is here */
};
/* CTF_OK with *loss; CTF_END when the number goes back (another boot); CTF_BROKEN when count or time do. */
enum ctf_result ctf_order_check(struct ctf_order *order, const struct ctf_packet *packet, struct ctf_loss *loss,
                                struct ctf_error *error);

/* ---- a stream that describes itself: metadata packets, then packets of all CPUs ---- */

struct ctf_stream {
    struct ctf_layout *layout; /* from the first packet of events on */
    char *text;                /* the metadata so far */
    size_t text_length;
    uint64_t offset; /* of the next frame */
};
enum ctf_frame { CTF_FRAME_METADATA, CTF_FRAME_PACKET };

void ctf_stream_free(struct ctf_stream *stream);
/* Takes the next frame at `bytes`, which is `*taken` bytes long; a packet's description goes to *packet. CTF_SHORT: come
 * again with the same bytes and more; `*taken` is 0 then. */
enum ctf_result ctf_stream_next(struct ctf_stream *stream, const uint8_t *bytes, size_t available,
                                enum ctf_frame *frame, size_t *taken, struct ctf_packet *packet,
                                struct ctf_error *error);
/* The text of packetized metadata (a file's), or the text itself when it is plain; free() it. NULL with *error set. */
char *ctf_metadata_text(const uint8_t *bytes, size_t size, size_t *length, struct ctf_error *error);

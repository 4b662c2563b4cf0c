#include "lib/trace_metadata.h"
#include <abi/trace_events.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- the text ---- */

struct writer {
    char *at;
    size_t size, used; /* used may pass size: then nothing more is written, only counted */
};

static void put(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct writer *w, const char *format, ...)
{
    va_list arguments;
    size_t room = w->used < w->size ? w->size - w->used : 0;
    va_start(arguments, format);
    int length = vsnprintf(room ? w->at + w->used : NULL, room, format, arguments);
    va_end(arguments);
    w->used += length > 0 ? (size_t)length : 0;
}

/* `key = "text";` with what would end the string, or is no plain character, as a question mark. */
static void put_string(struct writer *w, const char *key, const char *text)
{
    char clean[65];
    size_t n = 0;
    if (!text)
        return;
    for (; n < sizeof clean - 1 && text[n]; n++)
        clean[n] = text[n] < ' ' || text[n] > '~' || text[n] == '"' || text[n] == '\\' ? '?' : text[n];
    clean[n] = 0;
    put(w, "\t%s = \"%s\";\n", key, clean);
}

/* As in 6f732d74-7261-4365-8001-000000000001. */
static void put_uuid(struct writer *w, const uint8_t uuid[16])
{
    put(w, "\tuuid = \"");
    for (unsigned i = 0; i < 16; i++)
        put(w, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
    put(w, "\";\n");
}

static const char types_text[] =
    "/* CTF 1.8 */\n\n"
    "typealias integer { size = 8; align = 8; signed = false; byte_order = le; } := u8;\n"
    "typealias integer { size = 32; align = 32; signed = false; byte_order = le; } := u32;\n"
    "typealias integer { size = 32; align = 32; signed = true; byte_order = le; } := s32;\n"
    "typealias integer { size = 64; align = 64; signed = false; byte_order = le; } := u64;\n"
    "typealias integer { size = 64; align = 64; signed = true; byte_order = le; } := s64;\n"
    "typealias integer { size = 32; align = 32; signed = false; byte_order = le; base = 16; } := x32;\n"
    "typealias integer { size = 64; align = 64; signed = false; byte_order = le; base = 16; } := x64;\n";

/* The enumerations of abi/trace_events.h. */
static const struct {
    const char *name;
    unsigned bytes;
    const char *values;
} enums[] = {
#define V(NAME, value, text) "\"" text "\" = " #value ", "
#define N(type, bytes, values) {#type, bytes, values(V)},
    TRACE_ENUMS(N)
#undef N
#undef V
};

static void put_types(struct writer *w)
{
    put(w, "%s", types_text);
    for (size_t i = 0; i < sizeof enums / sizeof enums[0]; i++)
        put(w, "typealias enum : u%u { %s} := %s;\n", enums[i].bytes * 8, enums[i].values, enums[i].name);
    put(w, "\n");
}

static const char stream_text[] =
    "typealias integer { size = 64; align = 64; signed = false; byte_order = le; map = clock.mono.value; } := ts64;\n"
    "typealias integer { size = 48; align = 1; signed = false; byte_order = le; map = clock.mono.value; } := ts48;\n\n"
    "stream {\n"
    "\tid = 0;\n"
    "\tpacket.context := struct {\n"
    "\t\tts64 timestamp_begin;\n"
    "\t\tts64 timestamp_end;\n"
    "\t\tu64 content_size;\n"
    "\t\tu64 packet_size;\n"
    "\t\tu64 packet_seq_num;\n"
    "\t\tu64 events_discarded;\n"
    "\t\tu64 cpu_id;\n"
    "\t};\n"
    "\tevent.header := struct {\n"
    "\t\tinteger { size = 16; align = 64; signed = false; byte_order = le; } id;\n"
    "\t\tts48 timestamp;\n"
    "\t} align(64);\n"
    "};\n\n";

static void put_trace(struct writer *w, const struct trace_metadata_facts *facts)
{
    put(w, "trace {\n\tmajor = 1;\n\tminor = 8;\n");
    put_uuid(w, facts->uuid);
    put(w,
        "\tbyte_order = le;\n\tpacket.header := struct {\n\t\tu32 magic;\n\t\tu8 uuid[16];\n\t\tu32 stream_id;\n\t};\n};\n\n");
    put(w, "env {\n");
    put_string(w, "hostname", facts->hostname);
    put(w, "\tdomain = \"kernel\";\n\tsysname = \"TRustOs\";\n");
    put_string(w, "release", facts->release);
    put(w, "\ttracer_name = \"ktrace\";\n\ttracer_major = 1;\n\ttracer_minor = 0;\n};\n\n");
}

static void put_clock(struct writer *w, const struct trace_metadata_facts *facts)
{
    put(w,
        "clock {\n\tname = \"mono\";\n\tdescription = \"nanoseconds since boot\";\n\tfreq = 1000000000;\n\tprecision = 1;\n");
    put(w, "\toffset_s = %llu;\n\toffset = %llu;\n\tabsolute = false;\n};\n\n",
        (unsigned long long)facts->wall_offset_s, (unsigned long long)facts->wall_offset_ns);
}

/* Field names have an underscore in front, which readers take away: some (`event`) are words of TSDL. */
static const struct {
    unsigned number;
    const char *name, *fields;
} events[] = {
#define F(type, name) #type " _" #name "; "
#define E(number, Name, name, class, fields) {number, #name, fields},
    TRACE_EVENTS(E, F)
#undef E
#undef F
};

size_t trace_metadata_text(char *buffer, size_t size, const struct trace_metadata_facts *facts)
{
    struct writer w = {.at = buffer, .size = size};
    put_types(&w);
    put_trace(&w, facts);
    put_clock(&w, facts);
    put(&w, "%s", stream_text);
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        put(&w, "event { stream_id = 0; id = %u; name = \"%s\"; fields := struct { %s} align(64); };\n",
            events[i].number, events[i].name, events[i].fields);
    return w.used;
}

/* ---- packets ---- */

struct __attribute__((packed)) metadata_header {
    uint32_t magic;
    uint8_t uuid[16];
    uint32_t checksum;                  /* 0: none */
    uint32_t content_bits, packet_bits; /* this header included */
    uint8_t compression, encryption, checksum_scheme, major, minor;
};
_Static_assert(sizeof(struct metadata_header) == TRACE_METADATA_HEADER, "CTF 1.8.3 §7.1");

static void packet_write(uint8_t *out, const char *text, size_t length, const uint8_t uuid[16])
{
    struct metadata_header head = {.magic = TRACE_METADATA_MAGIC,
                                   .content_bits = (uint32_t)(sizeof head + length) * 8,
                                   .packet_bits = TRACE_METADATA_PACKET * 8,
                                   .major = 1,
                                   .minor = 8};
    memcpy(head.uuid, uuid, sizeof head.uuid);
    memset(out, 0, TRACE_METADATA_PACKET);
    memcpy(out, &head, sizeof head);
    memcpy(out + sizeof head, text, length);
}

size_t trace_metadata_packetize(void *out, size_t size, const char *text, size_t length, const uint8_t uuid[16])
{
    const size_t share = TRACE_METADATA_PACKET - TRACE_METADATA_HEADER;
    size_t used = 0;
    for (size_t done = 0; done < length; done += share, used += TRACE_METADATA_PACKET) {
        size_t part = length - done < share ? length - done : share;
        if (used <= size && TRACE_METADATA_PACKET <= size - used)
            packet_write((uint8_t *)out + used, text + done, part, uuid);
    }
    return used;
}

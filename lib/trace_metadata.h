/* The trace describes itself: CTF 1.8 metadata (TSDL) made from abi/trace_events.h, as text and as the packets that go
 * before a stream (CTF 1.8.3 §7.1). What babeltrace2 read: ../shared/design/trace.tsdl.
 *
 * Rules
 *  - Pure functions without allocation: a service on the target and the tests of the host call the same ones.
 *  - Both return the bytes that the whole result takes, whatever `size` is; what does not fit is left out, so a result
 *    above `size` means: come again with more room. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define TRACE_METADATA_MAGIC 0x75D11D57u
#define TRACE_METADATA_HEADER 37      /* bytes before a packet's text */
#define TRACE_METADATA_PACKET 4096    /* bytes of every packet, the last one's padding included */
#define TRACE_METADATA_TEXT_MAX 16384 /* the text is shorter, whatever the facts */

struct trace_metadata_facts {
    uint8_t uuid[16];                       /* as in the header of each packet */
    uint64_t wall_offset_s, wall_offset_ns; /* wall time (UTC since 1970) when the clock stood at 0; 0, 0: not known */
    const char *hostname, *release;         /* at most 64 characters are taken; NULL: left out */
};

/* The text, with a NUL where there is room for it (which does not count). */
size_t trace_metadata_text(char *buffer, size_t size, const struct trace_metadata_facts *facts);

/* `length` bytes of text as packets. Only whole packets are written. */
size_t trace_metadata_packetize(void *out, size_t size, const char *text, size_t length, const uint8_t uuid[16]);

/* Receive coalescing: TCP segments of one connection that come right after each other are handed to lwIP as one, so
 * that its work and the acknowledgement are paid once for several packets. Pure, on bytes of frames.
 *
 * Rules
 *  - Only what cannot be told apart afterwards is joined: IPv4 without options and fragments, TCP without options, flags
 *    ACK or ACK|PSH, with payload, the same addresses, ports, TTL and type of service, each sequence number right after
 *    the one before. The order of all packets stays as it was.
 *  - A segment is looked at only when both its checksums are right: lwIP need not check again. Whatever is not taken
 *    goes to lwIP as it came, which checks and counts.
 *  - The last acknowledgement and window count (they are in order, too).
 */
#pragma once
#include <abi/types.h>

#define MERGE_HEADERS 54u      /* Ethernet 14, IPv4 20, TCP 20 */
#define MERGE_BYTES_MAX 60000u /* of one joined segment: IPv4's length has 16 bits */

struct merge_segment {
    uint8_t *frame;
    uint32_t sequence;
    uint16_t payload; /* bytes behind the headers; padding of short frames is left out */
};

/* checked: the device has verified the TCP checksum. */
bool merge_look(uint8_t *frame, uint32_t length, bool checked, struct merge_segment *out);
/* Does `next` continue a run that starts with `first` and holds `payload` bytes? */
bool merge_follows(const struct merge_segment *first, uint32_t payload, const struct merge_segment *next);
/* Writes the joined segment's headers into the first frame (the IPv4 checksum is right, TCP's is not kept). */
void merge_write(const struct merge_segment *first, uint32_t payload, const struct merge_segment *last);

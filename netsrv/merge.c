/* Joining received segments: see merge.h. Offsets are from the frame's start. */
#include "netsrv/merge.h"

#include <string.h>

#include "netsrv/checksum.h"

enum {
    ETHER_TYPE = 12,
    IP = 14,
    IP_TOS = 15,
    IP_LENGTH = 16,
    IP_ID = 18,
    IP_FRAGMENT = 20,
    IP_TTL = 22,
    IP_PROTO = 23,
    IP_SUM = 24,
    IP_ADDRESSES = 26,
    TCP = 34,
    TCP_SEQUENCE = 38,
    TCP_ACK = 42,
    TCP_OFFSET = 46,
    TCP_FLAGS = 47,
    TCP_WINDOW = 48,
    TCP_URGENT = 52,
};
#define FLAG_PSH 0x08u
#define FLAG_ACK 0x10u
#define PROTO_TCP 6u

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}
static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}
static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* IPv4 with 20 bytes of header, no fragment, TCP. */
static bool plain_ip(const uint8_t *frame, uint32_t length)
{
    return length > MERGE_HEADERS && get16(frame + ETHER_TYPE) == 0x0800 && frame[IP] == 0x45 &&
           frame[IP_PROTO] == PROTO_TCP && !(get16(frame + IP_FRAGMENT) & 0xbfff);
}

static bool plain_tcp(const uint8_t *frame)
{
    return frame[TCP_OFFSET] == 0x50 && (frame[TCP_FLAGS] | FLAG_PSH) == (FLAG_ACK | FLAG_PSH) &&
           get16(frame + TCP_URGENT) == 0;
}

static uint32_t fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (sum & 0xffff) + (sum >> 16);
}

/* RFC 9293 §3.1: addresses, protocol and length, then the segment. Sums are of words as they lie in memory. */
static bool tcp_sum_right(const uint8_t *frame, uint32_t tcp_length)
{
    uint8_t pseudo[4] = {0, PROTO_TCP, (uint8_t)(tcp_length >> 8), (uint8_t)tcp_length};
    uint32_t sum = packet_sum(frame + IP_ADDRESSES, 8) + (uint32_t)packet_sum(pseudo, 4);
    return fold(sum + packet_sum(frame + TCP, (int)tcp_length)) == 0xffff;
}

bool merge_look(uint8_t *frame, uint32_t length, bool checked, struct merge_segment *out)
{
    if (!plain_ip(frame, length) || !plain_tcp(frame))
        return false;
    uint32_t total = get16(frame + IP_LENGTH);
    if (total <= MERGE_HEADERS - IP || total > length - IP || packet_sum(frame + IP, 20) != 0xffff)
        return false;
    if (!checked && !tcp_sum_right(frame, total - 20))
        return false;
    *out = (struct merge_segment){frame, get32(frame + TCP_SEQUENCE), (uint16_t)(total - (MERGE_HEADERS - IP))};
    return true;
}

bool merge_follows(const struct merge_segment *first, uint32_t payload, const struct merge_segment *next)
{
    const uint8_t *a = first->frame, *b = next->frame;
    return next->sequence == first->sequence + payload && payload + next->payload <= MERGE_BYTES_MAX &&
           memcmp(a + IP_ADDRESSES, b + IP_ADDRESSES, 12) == 0 && /* and the ports behind them */
           a[IP_TTL] == b[IP_TTL] && a[IP_TOS] == b[IP_TOS];
}

void merge_write(const struct merge_segment *first, uint32_t payload, const struct merge_segment *last)
{
    uint8_t *frame = first->frame;
    put16(frame + IP_LENGTH, MERGE_HEADERS - IP + payload);
    put16(frame + IP_SUM, 0);
    uint16_t sum = (uint16_t)~packet_sum(frame + IP, 20);
    memcpy(frame + IP_SUM, &sum, 2);
    memcpy(frame + TCP_ACK, last->frame + TCP_ACK, 4);
    memcpy(frame + TCP_WINDOW, last->frame + TCP_WINDOW, 2);
    frame[TCP_FLAGS] |= last->frame[TCP_FLAGS];
}

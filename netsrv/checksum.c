/* Summing and copying: see checksum.h. */
#include "netsrv/checksum.h"

#include <string.h>

static uint64_t load64(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}
static void store64(uint8_t *at, uint64_t word)
{
    memcpy(at, &word, sizeof word);
}

/* The tail below 8 bytes, padded with zeroes. */
static uint64_t load_tail(const uint8_t *at, size_t length)
{
    uint64_t word = 0;
    memcpy(&word, at, length);
    return word;
}

static uint16_t fold(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* 2^16 = 1 (mod 2^16 - 1), so 32-bit halves may be added up in 64 bits: no carry to look after below 2^32 words. */
uint16_t packet_sum(const void *bytes, int length)
{
    const uint8_t *at = bytes;
    size_t left = length > 0 ? (size_t)length : 0;
    uint64_t low = 0, high = 0;
    for (; left >= 32; at += 32, left -= 32) {
        uint64_t a = load64(at), b = load64(at + 8), c = load64(at + 16), d = load64(at + 24);
        low += (uint64_t)(uint32_t)a + (uint32_t)b + (uint32_t)c + (uint32_t)d;
        high += (a >> 32) + (b >> 32) + (c >> 32) + (d >> 32);
    }
    for (; left >= 8; at += 8, left -= 8) {
        uint64_t a = load64(at);
        low += (uint32_t)a;
        high += a >> 32;
    }
    uint64_t tail = load_tail(at, left);
    return fold(low + high + (uint32_t)tail + (tail >> 32));
}

void *packet_copy(void *to, const void *from, size_t length)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    for (; length >= 64; in += 64, out += 64, length -= 64) {
        for (unsigned i = 0; i < 64; i += 16) {
            uint64_t a = load64(in + i), b = load64(in + i + 8);
            store64(out + i, a);
            store64(out + i + 8, b);
        }
        __asm__ volatile("" ::: "memory"); /* keeps the compiler from making this a call of memcpy */
    }
    for (; length >= 8; in += 8, out += 8, length -= 8) {
        store64(out, load64(in));
        __asm__ volatile("" ::: "memory");
    }
    for (; length; length--) {
        *out++ = *in++;
        __asm__ volatile("" ::: "memory");
    }
    return to;
}

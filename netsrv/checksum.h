/* The Internet checksum (RFC 1071) and the copying of packet data: the two loops that touch every byte.
 * Pure functions, portable C. Written for speed under emulation: 8-byte loads, no carry flag, no `rep` instructions
 * (QEMU runs `rep movsq` as a loop of single steps). */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Sum of the 16-bit words as they lie in memory (an odd last byte counts as the word {byte, 0}), folded to 16 bits, not
 * inverted. What lwIP calls LWIP_CHKSUM. */
uint16_t packet_sum(const void *bytes, int length);
void *packet_copy(void *to, const void *from, size_t length); /* like memcpy */

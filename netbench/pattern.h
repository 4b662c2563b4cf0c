/* RFC 864's pattern: lines of 72 of the 95 printing ASCII characters, each line starting one character further, ended by
 * CR LF. It repeats after 95 lines. Pure. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define PATTERN_LINE 74u
#define PATTERN_PERIOD (95u * PATTERN_LINE)

void pattern_init(void);
/* Writes `count` bytes of the endless pattern from `offset` (< PATTERN_PERIOD) on; returns the offset after them. */
uint32_t pattern_write(uint8_t *to, uint32_t count, uint32_t offset);

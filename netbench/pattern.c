#include "netbench/pattern.h"

#include <string.h>

static uint8_t period[PATTERN_PERIOD];

void pattern_init(void)
{
    for (uint32_t line = 0; line < 95; line++) {
        uint8_t *at = period + line * PATTERN_LINE;
        for (uint32_t i = 0; i < PATTERN_LINE - 2; i++)
            at[i] = (uint8_t)(' ' + (line + i) % 95);
        at[PATTERN_LINE - 2] = '\r';
        at[PATTERN_LINE - 1] = '\n';
    }
}

uint32_t pattern_write(uint8_t *to, uint32_t count, uint32_t offset)
{
    while (count) {
        uint32_t n = PATTERN_PERIOD - offset < count ? PATTERN_PERIOD - offset : count;
        memcpy(to, period + offset, n);
        to += n;
        count -= n;
        offset = offset + n == PATTERN_PERIOD ? 0 : offset + n;
    }
    return offset;
}

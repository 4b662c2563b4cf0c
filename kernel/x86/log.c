/* The log's ring and what goes to the serial port. */
#include <string.h>
#include "kernel/x86/log.h"
#include "kernel/x86/platform.h"

#define TEXT_MAX 240
#define LINE_MAX (TEXT_MAX + 64) /* time and name before it, newline after it */

static char ring[KLOG_SIZE];
static uint64_t ring_end; /* bytes ever written; the byte at position p lies at ring[p % KLOG_SIZE] */
static enum klog_level serial_level = KLOG_INFO;
void (*klog_observer)(enum klog_level level, uint64_t position);

void klog_set_level(enum klog_level level)
{
    serial_level = level;
}

uint64_t klog_end(void)
{
    return ring_end;
}

static void ring_append(const char *text, size_t length)
{
    while (length) {
        size_t at = ring_end % KLOG_SIZE;
        size_t n = length < KLOG_SIZE - at ? length : KLOG_SIZE - at;
        memcpy(ring + at, text, n);
        ring_end += n;
        text += n;
        length -= n;
    }
}

size_t klog_read(uint64_t *position, char *buffer, size_t bytes)
{
    uint64_t oldest = ring_end > KLOG_SIZE ? ring_end - KLOG_SIZE : 0;
    size_t done = 0;
    if (*position < oldest)
        *position = oldest;
    while (done < bytes && *position < ring_end) {
        size_t at = *position % KLOG_SIZE;
        uint64_t n = ring_end - *position;
        n = n < KLOG_SIZE - at ? n : KLOG_SIZE - at;
        n = n < bytes - done ? n : bytes - done;
        memcpy(buffer + done, ring + at, n);
        *position += n;
        done += n;
    }
    return done;
}

void klog_raw(const char *text, size_t length)
{
    ring_append(text, length);
    serial_write(text, length);
}

static char printable(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f ? '?' : c;
}

void klog_text(enum klog_level level, const char *who, const char *text, size_t length)
{
    char line[LINE_MAX];
    uint64_t position = ring_end, us = clock_ns() / 1000;
    size_t n = ksnprintf(line, LINE_MAX - TEXT_MAX, "[%5lu.%06lu] %.16s: ", us / 1000000, us % 1000000, who);
    length = length < TEXT_MAX ? length : TEXT_MAX;
    for (size_t i = 0; i < length; i++)
        line[n++] = printable(text[i]);
    line[n++] = '\n';
    if (level == KLOG_SECRET) {
        serial_write(line, n);
        return;
    }
    ring_append(line, n);
    if (level <= serial_level)
        serial_write(line, n);
    if (klog_observer)
        klog_observer(level, position);
}

void klog(enum klog_level level, const char *format, ...)
{
    char text[TEXT_MAX + 1];
    __builtin_va_list args;
    __builtin_va_start(args, format);
    int length = kvsnprintf(text, sizeof(text), format, args);
    __builtin_va_end(args);
    klog_text(level, "kernel", text, length < TEXT_MAX ? (size_t)length : TEXT_MAX);
}

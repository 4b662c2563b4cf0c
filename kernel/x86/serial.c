/* A 16550 UART at COM1, for boot messages and panics only (National Semiconductor PC16550D, §8). */
#include "kernel/x86/asm.h"
#include "kernel/x86/platform.h"

#define COM1 0x3f8
enum { REG_DATA = 0, REG_INTERRUPTS = 1, REG_FIFO = 2, REG_LINE = 3, REG_MODEM = 4, REG_STATUS = 5, REG_SCRATCH = 7 };
#define LINE_8N1 0x03
#define LINE_DIVISOR 0x80
#define FIFO_ON_CLEARED 0x07
#define MODEM_DTR_RTS 0x03
#define STATUS_EMPTY 0x20 /* the whole FIFO is: 16 bytes may follow */
#define FIFO_BYTES 16
#define SPIN_MAX 100000 /* 16 bytes take 1.4 ms; a port that is slower is broken */

static bool serial_present;
static unsigned fifo_room;

static bool scratch_keeps(uint8_t value)
{
    out8(COM1 + REG_SCRATCH, value);
    return in8(COM1 + REG_SCRATCH) == value;
}

void serial_init(void)
{
    serial_present = scratch_keeps(0x5a) && scratch_keeps(0xa5);
    if (!serial_present)
        return;
    out8(COM1 + REG_INTERRUPTS, 0);
    out8(COM1 + REG_LINE, LINE_DIVISOR);
    out8(COM1 + REG_DATA, 1); /* 115200 / 1 */
    out8(COM1 + REG_INTERRUPTS, 0);
    out8(COM1 + REG_LINE, LINE_8N1);
    out8(COM1 + REG_FIFO, FIFO_ON_CLEARED);
    out8(COM1 + REG_MODEM, MODEM_DTR_RTS);
}

/* Waits until the FIFO is empty; the status is read once per 16 bytes, not once per byte. */
static void serial_wait(void)
{
    for (unsigned spin = 0; !(in8(COM1 + REG_STATUS) & STATUS_EMPTY); spin++) {
        if (spin == SPIN_MAX) {
            serial_present = false;
            return;
        }
    }
    fifo_room = FIFO_BYTES;
}

static void serial_put(char c)
{
    if (!fifo_room)
        serial_wait();
    if (!serial_present)
        return;
    out8(COM1 + REG_DATA, (uint8_t)c);
    fifo_room--;
}

void serial_write(const char *text, size_t length)
{
    for (size_t i = 0; serial_present && i < length; i++) {
        if (text[i] == '\n')
            serial_put('\r');
        serial_put(text[i]);
    }
}

#include "rconsole/console_line.h"
#include <string.h>

enum { DATA = 0, COMMAND, OPTION, SUBNEGOTIATION, SUB_COMMAND };
enum { SE = 240, BREAK = 243, INTERRUPT_PROCESS = 244, SB = 250, WILL = 251, DONT = 254, IAC = 255 }; /* RFC 854 */
#define SUBNEGOTIATION_MAX 256u /* one that never ends is noise: give up on it */

enum { CTRL_C = 3, CTRL_D = 4, BACKSPACE = 8, TAB = 9, LF = 10, CR = 13, DELETE = 127 };

void console_line_init(struct console_line *line)
{
    memset(line, 0, offsetof(struct console_line, text));
}

/* Length of the valid sequence at t, 0: none (RFC 3629 §4) */
static size_t sequence_length(const uint8_t *t, size_t count)
{
    if (t[0] < 0x80)
        return 1;
    size_t n = t[0] >= 0xf0 ? 4 : t[0] >= 0xe0 ? 3 : 2;
    if (t[0] < 0xc2 || t[0] > 0xf4 || n > count)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((t[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (t[0] == 0xe0 && t[1] < 0xa0) || (t[0] == 0xed && t[1] > 0x9f) || (t[0] == 0xf0 && t[1] < 0x90) ||
               (t[0] == 0xf4 && t[1] > 0x8f);
    return bad ? 0 : n;
}

bool utf8_valid(const char *text, size_t length)
{
    for (size_t at = 0, n; at < length; at += n) {
        n = sequence_length((const uint8_t *)text + at, length - at);
        if (n == 0)
            return false;
    }
    return true;
}

static void forget(struct console_line *line)
{
    line->length = 0;
    line->has_control = line->skipping = line->done = false;
}

/* The line is whole: what it is. Its text stays until the next bytes are fed. */
static enum console_event end_line(struct console_line *line)
{
    if (line->skipping) { /* it was refused already */
        forget(line);
        return CONSOLE_MORE;
    }
    line->done = true;
    if (line->has_control)
        return CONSOLE_CONTROL;
    return utf8_valid(line->text, line->length) ? CONSOLE_LINE : CONSOLE_NOT_UTF8;
}

static enum console_event interrupt(struct console_line *line)
{
    forget(line);
    return CONSOLE_INTERRUPT;
}

static enum console_event add(struct console_line *line, uint8_t byte)
{
    if (line->skipping)
        return CONSOLE_MORE;
    if (line->length == CONSOLE_LINE_MAX) {
        line->skipping = true;
        return CONSOLE_TOO_LONG;
    }
    line->text[line->length++] = (char)byte;
    return CONSOLE_MORE;
}

static void take_back(struct console_line *line)
{
    while (line->length && ((uint8_t)line->text[line->length - 1] & 0xc0) == 0x80)
        line->length--;
    line->length -= line->length != 0;
}

static enum console_event take_control(struct console_line *line, uint8_t byte)
{
    if (byte == TAB)
        return add(line, ' ');
    if (byte == BACKSPACE || byte == DELETE) {
        take_back(line);
        return CONSOLE_MORE;
    }
    if (byte == CTRL_C)
        return interrupt(line);
    if (byte == CTRL_D)
        return line->length || line->skipping ? end_line(line) : CONSOLE_EOF;
    if (!line->has_control)
        line->control = byte;
    line->has_control = true;
    return CONSOLE_MORE;
}

static enum console_event take_data(struct console_line *line, uint8_t byte)
{
    bool after_cr = line->after_cr;
    line->after_cr = byte == CR;
    if (after_cr && (byte == LF || byte == 0)) { /* the second half of a line end */
        line->saw_crlf = true;
        return CONSOLE_MORE;
    }
    if (byte == LF || byte == CR)
        return end_line(line);
    if (byte < 0x20 || byte == DELETE)
        return take_control(line, byte);
    return add(line, byte);
}

static enum console_event take_command(struct console_line *line, uint8_t byte)
{
    line->telnet = byte == SB ? SUBNEGOTIATION : byte >= WILL && byte <= DONT ? OPTION : DATA;
    line->telnet_skipped = 0;
    if (byte == IAC) /* twice: the byte itself, which is never UTF-8 */
        return take_data(line, byte);
    return byte == INTERRUPT_PROCESS || byte == BREAK ? interrupt(line) : CONSOLE_MORE;
}

static enum console_event take_option(struct console_line *line, uint8_t byte)
{
    (void)byte;
    line->telnet = DATA;
    return CONSOLE_MORE;
}

static enum console_event take_sub(struct console_line *line, uint8_t byte)
{
    line->telnet = byte == IAC ? SUB_COMMAND : SUBNEGOTIATION;
    if (++line->telnet_skipped >= SUBNEGOTIATION_MAX)
        line->telnet = DATA;
    return CONSOLE_MORE;
}

static enum console_event take_sub_command(struct console_line *line, uint8_t byte)
{
    line->telnet = byte == SE ? DATA : SUBNEGOTIATION;
    return CONSOLE_MORE;
}

static enum console_event take(struct console_line *line, uint8_t byte)
{
    static enum console_event (*const states[])(struct console_line * line, uint8_t byte) = {
        [COMMAND] = take_command,
        [OPTION] = take_option,
        [SUBNEGOTIATION] = take_sub,
        [SUB_COMMAND] = take_sub_command,
    };
    if (line->telnet != DATA)
        return states[line->telnet](line, byte);
    if (byte == IAC) {
        line->telnet = COMMAND;
        return CONSOLE_MORE;
    }
    return take_data(line, byte);
}

enum console_event console_line_feed(struct console_line *line, const uint8_t *bytes, size_t count, size_t *used)
{
    enum console_event event = CONSOLE_MORE;
    size_t i = 0;
    if (line->done && count)
        forget(line);
    while (i < count && event == CONSOLE_MORE)
        event = take(line, bytes[i++]);
    *used = i;
    return event;
}

enum console_event console_line_finish(struct console_line *line)
{
    if (line->done)
        forget(line);
    return line->length || line->has_control || line->skipping ? end_line(line) : CONSOLE_MORE;
}

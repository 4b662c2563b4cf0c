/* From bytes as they come over TCP to lines: line ends, telnet's negotiation, UTF-8, limits. Pure.
 *
 * Rules
 *  - A line ends with LF, CR LF, CR NUL (telnet) or CR alone. Tabs become blanks, backspace and DEL take a letter back.
 *  - Telnet commands (RFC 854: IAC …, IAC SB … IAC SE) vanish wherever they stand; IAC IP and IAC BRK are Ctrl-C.
 *  - A line that is too long, no UTF-8 (RFC 3629) or has other control bytes gives one event that says so, and is skipped
 *    to its end; the next line is read as usual.
 *  - Memory is bounded: one line of CONSOLE_LINE_MAX bytes. */
#pragma once
#include <abi/types.h>

#define CONSOLE_LINE_MAX 4096u

enum console_event {
    CONSOLE_MORE = 0, /* all bytes taken, no line yet */
    CONSOLE_LINE,     /* text, length; valid until the next call */
    CONSOLE_TOO_LONG,
    CONSOLE_NOT_UTF8,
    CONSOLE_CONTROL,   /* control: the first of them */
    CONSOLE_INTERRUPT, /* Ctrl-C: what was typed of the line is forgotten */
    CONSOLE_EOF,       /* Ctrl-D on an empty line (on another it ends the line) */
};

struct console_line {
    uint16_t length;
    uint8_t telnet;          /* enum in console_line.c */
    uint8_t control;         /* the first one, if has_control */
    uint16_t telnet_skipped; /* bytes of a subnegotiation */
    bool skipping;           /* to the line's end: it was refused already */
    bool done;               /* it was given out; the next bytes begin another */
    bool has_control;
    bool after_cr;
    bool saw_crlf; /* the client ends its lines so; it may like answers alike */
    char text[CONSOLE_LINE_MAX];
};

void console_line_init(struct console_line *line);
/* Takes bytes up to the first event; *used tells how many. */
enum console_event console_line_feed(struct console_line *line, const uint8_t *bytes, size_t count, size_t *used);
/* No more bytes will come: what lies there is a line too. CONSOLE_MORE: nothing lies there. */
enum console_event console_line_finish(struct console_line *line);
bool utf8_valid(const char *text, size_t length);

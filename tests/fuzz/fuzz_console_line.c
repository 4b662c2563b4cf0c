/* Any bytes in any pieces: the reader takes at least one byte a call, keeps its bound, and lines are UTF-8 without control
 * bytes. */
#include <stdlib.h>
#include "rconsole/console_line.h"

static void check(const struct console_line *line, enum console_event event)
{
    if (line->length > CONSOLE_LINE_MAX)
        abort();
    if (event != CONSOLE_LINE)
        return;
    if (!utf8_valid(line->text, line->length))
        abort();
    for (size_t i = 0; i < line->length; i++)
        if ((uint8_t)line->text[i] < 0x20 || line->text[i] == 0x7f)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct console_line line;
    size_t used;
    if (size == 0)
        return 0;
    size_t step = (size_t)data[0] + 1;
    console_line_init(&line);
    for (size_t at = 1; at < size; at += used) {
        enum console_event event = console_line_feed(&line, data + at, size - at < step ? size - at : step, &used);
        if (used == 0)
            abort();
        check(&line, event);
    }
    check(&line, console_line_finish(&line));
    return 0;
}

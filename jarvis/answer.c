#include "jarvis/answer.h"
#include "jarvis/json_writer.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void answer_init(struct answer *answer, char *bytes, size_t size, enum language language)
{
    *answer = (struct answer){.bytes = bytes, .size = size, .language = language};
}

void answer_bytes(struct answer *answer, const char *bytes, size_t length)
{
    size_t room = answer->size - answer->length;
    if (length > room) {
        answer->cut = true;
        length = room;
    }
    memcpy(answer->bytes + answer->length, bytes, length);
    answer->length += length;
}

static void put(struct answer *answer, const char *format, va_list args)
{
    char line[640];
    int n = vsnprintf(line, sizeof line, format, args);
    answer_bytes(answer, line, n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

void answer_printf(struct answer *answer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put(answer, format, args);
    va_end(args);
}

void say(struct answer *answer, const char *format, ...)
{
    va_list args;
    if (answer->json)
        return;
    va_start(args, format);
    put(answer, format, args);
    va_end(args);
}

void text_neutral(char *out, size_t size, const char *text, size_t length)
{
    size_t n = 0;
    for (size_t i = 0; i < length && text[i] && n + 1 < size; i++) {
        uint8_t c = (uint8_t)text[i], next = i + 1 < length ? (uint8_t)text[i + 1] : 0;
        bool c1 = c == 0xc2 && next >= 0x80 && next < 0xa0; /* U+0080..U+009F: terminals obey them too */
        out[n++] = (char)(c < 0x20 || c == 0x7f || c1 ? '?' : c);
        i += c1;
    }
    out[n] = 0;
}

void answer_foreign(struct answer *answer, const char *text, size_t length)
{
    char piece[128];
    for (size_t at = 0; at < length; at += sizeof piece - 1) {
        size_t n = length - at < sizeof piece - 1 ? length - at : sizeof piece - 1;
        text_neutral(piece, sizeof piece, text + at, n);
        answer_bytes(answer, piece, strlen(piece));
    }
}

void answer_error(struct answer *answer, const char *code, const char *format, ...)
{
    char text[640];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!answer->json) {
        answer_printf(answer, "%s\n", text);
        return;
    }
    struct json json = {.out = answer};
    json_open(&json, NULL, '{');
    json_open(&json, "error", '{');
    json_string(&json, "code", code);
    json_string(&json, "text", text);
    json_close(&json);
    json_close(&json);
    answer_bytes(answer, "\n", 1);
}

#include "jarvis/json_writer.h"
#include <string.h>

static void put(struct json *json, const char *text)
{
    answer_bytes(json->out, text, strlen(text));
}

/* Length of the valid UTF-8 sequence at text (RFC 3629), 0: none */
static size_t utf8_length(const uint8_t *t)
{
    if (t[0] < 0x80)
        return 1;
    size_t n = t[0] >= 0xf0 ? 4 : t[0] >= 0xe0 ? 3 : 2;
    if (t[0] < 0xc2 || t[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((t[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (t[0] == 0xe0 && t[1] < 0xa0) || (t[0] == 0xed && t[1] > 0x9f) || (t[0] == 0xf0 && t[1] < 0x90) ||
               (t[0] == 0xf4 && t[1] > 0x8f);
    return bad ? 0 : n;
}

static size_t put_letter(struct json *json, const uint8_t *t)
{
    size_t n = utf8_length(t);
    if (n == 0) {
        put(json, "\\ufffd");
        return 1;
    }
    if (t[0] == '"' || t[0] == '\\')
        put(json, "\\");
    if (t[0] == '\n')
        put(json, "\\n");
    else if (t[0] < 0x20 || t[0] == 0x7f)
        answer_printf(json->out, "\\u%04x", t[0]);
    else
        answer_bytes(json->out, (const char *)t, n);
    return n;
}

static void put_quoted(struct json *json, const char *value)
{
    put(json, "\"");
    for (const uint8_t *t = (const uint8_t *)value; *t;)
        t += put_letter(json, t);
    put(json, "\"");
}

static void begin(struct json *json, const char *key)
{
    if (json->filled[json->depth])
        put(json, ",");
    json->filled[json->depth] = true;
    if (key) {
        put_quoted(json, key);
        put(json, ":");
    }
}

void json_open(struct json *json, const char *key, char bracket)
{
    const char text[2] = {bracket, 0};
    begin(json, key);
    put(json, text);
    if (json->depth < JSON_DEPTH)
        json->closers[json->depth++] = bracket == '{' ? '}' : ']';
    json->filled[json->depth] = false;
}

void json_close(struct json *json)
{
    if (json->depth == 0)
        return;
    const char text[2] = {json->closers[--json->depth], 0};
    put(json, text);
}

void json_string(struct json *json, const char *key, const char *value)
{
    begin(json, key);
    put_quoted(json, value);
}

void json_number(struct json *json, const char *key, uint64_t value)
{
    begin(json, key);
    answer_printf(json->out, "%lu", (unsigned long)value);
}

void json_literal(struct json *json, const char *key, const char *literal)
{
    begin(json, key);
    put(json, literal);
}

#include "jarvis/values.h"
#include "jarvis/intents.h"
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

size_t value_number(const char *text, size_t length, uint32_t *value)
{
    uint64_t n = 0;
    size_t i = 0;
    for (; i < length && is_digit(text[i]); i++)
        n = n < UINT32_MAX ? n * 10 + (uint64_t)(text[i] - '0') : n;
    *value = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
    return i;
}

bool value_ipv4(const char *text, size_t length, uint8_t address[4])
{
    for (unsigned part = 0; part < 4; part++) {
        uint32_t value;
        size_t n = value_number(text, length, &value);
        if (n == 0 || n > 3 || value > 255)
            return false;
        address[part] = (uint8_t)value;
        text += n;
        length -= n;
        if (part < 3 && (length == 0 || *text != '.'))
            return false;
        text += part < 3;
        length -= part < 3;
    }
    return length == 0;
}

/* "10.0.2.2", "10.0.2.2/24", "10.0.2.2:80" */
static bool is_ipv4(const char *text, size_t length)
{
    uint8_t address[4];
    size_t n = 0;
    while (n < length && (is_digit(text[n]) || text[n] == '.'))
        n++;
    if (n < length && text[n] != '/' && text[n] != ':')
        return false;
    return value_ipv4(text, n, address);
}

static bool is_ipv6(const char *text, size_t length)
{
    unsigned colons = 0;
    for (size_t i = 0; i < length; i++) {
        char c = (char)(text[i] | 0x20);
        if (text[i] == ':')
            colons++;
        else if (!is_digit(text[i]) && !(c >= 'a' && c <= 'f') && text[i] != '.' && text[i] != '/' && text[i] != '%')
            return false;
    }
    return colons >= 2;
}

static bool is_url(const char *text, size_t length)
{
    for (size_t i = 1; i + 2 < length; i++)
        if (text[i] == ':' && text[i + 1] == '/' && text[i + 2] == '/')
            return is_letter(text[0]);
    return false;
}

/* Letters, digits, '-' and at least one inner '.', with a letter after the last dot: "example.org" */
static bool is_host(const char *text, size_t length)
{
    size_t dot = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '.' && i > 0)
            dot = i;
        else if (!is_letter(text[i]) && !is_digit(text[i]) && text[i] != '-' && text[i] != '_')
            return false;
    }
    return dot && dot + 2 < length && is_letter(text[dot + 1]);
}

static bool is_clock(const char *text, size_t length)
{
    return (length == 5 && is_digit(text[0]) && is_digit(text[1]) && text[2] == ':' && is_digit(text[3]) &&
            is_digit(text[4])) ||
           (length == 4 && is_digit(text[0]) && text[1] == ':' && is_digit(text[2]) && is_digit(text[3]));
}

static bool is_path(const char *text, size_t length)
{
    return text[0] == '/' || (length > 1 && text[0] == '.' && text[1] == '/');
}

static bool is_number(const char *text, size_t length)
{
    (void)length;
    return is_digit(text[0]);
}

unsigned value_kind(const char *text, size_t length)
{
    static const struct {
        bool (*is)(const char *text, size_t length);
        uint8_t concept;
    } forms[] = {{is_url, C_URL},           {is_path, C_PATH},          {is_ipv4, C_ADDRESS_VALUE},
                 {is_clock, C_CLOCK_VALUE}, {is_ipv6, C_ADDRESS_VALUE}, {is_host, C_HOST_VALUE},
                 {is_number, C_NUMBER}};
    for (size_t i = 0; length && i < sizeof forms / sizeof forms[0]; i++)
        if (forms[i].is(text, length))
    return forms[i].concept;
    return C_UNKNOWN;
}

int value_tool_name(const char *text, size_t length)
{
    static const char *const names[] = {
#define X(name, slots) #name,
        INTENTS(X)
#undef X
    };
    if (!memchr(text, '_', length))
        return -1;
    for (int i = 0; i < INTENT_COUNT; i++)
        if (strlen(names[i]) == length && memcmp(names[i], text, length) == 0)
            return i;
    return -1;
}

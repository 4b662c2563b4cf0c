/* Values in words: sizes, times, shares, addresses. */
#include "jarvis/render.h"
#include "jarvis/values.h"
#include <stdio.h>
#include <string.h>

static const char *tenths(char *out, uint64_t value10, const char *unit, enum language language)
{
    if (value10 >= 1000)
        snprintf(out, UNIT_TEXT, "%lu %s", (unsigned long)((value10 + 5) / 10), unit);
    else
        snprintf(out, UNIT_TEXT, "%lu%c%lu %s", (unsigned long)(value10 / 10), language == LANGUAGE_FR ? ',' : '.',
                 (unsigned long)(value10 % 10), unit);
    return out;
}

const char *size_text(char *out, uint64_t bytes, enum language language)
{
    static const char *const units[LANGUAGES][5] = {{"B", "KiB", "MiB", "GiB", "TiB"},
                                                    {"o", "Kio", "Mio", "Gio", "Tio"}};
    unsigned unit = 0;
    uint64_t scale = 1;
    while (unit < 4 && bytes / scale >= 1024) {
        scale *= 1024;
        unit++;
    }
    if (unit == 0 || bytes % scale == 0) {
        snprintf(out, UNIT_TEXT, "%lu %s", (unsigned long)(bytes / scale), units[language][unit]);
        return out;
    }
    return tenths(out, (uint64_t)((unsigned __int128)bytes * 10 / scale), units[language][unit], language);
}

const char *time_text(char *out, uint64_t ns, enum language language)
{
    uint64_t s = ns / 1000000000u, minutes = s / 60, hours = s / 3600, days = s / 86400;
    const char *day = language == LANGUAGE_FR ? "j" : "d";
    if (ns < 1000000)
        snprintf(out, UNIT_TEXT, "%lu us", (unsigned long)(ns / 1000));
    else if (s == 0)
        return tenths(out, ns / 100000, "ms", language);
    else if (minutes == 0)
        return tenths(out, ns / 100000000u, "s", language);
    else if (hours == 0)
        snprintf(out, UNIT_TEXT, "%lu min %lu s", (unsigned long)minutes, (unsigned long)(s % 60));
    else if (days == 0)
        snprintf(out, UNIT_TEXT, "%lu h %lu min", (unsigned long)hours, (unsigned long)(minutes % 60));
    else if (hours % 24 == 0)
        snprintf(out, UNIT_TEXT, "%lu %s", (unsigned long)days, day);
    else
        snprintf(out, UNIT_TEXT, "%lu %s %lu h", (unsigned long)days, day, (unsigned long)(hours % 24));
    return out;
}

const char *share_text(char *out, uint64_t part, uint64_t whole, enum language language)
{
    uint64_t mille = whole ? (uint64_t)((unsigned __int128)part * 1000 / whole) : 0;
    if (mille == 0 || mille >= 1000) {
        snprintf(out, UNIT_TEXT, "%lu %%", (unsigned long)(mille / 10));
        return out;
    }
    return tenths(out, mille, "%", language);
}

const char *bar_text(char *out, unsigned width, uint64_t part, uint64_t whole)
{
    width = width < UNIT_TEXT - 3 ? width : UNIT_TEXT - 3;
    uint64_t filled = whole ? (uint64_t)((unsigned __int128)part * width / whole) : 0;
    out[0] = '[';
    for (unsigned i = 0; i < width; i++)
        out[1 + i] = i < filled ? '#' : '.';
    out[1 + width] = ']';
    out[2 + width] = 0;
    return out;
}

const char *stroke_text(char *out, unsigned width, uint64_t part, uint64_t whole)
{
    width = width < UNIT_TEXT - 1 ? width : UNIT_TEXT - 1;
    uint64_t filled = whole ? (uint64_t)((unsigned __int128)part * width / whole) : 0;
    memset(out, '#', filled < width ? filled : width);
    out[filled < width ? filled : width] = 0;
    return out;
}

const char *bits_text(char *out, uint64_t bits)
{
    size_t n = 0;
    *out = 0;
    for (unsigned first = 0; first < 64; first++) {
        if (!(bits >> first & 1))
            continue;
        unsigned last = first;
        while (last < 63 && bits >> (last + 1) & 1)
            last++;
        const char *comma = n ? "," : "";
        n += (size_t)(last == first ? snprintf(out + n, BITS_TEXT - n, "%s%u", comma, first)
                                    : snprintf(out + n, BITS_TEXT - n, "%s%u-%u", comma, first, last));
        first = last;
    }
    return out;
}

size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((uint8_t)*text & 0xc0) != 0x80;
    return width;
}

/* The longest run of zero groups, at least two (RFC 5952 §4.2) */
static void zero_run(const uint16_t groups[8], unsigned *start, unsigned *length)
{
    *start = *length = 0;
    for (unsigned i = 0; i < 8; i++) {
        unsigned n = 0;
        while (i + n < 8 && groups[i + n] == 0)
            n++;
        if (n > 1 && n > *length) {
            *start = i;
            *length = n;
        }
    }
}

static const char *ipv6_text(char *out, const uint8_t address[16])
{
    uint16_t groups[8];
    unsigned start, length;
    size_t n = 0;
    for (unsigned i = 0; i < 8; i++)
        groups[i] = (uint16_t)(address[2 * i] << 8 | address[2 * i + 1]);
    zero_run(groups, &start, &length);
    for (unsigned i = 0; i < 8; i++) {
        if (length && i == start) {
            n += (size_t)sprintf(out + n, "::");
            i += length - 1;
            continue;
        }
        n += (size_t)sprintf(out + n, n && out[n - 1] != ':' ? ":%x" : "%x", groups[i]);
    }
    return out;
}

const char *address_text(char *out, const uint8_t address[16])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (memcmp(address, mapped, sizeof mapped) != 0)
        return ipv6_text(out, address);
    snprintf(out, 48, "%u.%u.%u.%u", address[12], address[13], address[14], address[15]);
    return out;
}

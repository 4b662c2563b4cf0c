/* The boot option ip=: see address.h. */
#include <string.h>

#include <abi/errors.h>
#include "netsrv/address.h"

struct text {
    const char *at, *end;
};

static bool take(struct text *text, char c)
{
    if (text->at == text->end || *text->at != c)
        return false;
    text->at++;
    return true;
}

static bool number(struct text *text, unsigned limit, uint8_t *out)
{
    unsigned value = 0, digits = 0;
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9' && digits < 3; digits++)
        value = value * 10 + (unsigned)(*text->at++ - '0');
    *out = (uint8_t)value;
    return digits && value <= limit;
}

static bool dotted(struct text *text, uint8_t out[4])
{
    for (unsigned i = 0; i < 4; i++)
        if ((i && !take(text, '.')) || !number(text, 255, &out[i]))
            return false;
    return true;
}

static bool word(struct text *text, const char *w)
{
    size_t n = strlen(w);
    if ((size_t)(text->end - text->at) < n || memcmp(text->at, w, n) != 0)
        return false;
    text->at += n;
    return true;
}

status_t address_parse(const char *in, size_t length, struct address_static *out)
{
    struct text text = {in, in + length};
    *out = (struct address_static){.prefix = 24};
    if (!dotted(&text, out->address) || !take(&text, '/') || !number(&text, 32, &out->prefix))
        return ERR_INVALID;
    if (take(&text, ',') && !(word(&text, "dns=") ? dotted(&text, out->dns) : dotted(&text, out->gateway)))
        return ERR_INVALID;
    if (take(&text, ',') && !(word(&text, "dns=") && dotted(&text, out->dns)))
        return ERR_INVALID;
    return text.at == text.end ? OK : ERR_INVALID;
}

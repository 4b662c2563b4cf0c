/* Letters without case and accents (Latin-1 and what French adds); no locale, no tables of the C library. */
#include "jarvis/words.h"
#include <string.h>

/* U+00C0..U+00FF; 1: two letters or none, see below */
static const char latin1[] = "aaaaaa\1ceeeeiiii"
                             "dnooooo*ouuuuy\1\1"
                             "aaaaaa\1ceeeeiiii"
                             "dnooooo*ouuuuy\1y";

static size_t put(char out[2], const char *letters, size_t *folded, size_t taken)
{
    *folded = strlen(letters);
    memcpy(out, letters, *folded);
    return taken;
}

static size_t fold_two(unsigned code, char out[2], size_t *folded, bool *accent)
{
    *accent = code != 0xab && code != 0xbb && code != 0xa0;
    if (code == 0xe6 || code == 0xc6)
        return put(out, "ae", folded, 2);
    if (code == 0x152 || code == 0x153)
        return put(out, "oe", folded, 2);
    if (code == 0xa0)
        return put(out, " ", folded, 2);
    if (code == 0xab || code == 0xbb) /* « » */
        return put(out, "\"", folded, 2);
    *folded = 1;
    out[0] = code >= 0xc0 && code <= 0xff ? latin1[code - 0xc0] : 1;
    return 2;
}

/* U+2018, U+2019 are apostrophes; U+201C, U+201D quotes; U+202F is a space; U+2013, U+2014 dashes */
static size_t fold_three(const char *text, char out[2], size_t *folded)
{
    static const struct {
        const char *bytes;
        char letter;
    } known[] = {{"\xe2\x80\x98", '\''}, {"\xe2\x80\x99", '\''}, {"\xe2\x80\x9c", '"'}, {"\xe2\x80\x9d", '"'},
                 {"\xe2\x80\xaf", ' '},  {"\xe2\x80\x93", '-'},  {"\xe2\x80\x94", '-'}};
    *folded = 1;
    out[0] = 1;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (memcmp(text, known[i].bytes, 3) == 0)
            out[0] = known[i].letter;
    return 3;
}

size_t letter_fold(const char *text, size_t length, char out[2], size_t *folded, bool *accent)
{
    uint8_t c = (uint8_t)text[0];
    *accent = false;
    *folded = 1;
    out[0] = c < 0x20 || c == 0x7f ? ' ' : (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    if (c < 0x80)
        return 1;
    out[0] = 1;
    bool next = length > 1 && ((uint8_t)text[1] & 0xc0) == 0x80;
    if (c >= 0xc2 && c < 0xe0 && next)
        return fold_two((c & 0x1fu) << 6 | ((uint8_t)text[1] & 0x3f), out, folded, accent);
    if (c >= 0xe0 && c < 0xf0 && next && length > 2 && ((uint8_t)text[2] & 0xc0) == 0x80)
        return fold_three(text, out, folded);
    return 1;
}

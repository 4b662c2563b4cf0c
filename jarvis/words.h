/* From a line of text to items: words with their meaning, and values (numbers, addresses, paths, quoted text).
 *
 * Rules: pure; the text needs no end mark and may be any bytes (what is no UTF-8 is an unknown letter). Items point
 * into the text by offsets. Past WORDS_MAX items the rest is dropped and `too_many` is set. */
#pragma once
#include "jarvis/lexicon.h"

#define WORDS_MAX 128
#define WORD_BYTES 28

struct item {
    uint8_t concept;     /* enum concept; C_UNKNOWN */
    bool guessed;        /* corrected from a slip */
    uint16_t start, end; /* in the text, without quotes and punctuation */
    uint32_t value; /* of C_NUMBER, C_TASK_ID, C_PORT_ID, C_PORT_NAME, C_DURATION (seconds), C_TOOL_NAME (intent) */
};

struct sentence {
    struct item items[WORDS_MAX];
    uint16_t count;
    bool too_many;
    enum language language; /* of most of its words; the hint when they do not tell */
};

void sentence_read(struct sentence *sentence, const char *text, size_t length, enum language hint);

/* One letter of UTF-8 at text, folded to lower-case ASCII without accents into out (1 or 2 bytes, *folded of them).
 * Returns the bytes taken (at least 1). What has no such form gives 0x01. */
size_t letter_fold(const char *text, size_t length, char out[2], size_t *folded, bool *accent);

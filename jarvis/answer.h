/* An answer while it is made: text in the language of the question, or one JSON document.
 *
 * Rules: never overflows: what does not fit is dropped and `cut` is set. Text that others wrote (names, log lines) goes
 * in through answer_foreign, which lets no control bytes pass: nothing in it can move the reader's cursor. */
#pragma once
#include "jarvis/lexicon.h"
#include <abi/errors.h>

#define ANSWER_BYTES 32768

struct answer {
    char *bytes;
    size_t size, length;
    enum language language;
    bool json, cut;
};

/* Picks the text of the answer's language; both stand side by side in the source. */
#define T(answer, english, french) ((answer)->language == LANGUAGE_FR ? (french) : (english))

void answer_init(struct answer *answer, char *bytes, size_t size, enum language language);
void answer_bytes(struct answer *answer, const char *bytes, size_t length);
void answer_printf(struct answer *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A sentence for people: left out of JSON. */
void say(struct answer *answer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void answer_foreign(struct answer *answer, const char *text, size_t length);
/* Copies text with every control byte replaced; out ends in 0. */
void text_neutral(char *out, size_t size, const char *text, size_t length);

/* Why something was not done: a sentence, or {"error":{"code":…,"text":…}}. */
void answer_error(struct answer *answer, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

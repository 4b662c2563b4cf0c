/* How a lexicon's rows are written. */
#pragma once
#include "jarvis/lexicon.h"

#define W(name, text) {.words = (text), .concept = C_##name},
#define N(number, text) {.words = (text), .concept = C_NUMBER, .value = (number)},
#define V(name, number, text) {.words = (text), .concept = C_##name, .value = (number)},

extern const struct lexicon lexicon_en, lexicon_fr;

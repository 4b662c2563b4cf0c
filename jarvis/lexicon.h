/* The words of each language: data only (lexicon_en.c, lexicon_fr.c), folded to lower case without accents. A row may
 * be several words ("ip address"); the longest row that fits wins. Words that mean nothing here (the, please) are rows
 * too, with C_NONE, so that they are neither "corrected" to something else nor counted as unknown.
 *
 * Rules: lexicon_init once before any look-up; after that everything here is read-only. */
#pragma once
#include "jarvis/concepts.h"

enum language { LANGUAGE_EN = 0, LANGUAGE_FR = 1, LANGUAGES };

struct lexicon_row {
    const char *words;
    uint8_t concept;
    int8_t value; /* of number words and units; see C_NUMBER, C_TIME_UNIT, C_SERVICE_NAME, C_PORT_NAME */
};
struct lexicon {
    const struct lexicon_row *rows;
    uint16_t count;
};
extern const struct lexicon lexicons[LANGUAGES];
extern const struct lexicon lexicon_names; /* of no language: services, units of time, ports */

extern const uint32_t time_unit_seconds[]; /* by the value of a C_TIME_UNIT row */
extern const uint16_t port_name_ports[];   /* by the value of a C_PORT_NAME row */

void lexicon_init(void);

/* The longest row that begins at words[0]; *used is how many words it took. NULL: none. */
const struct lexicon_row *lexicon_find(const char *const *words, unsigned count, enum language language,
                                       unsigned *used);
bool lexicon_knows(const char *word, enum language language); /* a row begins with this word */

/* The nearest one-word row within the distance that a slip of the finger explains; NULL: none near. */
const struct lexicon_row *lexicon_guess(const char *word, enum language preferred);
/* Optimal string alignment distance (insert, delete, replace, swap of neighbours), or limit + 1 when it is more. */
unsigned word_distance(const char *a, const char *b, unsigned limit);

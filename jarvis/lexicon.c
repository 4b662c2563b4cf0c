#include "jarvis/lexicon_data.h"
#include <string.h>

#define BUCKETS 2048u
#define ROWS_MAX 2600u
#define NO_ROW 0xffffu

static const struct lexicon *const all[] = {&lexicon_en, &lexicon_fr, &lexicon_names};
#define LEXICONS (sizeof all / sizeof all[0])
#define NAMES LANGUAGES

const uint8_t concept_classes[CONCEPT_COUNT] = {
#define X(name, class) [C_##name] = (class),
    CONCEPTS(X)
#undef X
};

/* Rows by the hash of their first word; a chain keeps the order of the data. */
static uint16_t heads[BUCKETS], nexts[ROWS_MAX];
static uint16_t bases[LEXICONS + 1];
static bool ready;

static size_t word_length(const char *text)
{
    size_t n = 0;
    while (text[n] && text[n] != ' ')
        n++;
    return n;
}

static uint32_t word_hash(const char *word, size_t length)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)word[i]) * 16777619u;
    return (hash ^ hash >> 16) % BUCKETS;
}

static const struct lexicon_row *row_at(unsigned id, unsigned *which)
{
    unsigned l = 0;
    while (id >= bases[l + 1])
        l++;
    *which = l;
    return &all[l]->rows[id - bases[l]];
}

static void chain_rows(unsigned l)
{
    for (unsigned i = all[l]->count; i-- > 0;) { /* from the end: heads then stand in the data's order */
        const char *words = all[l]->rows[i].words;
        uint16_t *head = &heads[word_hash(words, word_length(words))];
        nexts[bases[l] + i] = *head;
        *head = (uint16_t)(bases[l] + i);
    }
}

void lexicon_init(void)
{
    if (ready)
        return;
    memset(heads, 0xff, sizeof heads);
    for (unsigned l = 0; l < LEXICONS; l++) {
        unsigned end = (unsigned)bases[l] + all[l]->count;
        bases[l + 1] = (uint16_t)(end <= ROWS_MAX ? end : ROWS_MAX);
    }
    for (unsigned l = LEXICONS; l-- > 0;)
        chain_rows(l);
    ready = true;
}

/* How many of `words` the row takes; 0: it does not begin here. */
static unsigned row_match(const struct lexicon_row *row, const char *const *words, unsigned count)
{
    const char *text = row->words;
    unsigned used = 0;
    while (*text) {
        size_t n = word_length(text);
        if (used == count || strncmp(words[used], text, n) != 0 || words[used][n])
            return 0;
        used++;
        text += n;
        text += *text == ' ';
    }
    return used;
}

static const struct lexicon_row *find_in(unsigned lexicon, const char *const *words, unsigned count, unsigned *used)
{
    const struct lexicon_row *best = NULL;
    unsigned id = heads[word_hash(words[0], strlen(words[0]))];
    for (; id != NO_ROW; id = nexts[id]) {
        unsigned which;
        const struct lexicon_row *row = row_at(id, &which);
        unsigned n = which == lexicon ? row_match(row, words, count) : 0;
        if (n > *used) {
            *used = n;
            best = row;
        }
    }
    return best;
}

const struct lexicon_row *lexicon_find(const char *const *words, unsigned count, enum language language, unsigned *used)
{
    const unsigned order[] = {language, NAMES, language == LANGUAGE_EN ? LANGUAGE_FR : LANGUAGE_EN};
    *used = 0;
    const struct lexicon_row *best = NULL;
    for (unsigned i = 0; i < 3; i++) {
        if (i == 2 && best)
            break; /* the other language only for what this one does not know at all */
        const struct lexicon_row *row = find_in(order[i], words, count, used);
        best = row ? row : best;
    }
    return best;
}

bool lexicon_knows(const char *word, enum language language)
{
    size_t length = strlen(word);
    for (unsigned id = heads[word_hash(word, length)]; id != NO_ROW; id = nexts[id]) {
        unsigned which;
        const char *text = row_at(id, &which)->words;
        if (which == (unsigned)language && word_length(text) == length && memcmp(text, word, length) == 0)
            return true;
    }
    return false;
}

#define DISTANCE_MAX 28
unsigned word_distance(const char *a, const char *b, unsigned limit)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > DISTANCE_MAX || m > DISTANCE_MAX || n > m + limit || m > n + limit)
        return limit + 1;
    uint8_t rows[3][DISTANCE_MAX + 1];
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = (uint8_t)j;
    for (size_t i = 1; i <= n; i++) {
        uint8_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *swap = rows[(i + 1) % 3];
        row[0] = (uint8_t)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned best = above[j - 1] + (a[i - 1] != b[j - 1]);
            best = above[j] + 1u < best ? above[j] + 1u : best;
            best = row[j - 1] + 1u < best ? row[j - 1] + 1u : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && swap[j - 2] + 1u < best)
                best = swap[j - 2] + 1u;
            row[j] = (uint8_t)best;
        }
    }
    unsigned distance = rows[n % 3][m];
    return distance <= limit ? distance : limit + 1;
}

/* How many slips we believe in: none in short words, two in long ones; an act is never guessed from far, and a goodbye
 * not at all ("quiet"). */
static unsigned slips_allowed(const char *word, size_t length, const struct lexicon_row *row)
{
    unsigned class = concept_classes[row->concept];
    if (row->concept == C_QUIT || row->concept == C_BYE)
        return 0;
    if (length < 4 || strchr(row->words, ' ') || (class < TRAIT && length < 5) || row->words[0] != word[0])
        return 0;
    return length >= 7 && class != ACT ? 2 : 1;
}

/* In four letters one other letter makes another word (life, line) rather than a slip. */
static bool another_word(const char *word, size_t length, const char *known)
{
    unsigned same = 0;
    if (length != 4 || strlen(known) != 4)
        return false;
    for (size_t i = 0; i < 4; i++)
        same += word[i] == known[i];
    return same == 3;
}

const struct lexicon_row *lexicon_guess(const char *word, enum language preferred)
{
    const unsigned order[] = {NAMES, preferred, preferred == LANGUAGE_EN ? LANGUAGE_FR : LANGUAGE_EN};
    const struct lexicon_row *best = NULL;
    size_t length = strlen(word);
    unsigned best_distance = 3;
    for (unsigned i = 0; i < 3; i++) {
        const struct lexicon *lexicon = all[order[i]];
        for (unsigned r = 0; r < lexicon->count; r++) {
            unsigned limit = slips_allowed(word, length, &lexicon->rows[r]);
            unsigned d = limit ? word_distance(word, lexicon->rows[r].words, limit) : 3;
            if (limit && d <= limit && d < best_distance && !another_word(word, length, lexicon->rows[r].words)) {
                best_distance = d;
                best = &lexicon->rows[r];
            }
        }
    }
    return best;
}

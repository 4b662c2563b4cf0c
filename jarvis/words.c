#include "jarvis/words.h"
#include "jarvis/intents.h"
#include "jarvis/values.h"
#include <string.h>

/* A raw word before its meaning is looked up: folded letters, and where it stands. */
struct raw {
    char letters[WORD_BYTES];
    uint16_t start, end;
    uint8_t concept; /* C_UNKNOWN: a word, to be looked up; else a value or a mark */
    uint32_t value;
    bool accent;
};

struct scan {
    struct raw raws[WORDS_MAX];
    unsigned count;
    bool full;
    const char *text;
    size_t length;
};

static struct raw *raw_add(struct scan *scan, size_t start, size_t end, unsigned concept)
{
    if (scan->count == WORDS_MAX) {
        scan->full = true;
        return NULL;
    }
    struct raw *raw = &scan->raws[scan->count++];
    *raw = (struct raw){.start = (uint16_t)start, .end = (uint16_t)end, .concept = (uint8_t) concept};
    return raw;
}

static char folded_at(const struct scan *scan, size_t at, size_t *taken)
{
    char out[2];
    size_t folded;
    bool accent;
    *taken = letter_fold(scan->text + at, scan->length - at, out, &folded, &accent);
    return out[0];
}

static bool is_word_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == 1;
}

/* The words between start and end: letters and digits; everything else parts them. */
static void scan_words(struct scan *scan, size_t start, size_t end)
{
    struct raw *raw = NULL;
    size_t n = 0;
    for (size_t at = start, taken; at < end; at += taken) {
        char out[2];
        size_t folded;
        bool accent;
        taken = letter_fold(scan->text + at, end - at, out, &folded, &accent);
        if (!is_word_letter(out[0])) {
            raw = NULL;
            continue;
        }
        if (!raw) {
            raw = raw_add(scan, at, at, C_UNKNOWN);
            n = 0;
            if (!raw)
                return;
        }
        for (size_t i = 0; i < folded && n + 1 < WORD_BYTES; i++)
            raw->letters[n++] = out[i];
        raw->accent |= accent;
        raw->end = (uint16_t)(at + taken);
    }
}

/* A number with its unit glued to it ("10s", "5min"): two raws. */
static bool scan_number(struct scan *scan, size_t start, size_t end)
{
    uint32_t value;
    size_t digits = value_number(scan->text + start, end - start, &value);
    if (!digits)
        return false;
    struct raw *raw = raw_add(scan, start, start + digits, C_NUMBER);
    if (raw)
        raw->value = value;
    if (start + digits < end)
        scan_words(scan, start + digits, end);
    return true;
}

/* One run of letters without a space: a value if it has a value's form, else words. */
static void scan_run(struct scan *scan, size_t start, size_t end)
{
    const char *text = scan->text + start;
    size_t length = end - start;
    int intent = value_tool_name(text, length);
    struct raw *raw = NULL;
    unsigned kind = intent >= 0 ? C_TOOL_NAME : value_kind(text, length);
    if (kind == C_NUMBER && scan_number(scan, start, end))
        return;
    if (kind == C_UNKNOWN || kind == C_NUMBER) {
        scan_words(scan, start, end);
        return;
    }
    raw = raw_add(scan, start, end, kind);
    if (raw && intent >= 0)
        raw->value = (uint32_t)intent;
}

static unsigned mark_concept(char c)
{
    if (c == ',' || c == ';')
        return C_COMMA;
    return c == '?' || c == '!' || c == '.' || c == ':' ? C_SENTENCE_END : C_NONE;
}

/* Strips brackets before and punctuation behind; a mark becomes a raw of its own. */
static void scan_piece(struct scan *scan, size_t start, size_t end)
{
    unsigned mark = C_NONE;
    while (start < end && (scan->text[start] == '(' || scan->text[start] == '-'))
        start++;
    while (end > start && strchr(",;?!.:)", scan->text[end - 1])) {
        unsigned m = mark_concept(scan->text[end - 1]);
        mark = m != C_NONE ? m : mark;
        end--;
    }
    if (start < end)
        scan_run(scan, start, end);
    if (mark != C_NONE)
        raw_add(scan, end, end, mark);
}

/* Quoted text from `at` (its opening quote): returns the place after it, or `at` when no quote closes it. */
static size_t scan_quoted(struct scan *scan, size_t at)
{
    size_t taken, close_taken;
    char quote = folded_at(scan, at, &taken);
    for (size_t i = at + taken; i < scan->length; i += close_taken) {
        if (folded_at(scan, i, &close_taken) != quote)
            continue;
        if (quote == '\'' && i + 1 < scan->length && scan->text[i + 1] != ' ')
            continue; /* an apostrophe */
        raw_add(scan, at + taken, i, C_QUOTED);
        return i + close_taken;
    }
    return at;
}

static void scan_text(struct scan *scan)
{
    size_t at = 0, taken;
    while (at < scan->length && !scan->full) {
        char c = folded_at(scan, at, &taken);
        size_t start = at;
        if (c == ' ') {
            at += taken;
            continue;
        }
        if ((c == '"' || c == '\'') && (at = scan_quoted(scan, at)) != start)
            continue;
        for (; at < scan->length; at += taken) {
            c = folded_at(scan, at, &taken);
            if (c == ' ' || (c == '"' && at > start))
                break;
        }
        scan_piece(scan, start, at);
    }
}

static enum language scan_language(const struct scan *scan, enum language hint)
{
    int lean = 0; /* French above 0 */
    for (unsigned i = 0; i < scan->count; i++) {
        const struct raw *raw = &scan->raws[i];
        if (raw->concept != C_UNKNOWN)
            continue;
        lean += raw->accent ? 2 : 0;
        lean += lexicon_knows(raw->letters, LANGUAGE_FR) - lexicon_knows(raw->letters, LANGUAGE_EN);
    }
    return lean > 0 ? LANGUAGE_FR : lean < 0 ? LANGUAGE_EN : hint;
}

static struct item *item_add(struct sentence *sentence, const struct raw *raw)
{
    struct item *item = &sentence->items[sentence->count++];
    *item = (struct item){.concept = raw->concept, .start = raw->start, .end = raw->end, .value = raw->value};
    return item;
}

/* A word, or several that mean one thing: returns how many raws it took. */
static unsigned resolve_words(struct sentence *sentence, const struct scan *scan, unsigned at)
{
    const char *words[8];
    unsigned count = 0, used = 1;
    for (unsigned i = at; i < scan->count && count < 8 && scan->raws[i].concept == C_UNKNOWN; i++)
        words[count++] = scan->raws[i].letters;
    struct item *item = item_add(sentence, &scan->raws[at]);
    const struct lexicon_row *row = lexicon_find(words, count, sentence->language, &used);
    if (!row) {
        row = lexicon_guess(words[0], sentence->language);
        item->guessed = row != NULL;
        used = 1;
    }
    if (row) {
        item->concept = row->concept;
        item->value = (uint32_t)row->value;
    }
    item->end = scan->raws[at + used - 1].end;
    return used;
}

/* What a number means by its neighbours: task 4, port 80, 10 minutes. */
static void join_numbers(struct sentence *sentence)
{
    unsigned out = 0;
    for (unsigned i = 0; i < sentence->count; i++) {
        struct item item = sentence->items[i];
        struct item *before = out ? &sentence->items[out - 1] : NULL;
        bool after_number = before && (before->concept == C_NUMBER);
        if (item.concept == C_NUMBER && before && before->concept == C_TASK)
        item.concept = C_TASK_ID;
        if (item.concept == C_NUMBER && before && before->concept == C_PORT)
        item.concept = C_PORT_ID;
        if (item.concept == C_TIME_UNIT) {
            item.value = time_unit_seconds[item.value] * (after_number ? before->value : 1);
            item.concept = C_DURATION;
            out -= after_number;
        }
        sentence->items[out++] = item;
    }
    sentence->count = (uint16_t)out;
}

/* "10 s": after a number a unit of time is meant, whatever else the letter could be. */
static bool resolve_unit(struct sentence *sentence, const struct scan *scan, unsigned at)
{
    const char *word = scan->raws[at].letters;
    if (at == 0 || scan->raws[at - 1].concept != C_NUMBER)
        return false;
    if (at + 1 < scan->count && scan->raws[at + 1].start > scan->raws[at].end && scan->text[scan->raws[at].end] != ' ')
        return false; /* "12 s'il te plaît" */
    for (unsigned i = 0; i < lexicon_names.count; i++) {
        const struct lexicon_row *row = &lexicon_names.rows[i];
        if (row->concept == C_TIME_UNIT && strcmp(row->words, word) == 0) {
            struct item *item = item_add(sentence, &scan->raws[at]);
            item->concept = C_TIME_UNIT;
            item->value = (uint32_t)row->value;
            return true;
        }
    }
    return false;
}

void sentence_read(struct sentence *sentence, const char *text, size_t length, enum language hint)
{
    static struct scan scan; /* 6 KiB: not on the stack; a task has one thread */
    lexicon_init();
    scan.count = 0;
    scan.full = false;
    scan.text = text;
    scan.length = length < UINT16_MAX ? length : UINT16_MAX;
    scan_text(&scan);
    sentence->count = 0;
    sentence->too_many = scan.full;
    sentence->language = scan_language(&scan, hint);
    for (unsigned i = 0; i < scan.count;) {
        if (scan.raws[i].concept != C_UNKNOWN) {
            item_add(sentence, &scan.raws[i++]);
        } else if (resolve_unit(sentence, &scan, i)) {
            i++;
        } else {
            i += resolve_words(sentence, &scan, i);
        }
    }
    join_numbers(sentence);
}

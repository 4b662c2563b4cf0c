/* The grammar: which concepts together mean which intent. Data (grammar.c) and the one function that weighs it.
 *
 * A rule fits when all its `need` concepts are there and none of `never`. It gains by what it explains and loses by
 * what it leaves unexplained (the classes in concepts.h); concepts in the intent's `also` list neither gain nor lose.
 * The best rule wins, the first one on a tie: the same words always mean the same. */
#pragma once
#include "jarvis/concepts.h"
#include "jarvis/intents.h"

#define RULE_NEEDS 4
#define RULE_NEVER 6
#define GRAMMAR_ACCEPT_ACT 4 /* … of an act among several words that nobody knows */
#define GRAMMAR_ACCEPT 2     /* the least score that counts as understood */

struct rule {
    uint8_t intent;
    int8_t bonus;
    uint8_t need[RULE_NEEDS], never[RULE_NEVER];
};

struct reading {
    enum intent intent; /* unknown when no rule reaches GRAMMAR_ACCEPT */
    int score;
    const struct rule *rule; /* NULL when none */
};

/* unknown_words: how many words no lexicon knows. */
struct reading grammar_read(const struct concept_set *set, unsigned unknown_words);
/* Intents whose words are among these, nearest first (for "did you mean"); returns how many. */
unsigned grammar_nearest(const struct concept_set *set, enum intent *intents, unsigned count);
/* What an open request may have meant, by the concept that leaves it open; returns how many. */
unsigned grammar_choices(const struct concept_set *set, enum intent *intents, unsigned count);
bool rule_acts(const struct rule *rule); /* it needs an act: reading it must not be negated */

/* The values that a clause's words give. Only what the words say is written down; no defaults. */
#pragma once
#include "jarvis/parser.h"

/* Fills clause->slots from items[first..end), as the intent's slot list allows. */
void slots_read(struct request *request, struct clause *clause, const struct sentence *sentence, unsigned first,
                unsigned end, const char *text);
/* Adds one slot; silently nothing when the clause or the arena is full. */
void slot_add(struct request *request, struct clause *clause, unsigned id, const char *value, size_t length);
void slot_add_number(struct request *request, struct clause *clause, unsigned id, uint32_t value);
/* The words that no lexicon knows, and what stands between them, as the slot `id`. */
void slots_read_unknown(struct request *request, struct clause *clause, unsigned id, const struct sentence *sentence,
                        unsigned first, unsigned end, const char *text);

/* From a line of text to a request: clauses with an intent and slots.
 *
 * Rules: pure and deterministic: the same text, hint and session language give the same request. No text is matched as
 * a whole; meaning comes from the lexicons (one per language) and the grammar's rules. The request owns copies of all
 * values; the text may be freed. Anything may be in the text; what is not understood is INTENT_unknown, what is open is
 * INTENT_clarify. Nothing that changes the system is guessed. */
#pragma once
#include "jarvis/grammar.h"
#include "jarvis/words.h"

#define CLAUSES_MAX 8
#define CLAUSE_SLOTS 8
#define REQUEST_ARENA 1024

enum clause_link { LINK_NONE = 0, LINK_THEN };
enum clause_condition { IF_ALWAYS = 0, IF_OK, IF_FAIL };

struct slot {
    uint8_t id;     /* enum slot_id */
    uint16_t value; /* offset of its text in the request's arena */
};

struct clause {
    enum intent intent;
    uint8_t link, condition, slot_count;
    uint8_t focus; /* the concept that the question is about (C_FREE, C_GATEWAY, …), or C_NONE */
    bool question; /* asked in words, and not a bare command */
    struct slot slots[CLAUSE_SLOTS];
    uint8_t nearest_count;
    enum intent nearest[4]; /* of unknown and clarify: what it may have meant */
};

struct request {
    struct clause clauses[CLAUSES_MAX];
    uint8_t count;
    enum language language;
    bool too_long;
    uint16_t arena_used;
    char arena[REQUEST_ARENA];
};

void parse_request(struct request *request, const char *text, size_t length, enum language hint);

const char *intent_name(enum intent intent);
const char *slot_name(unsigned id);
bool slot_is_number(unsigned id);
const char *clause_slot(const struct request *request, const struct clause *clause, unsigned id); /* or NULL */
/* A numeric slot, or `otherwise` when it is not given. */
uint32_t clause_number(const struct request *request, const struct clause *clause, unsigned id, uint32_t otherwise);

#include "jarvis/parser.h"
#include "jarvis/slots.h"
#include <string.h>

static const char *const intent_names[] = {
#define X(name, slots) #name,
    INTENTS(X)
#undef X
};
static const struct {
    const char *name;
    bool is_number;
} slot_kinds[] = {
#define X(name, is_number) {#name, is_number},
    SLOTS(X)
#undef X
};

const char *intent_name(enum intent intent)
{
    return intent_names[intent];
}

const char *slot_name(unsigned id)
{
    return slot_kinds[id].name;
}

bool slot_is_number(unsigned id)
{
    return slot_kinds[id].is_number;
}

const char *clause_slot(const struct request *request, const struct clause *clause, unsigned id)
{
    for (unsigned i = 0; i < clause->slot_count; i++)
        if (clause->slots[i].id == id)
            return request->arena + clause->slots[i].value;
    return NULL;
}

uint32_t clause_number(const struct request *request, const struct clause *clause, unsigned id, uint32_t otherwise)
{
    const char *text = clause_slot(request, clause, id);
    uint64_t value = 0;
    if (!text)
        return otherwise;
    for (; *text >= '0' && *text <= '9' && value < UINT32_MAX; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

/* ---- one clause ---- */

/* Part of a sentence, being read. */
struct part {
    unsigned first, end;
    uint8_t link, condition;
    bool comma; /* a comma or a sentence's end stands before it */
};

struct content {
    struct concept_set set;
    unsigned unknown, things; /* words of no lexicon; words that say what is meant */
    int tool;                 /* a tool called by its name, or -1 */
};

static void content_read(struct content *content, const struct sentence *sentence, const struct part *part)
{
    *content = (struct content){.tool = -1};
    for (unsigned i = part->first; i < part->end; i++) {
        const struct item *item = &sentence->items[i];
        if (item->concept == C_UNKNOWN) {
            content->unknown++;
            continue;
        }
        concept_add(&content->set, item->concept);
        content->things += concept_classes[item->concept] >= TRAIT;
        if (item->concept == C_TOOL_NAME)
            content->tool = (int)item->value;
    }
    if (content->unknown == 1)
        concept_add(&content->set, C_WORD);
}

static void concept_drop(struct concept_set *set, unsigned concept)
{
    set->bits[concept >> 6] &= ~(1ull << (concept & 63));
}

/* What help is asked about, by the words beside "help"; an open one ("restart") is the first that it may mean. */
static enum intent help_topic(const struct content *content)
{
    enum intent intent = grammar_read(&content->set, content->unknown).intent;
    if (content->tool >= 0)
        return (enum intent)content->tool;
    if (intent == INTENT_clarify && grammar_choices(&content->set, &intent, 1) == 0)
        return INTENT_unknown;
    return intent;
}

/* Help about something: what the rest of the words would have meant is the topic; if nothing, the words themselves. */
static void read_help(struct request *request, struct clause *clause, struct content *content,
                      const struct sentence *sentence, const struct part *part, const char *text)
{
    concept_drop(&content->set, C_HELP);
    enum intent topic = help_topic(content);
    clause->intent = INTENT_help;
    if (topic > INTENT_clarify && topic != INTENT_help)
        slot_add(request, clause, SLOT_topic, intent_name(topic), strlen(intent_name(topic)));
    else if (topic != INTENT_help && content->unknown)
        slots_read_unknown(request, clause, SLOT_topic, sentence, part->first, part->end, text);
}

/* Which intent the part has, without slots. */
static void read_intent(struct clause *clause, struct content *content)
{
    struct reading reading = grammar_read(&content->set, content->unknown);
    clause->intent = content->tool >= 0 ? (enum intent)content->tool : reading.intent;
    if (concept_in(&content->set, C_NEGATION) && reading.rule && rule_acts(reading.rule))
        clause->intent = INTENT_unknown; /* it forbids an act and asks for none */
    if (clause->intent == INTENT_unknown)
        clause->nearest_count = (uint8_t)grammar_nearest(&content->set, clause->nearest, 4);
    if (clause->intent == INTENT_clarify)
        clause->nearest_count = (uint8_t)grammar_choices(&content->set, clause->nearest, 4);
}

/* The word that says what exactly is asked, for the first sentence of the answer. */
static uint8_t read_focus(const struct concept_set *set)
{
    static const uint8_t order[] = {C_GATEWAY, C_NETMASK, C_MAC,      C_DNS,    C_IPV6,    C_HOSTNAME, C_DHCP, C_LINK,
                                    C_ONLINE,  C_IP,      C_VERSION,  C_UPTIME, C_HOWLONG, C_HOWMANY,  C_FREE, C_LEFT,
                                    C_TOTAL,   C_USED,    C_PRIORITY, C_NAME,   C_QUIT,    C_BYE};
    for (unsigned i = 0; i < sizeof order; i++)
        if (concept_in(set, order[i]))
            return order[i];
    return C_NONE;
}

/* The same for a task: which of its figures. */
static uint8_t read_task_focus(const struct concept_set *set)
{
    return concept_in(set, C_MEMORY) ? C_MEMORY : C_NONE;
}

static bool is_question(const struct concept_set *set)
{
    for (unsigned c = C_WHAT; c <= C_HOWOFTEN; c++)
        if (concept_in(set, c))
            return true;
    return concept_in(set, C_BE) || concept_in(set, C_HAVE);
}

static void read_clause(struct request *request, struct clause *clause, const struct sentence *sentence,
                        const struct part *part, const char *text)
{
    struct content content;
    *clause = (struct clause){.link = part->link, .condition = part->condition};
    content_read(&content, sentence, part);
    clause->focus = read_focus(&content.set);
    clause->question = is_question(&content.set);
    if (concept_in(&content.set, C_HELP))
        read_help(request, clause, &content, sentence, part, text);
    else
        read_intent(clause, &content);
    if (clause->intent == INTENT_task_info)
        clause->focus = read_task_focus(&content.set);
    slots_read(request, clause, sentence, part->first, part->end, text);
}

/* ---- several clauses ---- */

static bool is_connector(unsigned concept)
{
    return concept == C_AND || concept == C_THEN || concept == C_IF_FAIL || concept == C_IF_OK || concept == C_COMMA ||
           concept == C_SENTENCE_END;
}

static bool understood(const struct sentence *sentence, const struct part *part)
{
    struct content content;
    content_read(&content, sentence, part);
    return content.tool >= 0 || concept_in(&content.set, C_HELP) ||
           grammar_read(&content.set, content.unknown).intent > INTENT_clarify;
}

static bool says_something(const struct sentence *sentence, const struct part *part)
{
    struct content content;
    content_read(&content, sentence, part);
    for (unsigned c = C_WHAT; c <= C_HOWOFTEN; c++)
        content.things += concept_in(&content.set, c);
    return content.things + content.unknown > 0;
}

/* "jarvis, …", "hello jarvis": the name by itself, greeted or set apart by a comma, is an address and no request. */
static bool only_calls_jarvis(const struct sentence *sentence, const struct part *part, bool apart, const char *text)
{
    unsigned names = 0;
    for (unsigned i = part->first; i < part->end; i++) {
        const struct item *item = &sentence->items[i];
        if (item->concept == C_SERVICE_NAME && item->end - item->start == 6 && (text[item->start] | 0x20) == 'j')
            names++;
        else if (item->concept == C_UNKNOWN || concept_classes[item->concept] != FUNCTION)
            return false;
        apart |= item->concept == C_GREETING;
    }
    return apart && names == 1;
}

/* Cuts the sentence at its connectors. Returns the number of parts. */
static unsigned cut(const struct sentence *sentence, struct part *parts, unsigned max)
{
    unsigned count = 0;
    struct part part = {0};
    for (unsigned i = 0; i <= sentence->count; i++) {
        unsigned concept = i < sentence->count ? sentence->items[i].concept : (unsigned)C_SENTENCE_END;
        if (!is_connector(concept))
            continue;
        part.end = i;
        if (part.end > part.first && says_something(sentence, &part) && count < max)
            parts[count++] = part;
        bool kept = part.end > part.first;
        part.first = i + 1;
        part.link = concept == C_SENTENCE_END ? LINK_NONE : LINK_THEN;
        part.comma = concept == C_COMMA || concept == C_SENTENCE_END;
        if (kept || concept == C_IF_FAIL || concept == C_IF_OK)
        part.condition = concept == C_IF_FAIL ? IF_FAIL : concept == C_IF_OK ? IF_OK : IF_ALWAYS;
    }
    return count;
}

/* Parts that mean nothing alone belong to their neighbour ("free, and used memory"). */
static unsigned merge(const struct sentence *sentence, struct part *parts, unsigned count)
{
    unsigned out = 0;
    for (unsigned i = 0; i < count; i++) {
        bool alone = understood(sentence, &parts[i]);
        bool open_before = out && !understood(sentence, &parts[out - 1]);
        if (out && parts[i].condition == IF_ALWAYS && (!alone || open_before))
            parts[out - 1].end = parts[i].end;
        else
            parts[out++] = parts[i];
    }
    return out;
}

static bool same_clause(const struct request *request, const struct clause *a, const struct clause *b)
{
    if (a->intent != b->intent || a->slot_count != b->slot_count)
        return false;
    for (unsigned i = 0; i < a->slot_count; i++)
        if (a->slots[i].id != b->slots[i].id ||
            strcmp(request->arena + a->slots[i].value, request->arena + b->slots[i].value) != 0)
            return false;
    return true;
}

/* "restart netsrv and jarvis": a part of names only repeats the intent before it. */
static bool repeats_verb(struct request *request, const struct sentence *sentence, const struct part *part,
                         struct clause *clause, const char *text)
{
    struct content content;
    content_read(&content, sentence, part);
    struct clause *before = request->count ? &request->clauses[request->count - 1] : NULL;
    for (unsigned c = 1; c < CONCEPT_COUNT; c++)
        if (concept_in(&content.set, c) && concept_classes[c] >= TRAIT && concept_classes[c] != DATA)
            return false;
    if (!before || content.unknown || !content.things || before->intent <= INTENT_clarify)
        return false;
    *clause = (struct clause){.intent = before->intent,
                              .link = part->link,
                              .condition = part->condition,
                              .focus = before->focus,
                              .question = before->question};
    slots_read(request, clause, sentence, part->first, part->end, text);
    return clause->slot_count > 0;
}

static void read_parts(struct request *request, const struct sentence *sentence, struct part *parts, unsigned count,
                       const char *text)
{
    for (unsigned i = 0; i < count && request->count < CLAUSES_MAX; i++) {
        bool apart = i == 0 ? count > 1 && parts[1].comma : i + 1 == count && parts[i].comma;
        if (only_calls_jarvis(sentence, &parts[i], apart, text))
            continue;
        struct clause *clause = &request->clauses[request->count];
        if (!repeats_verb(request, sentence, &parts[i], clause, text))
            read_clause(request, clause, sentence, &parts[i], text);
        if (request->count && same_clause(request, clause, clause - 1))
            continue;
        clause->link = request->count ? clause->link : LINK_NONE;
        request->count++;
    }
}

/* "…, as json" at the end of several clauses is meant for all of them. */
static void spread_format(struct request *request)
{
    struct clause *last = request->count ? &request->clauses[request->count - 1] : NULL;
    if (!last || !clause_slot(request, last, SLOT_format))
        return;
    for (unsigned i = 0; i + 1 < request->count; i++)
        if (!clause_slot(request, &request->clauses[i], SLOT_format))
            slot_add(request, &request->clauses[i], SLOT_format, "json", 4);
}

void parse_request(struct request *request, const char *text, size_t length, enum language hint)
{
    static struct sentence sentence; /* 2 KiB: not on the stack; a task has one thread */
    struct part parts[2 * CLAUSES_MAX];
    request->count = 0;
    request->arena_used = 0;
    sentence_read(&sentence, text, length, hint);
    request->language = sentence.language;
    request->too_long = sentence.too_many;
    unsigned count = cut(&sentence, parts, 2 * CLAUSES_MAX);
    count = merge(&sentence, parts, count);
    read_parts(request, &sentence, parts, count, text);
    if (request->count == 0) { /* only "?" or "hello": help, or nothing at all */
        request->clauses[0] = (struct clause){.intent = sentence.count ? INTENT_help : INTENT_unknown};
        request->count = 1;
    }
    spread_format(request);
}

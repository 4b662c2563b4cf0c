#include "jarvis/planner.h"
#include <stdio.h>
#include <string.h>

/* A capability that is not there at all is no refusal: its service is away, and the step will say so. */
static bool may(const struct authority *authority, const struct tool *tool)
{
    if (tool->cap == CAP_NOTHING || authority->caps[tool->cap] == HANDLE_NONE)
        return true;
    return (authority->rights[tool->cap] & tool->right) == tool->right;
}

static enum verdict judge(const struct request *request, const struct clause *clause, const struct authority *authority)
{
    const struct tool *tool = &tools[clause->intent];
    if (clause->intent == INTENT_unknown)
        return STEP_UNKNOWN;
    if (clause->intent == INTENT_clarify)
        return STEP_CLARIFY;
    if (!tool->run)
        return STEP_LATER;
    if (!may(authority, tool))
        return STEP_REFUSED;
    if (tool->needs_slot != NO_SLOT && !clause_slot(request, clause, tool->needs_slot))
        return STEP_ARGUMENT;
    return STEP_DO;
}

void plan_make(struct plan *plan, const struct request *request, const struct authority *authority)
{
    plan->count = plan->number = 0;
    for (unsigned i = 0; i < request->count; i++) {
        const struct clause *clause = &request->clauses[i];
        plan->steps[plan->count++] = (struct step){judge(request, clause, authority), clause, &tools[clause->intent]};
    }
}

static void step_words(char *out, size_t size, const struct request *request, const struct clause *clause)
{
    int n = snprintf(out, size, "%s", intent_name(clause->intent));
    for (unsigned i = 0; i < clause->slot_count && n >= 0 && (size_t)n < size; i++)
        n += snprintf(out + n, size - (size_t)n, " %s=%s", slot_name(clause->slots[i].id),
                      request->arena + clause->slots[i].value);
}

static const char *verdict_words(char *out, size_t size, const struct step *step, const struct answer *answer)
{
    static const char *const effects[LANGUAGES][3] = {{"looks", "changes", "destroys"},
                                                      {"regarde", "change", "détruit"}};
    static const char *const words[LANGUAGES][6] = {
        {NULL, "not understood: nothing", "asks what is meant", NULL, NULL, "not in this version"},
        {NULL, "pas compris : rien", "demande ce qui est voulu", NULL, NULL, "pas dans cette version"}};
    const struct tool *tool = step->tool;
    if (step->verdict == STEP_DO)
        return effects[answer->language][tool->effect];
    if (words[answer->language][step->verdict])
        return words[answer->language][step->verdict];
    if (step->verdict == STEP_REFUSED)
        snprintf(out, size, T(answer, "refused: needs %s on %s", "refusé : demande %s sur %s"),
                 right_name(tool->cap, tool->right), cap_kind_name(tool->cap, answer->language));
    else
        snprintf(out, size, T(answer, "asks: which %s?", "demande : quel %s ?"), slot_name(tool->needs_slot));
    return out;
}

void plan_show(const struct plan *plan, const struct request *request, struct answer *out)
{
    static const struct column columns[] = {{"step", "#", "#", true},
                                            {"do", "Step", "Étape", false},
                                            {"when", "When", "Quand", false},
                                            {"verdict", "Then", "Alors", false}};
    static const char *const whens[LANGUAGES][3] = {{"always", "if it worked", "if it failed"},
                                                    {"toujours", "si ça a marché", "si ça a échoué"}};
    struct sheet *sheet = sheet_table(out, "plan", columns, 4);
    say(out, T(out, "I would do this (nothing was done):\n", "Je ferais ceci (rien n'a été fait) :\n"));
    for (unsigned i = 0; i < plan->count; i++) {
        const struct step *step = &plan->steps[i];
        char words[200];
        put_number(sheet, i + 1);
        step_words(words, sizeof words, request, step->clause);
        put_text(sheet, words);
        put_text(sheet, whens[out->language][step->clause->condition]);
        put_text(sheet, verdict_words(words, sizeof words, step, out));
    }
    sheet_end(sheet);
}

static void slot_json(struct json *json, const struct request *request, const struct slot *slot)
{
    const char *value = request->arena + slot->value;
    bool digits = *value && strspn(value, "0123456789") == strlen(value);
    if (digits && (slot_is_number(slot->id) || slot->id == SLOT_task))
        json_literal(json, slot_name(slot->id), value);
    else
        json_string(json, slot_name(slot->id), value);
}

void request_show(const struct request *request, struct answer *out)
{
    static const char *const conditions[] = {"null", "\"if_ok\"", "\"if_fail\""};
    struct json json = {.out = out};
    json_open(&json, NULL, '{');
    json_open(&json, "clauses", '[');
    for (unsigned i = 0; i < request->count; i++) {
        const struct clause *clause = &request->clauses[i];
        json_open(&json, NULL, '{');
        json_string(&json, "intent", intent_name(clause->intent));
        json_open(&json, "slots", '{');
        for (unsigned s = 0; s < clause->slot_count; s++)
            slot_json(&json, request, &clause->slots[s]);
        json_close(&json);
        json_literal(&json, "link", clause->link == LINK_THEN ? "\"then\"" : "null");
        json_literal(&json, "cond", conditions[clause->condition]);
        json_close(&json);
    }
    json_close(&json);
    json_close(&json);
    answer_bytes(out, "\n", 1);
}

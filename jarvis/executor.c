#include "jarvis/executor.h"
#include <stdio.h>
#include <string.h>

/* ---- what is said instead of doing ---- */

static const char *example(const struct answer *out, enum intent intent)
{
    const char *words = tools[intent].example[out->language];
    return words ? words : intent_name(intent);
}

static void offer(struct answer *out, const struct clause *clause)
{
    static const enum intent usual[] = {INTENT_status, INTENT_memory, INTENT_tasks, INTENT_net_status};
    const enum intent *list = clause->nearest_count ? clause->nearest : usual;
    unsigned count = clause->nearest_count ? clause->nearest_count : 4, shown = 0;
    say(out, "%s", T(out, "You could try: ", "Essayez : "));
    for (unsigned i = 0; i < count; i++)
        if (tools[list[i]].run && tools[list[i]].example[0])
            say(out, "%s%s", shown++ ? "; " : "", example(out, list[i]));
    say(out, "%s", shown ? T(out, "; or help.\n", " ; ou aide.\n") : T(out, "help.\n", "aide.\n"));
}

/* One function a verdict; each returns why the step was not done. */
static status_t step_unknown(struct call *call, struct dialogue *dialogue, const struct tool *tool)
{
    struct answer *out = call->out;
    (void)dialogue;
    (void)tool;
    answer_error(out, "unknown", "%s", T(out, "I do not know how to do that.", "Je ne sais pas faire cela."));
    offer(out, call->clause);
    return ERR_NOT_FOUND;
}

static status_t step_clarify(struct call *call, struct dialogue *dialogue, const struct tool *tool)
{
    struct answer *out = call->out;
    const struct clause *clause = call->clause;
    (void)tool;
    answer_error(out, "clarify", "%s", T(out, "Which do you mean?", "Que voulez-vous dire ?"));
    dialogue->choice_count = clause->nearest_count;
    for (unsigned i = 0; i < clause->nearest_count; i++) {
        const struct tool *choice = &tools[clause->nearest[i]];
        dialogue->choices[i] = clause->nearest[i];
        say(out, "  %u. %s%s\n", i + 1, choice->title[out->language],
            choice->run ? "" : T(out, " - not in this version", " - pas dans cette version"));
    }
    if (clause->nearest_count)
        say(out, "%s",
            T(out, "Answer with a number, or say it in other words.\n",
              "Répondez par un numéro, ou dites-le autrement.\n"));
    return ERR_INVALID;
}

static status_t step_argument(struct call *call, struct dialogue *dialogue, const struct tool *tool)
{
    struct answer *out = call->out;
    bool task = tool->needs_slot == SLOT_task;
    dialogue->asked = call->clause->intent;
    answer_error(out, "argument", "%s",
                 task ? T(out, "Which task? Give its name or number; `tasks` lists them.",
                          "Quelle tâche ? Donnez son nom ou son numéro ; `tâches` les montre.")
                      : T(out, "Which service? `services` lists them.", "Quel service ? `services` les montre."));
    return ERR_INVALID;
}

static status_t step_refused(struct call *call, struct dialogue *dialogue, const struct tool *tool)
{
    struct answer *out = call->out;
    (void)dialogue;
    answer_error(out, "no_right",
                 T(out,
                   "Not allowed: this needs the right %s on %s, which your session does not hold.\n"
                   "`login TOKEN` makes you operator.",
                   "Pas autorisé : il faut le droit %s sur %s, que votre session n'a pas.\n"
                   "`login JETON` fait de vous un opérateur (operator)."),
                 right_name(tool->cap, tool->right), cap_kind_name(tool->cap, out->language));
    return ERR_NO_RIGHT;
}

static status_t step_later(struct call *call, struct dialogue *dialogue, const struct tool *tool)
{
    struct answer *out = call->out;
    (void)dialogue;
    answer_error(out, "not_in_this_version",
                 T(out, "I understood (%s), but this version cannot do it yet.",
                   "J'ai compris (%s), mais cette version ne sait pas encore le faire."),
                 tool->title[out->language]);
    return ERR_NOT_SUPPORTED;
}

static status_t step_do(struct call *call, struct dialogue *dialogue, const struct tool *tool)
{
    (void)dialogue;
    return tool->run(call);
}

static status_t (*const steps[])(struct call *call, struct dialogue *dialogue, const struct tool *tool) = {
    [STEP_DO] = step_do,           [STEP_UNKNOWN] = step_unknown,
    [STEP_CLARIFY] = step_clarify, [STEP_ARGUMENT] = step_argument,
    [STEP_REFUSED] = step_refused, [STEP_LATER] = step_later,
};

/* ---- the steps ---- */

static status_t step_run(struct call *call, const struct step *step, struct dialogue *dialogue)
{
    call->clause = step->clause;
    call->out->json = clause_slot(call->request, step->clause, SLOT_format) != NULL;
    return steps[step->verdict](call, dialogue, step->tool);
}

static bool is_due(const struct step *step, status_t before)
{
    if (step->clause->condition == IF_OK)
        return before == OK;
    return step->clause->condition != IF_FAIL || before != OK;
}

static void plan_run(struct call *call, const struct plan *plan, struct dialogue *dialogue)
{
    status_t status = OK;
    for (unsigned i = 0; i < plan->count; i++) {
        if (i && !is_due(&plan->steps[i], status))
            continue;
        if (i)
            answer_bytes(call->out, "\n", 1);
        status = step_run(call, &plan->steps[i], dialogue);
    }
}

/* ---- a line ---- */

/* "plan x" and "parse x" are commands of the console: returns what follows the word, or NULL. */
static const char *after_word(const char *text, size_t length, const char *word, size_t *rest)
{
    size_t n = strlen(word), at = 0;
    while (at < length && text[at] == ' ')
        at++;
    for (size_t i = 0; i < n; i++)
        if (at + i >= length || (text[at + i] | 0x20) != word[i])
            return NULL;
    at += n;
    if (at < length && text[at] != ' ')
        return NULL;
    *rest = length - at;
    return text + at;
}

static int line_number(const char *text, size_t length)
{
    int value = 0;
    size_t at = 0;
    while (at < length && text[at] == ' ')
        at++;
    size_t first = at;
    for (; at < length && text[at] >= '0' && text[at] <= '9' && value < 1000; at++)
        value = value * 10 + (text[at] - '0');
    bool digits = at > first;
    while (at < length && (text[at] == ' ' || text[at] == '.'))
        at++;
    return digits && at == length ? value : -1;
}

/* A number that answers "which do you mean?", a name that answers "which service?". */
static void take_up(struct request *request, struct dialogue *dialogue, const char *text, size_t length)
{
    struct clause *clause = &request->clauses[0];
    int number = line_number(text, length);
    if (dialogue->choice_count && number >= 1 && number <= dialogue->choice_count) {
        *clause = (struct clause){.intent = dialogue->choices[number - 1]};
        request->count = 1;
        request->language = dialogue->language;
    } else if (dialogue->asked && request->count == 1 && clause->intent == INTENT_services_list &&
               clause->slot_count == 1) {
        clause->intent = dialogue->asked;
        clause->slots[0].id = tools[dialogue->asked].needs_slot;
        request->language = dialogue->language;
    }
    dialogue->choice_count = 0;
    dialogue->asked = INTENT_unknown;
}

static void run_request(struct call *call, struct request *request, struct dialogue *dialogue)
{
    struct plan plan;
    plan_make(&plan, request, call->authority);
    plan_run(call, &plan, dialogue);
    if (call->out->cut)
        say(call->out, "...\n");
}

uint32_t execute_line(const char *text, size_t length, struct dialogue *dialogue, const struct authority *authority,
                      const struct session_facts *who, struct answer *out)
{
    static struct request request; /* 2 KiB; one line at a time */
    struct call call = {.authority = authority, .who = who, .request = &request, .out = out};
    size_t rest;
    const char *parse = after_word(text, length, "parse", &rest);
    const char *plan = parse ? NULL : after_word(text, length, "plan", &rest);
    const char *words = parse ? parse : plan ? plan : text;
    parse_request(&request, words, parse || plan ? rest : length, dialogue->language);
    if (!parse && !plan)
        take_up(&request, dialogue, text, length);
    dialogue->language = out->language = request.language;
    if (request.too_long && !parse)
        answer_error(
            out, "too_long",
            T(out, "That is too long for me: %u words at most.", "C'est trop long pour moi : %u mots au plus."),
            WORDS_MAX);
    else if (parse)
        request_show(&request, out);
    else if (plan) {
        struct plan shown;
        plan_make(&shown, &request, authority);
        plan_show(&shown, &request, out);
    } else
        run_request(&call, &request, dialogue);
    dialogue->restart_self = call.restart_self;
    return call.action;
}

void execute_after(struct dialogue *dialogue, const struct authority *authority)
{
    if (dialogue->restart_self)
        (void)service_restart_self(authority); /* init away: then it is not restarted, and `services` shows that */
    dialogue->restart_self = false;
}
